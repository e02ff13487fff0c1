use paywithsoap::{Attempt, Config, Error};

fn config(api_key: &str) -> Result<Config, Error> {
    Config::builder(api_key).on_attempt(log).build()
}

fn log(attempt: &Attempt) {
    let outcome = attempt.outcome();
    tracing::info!(
        number = attempt.number(),
        status = attempt.status(),
        request_id = attempt.request_id(),
        outcome = outcome.map_or("applied".into(), |outcome| outcome.to_string()),
        duration = ?attempt.duration(),
        retry_in = ?attempt.retry_in(),
        new_connection = attempt.is_new_connection(),
        "customer update"
    );
}

#[test]
fn each_attempt_is_an_event() {
    use std::sync::{Arc, Mutex};

    use paywithsoap::testing::{Fault, TestServer};
    use paywithsoap::{CustomerPatch, update_customer};

    // The sandbox needs TLS, which these recipes are built without.
    assert_eq!(config("key").unwrap_err().violations().len(), 1);

    let server = TestServer::start().unwrap();
    let cfg = server.config().on_attempt(log).build().unwrap();
    server.fail_next(Fault::respond(429, ""));
    let text = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&text);
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || Writer(Arc::clone(&written)))
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let patch = CustomerPatch::new().first_name("Jane");
        update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap();
    });
    let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
    let [first, last] = &text.lines().collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    let told = |line: &str, what: &str| assert!(line.contains(what), "{what}: {line}");
    told(
        first,
        "customer update number=1 status=429 outcome=\"not applied\" duration=",
    );
    told(
        last,
        "customer update number=2 status=200 request_id=\"req_2\" outcome=\"applied\" duration=",
    );
    told(last, "retry_in=None new_connection=false");
    assert!(!text.contains("Jane"), "{text}");
}

struct Writer(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
