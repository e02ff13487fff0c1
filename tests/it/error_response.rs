//! What the client makes of responses that are not 2xx.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{ApiError, CustomerPatch, Error, ErrorKind, Outcome, update_customer};

use crate::common::{ID, one_attempt};

#[test]
fn every_status_comes_to_its_outcome() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    let mut failed = String::new();
    for status in (300..=999).chain([101]) {
        server.fail_next(Fault::respond(status, ""));
        let error = update_customer(&cfg, ID, &patch()).unwrap_err();
        let outcome = match status {
            400..=499 => Outcome::NotApplied,
            _ => Outcome::Unknown,
        };
        let transient = matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 520..=524);
        let api = matches!(error.kind(), ErrorKind::Api(api) if api.status() == status);
        let came = (error.status(), error.outcome(), error.is_transient());
        if !api || came != (Some(status), outcome, transient) || error.attempts() != 1 {
            writeln!(failed, "{status}: {came:?} {error:?}").unwrap();
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert_eq!(server.requests().len(), 701);
}

#[test]
fn an_error_response_is_shown_verbatim() {
    for (status, body, display) in [
        (
            401,
            r#"{"error":"Unauthorized","hint":"Check your API key"}"#,
            "not applied: the API responded with 401: Unauthorized (Check your API key)",
        ),
        (
            422,
            r#"{"error":"Email has already been taken"}"#,
            "not applied: the API responded with 422: Email has already been taken",
        ),
        (404, "", "not applied: the API responded with 404"),
        (
            302,
            "moved",
            "unknown whether applied: the API responded with 302",
        ),
        (
            500,
            "<h1>Oops</h1>",
            "unknown whether applied: the API responded with 500",
        ),
        (
            503,
            r#"{"hint":"Come back later"}"#,
            "unknown whether applied: the API responded with 503: Come back later",
        ),
    ] {
        let error = respond(status, body.as_bytes());
        assert_eq!(error.to_string(), display);
        assert_eq!(format!("{error:?}"), display);
        assert_eq!(error.body(), Some(body));
        assert!(error.source().is_none());
        assert!(error.violations().is_empty());
    }
}

#[test]
fn reads_error_bodies_of_every_shape() {
    let mut failed = String::new();
    for (body, message, hint) in [
        (r#"{"error":"no"}"#, Some("no"), None),
        (r#"{"error":"no","hint":"do"}"#, Some("no"), Some("do")),
        (r#"{"hint":"do"}"#, None, Some("do")),
        (r#"{"message":"no"}"#, Some("no"), None),
        // Beside a message, it is the name of the status.
        (r#"{"error":"no","message":"other"}"#, Some("other"), None),
        (r#"{"error":"","message":"no"}"#, Some("no"), None),
        (r#"{"error":null,"message":"no"}"#, Some("no"), None),
        (r#"{"error":true,"message":"no"}"#, Some("no"), None),
        (r#"{"error":422,"message":"no"}"#, Some("no"), None),
        (r#"{"error":{},"message":"no"}"#, Some("no"), None),
        (r#"{"error":[],"message":"no"}"#, Some("no"), None),
        (r#"{"error":{"message":"no"}}"#, Some("no"), None),
        (
            r#"{"error":{"type":"t","message":"no","hint":"do"}}"#,
            Some("no"),
            Some("do"),
        ),
        (
            r#"{"error":{"hint":"inner"},"hint":"outer"}"#,
            None,
            Some("outer"),
        ),
        (r#"{"error":["a","b"]}"#, Some("a; b"), None),
        (r#"{"errors":["a","b"]}"#, Some("a; b"), None),
        (
            r#"{"errors":[{"message":"a"},{"detail":"b"}]}"#,
            Some("a; b"),
            None,
        ),
        (r#"{"errors":[{"title":"a"},7,null]}"#, Some("a"), None),
        (
            r#"{"errors":{"email":["is taken","is odd"],"phone_number":"is short"}}"#,
            Some("email is taken; email is odd; phone_number is short"),
            None,
        ),
        (r#"{"errors":{"email":null}}"#, None, None),
        (r#"{"errors":"no"}"#, Some("no"), None),
        (r#"{"detail":"no"}"#, Some("no"), None),
        (
            r#"{"error":"caf\u00e9 \ud83d\ude00"}"#,
            Some("caf\u{E9} \u{1F600}"),
            None,
        ),
        ("\u{FEFF}{\"error\":\"no\"}", Some("no"), None),
        (" \n{\"error\":\"no\"}\n", Some("no"), None),
        (r#"{"error":"  ","hint":"\n"}"#, None, None),
        (r#"{"error":"\ud800"}"#, None, None),
        (r#"{"error":"cut"#, None, None),
        (r#"["a"]"#, Some("a"), None),
        (r#""a""#, Some("a"), None),
        ("null", None, None),
        ("42", None, None),
        ("", None, None),
        ("Bad Gateway", Some("Bad Gateway"), None),
        ("{cut", None, None),
        ("[cut", None, None),
        ("<!doctype html><title>502</title>", None, None),
        (
            "upstream connect error\r\n",
            Some("upstream connect error"),
            None,
        ),
    ] {
        let error = respond(422, body.as_bytes());
        let api = error.api().unwrap();
        if (api.message(), api.hint()) != (message, hint) {
            writeln!(failed, "{body}: {:?} {:?}", api.message(), api.hint()).unwrap();
        }
        assert_eq!(api.status(), 422);
        assert_eq!(error.body(), Some(body));
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn only_plain_text_is_a_message() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    for (content_type, message) in [
        ("text/plain; charset=utf-8", Some("bad thing")),
        ("application/octet-stream", None),
    ] {
        let fault = Fault::respond(422, "bad thing").header("content-type", content_type);
        server.fail_next(fault);
        let error = update_customer(&cfg, ID, &patch()).unwrap_err();
        let api = error.api().unwrap();
        assert_eq!(api.message(), message, "{content_type}");
    }
}

#[test]
fn reads_field_errors_of_every_shape() {
    let mut failed = String::new();
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    for (body, errors, message) in FIELD_ERRORS {
        server.fail_next(Fault::respond(422, *body));
        let error = update_customer(&cfg, ID, &patch().first_name("Jane")).unwrap_err();
        let api = error.api().unwrap();
        let came: Vec<_> = api
            .field_errors()
            .iter()
            .map(|error| (error.field(), error.message()))
            .collect();
        let message = (!message.is_empty()).then_some(*message);
        if came != *errors || api.message() != message {
            writeln!(failed, "{body}:\n  {came:?}\n  {:?}", api.message()).unwrap();
        }
        assert_eq!(error.outcome(), Outcome::NotApplied);
        // No shape loses the name of a field.
        let letters = |text: &str| text.to_lowercase().replace(['_', ' ', '-'], "");
        let words = letters(api.message().unwrap_or_default());
        for (field, _) in came {
            assert!(words.contains(&letters(field)), "{body}: {words}");
        }
    }
    assert!(failed.is_empty(), "these rows failed:\n{failed}");
}

/// Fields and what is wrong with each.
type Errors = &'static [(&'static str, &'static str)];

/// Bodies, their field errors, and their message.
#[rustfmt::skip]
const FIELD_ERRORS: &[(&str, Errors, &str)] = &[
    // A map of fields.
    (r#"{"errors":{"email":["is taken","is odd"],"phone_number":"is short"}}"#,
     &[("email", "is taken"), ("email", "is odd"), ("phone_number", "is short")],
     "email is taken; email is odd; phone_number is short"),
    (r#"{"error":{"date_of_birth":"is odd"}}"#, &[("date_of_birth", "is odd")], "date_of_birth is odd"),
    (r#"{"email":["is taken"],"first_name":"is odd"}"#,
     &[("email", "is taken"), ("first_name", "is odd")], "email is taken; first_name is odd"),
    (r#"{"errors":{"email":{"message":"is taken"}}}"#, &[("email", "is taken")], "email is taken"),
    (r#"{"errors":{"email":[{"error":"taken","value":"a@b"}]}}"#, &[("email", "taken")], "email taken"),
    (r#"{"errors":{"email":{"code":"taken"}}}"#, &[("email", "taken")], "email taken"),
    (r#"{"errors":{"email":{"code":7}}}"#, &[("email", "is invalid")], "email is invalid"),
    (r#"{"errors":{"email":true}}"#, &[("email", "is invalid")], "email is invalid"),
    (r#"{"errors":{"email":422}}"#, &[("email", "is invalid")], "email is invalid"),
    (r#"{"errors":{"email":null,"last_name":false,"first_name":[],"phone_number":{},"date_of_birth":" "}}"#,
     &[], ""),
    (r#"{"errors":{"email":["Email is taken"]}}"#, &[("email", "is taken")], "Email is taken"),
    (r#"{"errors":{"Email":["Email is taken"]}}"#, &[("email", "is taken")], "Email is taken"),
    (r#"{"errors":{"email":["Phone number is odd"]}}"#, &[("email", "Phone number is odd")], "email Phone number is odd"),
    (r#"{"field":"Email","message":"email is taken"}"#, &[("email", "is taken")], "email is taken"),
    (r#"{"errors":{"Email":["is taken"],"base":["is odd"]}}"#, &[("email", "is taken")], "email is taken; is odd"),
    // Beside a message.
    (r#"{"error":"Validation failed","errors":{"email":["is taken"]}}"#,
     &[("email", "is taken")], "Validation failed; email is taken"),
    (r#"{"message":"Invalid data.","errors":{"email":["The email is taken."]}}"#,
     &[("email", "The email is taken.")], "Invalid data.; The email is taken."),
    (r#"{"error":{"message":"no","email":"is taken"}}"#, &[("email", "is taken")], "no; email is taken"),
    (r#"{"error":{"message":"no","errors":[{"field":"email","message":"is taken"}]}}"#,
     &[("email", "is taken")], "no; email is taken"),
    (r#"{"error":{"message":"no","details":{"email":"is taken"}}}"#,
     &[("email", "is taken")], "no; email is taken"),
    (r#"{"message":"no","email":["is taken"]}"#, &[("email", "is taken")], "no; email is taken"),
    (r#"{"error":"no","email":"is taken","phone_number":"is short"}"#,
     &[("email", "is taken"), ("phone_number", "is short")], "no; email is taken; phone_number is short"),
    // The request sent back, and no error.
    (r#"{"message":"no","email":"a@b","first_name":"Jane","phone_number":"5551234567","date_of_birth":"1990-01-31"}"#,
     &[], "no"),
    (r#"{"message":"no","phone_number":5551234567}"#, &[], "no"),
    (r#"{"message":"no","phone_number":"(555) 123-4567"}"#, &[], "no"),
    (r#"{"message":"no","phone_number":"10 digits are needed"}"#, &[("phone_number", "10 digits are needed")],
     "no; phone_number 10 digits are needed"),
    // Any text may be a name: only the one that was sent is one sent back.
    (r#"{"error":"no","first_name":"can't be blank"}"#, &[("first_name", "can't be blank")],
     "no; first_name can't be blank"),
    (r#"{"phone_number":5551234567}"#, &[("phone_number", "is invalid")], "phone_number is invalid"),
    // List items with a field.
    (r#"{"errors":[{"field":"email","message":"is taken"}]}"#, &[("email", "is taken")], "email is taken"),
    (r#"{"errors":[{"field":"email","detail":"a"},{"field":"email","title":"b"},{"field":"last_name","code":"c"}]}"#,
     &[("email", "a"), ("email", "b"), ("last_name", "c")], "email a; email b; last_name c"),
    (r#"{"errors":[{"field":"email"}]}"#, &[("email", "is invalid")], "email is invalid"),
    (r#"{"errors":[{"field":"email","message":"","code":42}]}"#, &[("email", "is invalid")], "email is invalid"),
    (r#"{"errors":[{"field":"email","message":"Email is taken"}]}"#, &[("email", "is taken")], "Email is taken"),
    (r#"{"errors":[{"field":"base","message":"is odd"}]}"#, &[], "is odd"),
    (r#"{"errors":[{"field":7,"message":"is odd"}]}"#, &[], "is odd"),
    (r#"{"error":[{"field":"email","error":"is taken"}]}"#, &[("email", "is taken")], "email is taken"),
    (r#"{"error":{"field":"email","message":"is taken"}}"#, &[("email", "is taken")], "email is taken"),
    (r#"{"field":"email","message":"is taken"}"#, &[("email", "is taken")], "email is taken"),
    (r#"{"error":"is taken","field":"email"}"#, &[("email", "is taken")], "email is taken"),
    (r#"[{"field":"email","message":"is taken"}]"#, &[("email", "is taken")], "email is taken"),
    (r#"{"message":["email must be an email"],"error":"Bad Request"}"#,
     &[("email", "must be an email")], "email must be an email"),
    // Rails' full messages.
    (r#"{"error":"Email has already been taken"}"#,
     &[("email", "has already been taken")], "Email has already been taken"),
    (r#"{"errors":["Email has already been taken","Date of birth is invalid"]}"#,
     &[("email", "has already been taken"), ("date_of_birth", "is invalid")],
     "Email has already been taken; Date of birth is invalid"),
    (r#"{"message":"First name is too long, by far"}"#,
     &[("first_name", "is too long, by far")], "First name is too long, by far"),
    (r#"{"detail":" last_name: is odd "}"#, &[("last_name", "is odd")], " last_name: is odd "),
    (r#"{"errors":[{"message":"Phone number is odd"}]}"#, &[("phone_number", "is odd")], "Phone number is odd"),
    (r#"["Email is taken"]"#, &[("email", "is taken")], "Email is taken"),
    (r#"{"error":"Unprocessable","message":"Email is taken"}"#,
     &[("email", "is taken")], "Email is taken"),
    (r#"{"error":"Validation failed: Email is taken, Phone number must be a, b or c, Base is odd"}"#,
     &[("email", "is taken"), ("phone_number", "must be a, b or c, Base is odd")],
     "Validation failed: Email is taken, Phone number must be a, b or c, Base is odd"),
    (r#"{"error":"Validation failed: Base is odd, Email is taken"}"#,
     &[("email", "is taken")], "Validation failed: Base is odd, Email is taken"),
    (r#"{"error":"Validation failed: "}"#, &[], "Validation failed: "),
    (r#"{"errors":["email"]}"#, &[("email", "is invalid")], "email"),
    (r#"{"error":"The email is taken"}"#, &[("email", "is taken")], "The email is taken"),
    // A name that is not at the start, or only begins like one.
    (r#"{"error":"Our email is down"}"#, &[], "Our email is down"),
    (r#"{"error":"Emails are odd"}"#, &[], "Emails are odd"),
    (r#"{"error":"Email\u00e9 is odd"}"#, &[], "Email\u{e9} is odd"),
    (r#"{"error":"Email-address is odd"}"#, &[], "Email-address is odd"),
    // The names of fields, in paths and in keys.
    (r#"{"errors":[{"path":"/data/attributes/phone-number","message":"a"},{"loc":["body","email",0],"msg":"b"}]}"#,
     &[("phone_number", "a"), ("email", "b")], "phone_number a; email b"),
    (r#"{"errors":[{"source":{"pointer":"/first_name"},"title":"a"},{"path":[{"key":"last_name"}],"detail":"b"}]}"#,
     &[("first_name", "a"), ("last_name", "b")], "first_name a; last_name b"),
    (r#"{"errors":[{"params":{"params":{"params":"email"}},"message":"a"},{"params":{"params":{"params":{"params":"email"}}},"message":"b"}]}"#,
     &[("email", "a")], "email a; b"),
    (r#"{"errors":[{"loc":[["email"]],"message":"a"},{"loc":[[["email"]]],"message":"b"}]}"#,
     &[("email", "a")], "email a; b"),
    (r#"{"errors":{"b.email":["a"],"$.phoneNumber":["b"],"Date of birth":["c"],"first-name":["d"],"0/1":["e e"]}}"#,
     &[("email", "a"), ("phone_number", "b"), ("date_of_birth", "c"), ("first_name", "d")],
     "email a; phone_number b; date_of_birth c; first_name d; e e"),
    (r#"{"errors":[{"key":"x","field":"email","message":"a"}]}"#, &[("email", "a")], "email a"),
    (r#"[[["customer","email"],{"message":"a"}],[["nickname"],{"message":"b"}],[[],{"message":"z"}]]"#,
     &[("email", "a")], "email a; nickname b; z"),
    (r#"{"path":"/customers/email","message":"a"}"#, &[("email", "a")], "email a"),
    // Other names are put before the text.
    (r#"{"errors":[{"path":"nickname","message":"a"},{"name":"nickname","message":"b"},{"location":"body","message":"z"}]}"#,
     &[], "nickname a; b; z"),
    (r#"{"errors":[{"path":"nickname"},{"name":"nickname"},{"x":"nickname"}]}"#, &[], "nickname is invalid"),
    (r#"{"error":{"path":"nickname"}}"#, &[], ""),
    (r#"{"errors":[{"path":"nickname","message":"a","email":"b","x":{"message":"c"},"y":[{"message":"d"}]}]}"#,
     &[], "nickname a; nickname d"),
    (r#"{"details":{"message":"a"}}"#, &[], "a"),
    (r#"{"errors":[{"path":"nick name","message":"a"},{"name":"email","message":"b"}]}"#, &[("email", "b")], "a; email b"),
    (r#"{"path":"/customers","message":"a","error":{"path":"/customers","message":"b"}}"#, &[], "a; customers b"),
    (r#"{"errors":{"nickname":["is unknown"],"x":["unknown"],"body":["is odd"],"errors":["is bad"]}}"#,
     &[], "is bad; nickname is unknown; x unknown; is odd"),
    (r#"{"errors":{"email":["a"],"x":["b"],"y":"c","z":{"message":"d"},"v":{"w":["e"]}}}"#,
     &[("email", "a")], "email a; x b; y c; z d"),
    (r#"{"email":["a"],"x":["b"],"y":"c","z":{"message":"d"}}"#, &[("email", "a")], "email a; x b; z d"),
    (r#"{"errors":[{"path":"nickname","message":"The nick-name is odd."},{"path":"nickname","message":"is odd"}]}"#,
     &[], "The nick-name is odd."),
    // What a map says: a sentence before a word, and that before a reason phrase.
    (r#"{"message":"no","error":"is odd","detail":"is not odd"}"#, &[], "is odd"),
    (r#"{"message":"no","error":"Bad Request"}"#, &[], "no"),
    (r#"{"message":"Error 400 - Bad Request","error":"HTTP 422 Unprocessable Content."}"#, &[], "Error 400 - Bad Request"),
    (r#"{"errors":[{"message":"CONFLICT"},{"message":"Not Found"},{"message":"is odd"}]}"#, &[], "is odd"),
    (r#"{"errors":{"email":["Conflict"]}}"#, &[("email", "Conflict")], "email Conflict"),
    (r#"{"errors":[{"field":"email","constraints":{"a":"is a","b":"is b"}}]}"#,
     &[("email", "is a"), ("email", "is b")], "email is a; email is b"),
    (r#"{"errors":[{"path":"x","constraints":{"a":"is a"}},{"path":"y","constraints":{"a":1}}]}"#, &[], "x is a; y is invalid"),
    (r#"{"error":{"code":"card_declined"}}"#, &[], "card_declined"),
    (r#"{"error":{"code":"no","message":"Forbidden"}}"#, &[], "Forbidden"),
    (r#"{"message":["a","b"],"errors":["b","c c"],"x":["d"]}"#, &[], "b; c c"),
    (r#"{"message":["a a","b"],"errors":["b","c c"],"x":["d"]}"#, &[], "a a; b; c c"),
    (r#"{"message":"is a","errors":["b","c"]}"#, &[], "is a"),
    // JSON in a text, once.
    (r#"{"message":"[{\"path\":[\"email\"],\"message\":\"a\"}]"}"#, &[("email", "a")], "email a"),
    (r#"{"message":" {\"message\":\"[\\\"a\\\"]\"}"}"#, &[], r#"["a"]"#),
    (r#"{"message":"[1] is odd"}"#, &[], "[1] is odd"),
    (r#""{\"message\":\"a\"}""#, &[], "a"),
    (r#"{"message":"{\"path\":\"nickname\",\"message\":\"a\"}"}"#, &[], "nickname a"),
    // What was sent or checked is not read.
    (r#"{"errors":[{"input":{"email":"x"},"value":["a b"],"ctx":{"message":"c"},"message":"d"}]}"#, &[], "d"),
    (r#"{"data":{"email":"a@b","message":"no","nickname":"x","errors":{"phone_number":"is short"}}}"#,
     &[("phone_number", "is short")], "no; phone_number is short"),
    (r#"{"data":{"first_name":"JANE ","last_name":"is odd","phone_number":7}}"#, &[], ""),
    (r#"{"data":{"first_name":"jan","last_name":"is odd","phone_number":7}}"#,
     &[("first_name", "jan"), ("last_name", "is odd"), ("phone_number", "is invalid")],
     "first_name jan; last_name is odd; phone_number is invalid"),
    // The customer as it is.
    (r#"{"id":"cus_1","email":"x","message":"no"}"#, &[], ""),
    (r#"{"created_at":"2025-03-10T16:08:14.427Z","email":"x"}"#, &[], ""),
    (r#"{"message":"no","current":{"id":"cus_1","email":"x"}}"#, &[], "no"),
    (r#"{"id":"req_1","email":"is odd"}"#, &[("email", "is odd")], "email is odd"),
    (r#"{"id":"cus_1","message":"no"}"#, &[], "no"),
    // Within a field, other names are parts of it.
    (r#"{"errors":{"email":[{"path":"domain","message":"is odd"}],"phone_number":{"errors":["a"],"x":{"message":"b"}}}}"#,
     &[("email", "is odd"), ("phone_number", "a")], "email is odd; phone_number a"),
    (r#"{"errors":{"email":{"field":"last_name","message":"is odd"}}}"#, &[("last_name", "is odd")], "last_name is odd"),
    (r#"{"errors":{"email":[{"a":1}],"phone_number":["a","a"]}}"#,
     &[("email", "is invalid"), ("phone_number", "a")], "email is invalid; phone_number a"),
    (r#"{"field":"email","error":{"message":"is odd"},"meta":{"a":{"b":1}}}"#, &[("email", "is odd")], "email is odd"),
    // What stands at a field's place goes before what texts say.
    (r#"{"message":"Last name is odd","errors":{"email":"email"}}"#, &[("email", "is invalid")],
     "Last name is odd; email is invalid"),
    // Clauses of texts.
    (r#"{"error":"email: is odd;phone_number: a: b. first_name c\nlast_name d\n e\nf"}"#,
     &[("email", "is odd"), ("phone_number", "a: b."), ("first_name", "c"), ("last_name", "d\n e")],
     "email: is odd;phone_number: a: b. first_name c\nlast_name d\n e\nf"),
    (r#"{"error":"Email is odd and Phone number is short"}"#,
     &[("email", "is odd"), ("phone_number", "is short")], "Email is odd and Phone number is short"),
    (r#"{"error":"Neither and phone_number is odd"}"#, &[], "Neither and phone_number is odd"),
    (r#"{"error":"a: [body/email must b, and the key: 'P.PhoneNumber' c, Array[last_name]:\n d"}"#,
     &[("email", "must b"), ("phone_number", "c"), ("last_name", "d")],
     "a: [body/email must b, and the key: 'P.PhoneNumber' c, Array[last_name]:\n d"),
    (r#"{"error":"email, first_name, last_name are odd; email or phone_number is odd; phone_number: x"}"#,
     &[("phone_number", "x")], "email, first_name, last_name are odd; email or phone_number is odd; phone_number: x"),
    (r#"{"error":"is 'email': 1, \"email\": 2, email=3, email,4, `email`: 5"}"#,
     &[("email", "5")], "is 'email': 1, \"email\": 2, email=3, email,4, `email`: 5"),
    (r#"{"error":"email: Email is odd: email is bad, email c"}"#,
     &[("email", "is odd: email is bad"), ("email", "c")], "email: Email is odd: email is bad, email c"),
    (r#"{"error":"email:\nphone_number: a"}"#, &[("email", "is invalid"), ("phone_number", "a")],
     "email:\nphone_number: a"),
    (r#"{"error":"email\nphone_number:"}"#, &[], "email\nphone_number:"),
    // As serde_json's `arbitrary_precision` has a number.
    (r#"{"errors":{"email":{"$serde_json::private::Number":"1"}}}"#,
     &[("email", "is invalid")], "email is invalid"),
];

#[test]
fn hostile_bodies_yield_bounded_field_errors() {
    for (part, count) in [("true,", 1), ("\"x\",", 1), ("{},", 0), ("[],", 0)] {
        let list = part.repeat(60_000 / part.len());
        let body = format!(r#"{{"errors":{{"email":[{list}null]}}}}"#);
        let error = respond(422, body.as_bytes());
        let api = error.api().unwrap();
        assert_eq!(api.field_errors().len(), count, "{part}");
        assert!(api.message().unwrap_or_default().len() <= body.len());
    }
    let list = (0..5_000)
        .map(|i| format!("Email {i}"))
        .collect::<Vec<_>>()
        .join(", ");
    let body = format!(r#"{{"error":"Validation failed: {list}"}}"#);
    let error = respond(422, body.as_bytes());
    assert_eq!(error.api().unwrap().field_errors().len(), 100);
    // A reader that looks twice at each level would look 2^120 times.
    for key in ["errors", "details", "email", "field", "message", "error"] {
        for inner in ["null", "\"Email\"", "{\"field\":\"email\"}"] {
            let open = format!(r#"{{"message":[],"{key}":"#).repeat(120);
            let body = format!("{open}{inner}{}", "}".repeat(120));
            let error = respond(422, body.as_bytes());
            assert!(error.api().unwrap().field_errors().len() <= 1, "{body}");
        }
    }
}

/// Each text counts its length, and 32 more.
#[test]
fn reads_eight_kib_of_texts() {
    let texts: Vec<_> = (0..100).map(|i| format!("{i:096}")).collect();
    let error = respond(422, serde_json::json!(texts).to_string().as_bytes());
    let message = texts[..64].join("; ");
    assert_eq!(error.api().unwrap().message(), Some(message.as_str()));
}

/// The list itself is one, and so is a number.
#[test]
fn reads_1024_values_of_a_body() {
    for (count, message) in [(1022, Some("a")), (1023, None)] {
        let body = format!("[{}\"a\"]", "-12.5E+7,".repeat(count));
        let error = respond(422, body.as_bytes());
        assert_eq!(error.api().unwrap().message(), message, "{count}");
    }
}

#[test]
fn field_errors_show_no_message() {
    let error = respond(422, br#"{"errors":{"email":["a","b"]}}"#);
    let [first, second] = error.api().unwrap().field_errors() else {
        panic!("two errors")
    };
    assert_eq!(*first, first.clone());
    assert_ne!(first, second);
    assert_eq!(format!("{first:?}"), "FieldError { field: \"email\", .. }");
    assert_eq!(
        format!("{:?}", error.api().unwrap()),
        "ApiError { status: 422, field_errors: [FieldError { field: \"email\", .. }, \
         FieldError { field: \"email\", .. }], .. }"
    );
}

#[test]
fn keeps_64_kib_of_error_bodies() {
    const MOST: usize = 64 * 1024;
    for character in ["x", "\u{E9}", "\u{20AC}", "\u{1F600}"] {
        for before in 0..4 {
            let body = format!("{}{}", "x".repeat(before), character.repeat(MOST));
            let error = respond(500, body.as_bytes());
            let kept = error.body().unwrap();
            assert!(body.starts_with(kept));
            assert!(kept.len() <= MOST, "{}", kept.len());
            assert!(kept.len() + character.len() > MOST, "{}", kept.len());
        }
    }
    // Each byte that is not UTF-8 becomes three.
    let error = respond(500, &vec![0xFF; MOST]);
    assert_eq!(error.body().unwrap().len(), MOST / 3 * 3);
    // More than the client reads of any body.
    let error = respond(422, &vec![b'x'; 3 * 1024 * 1024]);
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!(error.body().unwrap().len(), MOST);
}

#[test]
fn error_bodies_need_not_be_utf_8() {
    let error = respond(422, b"{\"error\":\"caf\xE9\"}");
    assert_eq!(error.body(), Some("{\"error\":\"caf\u{FFFD}\"}"));
    assert_eq!(error.api().unwrap().message(), Some("caf\u{FFFD}"));
}

#[test]
fn survives_error_bodies_of_any_depth() {
    let nested = |open: &str, close: &str, n: usize| {
        format!("{{\"error\":{}\"no\"{}}}", open.repeat(n), close.repeat(n))
    };
    for n in [10, 14, 15, 120, 130, 30_000] {
        let list = format!("{}\"no\"{}", "[".repeat(n), "]".repeat(n));
        let embedded = serde_json::json!({ "error": list }).to_string();
        for body in [nested("[", "]", n), nested("{\"error\":", "}", n), embedded] {
            let error = respond(422, body.as_bytes());
            let expected = (n < 15).then_some("no");
            assert_eq!(error.api().unwrap().message(), expected, "{n}");
        }
    }
    // serde_json reads the text under this key as JSON of its own, afresh.
    let mut body = String::from("\"no\"");
    loop {
        let text = format!("{}{body}{}", "[".repeat(120), "]".repeat(120));
        let text = serde_json::to_string(&text).unwrap();
        body = format!(r#"{{"$serde_json::private::RawValue":{text}}}"#);
        if body.len() > 60_000 {
            break;
        }
        let error = respond(422, format!(r#"{{"error":{body}}}"#).as_bytes());
        assert_eq!(error.status(), Some(422));
    }
}

#[test]
fn reads_error_bodies_in_one_pass() {
    // A reader that looks twice at each level would look 2^120 times.
    for key in ["message", "detail", "error", "title", "other"] {
        let open = format!(r#"{{"{key}":"#).repeat(120);
        let body = format!(r#"{{"errors":{open}null{}}}"#, "}".repeat(120));
        let error = respond(422, body.as_bytes());
        assert_eq!(error.api().unwrap().message(), None, "{key}");
    }
}

#[test]
fn nothing_personal_shows_in_the_message() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    let patch = CustomerPatch::new()
        .email("jane.roe@acme.example")
        .first_name("jane")
        .last_name("Ro\u{E9}")
        .phone_number("5550001111")
        .date_of_birth("1990-02-13");
    for (message, shown) in [
        ("jane.roe@acme.example is taken", "[..] is taken"),
        ("JANE.ROE@ACME.EXAMPLE is taken", "[..] is taken"),
        ("somebody.else@acme.example", "[..]"),
        ("jane, jANE and janet", "[..] and janet"),
        ("RO\u{C9} is odd", "[..] is odd"),
        ("5550001111/1990-02-13", "[..]"),
        ("+1 (555) 000-1112", "[..]"),
        ("02/13/1990 for 1990-02-13", "[..] for [..]"),
        ("bad key test-key-8Jw2cQe5Zr", "bad key [..]"),
        ("Bearer TEST-KEY-8jw2cqe5zr", "Bearer [..]"),
        ("422 in 12345 ms", "422 in [..] ms"),
    ] {
        let body = serde_json::json!({ "error": message }).to_string();
        server.fail_next(Fault::respond(422, body.clone()));
        let error = update_customer(&cfg, ID, &patch).unwrap_err();
        let display = format!("not applied: the API responded with 422: {shown}");
        assert_eq!(error.to_string(), display);
        assert_eq!(format!("{error:?}"), display);
        // Raw, as documented.
        assert_eq!(error.api().unwrap().message(), Some(message));
        assert_eq!(error.body(), Some(body.as_str()));
    }
    // The names of an error map and the hint are the server's words, too.
    let body = r#"{"errors":{"jane":["no 5550001111"]},"hint":"drop jane.roe@acme.example"}"#;
    server.fail_next(Fault::respond(422, body));
    let error = update_customer(&cfg, ID, &patch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not applied: the API responded with 422: [..] no [..] (drop [..]"
    );
}

#[test]
fn names_of_two_letters_show() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    for (name, shown) in [
        ("a", "a bo"),
        (" \u{E9}b", "a bo"),
        ("bo", "a bo"),
        ("a bob", "a bo"),
    ] {
        server.fail_next(Fault::respond(422, r#"{"error":"a bo"}"#));
        let error = update_customer(&cfg, ID, &CustomerPatch::new().first_name(name)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("not applied: the API responded with 422: {shown}")
        );
    }
}

#[test]
fn messages_are_cut_at_300_characters() {
    for (message, shown) in [
        ("x".repeat(293), "x".repeat(293)),
        ("x".repeat(301), "[..]".into()),
        ("no ".repeat(1000), "no ".repeat(98) + "[..]"),
        (
            "no \u{1F600} ".repeat(1000),
            "no [..] ".repeat(36) + "no [..]",
        ),
        // No half of a word.
        (
            format!("{} june.roe@example.com", "x".repeat(290)),
            format!("{} [..]", "x".repeat(290)),
        ),
    ] {
        let body = serde_json::json!({ "error": message }).to_string();
        let error = respond(422, body.as_bytes());
        assert_eq!(
            error.to_string(),
            format!("not applied: the API responded with 422: {shown}")
        );
        assert_eq!(error.api().unwrap().message(), Some(message.as_str()));
    }
}

#[test]
fn the_message_stays_on_one_line() {
    for (message, shown) in [
        ("a\r\nb\tc", "a b c"),
        ("a \u{1B}[31mred\u{7} b", "a [..] b"),
        ("a b\0c\u{7F}d\u{9B}e", "a [..]"),
        ("a\u{2028}b\u{2029}c\u{85}d", "a b c d"),
        ("a b\u{202E}c\u{2066}d\u{200E}e", "a [..]"),
        // A field, by its letters.
        ("e\u{1B}mail is odd", "[..] is odd"),
        ("ema@il is odd", "[..] is odd"),
        (r#"quo"te \ caf"#, r#"quo"te [..] caf"#),
    ] {
        let body = serde_json::json!({ "error": message }).to_string();
        let error = respond(422, body.as_bytes());
        assert_eq!(
            error.to_string(),
            format!("not applied: the API responded with 422: {shown}")
        );
        assert_eq!(error.api().and_then(ApiError::message), Some(message));
    }
}

#[test]
fn redirects_are_never_followed() {
    let other = TestServer::start().unwrap();
    let server = TestServer::start().unwrap();
    let cfg = server.config().max_retries(3).retry_unknown(true);
    let cfg = cfg.build().unwrap();
    let location = format!("{}/api/v1/customers/{ID}", other.base_url());
    for status in 300..=399 {
        server.fail_next(Fault::respond(status, "").header("location", &location));
        let error = update_customer(&cfg, ID, &patch()).unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(error.attempts(), 1);
    }
    assert_eq!(server.requests().len(), 100);
    assert_eq!(other.requests(), []);
}

#[test]
fn interim_responses_are_skipped() {
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n",
        "HTTP/1.1 103 \r\n\r\nHTTP/1.1 103 \r\n\r\n",
    ] {
        let server = TestServer::start().unwrap();
        let cfg = one_attempt(&server);
        let last = "HTTP/1.1 422 \r\ncontent-length: 14\r\n\r\n{\"error\":\"no\"}";
        server.fail_next(Fault::Raw(format!("{interim}{last}").into_bytes()));
        let error = update_customer(&cfg, ID, &patch()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not applied: the API responded with 422: no",
            "{interim}"
        );
    }
}

#[test]
fn switching_protocols_is_no_success() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    let switch = Fault::respond(101, "").header("connection", "upgrade");
    server.fail_next(switch.header("upgrade", "websocket"));
    let error = update_customer(&cfg, ID, &patch()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown whether applied: the API responded with 101"
    );
}

#[test]
fn retry_after_is_returned() {
    for (value, expected) in [
        ("0", Some(0)),
        ("120", Some(120)),
        ("99999999999999999999", Some(u64::MAX)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("caf\u{E9}", None),
    ] {
        for status in [429, 422, 503, 302] {
            let server = TestServer::start().unwrap();
            let cfg = one_attempt(&server);
            server.fail_next(Fault::respond(status, "").header("Retry-After", value));
            let error = update_customer(&cfg, ID, &patch()).unwrap_err();
            let expected = expected.map(Duration::from_secs);
            assert_eq!(error.retry_after(), expected, "{status} {value}");
        }
    }
    // A date far ahead, whatever the clock says.
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    let date = "Fri, 31 Dec 9999 23:59:59 GMT";
    server.fail_next(Fault::respond(429, "").header("retry-after", date));
    let error = update_customer(&cfg, ID, &patch()).unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(365 * 86_400));
}

#[test]
fn never_waits_over_thirty_seconds() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().max_retries(5).build().unwrap();
    server.fail_next(Fault::respond(429, "").header("retry-after", "31"));
    let error = update_customer(&cfg, ID, &patch()).unwrap_err();
    assert_eq!(error.attempts(), 1);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(31)));
    assert!(error.is_transient());
    assert_eq!(error.outcome(), Outcome::NotApplied);
}

fn patch() -> CustomerPatch {
    CustomerPatch::new().email("june.roe@example.com")
}

/// The error of a call that gets this response.
#[track_caller]
fn respond(status: u16, body: &[u8]) -> Error {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    server.fail_next(Fault::respond(status, body));
    update_customer(&cfg, ID, &patch()).unwrap_err()
}
