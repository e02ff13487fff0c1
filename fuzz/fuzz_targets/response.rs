//! A response is a customer where it is a JSON object with the right id, and
//! never otherwise.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;
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
        }
        None => {
            // Unless the id is there twice, under an escaped key perhaps.
            let once = text.matches("\"id\"").count() == 1 && !text.contains("\\u");
            assert!(!(once && value["id"] == ID));
        }
    }
});
