//! What the parts of a call cost: `cargo bench` in this folder.
//!
//! Reading a response has no public entry point of its own. The last two, whole calls
//! whose responses are short and long, show it as their difference.

use std::hint::black_box;

use divan::Bencher;
use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{Config, CustomerPatch, update_customer};

fn main() {
    divan::main();
}

/// A setter is its format's check and a copy.
#[divan::bench(args = [
    ("email", "customer@example.com"),
    ("first_name", "Jane"),
    ("phone_number", "5551234567"),
    ("date_of_birth", "1990-01-01"),
])]
fn check_a_field(bencher: Bencher<'_, '_>, (field, value): (&str, &str)) {
    let set = match field {
        "email" => CustomerPatch::email,
        "first_name" => CustomerPatch::first_name,
        "phone_number" => CustomerPatch::phone_number,
        _ => CustomerPatch::date_of_birth,
    };
    bencher.bench(|| set(CustomerPatch::new(), black_box(value)));
}

#[divan::bench]
fn refuse_a_field() -> CustomerPatch {
    CustomerPatch::new().phone_number(black_box("+1 (555) 123-4567"))
}

#[divan::bench]
fn five_fields_built_checked_and_to_json() -> String {
    let patch = five_fields();
    patch.validate().unwrap();
    patch.to_json().unwrap()
}

#[divan::bench]
fn five_fields_to_json(bencher: Bencher<'_, '_>) {
    let patch = five_fields();
    bencher.bench(|| black_box(&patch).to_json().unwrap());
}

#[divan::bench]
fn five_fields_from_json() -> CustomerPatch {
    serde_json::from_str(black_box(
        r#"{"email":"customer@example.com","first_name":"Jane","last_name":"Doe",
            "phone_number":"5551234567","date_of_birth":"1990-01-01"}"#,
    ))
    .unwrap()
}

#[divan::bench]
fn settings_built() -> Config {
    Config::builder(black_box("not-a-real-key"))
        .no_proxy()
        .build()
        .unwrap()
}

#[divan::bench]
fn call_with_a_short_response(bencher: Bencher<'_, '_>) {
    calls(bencher, r#"{"id":"cus_Ab1"}"#, "cus_Ab1");
}

#[divan::bench]
fn call_with_a_long_response(bencher: Bencher<'_, '_>) {
    let server = TestServer::start().unwrap();
    let page = server.customer(TestServer::CUSTOMER_ID).unwrap();
    // As if the API had learnt a hundred fields that this client does not know.
    let unknown: Vec<_> = (0..100).map(|i| format!(r#""field_{i}":[{i}]"#)).collect();
    let long = page.replacen('{', &format!("{{{},", unknown.join(",")), 1);
    calls(bencher, &long, TestServer::CUSTOMER_ID);
}

/// Bodies of 64 KiB that take longest. Beside a short one, the reader's own time shows.
#[divan::bench(args = [
    (r#"{"error":"#, "1", "}"),
    ("{", r#""":1,"#, r#""a":1}"#),
    ("{", r#""email":"a b","#, r#""a":1}"#),
    ("[", r#"{"a":1},"#, "1]"),
    ("[", r#"{"errors":{"errors":{"errors":{"a":"b c"}}}},"#, "1]"),
    (r#"{"message":[""#, r#"Gone",""#, r#""]}"#),
    (r#"{"message":""#, "email a, ", r#""}"#),
])]
fn call_with_an_error_body(bencher: Bencher<'_, '_>, (head, part, tail): (&str, &str, &str)) {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    let patch = CustomerPatch::new().first_name("Jane");
    let count = if part == "1" {
        1
    } else {
        (64 * 1024 - 32) / part.len()
    };
    let body = format!("{head}{}{tail}", part.repeat(count));
    bencher
        .with_inputs(|| server.fail_next(Fault::respond(422, body.clone())))
        .bench_values(|()| update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err());
}

fn calls(bencher: Bencher<'_, '_>, customer: &str, id: &str) {
    let server = TestServer::start().unwrap();
    server.add_customer(customer);
    let cfg = server.config().build().unwrap();
    let patch = CustomerPatch::new().first_name("Jane");
    bencher.bench(|| update_customer(&cfg, id, &patch).unwrap());
}

fn five_fields() -> CustomerPatch {
    CustomerPatch::new()
        .email(black_box("customer@example.com"))
        .first_name(black_box("Jane"))
        .last_name(black_box("Doe"))
        .phone_number(black_box("5551234567"))
        .date_of_birth(black_box("1990-01-01"))
}
