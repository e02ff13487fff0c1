use std::cell::RefCell;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use socket2::{Domain, Socket, Type};

use super::*;
use crate::config::ConfigBuilder;
use crate::error::ErrorKind;
use crate::model_tests::Log;
use crate::testing::{Fault, TestServer};

const ID: &str = TestServer::CUSTOMER_ID;

/// Makes a call that meets these faults, and tells what it slept.
fn call(
    server: &TestServer,
    cfg: ConfigBuilder,
    faults: impl IntoIterator<Item = Fault>,
) -> (Result<Customer, Error>, Vec<Duration>) {
    faults.into_iter().for_each(|fault| server.fail_next(fault));
    let slept = RefCell::new(Vec::new());
    let result = update_with(&cfg.build().unwrap(), ID, &patch(), |delay| {
        slept.borrow_mut().push(delay);
    });
    (result, slept.into_inner())
}

fn patch() -> CustomerPatch {
    CustomerPatch::new().first_name("Joan")
}

fn response(status: u16) -> Fault {
    Fault::Respond {
        status,
        headers: vec![("x-request-id".into(), format!("req_{status}"))],
        body: format!("{{\"error\":\"no {status}\"}}").into(),
    }
}

fn come_back(status: u16, retry_after: &str) -> Fault {
    Fault::Respond {
        status,
        headers: vec![("retry-after".into(), retry_after.into())],
        body: Vec::new(),
    }
}

/// Makes an address refuse connections: its port is taken, so that no other test
/// gets it, and nobody listens.
fn refuse(addr: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Connections of a server that was there may still be closing.
    socket.set_reuse_address(true).unwrap();
    socket.bind(&addr.into()).unwrap();
    socket
}

#[test]
fn jittered_sleeps_double_to_eight_seconds() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().max_retries(6).timeout(Duration::MAX);
    let (result, slept) = call(&server, cfg, vec![response(429); 6]);
    assert_eq!(result.unwrap().first_name.as_deref(), Some("Joan"));
    assert_eq!(slept.len(), 6);
    for (slept, most) in slept.iter().zip([500, 1000, 2000, 4000, 8000, 8000]) {
        let most = Duration::from_millis(most);
        assert!((most / 2..=most).contains(slept), "{slept:?} of {most:?}");
    }
    assert_eq!(server.requests().len(), 7);
}

#[test]
fn sleeps_are_at_least_retry_after() {
    let server = TestServer::start().unwrap();
    let faults = [
        come_back(429, "30"),
        come_back(408, "0"),
        come_back(425, "7"),
        come_back(429, "soon"),
    ];
    let cfg = server.config().max_retries(4).timeout(Duration::MAX);
    let (result, slept) = call(&server, cfg, faults);
    assert!(result.is_ok());
    let seconds = Duration::from_secs;
    assert_eq!(slept.len(), 4);
    assert_eq!((slept[0], slept[2]), (seconds(30), seconds(7)));
    let backoff = Duration::from_millis(500)..=seconds(1);
    assert!(backoff.contains(&slept[1]), "{slept:?}");
    let backoff = seconds(2)..=seconds(4);
    assert!(backoff.contains(&slept[3]), "{slept:?}");
}

#[test]
fn returns_retry_after_over_thirty_seconds() {
    let server = TestServer::start().unwrap();
    for (value, wish) in [
        ("31", 31),
        ("3600", 3600),
        ("99999999999999999999", u64::MAX),
    ] {
        let cfg = server.config().timeout(Duration::MAX);
        let (result, slept) = call(&server, cfg, [come_back(429, value)]);
        let error = result.unwrap_err();
        assert!(slept.is_empty(), "{value}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(wish)));
        assert_eq!(error.attempts(), 1);
        assert_eq!(error.outcome(), Outcome::NotApplied);
        assert!(error.is_transient());
    }
}

#[test]
fn never_sleeps_past_the_deadline() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().timeout(Duration::from_secs(20));
    let (result, slept) = call(&server, cfg.clone(), [come_back(429, "20")]);
    let error = result.unwrap_err();
    assert!(slept.is_empty());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(20)));
    assert_eq!(error.attempts(), 1);

    let (result, slept) = call(&server, cfg, [come_back(429, "10")]);
    assert!(result.is_ok());
    assert_eq!(slept, [Duration::from_secs(10)]);

    // The shortest backoff is a quarter of a second.
    let cfg = server.config().timeout(Duration::from_millis(249));
    let (result, slept) = call(&server, cfg, [response(429)]);
    assert_eq!(result.unwrap_err().attempts(), 1);
    assert!(slept.is_empty());
}

#[test]
fn retries_depend_on_status_and_setting() {
    for (fault, plain, unsafe_too, transient) in [
        (response(408), 2, 2, true),
        (response(425), 2, 2, true),
        (response(429), 2, 2, true),
        (response(400), 1, 1, false),
        (response(401), 1, 1, false),
        (response(422), 1, 1, false),
        (response(302), 1, 1, false),
        (response(501), 1, 1, false),
        (response(500), 1, 2, true),
        (response(502), 1, 2, true),
        (response(503), 1, 2, true),
        (response(504), 1, 2, true),
        (response(520), 1, 2, true),
        (response(524), 1, 2, true),
        // An invalid body, which is not tried again.
        (response(200), 1, 1, false),
        (Fault::CloseAfterReading, 1, 2, true),
        (Fault::CloseBeforeReading, 1, 2, true),
        (Fault::Reset, 1, 2, true),
        (Fault::Truncate(20), 1, 2, true),
        (Fault::Raw(b"nonsense".into()), 1, 2, true),
    ] {
        for (retry_unknown, attempts) in [(false, plain), (true, unsafe_too)] {
            let server = TestServer::start().unwrap();
            let cfg = server.config().max_retries(1).retry_unknown(retry_unknown);
            let (result, slept) = call(&server, cfg, [fault.clone(), fault.clone()]);
            let error = result.unwrap_err();
            assert_eq!(error.attempts(), attempts, "{fault:?} {retry_unknown}");
            assert_eq!(slept.len() + 1, attempts as usize, "{fault:?}");
            assert_eq!(error.is_transient(), transient, "{fault:?}");
        }
    }
}

#[test]
fn max_retries_0_is_one_attempt() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().max_retries(0).retry_unknown(true);
    for status in [429, 503] {
        let (result, slept) = call(&server, cfg.clone(), [response(status)]);
        let error = result.unwrap_err();
        assert_eq!((error.attempts(), slept), (1, vec![]), "{status}");
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn once_unknown_always_unknown() {
    let server = TestServer::start().unwrap();
    for status in [401, 422, 429] {
        let cfg = server.config().max_retries(1).retry_unknown(true);
        let (result, _) = call(&server, cfg, [response(503), response(status)]);
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{status}");
        assert_eq!(error.attempts(), 2);
        // All else tells of the last attempt.
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.request_id(), Some(&*format!("req_{status}")));
        assert_eq!(
            error.body(),
            Some(&*format!("{{\"error\":\"no {status}\"}}"))
        );
        assert_eq!(
            error.api().unwrap().message(),
            Some(&*format!("no {status}"))
        );
        assert_eq!(
            format!("{:?}", error.api().unwrap()),
            format!("ApiError {{ status: {status}, field_errors: [], .. }}")
        );
        assert_eq!(error.is_transient(), status == 429);
        assert_eq!(
            error.to_string(),
            format!("unknown whether applied: the API responded with {status}: no {status}")
        );
    }
}

#[test]
fn unknown_survives_a_refused_connection() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().retry_unknown(true).build().unwrap();
    server.fail_next(response(503));
    let server = RefCell::new(Some(server));
    let kept = RefCell::new(None);
    let stop = |_| {
        if let Some(server) = server.take() {
            let addr = server.base_url().trim_start_matches("http://").parse();
            drop(server);
            *kept.borrow_mut() = Some(refuse(addr.unwrap()));
        }
    };
    let error = update_with(&cfg, ID, &patch(), stop).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.attempts(), 3);
    assert!(matches!(error.kind(), ErrorKind::Transport(_)));
    assert_eq!(
        (error.status(), error.body(), error.request_id()),
        (None, None, None)
    );
    assert!(error.is_transient());
}

#[test]
fn retries_refused_connections_as_not_applied() {
    let nobody = refuse(([127, 0, 0, 1], 0).into());
    let addr = nobody.local_addr().unwrap().as_socket().unwrap();
    let cfg = Config::builder("key").no_proxy();
    let cfg = cfg.base_url(format!("http://{addr}")).build().unwrap();
    let slept = RefCell::new(Vec::new());
    let error = update_with(&cfg, ID, &patch(), |delay| slept.borrow_mut().push(delay));
    let error = error.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!((error.attempts(), slept.borrow().len()), (3, 2));
    assert!(error.is_transient());
}

#[test]
fn forgets_retry_after_of_earlier_attempts() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().max_retries(1);
    let (result, slept) = call(&server, cfg, [come_back(429, "2"), response(422)]);
    let error = result.unwrap_err();
    assert_eq!(slept, [Duration::from_secs(2)]);
    assert_eq!(error.retry_after(), None);
    assert_eq!(error.outcome(), Outcome::NotApplied);
}

#[test]
fn returns_retry_after_of_invalid_responses() {
    let server = TestServer::start().unwrap();
    let (result, slept) = call(&server, server.config(), [come_back(202, "7")]);
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidResponse(_)));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!((error.attempts(), slept), (1, vec![]));
}

#[test]
fn a_retry_returns_the_current_customer() {
    let log = Log::default();
    let server = TestServer::start_observed(log.clone()).unwrap();
    let cfg = server.config().max_retries(3).retry_unknown(true);
    let faults = [response(503), Fault::CloseAfterReading, Fault::Reset];
    let (result, slept) = call(&server, cfg, faults);
    let customer = result.unwrap();
    assert_eq!(slept.len(), 3);
    assert_eq!(customer.raw_json(), server.customer(ID).unwrap());
    // Twice: by the attempt whose response was lost, and by the last.
    assert_eq!(log.applied(), [br#"{"first_name":"Joan"}"#; 2]);
}

#[test]
fn a_truncated_body_names_its_cause() {
    let server = TestServer::start().unwrap();
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    let cfg = server.config();
    let (result, _) = call(&server, cfg, [Fault::Raw(cut.to_vec())]);
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!((error.status(), error.body()), (Some(200), Some("{")));
    let shown = format!("{error:?}");
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "unknown whether applied: the API responded with 200, but not with this customer",
            "caused by: the body is truncated",
        ]
    );
    assert_eq!(lines.len(), 3, "{shown}");
}

/// What a call tells of its attempts and of its sleeps, in order.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

#[derive(Debug)]
enum Event {
    Attempt(Attempt),
    Sleep(Duration),
}

impl Events {
    fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn take(&self) -> Vec<Event> {
        mem::take(&mut self.0.lock().unwrap())
    }

    /// Makes a call, and notes what it tells.
    fn call(&self, cfg: ConfigBuilder) -> Result<Customer, Error> {
        let events = self.clone();
        let cfg = cfg.on_attempt(move |attempt| events.push(Event::Attempt(attempt.clone())));
        update_with(&cfg.build().unwrap(), ID, &patch(), |delay| {
            self.push(Event::Sleep(delay));
        })
    }
}

#[test]
fn tells_of_each_attempt_before_its_delay() {
    let server = TestServer::start().unwrap();
    let faults = [
        come_back(429, "7"),
        response(503),
        Fault::CloseAfterReading,
        Fault::CloseBeforeReading,
        response(408),
    ];
    for fault in faults {
        server.fail_next(fault);
    }
    let events = Events::default();
    let cfg = server.config().max_retries(5).retry_unknown(true);
    let customer = events.call(cfg.timeout(Duration::MAX)).unwrap();
    assert_eq!(customer.attempts(), 6);

    let (safe, unknown) = (Some(Outcome::NotApplied), Some(Outcome::Unknown));
    let mut events = events.take().into_iter();
    for (number, status, request_id, outcome, is_new) in [
        (1, Some(429), None, safe, true),
        (2, Some(503), Some("req_503"), unknown, false),
        (3, None, None, unknown, false),
        (4, None, None, unknown, true),
        (5, Some(408), Some("req_408"), safe, true),
        // One that was lost has taught the pool to keep none for a while.
        (6, Some(200), customer.request_id(), None, true),
    ] {
        let Some(Event::Attempt(attempt)) = events.next() else {
            panic!("no attempt {number}");
        };
        assert_eq!(attempt.number(), number);
        assert_eq!(attempt.status(), status, "{number}");
        assert_eq!(attempt.request_id(), request_id, "{number}");
        assert_eq!(attempt.outcome(), outcome, "{number}");
        assert_eq!(attempt.is_new_connection(), is_new, "{number}");
        assert!(attempt.duration() > Duration::ZERO);
        let (duration, retry_in) = (attempt.duration(), attempt.retry_in());
        assert_eq!(
            format!("{attempt:?}"),
            format!(
                "Attempt {{ number: {number}, duration: {duration:?}, status: {status:?}, \
                 outcome: {outcome:?}, retry_in: {retry_in:?}, is_new_connection: {is_new}, .. }}"
            )
        );
        match (attempt.retry_in(), events.next()) {
            (Some(told), Some(Event::Sleep(slept))) => assert_eq!(told, slept),
            (None, None) => assert_eq!(number, 6),
            other => panic!("{number}: {other:?}"),
        }
    }
}

#[test]
fn tells_of_no_connection_that_was_not_opened() {
    let server = TestServer::start().unwrap();
    let addr: SocketAddr = server.base_url()["http://".len()..].parse().unwrap();
    let cfg = server
        .config()
        .max_retries(1)
        .connect_timeout(Duration::MAX);
    drop(server);
    let _nobody = refuse(addr);
    let events = Events::default();
    let error = events.call(cfg).unwrap_err();
    assert_eq!(error.attempts(), 2);
    let events = events.take();
    let [Event::Attempt(first), Event::Sleep(_), Event::Attempt(last)] = &events[..] else {
        panic!("{events:?}");
    };
    for attempt in [first, last] {
        assert!(!attempt.is_new_connection());
        assert_eq!((attempt.status(), attempt.request_id()), (None, None));
        assert_eq!(attempt.outcome(), Some(Outcome::NotApplied));
    }
    assert!(first.retry_in().is_some() && last.retry_in().is_none());
}

#[test]
fn tells_an_attempts_own_outcome() {
    let server = TestServer::start().unwrap();
    server.fail_next(response(500));
    server.fail_next(response(422));
    let events = Events::default();
    let error = events
        .call(server.config().retry_unknown(true))
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    let events = events.take();
    let Some(Event::Attempt(last)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!((last.number(), last.status()), (2, Some(422)));
    assert_eq!(last.outcome(), Some(Outcome::NotApplied));
}

#[test]
fn tells_nothing_where_nothing_is_tried() {
    let server = TestServer::start().unwrap();
    let events = Events::default();
    let never = server.config().timeout(Duration::ZERO);
    events.call(never).unwrap_err();
    assert!(events.take().is_empty());
}

#[test]
fn a_timeout_of_zero_tries_nothing() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().timeout(Duration::ZERO);
    let (result, slept) = call(&server, cfg, []);
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!((error.attempts(), slept), (0, vec![]));
    assert_eq!(
        format!("{error:?}"),
        "not applied: the API was not reached\ncaused by: the timeout is zero"
    );
    assert_eq!(server.requests(), []);
}
