//! The three outcomes, held against a server that remembers what it applied:
//! random patches, random faults, several threads on one `Config`.
//!
//! Which thread meets which fault is up to the scheduler, so nothing here
//! depends on it. `PAYWITHSOAP_MODEL_CALLS` says how many calls to make, and
//! `PAYWITHSOAP_MODEL_SEED` where to start: a failure prints its own.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::customer::Customer;
use crate::error::{Error, ErrorKind, Outcome};
use crate::patch::CustomerPatch;
use crate::testing::{Fault, Observer, Request, TestServer};
use crate::update::update_with;

#[test]
fn outcomes_are_true_whatever_goes_wrong() {
    let calls = variable("PAYWITHSOAP_MODEL_CALLS").unwrap_or(3000);
    let seed = variable("PAYWITHSOAP_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("PAYWITHSOAP_MODEL_SEED={seed} PAYWITHSOAP_MODEL_CALLS={calls}");
    let mut tally = Tally::default();
    for number in 0..calls.div_ceil(THREADS * CALLS) {
        Round::new(number, seed).run(&mut tally);
    }
    println!("{tally:?}");
    // A schedule that misses one of these proves little.
    if calls >= 3000 {
        for count in [
            tally.ok,
            tally.ok_after_retry,
            tally.ok_twice,
            tally.invalid_input,
            tally.not_applied,
            tally.unknown_applied,
            tally.unknown_not_applied,
            tally.last_was_4xx,
        ] {
            assert!(count > 0, "{tally:?}");
        }
    }
}

/// How often each way of ending came up.
#[derive(Debug, Default)]
struct Tally {
    ok: u64,
    ok_after_retry: u64,
    ok_twice: u64,
    invalid_input: u64,
    not_applied: u64,
    unknown_applied: u64,
    unknown_not_applied: u64,
    /// Unknown because of an attempt before the last, which got a 4xx response.
    last_was_4xx: u64,
}

/// What a test server does, for tests that hold a call against it.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Events>>);

#[derive(Default)]
struct Events {
    /// The requests whose change was applied.
    applied: Vec<Request>,
    /// Each request that arrived whole, and the fault that it met.
    arrived: Vec<(Request, Option<Fault>)>,
    /// How many requests met a fault before they were read.
    unread: u64,
}

impl Log {
    /// The bodies of the changes that were applied, in order.
    pub(crate) fn applied(&self) -> Vec<Vec<u8>> {
        let events = self.0.lock().unwrap();
        events.applied.iter().map(|r| r.body.clone()).collect()
    }
}

impl Observer for Log {
    fn arrived(&mut self, request: &Request, fault: Option<&Fault>) {
        let arrival = (request.clone(), fault.cloned());
        self.0.lock().unwrap().arrived.push(arrival);
    }

    fn applied(&mut self, request: &Request) {
        self.0.lock().unwrap().applied.push(request.clone());
    }

    fn unread(&mut self) {
        self.0.lock().unwrap().unread += 1;
    }
}

/// Some threads that make some calls of one server, by one `Config`.
struct Round {
    number: u64,
    seed: u64,
    max_retries: u32,
    retry_unknown: bool,
    /// Whether calls run out of time. Where they do not, all that an attempt
    /// has caused has happened by the time that the call returns.
    short_timeout: bool,
}

/// A call that was made, and how it ended.
struct Call {
    id: String,
    /// What must be sent, if anything.
    body: Option<String>,
    /// Whether the server gives it a 4xx response, faults aside.
    rejected: bool,
    attempts: u32,
    result: Result<Customer, Error>,
}

impl Round {
    fn new(number: u64, seed: u64) -> Self {
        Self {
            number,
            seed,
            max_retries: u32::try_from(number % 4).unwrap(),
            retry_unknown: number / 4 % 2 == 1,
            short_timeout: number % 5 == 4,
        }
    }

    fn run(&self, tally: &mut Tally) {
        let log = Log::default();
        let server = TestServer::start_observed(log.clone()).unwrap();
        let timeout = Duration::from_millis(if self.short_timeout { 300 } else { 60_000 });
        let cfg = server
            .config()
            .max_retries(self.max_retries)
            .retry_unknown(self.retry_unknown)
            .timeout(timeout)
            .build()
            .unwrap();
        let calls: Vec<Call> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (server, cfg) = (&server, cfg.clone());
                    scope.spawn(move || self.calls(thread, server, &cfg))
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        // Waits for requests that are still under way.
        drop(server);
        self.check(&calls, &log.0.lock().unwrap(), tally);
    }

    /// What one thread does.
    fn calls(&self, thread: u64, server: &TestServer, cfg: &Config) -> Vec<Call> {
        let mut random = generator([self.seed, self.number, thread]);
        let mut customers: Vec<_> = (0..3)
            .map(|n| Owned::add(server, thread * 10 + n))
            .collect();
        let mut spare = thread * 10_000 + 1000;
        let mut calls = Vec::new();
        for n in 0..CALLS {
            let faults = match random.u64(..10) {
                0..5 => 0,
                5..8 => 1,
                _ => 1 + random.u64(..3),
            };
            for _ in 0..faults {
                server.fail_next(fault(&mut random, self.short_timeout));
            }
            let customer = &mut customers[random.usize(..3)];
            let (call, fields) = make_call(thread * CALLS + n, &mut random, cfg, customer);
            if call.rejected || call.body.is_none() {
                assert_eq!(customer.now(server), customer.fields, "{self:?}");
            } else if !self.short_timeout {
                customer.follow(server, &call, &fields);
            } else if call.result.is_ok() {
                customer.fields.extend(fields);
            } else {
                // It may be changed yet, by a request that is still under way.
                *customer = Owned::add(server, spare);
                spare += 1;
            }
            calls.push(call);
        }
        calls
    }

    /// Compares every call with what the server got and did.
    fn check(&self, calls: &[Call], log: &Events, tally: &mut Tally) {
        let mut applied: HashMap<(&str, &[u8]), u32> = HashMap::new();
        for request in &log.applied {
            *applied.entry(sent(request)).or_default() += 1;
        }
        let mut arrived: HashMap<(&str, &[u8]), Vec<&Option<Fault>>> = HashMap::new();
        for (request, fault) in &log.arrived {
            arrived.entry(sent(request)).or_default().push(fault);
        }
        let mut not_arrived = 0;
        for call in calls {
            let Some(body) = &call.body else {
                let error = call.result.as_ref().unwrap_err();
                assert!(
                    matches!(error.kind(), ErrorKind::InvalidInput(_)),
                    "{error}"
                );
                assert_eq!(error.outcome(), Outcome::NotApplied);
                assert_eq!(error.attempts(), 0);
                tally.invalid_input += 1;
                continue;
            };
            let key = (call.id.as_str(), body.as_bytes());
            let applied = applied.remove(&key).unwrap_or_default();
            let met = arrived.remove(&key).unwrap_or_default();
            let about = format!(
                "{self:?}: {body}, applied {applied} times, met {met:?}, {} attempts: {:?}",
                call.attempts, call.result
            );
            assert!(call.attempts <= 1 + self.max_retries, "{about}");
            let count = u32::try_from(met.len()).unwrap();
            assert!(count <= call.attempts, "{about}");
            not_arrived += u64::from(call.attempts - count);
            match &call.result {
                Ok(_) => {
                    assert!(applied >= 1 && !call.rejected, "{about}");
                    assert!(applied == 1 || self.retry_unknown, "{about}");
                    tally.ok += 1;
                    tally.ok_after_retry += u64::from(call.attempts > 1);
                    tally.ok_twice += u64::from(applied > 1);
                }
                Err(error) => {
                    assert_eq!(error.attempts(), call.attempts, "{about}");
                    match error.outcome() {
                        Outcome::NotApplied => {
                            assert_eq!(applied, 0, "{about}");
                            tally.not_applied += 1;
                        }
                        Outcome::Unknown => {
                            assert!(applied <= call.attempts, "{about}");
                            tally.unknown_applied += u64::from(applied > 0);
                            tally.unknown_not_applied += u64::from(applied == 0);
                            let error_response = error.status().is_some_and(|s| s / 100 == 4);
                            tally.last_was_4xx += u64::from(error_response);
                        }
                    }
                    // All that an attempt meets is known, unless time comes in or
                    // an error response is cut, which may leave its status whole.
                    let cut = |fault: &&Option<Fault>| matches!(fault, Some(Fault::Truncate(_)));
                    let uncertain = self.short_timeout || call.rejected && met.iter().any(cut);
                    if !uncertain {
                        let error_responses = met.iter().filter(|fault| match fault {
                            Some(Fault::Respond { status, .. }) => status / 100 == 4,
                            None | Some(Fault::Delay(_) | Fault::Trickle(_)) => call.rejected,
                            Some(_) => false,
                        });
                        let certain = call.attempts as usize == error_responses.count();
                        assert_eq!(error.outcome() == Outcome::NotApplied, certain, "{about}");
                    }
                }
            }
        }
        assert!(applied.is_empty(), "{self:?}: no call sent {applied:?}");
        assert!(arrived.is_empty(), "{self:?}: no call sent {arrived:?}");
        if self.short_timeout {
            assert!(
                not_arrived >= log.unread,
                "{self:?}: {not_arrived} < {}",
                log.unread
            );
        } else {
            assert_eq!(not_arrived, log.unread, "{self:?}");
        }
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}, round {}, max_retries {}, retry_unknown {}, short_timeout {}",
            self.seed, self.number, self.max_retries, self.retry_unknown, self.short_timeout
        )
    }
}

/// The id and the body that a request carries.
#[track_caller]
fn sent(request: &Request) -> (&str, &[u8]) {
    assert_eq!(request.method, "PATCH");
    let id = request.path.strip_prefix("/api/v1/customers/").unwrap();
    (id, &request.body)
}

/// Makes a call whose every value tells its number, so that no two calls
/// send the same body.
fn make_call(
    number: u64,
    random: &mut Rng,
    cfg: &Config,
    customer: &Owned,
) -> (Call, BTreeMap<&'static str, String>) {
    let day = time::Date::from_julian_day(2_415_021 + i32::try_from(number).unwrap()).unwrap();
    let mut fields = BTreeMap::from([
        ("date_of_birth", day.to_string()),
        ("email", format!("call{number}@example.com")),
        ("first_name", format!("First {number} \"\u{e9}\\")),
        ("last_name", format!("Last {number}")),
        ("phone_number", format!("{number:010}")),
    ]);
    let kept = 1 + random.u64(..31);
    let mut bit = 1;
    fields.retain(|_, _| {
        bit <<= 1;
        kept & bit >> 1 != 0
    });
    let mut id = customer.id.clone();
    let mut rejected = true;
    let mut malformed = false;
    match random.u64(..20) {
        0 => id = format!("cus_unknown{number}"),
        1 => {
            fields.insert("first_name", format!("First {number}"));
            fields.insert("email", "customer@example.com".into());
        }
        2 => {
            fields.insert("phone_number", format!("{number}"));
            malformed = true;
        }
        _ => rejected = false,
    }
    let patch = fields
        .iter()
        .fold(CustomerPatch::new(), |patch, (name, value)| match *name {
            "date_of_birth" => patch.date_of_birth(value),
            "email" => patch.email(value),
            "first_name" => patch.first_name(value),
            "last_name" => patch.last_name(value),
            _ => patch.phone_number(value),
        });
    let sleeps = Cell::new(0);
    let result = update_with(cfg, &id, &patch, |_| sleeps.set(sleeps.get() + 1));
    let body = (!malformed).then(|| {
        let parts: Vec<_> = [
            "email",
            "first_name",
            "last_name",
            "phone_number",
            "date_of_birth",
        ]
        .iter()
        .filter_map(|name| Some(format!("\"{name}\":{}", Value::from(&**fields.get(name)?))))
        .collect();
        format!("{{{}}}", parts.join(","))
    });
    let call = Call {
        id,
        body,
        rejected,
        attempts: if malformed { 0 } else { sleeps.get() + 1 },
        result,
    };
    (call, fields)
}

/// A customer that only one thread changes, and what it must be like.
struct Owned {
    id: String,
    fields: BTreeMap<&'static str, String>,
}

impl Owned {
    fn add(server: &TestServer, number: u64) -> Self {
        let id = format!("cus_{number}");
        let fields = BTreeMap::from([
            ("date_of_birth", "1990-01-01".into()),
            ("email", format!("customer{number}@example.com")),
            ("first_name", "Jane".into()),
            ("last_name", "Doe".into()),
            ("phone_number", format!("9{number:09}")),
        ]);
        let mut json: Map<_, _> = fields
            .iter()
            .map(|(name, value)| ((*name).into(), Value::from(value.as_str())))
            .collect();
        json.insert("id".into(), id.as_str().into());
        server.add_customer(&Value::from(json).to_string());
        Self { id, fields }
    }

    /// What it is like.
    fn now(&self, server: &TestServer) -> BTreeMap<&'static str, String> {
        let json: Map<String, Value> =
            serde_json::from_str(&server.customer(&self.id).unwrap()).unwrap();
        self.fields
            .keys()
            .map(|name| (*name, json[*name].as_str().unwrap().into()))
            .collect()
    }

    /// Takes over what a call has made of it.
    #[track_caller]
    fn follow(&mut self, server: &TestServer, call: &Call, patch: &BTreeMap<&'static str, String>) {
        let now = self.now(server);
        let mut patched = self.fields.clone();
        patched.extend(patch.clone());
        match &call.result {
            Ok(customer) => {
                assert_eq!(now, patched);
                let responded = BTreeMap::from([
                    ("date_of_birth", customer.date_of_birth.unwrap().to_string()),
                    ("email", customer.email.clone().unwrap()),
                    ("first_name", customer.first_name.clone().unwrap()),
                    ("last_name", customer.last_name.clone().unwrap()),
                    ("phone_number", customer.phone_number.clone().unwrap()),
                ]);
                assert_eq!(responded, patched);
                assert_eq!(customer.id, self.id);
            }
            Err(error) => match error.outcome() {
                Outcome::NotApplied => assert_eq!(now, self.fields, "{error}"),
                Outcome::Unknown => assert!(now == self.fields || now == patched, "{error}"),
            },
        }
        self.fields = now;
    }
}

/// A generator of its own for each thread of each round.
fn generator(seeds: [u64; 3]) -> Rng {
    seeds.iter().fold(Rng::with_seed(0), |mut random, seed| {
        Rng::with_seed(random.u64(..) ^ seed)
    })
}

/// A fault of any kind; those that take time only with a short timeout.
///
/// None ends a connection after a response that leaves it open: a request on
/// it would be read or not, as the scheduler likes.
fn fault(random: &mut Rng, short_timeout: bool) -> Fault {
    match random.u64(..if short_timeout { 200 } else { 196 }) {
        0..20 => Fault::CloseAfterReading,
        20..40 => Fault::CloseBeforeReading,
        40..60 => Fault::Reset,
        60..80 => Fault::Truncate(random.usize(..120)),
        80..100 => Fault::Raw(raw(random)),
        100..102 => Fault::Trickle(Duration::ZERO),
        102..110 => Fault::Delay(Duration::from_micros(random.u64(..500))),
        110..196 => response(random),
        196..198 => Fault::Stall,
        _ => Fault::Delay(Duration::from_millis(random.u64(..600))),
    }
}

/// Bytes that are no customer, and no error response either.
fn raw(random: &mut Rng) -> Vec<u8> {
    let wholes = [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\n\r\n{\"id\":\"cus_another\"}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"id",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]",
        "HTTP/1.1 503 Busy\r\nconnection: close\r\nretry-after: 1\r\n\r\n",
        "HTTP/1.1 2",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ];
    if random.u64(..2) == 0 {
        return random.choice(wholes).unwrap().into();
    }
    let length = random.usize(..64);
    (0..length).map(|_| random.u8(..)).collect()
}

fn response(random: &mut Rng) -> Fault {
    let status = random
        .choice([
            200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 408, 409, 422, 425, 429, 429,
            429, 500, 501, 502, 503, 503, 503, 504, 520, 524,
        ])
        .unwrap();
    let retry_after = random
        .choice([
            "",
            "0",
            "1",
            "30",
            "31",
            "18446744073709551616",
            "soon",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ])
        .unwrap();
    let body = random
        .choice(["", "{}", r#"{"error":"no","hint":"wait"}"#, "<html>"])
        .unwrap();
    Fault::Respond {
        status,
        headers: vec![("retry-after".into(), retry_after.into())],
        body: if matches!(status, 204 | 304) {
            ""
        } else {
            body
        }
        .into(),
    }
}

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number")),
    )
}

const THREADS: u64 = 4;

/// How many calls each thread makes in a round.
const CALLS: u64 = 50;
