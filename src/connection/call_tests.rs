use std::panic::{self, AssertUnwindSafe};
use std::thread;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn write(call: &Call, took_nothing: bool) -> io::Result<()> {
    call.write(|| (), |()| took_nothing)
}

/// Starts to write the request of a call to a connection that is open.
fn flush(call: &Call) {
    call.lock().top = Top::Silent;
    call.start_flush().unwrap();
}

#[test]
fn nothing_works_outside_of_a_call() {
    let call = Call::default();
    let used = [
        call.remaining().map(drop),
        call.start_flush().map(drop),
        write(&call, true),
    ];
    for error in used.map(Result::unwrap_err) {
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert_eq!(
            error.to_string(),
            "the connection was used outside of a call"
        );
    }
    assert!(!call.is_buffered());
}

#[test]
fn only_a_flushed_request_is_sent() {
    let call = Call::default();
    // A handshake writes before the request is flushed.
    let under_way = call.start(None);
    write(&call, false).unwrap();
    assert!(call.is_buffered());
    assert!(!under_way.end().sent);

    let under_way = call.start(None);
    flush(&call);
    assert!(!call.is_buffered());
    assert!(!under_way.end().sent);

    let under_way = call.start(None);
    flush(&call);
    write(&call, false).unwrap();
    assert!(under_way.end().sent);
}

#[test]
fn write_that_took_nothing_sends_nothing() {
    let call = Call::default();
    let under_way = call.start(None);
    flush(&call);
    write(&call, true).unwrap();
    write(&call, true).unwrap();
    assert!(!under_way.end().sent);

    // Not even a later one takes back what was sent.
    let under_way = call.start(None);
    flush(&call);
    write(&call, false).unwrap();
    write(&call, true).unwrap();
    assert!(under_way.end().sent);
}

#[test]
fn a_panicking_write_counts_as_sent() {
    let call = Call::default();
    let under_way = call.start(None);
    flush(&call);
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        call.write(|| panic::resume_unwind(Box::new(())), |()| true)
    }));
    assert!(panicked.is_err());
    assert!(under_way.end().sent);
}

#[test]
fn a_write_on_another_thread_counts() {
    let call = Call::default();
    let under_way = call.start(None);
    thread::scope(|scope| {
        scope.spawn(|| {
            flush(&call);
            write(&call, false).unwrap();
        });
    });
    assert!(under_way.end().sent);
}

#[test]
fn a_write_outlasting_its_call_counts() {
    let call = Call::default();
    let under_way = call.start(None);
    flush(&call);
    let sent = call.write(|| under_way.end(), |_| true);
    assert!(sent.unwrap().sent);
}

#[test]
fn a_call_that_panics_is_over() {
    let call = Call::default();
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let _under_way = call.start(None);
        panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    assert!(call.remaining().is_err());
}

#[test]
fn a_step_shortens_the_limit_temporarily() {
    let call = Call::default();
    let _under_way = call.start(None);
    assert_eq!(call.remaining().unwrap(), None);
    call.with_timeout(HOUR, "an hour", || {
        assert!(call.remaining().unwrap().unwrap() <= HOUR);
        call.with_timeout(2 * HOUR, "two hours", || {
            assert!(call.remaining().unwrap().unwrap() <= HOUR);
        });
        call.with_timeout(Duration::ZERO, "none", || {
            let error = call.remaining().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(error.to_string(), "none");
        });
        assert!(call.remaining().unwrap().is_some());
    });
    call.with_timeout(Duration::MAX, "never", || {
        assert_eq!(call.remaining().unwrap(), None);
    });
    assert_eq!(call.remaining().unwrap(), None);
}

#[test]
fn a_step_keeps_what_was_sent() {
    let call = Call::default();
    let under_way = call.start(Some(Instant::now()));
    call.with_timeout(HOUR, "an hour", || {
        flush(&call);
        write(&call, false).unwrap();
    });
    let error = call.remaining().unwrap_err();
    assert_eq!(error.to_string(), "the timeout has passed");
    assert!(under_way.end().sent);
}

#[test]
fn only_checked_connections_carry_requests() {
    for (top, reused) in [
        (Top::Closed, None),
        (Top::Kept, None),
        (Top::Probed, None),
        (Top::Silent, Some(true)),
        (Top::New, Some(false)),
    ] {
        let call = Call::default();
        let under_way = call.start(None);
        call.lock().top = top;
        let flushed = call.start_flush();
        assert_eq!(flushed.is_ok(), reused.is_some(), "{top:?}");
        if let Err(error) = flushed {
            assert_eq!(error.to_string(), "the connection was not checked");
            // TLS may write all the same.
            write(&call, false).unwrap();
        }
        let trace = under_way.end();
        assert_eq!(
            (trace.sent, trace.reused, trace.opened),
            (false, reused == Some(true), reused == Some(false))
        );
    }
}

#[test]
fn each_call_checks_anew() {
    let call = Call::default();
    for checked in [Top::New, Top::Silent] {
        let under_way = call.start(None);
        call.lock().top = checked;
        call.start_flush().unwrap();
        // What follows is a part of the same request.
        call.start_flush().unwrap();
        drop(under_way);

        let under_way = call.start(None);
        assert_eq!(call.lock().top, Top::Kept);
        assert!(call.start_flush().is_err());
        assert!(!under_way.end().sent);
    }
    call.lock().top = Top::Closed;
    let _under_way = call.start(None);
    assert_eq!(call.lock().top, Top::Closed);
}

#[test]
fn knows_whether_a_response_has_begun() {
    let call = Call::default();
    let under_way = call.start(None);
    // From a proxy, say.
    call.receive();
    flush(&call);
    call.receive();
    write(&call, false).unwrap();
    assert!(!under_way.end().received);

    let under_way = call.start(None);
    flush(&call);
    write(&call, false).unwrap();
    call.receive();
    // More of the request, which changes nothing.
    call.start_flush().unwrap();
    write(&call, true).unwrap();
    let trace = under_way.end();
    assert!(trace.sent && trace.received);
    call.receive();
    assert!(!call.start(None).end().received);
}
