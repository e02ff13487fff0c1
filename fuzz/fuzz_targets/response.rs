//! A response is a customer where it is a JSON object with the right id, and
//! never otherwise.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::{Customer, CustomerPatch, fuzzing};
use serde_json::Value;

const ID: &str = "cus_A3";

fuzz_target!(|body: &[u8]| {
    let customer = fuzzing::response(ID, body);
    if let Some(customer) = &customer {
        assert_eq!(customer.id, ID);
        assert_eq!(customer.raw_json().as_bytes(), body);
        let written = serde_json::to_string(customer).unwrap();
        assert_eq!(
            fuzzing::response(ID, written.as_bytes()).as_ref(),
            Some(customer)
        );
        if let Some(email) = &customer.email
            && email.len() > 20
        {
            assert!(!format!("{customer:?}").contains(email));
        }
        assert!(customer.mismatches(&patch_of(customer)).is_empty());
    }
    let Ok(text) = str::from_utf8(body) else {
        assert!(customer.is_none());
        return;
    };
    // Read by serde_json's `Value` as something else than it is.
    if text.contains("$serde_json") {
        return;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A `Value` has no number over f64's and no lone surrogate: then it cannot tell.
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    match customer {
        Some(customer) => {
            assert_eq!(value["id"], ID);
            assert_eq!(
                customer.internal_id.as_deref(),
                value["internal_id"].as_str()
            );
            assert_eq!(customer.email.as_deref(), value["email"].as_str());
            assert_eq!(customer.first_name.as_deref(), value["first_name"].as_str());
            assert_eq!(customer.last_name.as_deref(), value["last_name"].as_str());
            assert_eq!(
                customer.phone_number.as_deref(),
                value["phone_number"].as_str()
            );
            check_mismatches(&customer, text, &value);
        }
        None => {
            // Unless the id is there twice, under an escaped key perhaps.
            let once = text.matches("\"id\"").count() == 1 && !text.contains("\\u");
            assert!(!(once && value["id"] == ID));
        }
    }
});

/// A patch of the values that the customer has.
fn patch_of(customer: &Customer) -> CustomerPatch {
    let mut patch = CustomerPatch::new();
    if let Some(email) = &customer.email {
        patch = patch.email(email);
    }
    if let Some(name) = &customer.first_name {
        patch = patch.first_name(name);
    }
    if let Some(name) = &customer.last_name {
        patch = patch.last_name(name);
    }
    if let Some(number) = &customer.phone_number {
        patch = patch.phone_number(number);
    }
    if let Some(date) = customer.date_of_birth {
        patch = patch.date_of_birth(date.to_string());
    }
    patch
}

/// Values that are not in the response differ from all that it has.
fn check_mismatches(customer: &Customer, text: &str, value: &Value) {
    const FIELDS: [(&str, &str); 5] = [
        ("email", "9f3c@4d1a.example"),
        ("first_name", "9f3c4d1a"),
        ("last_name", "1a4d3c9f"),
        ("phone_number", "9038417265"),
        ("date_of_birth", "4713-11-24"),
    ];
    let [email, first_name, last_name, phone_number, date_of_birth] =
        FIELDS.map(|(_, value)| value);
    let patch = CustomerPatch::new()
        .email(email)
        .first_name(first_name)
        .last_name(last_name)
        .phone_number(phone_number)
        .date_of_birth(date_of_birth);
    let reduced = |text: &str| {
        let kept = text.chars().filter(char::is_ascii_alphanumeric);
        kept.collect::<String>().to_ascii_lowercase()
    };
    // The fuzzer learns the values from comparisons. They may be escaped in the text,
    // and a long number may be rounded in the value.
    let received = [reduced(text), reduced(&value.to_string())];
    let is_received = |(_, sent): &(&str, &str)| {
        let sent = reduced(sent);
        received.iter().any(|received| received.contains(&sent))
    };
    if FIELDS.iter().any(is_received) {
        return;
    }
    let present: Vec<_> = FIELDS
        .iter()
        .map(|(field, _)| *field)
        .filter(|field| value.get(field).is_some())
        .collect();
    assert_eq!(customer.mismatches(&patch), present);
}
