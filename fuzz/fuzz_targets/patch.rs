//! A patch reads from JSON as from setters, and no message quotes the JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::CustomerPatch;
use serde_json::Value;
use serde_json::error::Category;

const NAMES: [&str; 5] = [
    "email",
    "first_name",
    "last_name",
    "phone_number",
    "date_of_birth",
];

fuzz_target!(|json: &[u8]| {
    match serde_json::from_slice::<CustomerPatch>(json) {
        Ok(patch) => {
            let Ok(Value::Object(map)) = serde_json::from_slice(json) else {
                panic!("no object");
            };
            let set = map
                .iter()
                .fold(CustomerPatch::new(), |patch, (name, value)| {
                    let value = value.as_str().expect("a string");
                    match name.as_str() {
                        "email" => patch.email(value),
                        "first_name" => patch.first_name(value),
                        "last_name" => patch.last_name(value),
                        "phone_number" => patch.phone_number(value),
                        "date_of_birth" => patch.date_of_birth(value),
                        _ => panic!("an unknown key"),
                    }
                });
            assert_eq!(patch, set);
            if let Ok(json) = patch.to_json() {
                assert_eq!(serde_json::from_str::<CustomerPatch>(&json).unwrap(), patch);
            }
        }
        Err(error) if error.classify() == Category::Data => {
            let text = error.to_string();
            let (message, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
            let known = message == "a patch must be a map of customer fields to strings"
                || message
                    == "a key must be one of email, first_name, last_name, phone_number, date_of_birth"
                || NAMES.iter().any(|name| {
                    message
                        .strip_prefix(name)
                        .is_some_and(|rest| rest == " is set twice" || rest == " must be a string")
                });
            assert!(known, "{text}");
        }
        Err(_) => {}
    }
});
