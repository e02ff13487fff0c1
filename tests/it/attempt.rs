//! What a program does after each attempt of a call, and that it breaks no promise.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{Attempt, Config, ConfigBuilder, CustomerPatch, Outcome, update_customer};

use crate::common::{self, ID, SHORT, call, patch};

type Seen = Arc<Mutex<(u32, Option<Attempt>)>>;

/// Settings that count the attempts, and keep the last one.
fn counted(cfg: ConfigBuilder) -> (ConfigBuilder, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let cfg = cfg.on_attempt(move |attempt| {
        let mut kept = kept.lock().unwrap();
        *kept = (kept.0 + 1, Some(attempt.clone()));
    });
    (cfg, seen)
}

#[test]
fn the_last_function_is_called() {
    let server = TestServer::start().unwrap();
    let never = server.config().on_attempt(|_| panic!("replaced"));
    let (cfg, seen) = counted(never);
    let cfg = cfg.build().unwrap();
    call(&cfg).unwrap();
    call(&cfg.with_timeout(common::LONG)).unwrap();
    call(&cfg.with_header("x-trace", "1").unwrap()).unwrap();
    call(&cfg.clone()).unwrap();
    assert_eq!(seen.lock().unwrap().0, 4);
    // Invalid input is no attempt.
    update_customer(&cfg, "cus_-", &patch()).unwrap_err();
    update_customer(&cfg, ID, &CustomerPatch::new()).unwrap_err();
    assert_eq!(seen.lock().unwrap().0, 4);
}

#[test]
fn a_closed_connection_is_opened_anew() {
    let addr = common::serve(|_, mut stream| {
        common::read_request(&mut stream)?;
        std::io::Write::write_all(&mut stream, &common::ok())?;
        common::fin(&stream)
    });
    let (cfg, seen) = counted(common::config(addr));
    let cfg = cfg.build().unwrap();
    for _ in 0..3 {
        call(&cfg).unwrap();
        let attempt = seen.lock().unwrap().1.take().unwrap();
        assert!(attempt.is_new_connection());
        // Until the server's end of stream has come.
        thread::sleep(SHORT / 20);
    }
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
#[test]
fn a_proxy_is_no_connection_to_the_api() {
    let addr = common::serve(|_, mut stream| {
        common::read_head(&mut stream)?;
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 502 x\r\n\r\n")
    });
    let (cfg, seen) = counted(common::config(addr));
    let cfg = cfg.base_url("https://api.example.test");
    let cfg = cfg.proxy(format!("http://{addr}")).build().unwrap();
    let error = call(&cfg).unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    let attempt = seen.lock().unwrap().1.take().unwrap();
    assert!(!attempt.is_new_connection());
    assert_eq!(attempt.status(), None);
}

#[test]
fn a_panic_reaches_the_caller_alone() {
    let connections = Arc::new(AtomicUsize::new(0));
    for (fault, keeps) in [
        (None, true),
        (Some(Fault::respond(422, "{}")), true),
        (Some(Fault::respond(429, "{}")), true),
        (Some(Fault::respond(503, "{}")), true),
        (Some(Fault::respond(200, "{}")), true),
        (Some(Fault::Truncate(150)), false),
        (Some(Fault::CloseAfterReading), false),
        (Some(Fault::CloseBeforeReading), false),
        (Some(Fault::Reset), false),
        (Some(Fault::Raw(b"no HTTP".into())), false),
    ] {
        let server = TestServer::start().unwrap();
        let panics = Arc::new(AtomicUsize::new(0));
        let (left, opened) = (Arc::clone(&panics), Arc::clone(&connections));
        let cfg = server.config().on_attempt(move |attempt| {
            opened.fetch_add(attempt.is_new_connection().into(), Relaxed);
            if left.swap(0, Relaxed) > 0 {
                panic::resume_unwind(Box::new("a hook"));
            }
        });
        let cfg = cfg.build().unwrap();
        call(&cfg).unwrap();
        connections.store(0, Relaxed);
        panics.store(1, Relaxed);
        if let Some(fault) = fault.clone() {
            server.fail_next(fault);
        }
        let caught = panic::catch_unwind(AssertUnwindSafe(|| call(&cfg)));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "a hook");
        // No retry has followed.
        assert!(server.requests().len() <= 2, "{fault:?}");
        let customer = call(&cfg).unwrap();
        assert_eq!(customer.attempts(), 1);
        assert_eq!(customer.raw_json(), server.customer(ID).unwrap());
        let opened = connections.load(Relaxed);
        assert_eq!(opened == 0, keeps, "{fault:?}: {opened}");
    }
}

#[test]
fn calls_may_be_made_after_an_attempt() {
    let server = TestServer::start().unwrap();
    let itself = Arc::new(OnceLock::<Config>::new());
    let depth = AtomicUsize::new(0);
    let opened = Arc::new(AtomicUsize::new(0));
    let (cfg, count) = (Arc::clone(&itself), Arc::clone(&opened));
    let cfg = server.config().on_attempt(move |attempt| {
        count.fetch_add(attempt.is_new_connection().into(), Relaxed);
        if depth.fetch_add(1, Relaxed) < 5 {
            call(cfg.get().unwrap()).unwrap();
        }
    });
    let cfg = itself.get_or_init(|| cfg.build().unwrap());
    server.fail_next(Fault::respond(429, "").header("retry-after", "0"));
    assert_eq!(call(cfg).unwrap().attempts(), 2);
    assert_eq!(server.requests().len(), 7);
    // The connection is free by then.
    assert_eq!(opened.load(Relaxed), 1);
}

#[test]
fn other_threads_do_not_wait_for_it() {
    let server = TestServer::start().unwrap();
    let (arrive, arrived) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let cfg = server.config().on_attempt(move |_| {
        if thread::current().name() == Some("blocked") {
            arrive.send(()).unwrap();
            may_go_on.lock().unwrap().recv().unwrap();
        }
    });
    let cfg = cfg.build().unwrap();
    let blocked = thread::Builder::new().name("blocked".into());
    let blocked = blocked.spawn({
        let cfg = cfg.clone();
        move || call(&cfg)
    });
    arrived.recv().unwrap();
    for _ in 0..3 {
        call(&cfg).unwrap();
    }
    go_on.send(()).unwrap();
    blocked.unwrap().join().unwrap().unwrap();
}

#[test]
fn one_that_outlasts_the_timeout_ends_the_call() {
    let timeout = SHORT * 3;
    let outlast = |fault: Option<Fault>| {
        let server = TestServer::start().unwrap();
        if let Some(fault) = fault {
            server.fail_next(fault);
        }
        let (told, was_told) = channel();
        let told = Mutex::new(told);
        let cfg = server.config().timeout(timeout).on_attempt(move |attempt| {
            told.lock().unwrap().send(attempt.clone()).unwrap();
            thread::sleep(timeout);
        });
        let result = call(&cfg.build().unwrap());
        assert_eq!(server.requests().len(), 1);
        let told: Vec<_> = was_told.into_iter().collect();
        assert_eq!(told.len(), 1);
        (result, told.into_iter().next().unwrap())
    };
    let (failed, applied) = thread::scope(|scope| {
        let failed = scope.spawn(|| outlast(Some(Fault::respond(429, ""))));
        let applied = outlast(None);
        (failed.join().unwrap(), applied)
    });
    let (error, attempt) = (failed.0.unwrap_err(), failed.1);
    assert_eq!((error.status(), error.attempts()), (Some(429), 1));
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert!(error.is_transient() && attempt.retry_in().is_some());
    assert_eq!(applied.0.unwrap().attempts(), 1);
    assert_eq!(applied.1.outcome(), None);
}
