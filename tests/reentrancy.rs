//! Loggers that do more than log: one that makes calls of its own, with the
//! same Config, and one that panics.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};
use paywithsoap::testing::TestServer;
use paywithsoap::{Config, Customer, CustomerPatch, Error, update_customer};

/// What the logger does on each record.
enum Action {
    Call(Config),
    /// Panics on the record of this number, counted down to 0.
    Panic(AtomicUsize),
}

struct Logger;

/// The logger is one for the process, and so is what it does.
static ACTION: Mutex<Option<&'static Action>> = Mutex::new(None);

thread_local! {
    static IS_LOGGING: Cell<bool> = const { Cell::new(false) };
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &Record<'_>) {
        let action = *ACTION.lock().unwrap();
        if IS_LOGGING.get() {
            return;
        }
        match action {
            None => {}
            Some(Action::Call(cfg)) => {
                IS_LOGGING.set(true);
                update(cfg).unwrap();
                IS_LOGGING.set(false);
            }
            Some(Action::Panic(countdown)) => {
                let before = countdown.fetch_sub(1, Ordering::Relaxed);
                if before == 0 {
                    panic::resume_unwind(Box::new("a logger"));
                }
            }
        }
    }

    fn flush(&self) {}
}

fn update(cfg: &Config) -> Result<Customer, Error> {
    let patch = CustomerPatch::new().first_name("Jane");
    update_customer(cfg, TestServer::CUSTOMER_ID, &patch)
}

/// Runs a test with a logger, one at a time, and for no longer than a minute.
fn with_logger(action: Action, test: impl FnOnce(&'static Action) + Send + 'static) {
    static LOGGER: OnceLock<()> = OnceLock::new();
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    LOGGER.get_or_init(|| {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    let _one = ONE_AT_A_TIME.lock().unwrap();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let action: &'static Action = Box::leak(Box::new(action));
        *ACTION.lock().unwrap() = Some(action);
        test(action);
        *ACTION.lock().unwrap() = None;
        done.send(()).unwrap();
    });
    is_done
        .recv_timeout(Duration::from_secs(60))
        .expect("the test hangs or has failed");
}

#[test]
fn a_logger_may_make_calls() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    with_logger(Action::Call(cfg.clone()), move |_| {
        for _ in 0..3 {
            update(&cfg).unwrap();
        }
        assert!(server.requests().len() > 10, "{}", server.requests().len());
    });
}

#[test]
fn a_panicking_logger_spoils_no_config() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().max_retries(0).build().unwrap();
    let never = Action::Panic(AtomicUsize::new(usize::MAX));
    with_logger(never, move |action| {
        let Action::Panic(countdown) = action else {
            unreachable!()
        };
        let mut panics = 0;
        for record in 0.. {
            // A warm connection, so that both kinds of calls meet the panic.
            update(&cfg).unwrap();
            countdown.store(record, Ordering::Relaxed);
            let result = panic::catch_unwind(AssertUnwindSafe(|| update(&cfg)));
            let has_panicked = result.is_err();
            countdown.store(usize::MAX, Ordering::Relaxed);
            update(&cfg).unwrap();
            if !has_panicked {
                break;
            }
            panics += 1;
        }
        assert!(panics > 5, "{panics} records of a warm call");
    });
}
