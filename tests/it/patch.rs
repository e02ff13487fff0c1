//! `CustomerPatch`: what it rejects, what it writes, and what it reads.

use std::collections::HashMap;
use std::fmt;

use paywithsoap::testing::TestServer;
use paywithsoap::{CustomerPatch, Error, ErrorKind, Outcome, Violation, update_customer, validate};
use serde::Deserialize;
use serde::de::value::{
    EnumAccessDeserializer, Error as ValueError, MapDeserializer, StrDeserializer,
};
use serde::de::{Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde_json::Value;

#[test]
fn reports_every_violation_in_field_order() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    let error = update_customer(&cfg, "user_123", &malformed()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not applied: \
         id must be the Soap customer id, `cus_` and 1 to 128 letters or digits; \
         an internal_id is not one; \
         email must be an e-mail address, like customer@example.com: there is no `@`; \
         first_name must contain at least one visible character: \
         leave the field out to keep the name as it is; \
         last_name must not contain a control character or line break; \
         phone_number must be exactly 10 digits: drop the country code, \
         and write the digits alone; \
         date_of_birth must be written YYYY-MM-DD, year first: \
         02/03/1990 means two different days"
    );
    let fields = [
        "id",
        "email",
        "first_name",
        "last_name",
        "phone_number",
        "date_of_birth",
    ];
    assert_eq!(fields_of(&error), fields);
    assert!(matches!(error.kind(), ErrorKind::InvalidInput(v) if v.len() == 6));
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!(error.attempts(), 0);
    assert!(!error.is_transient());
    assert_eq!(error.status(), None);
    assert_eq!(error.body(), None);
    assert_eq!(error.request_id(), None);
    assert_eq!(error.retry_after(), None);
    assert!(error.api().is_none());
    assert!(std::error::Error::source(&error).is_none());
    assert_eq!(server.requests(), []);
}

#[test]
fn reports_empty_patches_after_the_id() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    let patch = CustomerPatch::new();
    let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not applied: patch must set at least one field"
    );
    let error = update_customer(&cfg, "cus_-", &patch).unwrap_err();
    assert_eq!(fields_of(&error), ["id", "patch"]);
}

#[test]
fn validate_rejects_what_a_call_would() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    let good = || CustomerPatch::new().email("a@b");
    for (id, patch) in [
        ("user_123", malformed()),
        ("cus_-", CustomerPatch::new()),
        ("", good()),
        (TestServer::CUSTOMER_ID, malformed()),
        (TestServer::CUSTOMER_ID, good().phone_number("1")),
    ] {
        let error = validate(id, &patch).unwrap_err();
        let call = update_customer(&cfg, id, &patch).unwrap_err();
        assert_eq!(error.violations(), call.violations());
        assert_eq!(error.outcome(), Outcome::NotApplied);
        assert_eq!(error.attempts(), 0);
    }
    validate("cus_1", &good()).unwrap();
    assert_eq!(server.requests(), []);
}

#[test]
fn validate_and_to_json_reject_alike() {
    let (check, json) = (malformed().validate(), malformed().to_json());
    let fields = [
        "email",
        "first_name",
        "last_name",
        "phone_number",
        "date_of_birth",
    ];
    for error in [check.unwrap_err(), json.unwrap_err()] {
        assert_eq!(fields_of(&error), fields);
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }
    let empty = CustomerPatch::new();
    for error in [empty.validate().unwrap_err(), empty.to_json().unwrap_err()] {
        assert_eq!(fields_of(&error), ["patch"]);
    }
    assert!(CustomerPatch::new().email("a@b").validate().is_ok());
}

#[test]
fn one_violation_rejects_the_whole_patch() {
    let patch = CustomerPatch::new().email("a@b").phone_number("1");
    assert_eq!(fields_of(&patch.to_json().unwrap_err()), ["phone_number"]);
}

#[test]
fn the_last_call_per_field_wins() {
    let set: [fn(CustomerPatch, &str) -> CustomerPatch; 5] = [
        |patch, value| patch.email(value),
        |patch, value| patch.first_name(value),
        |patch, value| patch.last_name(value),
        |patch, value| patch.phone_number(value),
        |patch, value| patch.date_of_birth(value),
    ];
    for (set, good, better) in [
        (set[0], "a@b", "c@d"),
        (set[1], "Jane", "June"),
        (set[2], "Doe", "Roe"),
        (set[3], "5551234567", "5557654321"),
        (set[4], "1990-01-01", "1991-01-01"),
    ] {
        let new = CustomerPatch::new;
        assert_eq!(set(set(new(), "\n"), good), set(new(), good));
        assert_eq!(set(set(new(), good), "\n"), set(new(), "\n"));
        assert_eq!(set(set(new(), good), better), set(new(), better));
        assert!(set(set(new(), "\n"), good).validate().is_ok());
        assert!(set(set(new(), good), "\n").validate().is_err());
    }
}

#[test]
fn only_patches_without_fields_are_empty() {
    assert!(CustomerPatch::new().is_empty());
    assert!(CustomerPatch::default().is_empty());
    assert!(!CustomerPatch::new().email("a@b").is_empty());
    assert!(!CustomerPatch::new().first_name("J").is_empty());
    assert!(!CustomerPatch::new().last_name("D").is_empty());
    assert!(!CustomerPatch::new().phone_number("5551234567").is_empty());
    // A violation is a field that was set, too.
    assert!(!CustomerPatch::new().date_of_birth("").is_empty());
}

#[test]
fn setter_order_does_not_affect_equality() {
    let one = CustomerPatch::new().email("a@b").first_name("Jane");
    let other = CustomerPatch::new().first_name("Jane").email("a@b");
    assert_eq!(one, other);
    assert_eq!(one, one.clone());
    assert_ne!(one, CustomerPatch::new().email("a@b"));
    assert_ne!(one, CustomerPatch::new().email("a@b").last_name("Jane"));
    assert_ne!(one, CustomerPatch::new().email("a@B").first_name("Jane"));
}

#[test]
fn setters_take_whatever_becomes_a_string() {
    let patch = CustomerPatch::new()
        .email(String::from("a@b"))
        .first_name('J')
        .last_name(std::borrow::Cow::from("Doe"))
        .phone_number(Box::<str>::from("5551234567"))
        .date_of_birth("1990-01-01");
    assert_eq!(
        patch.to_json().unwrap(),
        concat!(
            r#"{"email":"a@b","first_name":"J","last_name":"Doe","#,
            r#""phone_number":"5551234567","date_of_birth":"1990-01-01"}"#
        )
    );
}

#[test]
fn reads_escaped_json_in_any_order() {
    let patch: CustomerPatch = serde_json::from_str(
        r#" { "phone_number" : "5551234567", "first\u005fname": "J\u0061ne" } "#,
    )
    .unwrap();
    let expected = CustomerPatch::new()
        .first_name("Jane")
        .phone_number("5551234567");
    assert_eq!(patch, expected);
    assert!(
        serde_json::from_str::<CustomerPatch>("{}")
            .unwrap()
            .is_empty()
    );
}

#[test]
fn reads_what_it_writes() {
    let patch = CustomerPatch::new()
        .email("a@b")
        .first_name("Ren\u{E9}e \"R\"")
        .last_name("\u{1F600}")
        .phone_number("5551234567")
        .date_of_birth("1990-01-01");
    let read: CustomerPatch = serde_json::from_str(&patch.to_json().unwrap()).unwrap();
    assert_eq!(read, patch);
}

#[test]
fn reads_from_every_kind_of_deserializer() {
    let expected = CustomerPatch::new()
        .email("a@b")
        .date_of_birth("1990-01-01");
    let text = r#"{"date_of_birth":"1990-01-01","email":"a@b"}"#;
    let slice: CustomerPatch = serde_json::from_slice(text.as_bytes()).unwrap();
    assert_eq!(slice, expected);
    let reader: CustomerPatch = serde_json::from_reader(text.as_bytes()).unwrap();
    assert_eq!(reader, expected);
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(CustomerPatch::deserialize(&value).unwrap(), expected);
    assert_eq!(
        serde_json::from_value::<CustomerPatch>(value).unwrap(),
        expected
    );
    let map = HashMap::from([("email", "a@b"), ("date_of_birth", "1990-01-01")]);
    assert_eq!(from_map(map).unwrap(), expected);
    let owned = [("email", "a@b"), ("date_of_birth", "1990-01-01")];
    let owned = owned.map(|(key, value)| (key.to_string(), value.to_string()));
    assert_eq!(from_map(HashMap::from(owned)).unwrap(), expected);
    // An option around it is looked through.
    let some: Option<CustomerPatch> = serde_json::from_str(text).unwrap();
    assert_eq!(some, Some(expected));
}

#[test]
fn reads_as_a_flattened_field() {
    let job: Job = serde_json::from_str(r#"{"email":"a@b","id":"cus_1","first_name":""}"#).unwrap();
    assert_eq!(job.id, "cus_1");
    assert_eq!(job.patch, CustomerPatch::new().email("a@b").first_name(""));
    let error = serde_json::from_str::<Job>(r#"{"id":"cus_1","other":"x"}"#);
    assert_eq!(
        error.err().unwrap().to_string(),
        format!("{UNKNOWN} at line 1 column 26")
    );
    let error = serde_json::from_str::<Job>(r#"{"id":"cus_1","email":null}"#);
    assert_eq!(
        error.err().unwrap().to_string(),
        "email must be a string, and not null: leave the field out to keep its value \
         at line 1 column 27"
    );
}

#[test]
fn malformed_values_are_read_as_violations() {
    let patch: CustomerPatch = serde_json::from_str(
        r#"{"date_of_birth":"02/13/1990","phone_number":"+1 555 123 4567",
            "last_name":"\n","first_name":" ","email":"jane"}"#,
    )
    .unwrap();
    assert_eq!(patch, malformed());
    let map = HashMap::from([("email", "")]);
    assert_eq!(from_map(map).unwrap(), CustomerPatch::new().email(""));
}

#[test]
fn rejects_all_but_maps_of_strings() {
    const NO_MAP: &str = "a patch must be a map of customer fields to strings";
    let long = format!("\"{}\"", "S3CRET".repeat(1000));
    for (json, message) in [
        (r#"{"S3CRET":"x"}"#, UNKNOWN),
        (r#"{"Email":"x"}"#, UNKNOWN),
        (r#"{"email ":"x"}"#, UNKNOWN),
        (r#"{"":"x"}"#, UNKNOWN),
        (r#"{"id":"cus_1"}"#, UNKNOWN),
        (r#"{"email":"a@b","S3CRET":{}}"#, UNKNOWN),
        (r#"{"email":"a@b","email":"S3CRET"}"#, "email is set twice"),
        (r#"{"email":"S3CRET","email":"a@b"}"#, "email is set twice"),
        (
            r#"{"first_name":"J","first_name":"J"}"#,
            "first_name is set twice",
        ),
        (
            r#"{"last_name":"J","email":"a@b","last_name":null}"#,
            "last_name is set twice",
        ),
        (
            r#"{"phone_number":"1","phone_number":"1"}"#,
            "phone_number is set twice",
        ),
        (
            r#"{"date_of_birth":"1","date_of_birth":1}"#,
            "date_of_birth is set twice",
        ),
        (
            r#"{"email":null}"#,
            "email must be a string, and not null: leave the field out to keep its value",
        ),
        (
            r#"{"phone_number":null}"#,
            "phone_number must be a string, and not null: leave the field out to keep its value",
        ),
        (r#"{"first_name":true}"#, "first_name must be a string"),
        (r#"{"last_name":["S3CRET"]}"#, "last_name must be a string"),
        (
            r#"{"phone_number":5551234567}"#,
            r#"phone_number must be a string in quotes, like "5551234567""#,
        ),
        (
            r#"{"phone_number":-5551234567}"#,
            r#"phone_number must be a string in quotes, like "5551234567""#,
        ),
        (
            r#"{"phone_number":5551234567.5}"#,
            r#"phone_number must be a string in quotes, like "5551234567""#,
        ),
        (
            r#"{"phone_number":55512345675551234567555123456755512345675551234567}"#,
            r#"phone_number must be a string in quotes, like "5551234567""#,
        ),
        (
            r#"{"date_of_birth":{"S3CRET":1}}"#,
            r#"date_of_birth must be a string in quotes, like "1990-01-31""#,
        ),
        (
            r#"{"date_of_birth":{}}"#,
            r#"date_of_birth must be a string in quotes, like "1990-01-31""#,
        ),
        ("null", NO_MAP),
        ("true", NO_MAP),
        ("5551234567", NO_MAP),
        ("-5551234567", NO_MAP),
        ("0.5551234567", NO_MAP),
        ("\"S3CRET\"", NO_MAP),
        (long.as_str(), NO_MAP),
        ("[]", NO_MAP),
        (r#"["S3CRET"]"#, NO_MAP),
        (r#"[["email","S3CRET"]]"#, NO_MAP),
        // What is no JSON at all, the format says itself, without quoting.
        (r#"{"email":"\ud800"}"#, "unexpected end of hex escape"),
        (r#"{"email":"S3CRET"#, "EOF while parsing a string"),
        (r#"{"email":S3CRET}"#, "expected value"),
        (r#"{"email":"a@b"} S3CRET"#, "trailing characters"),
        ("", "EOF while parsing a value"),
    ] {
        let error = serde_json::from_str::<CustomerPatch>(json)
            .unwrap_err()
            .to_string();
        let (text, place) = error
            .split_once(" at line ")
            .unwrap_or_else(|| panic!("{error}"));
        assert_eq!(text, message, "{json}");
        assert!(place.starts_with("1 column "), "{error}");

        // A Value has lost its place and its repeated keys, and quotes as little.
        if let Ok(value) = serde_json::from_str::<Value>(json)
            && !message.ends_with("twice")
        {
            let by_reference = CustomerPatch::deserialize(&value).unwrap_err();
            assert_eq!(by_reference.to_string(), message, "{json}");
            let owned = serde_json::from_value::<CustomerPatch>(value).unwrap_err();
            assert_eq!(owned.to_string(), message, "{json}");
        }
    }
}

#[test]
fn rejects_numbers_that_no_type_holds() {
    for (json, rule) in [
        (r#"{"phone_number":1e999}"#, "phone_number must be a string"),
        ("1e999", "a patch must be a map"),
    ] {
        let error = serde_json::from_str::<CustomerPatch>(json).unwrap_err();
        // With `arbitrary_precision` it is a number like any other.
        let text = error.to_string();
        let expected = ["number out of range at ", rule];
        assert!(
            expected.iter().any(|start| text.starts_with(start)),
            "{text}"
        );
    }
}

#[test]
fn rejects_values_unknown_to_json() {
    fn rejected<'de, D: Deserializer<'de>>(value: D) -> String
    where
        D::Error: fmt::Display,
    {
        CustomerPatch::deserialize(value).err().unwrap().to_string()
    }
    fn in_field<'de, V: IntoDeserializer<'de, ValueError>>(value: V) -> String {
        rejected(MapDeserializer::new([("email", value)].into_iter()))
    }
    const NO_MAP: &str = "a patch must be a map of customer fields to strings";

    assert_eq!(in_field('S'), "email must be a string");
    assert_eq!(in_field(b"S3CRET".as_slice()), "email must be a string");
    assert_eq!(in_field(i128::MIN), "email must be a string");
    assert_eq!(in_field(u128::MAX), "email must be a string");
    assert_eq!(in_field(1.5_f32), "email must be a string");
    assert_eq!(in_field(f64::NAN), "email must be a string");
    assert_eq!(
        in_field(()),
        "email must be a string, and not null: leave the field out to keep its value"
    );
    assert_eq!(in_field(7_i8), "email must be a string");
    assert_eq!(in_field(vec!["S3CRET"]), "email must be a string");

    let character: serde::de::value::CharDeserializer<ValueError> = 'S'.into_deserializer();
    assert_eq!(rejected(character), NO_MAP);
    let bytes: serde::de::value::BytesDeserializer<ValueError> =
        b"S3CRET".as_slice().into_deserializer();
    assert_eq!(rejected(bytes), NO_MAP);
    let number: serde::de::value::U128Deserializer<ValueError> = u128::MAX.into_deserializer();
    assert_eq!(rejected(number), NO_MAP);
    let number: serde::de::value::I128Deserializer<ValueError> = i128::MIN.into_deserializer();
    assert_eq!(rejected(number), NO_MAP);
    let unit: serde::de::value::UnitDeserializer<ValueError> = ().into_deserializer();
    assert_eq!(rejected(unit), NO_MAP);
    let variant: StrDeserializer<'_, ValueError> = "S3CRET".into_deserializer();
    assert_eq!(rejected(EnumAccessDeserializer::new(variant)), NO_MAP);
    // As serde_json's `arbitrary_precision` has a number.
    let number: MapDeserializer<'_, _, ValueError> =
        MapDeserializer::new([("$serde_json::private::Number", "1e999")].into_iter());
    assert_eq!(rejected(number), NO_MAP);

    // Keys that are no text.
    let keys: MapDeserializer<'_, _, ValueError> =
        MapDeserializer::new([(7_u64, "S3CRET")].into_iter());
    assert_eq!(rejected(keys), UNKNOWN);
    let keys: MapDeserializer<'_, _, ValueError> =
        MapDeserializer::new([(b"email".as_slice(), "S3CRET")].into_iter());
    assert_eq!(rejected(keys), UNKNOWN);
}

/// Some formats, such as RON and CBOR, have a null that serde sees as an option.
#[test]
fn reads_options_as_what_they_hold() {
    let read = |email| {
        let fields = MapDeserializer::new([("email", Optional(email))].into_iter());
        CustomerPatch::deserialize(fields)
    };
    let patch = read(Some("jane@example.com")).unwrap();
    assert_eq!(patch, CustomerPatch::new().email("jane@example.com"));
    assert_eq!(
        read(None).unwrap_err().to_string(),
        "email must be a string, and not null: leave the field out to keep its value"
    );
}

/// A value of a format that has options.
struct Optional(Option<&'static str>);

impl<'de> Deserializer<'de> for Optional {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Some(text) => visitor.visit_some(text.into_deserializer()),
            None => visitor.visit_none(),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

impl IntoDeserializer<'_, ValueError> for Optional {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

const UNKNOWN: &str =
    "a key must be one of email, first_name, last_name, phone_number, date_of_birth";

/// A line of somebody's file: an id, and the patch beside it.
struct Job {
    id: String,
    patch: CustomerPatch,
}

/// As serde's `flatten` does it: what the struct itself does not know is
/// buffered, and handed on as a map.
impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JobVisitor;

        impl<'de> Visitor<'de> for JobVisitor {
            type Value = Job;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a job")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Job, A::Error> {
                let mut rest: Vec<(String, Value)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    rest.push(entry);
                }
                let at = rest.iter().position(|(key, _)| key == "id").unwrap();
                let id = rest.remove(at).1.as_str().unwrap().into();
                let rest = rest
                    .into_iter()
                    .map(|(key, value)| (key, Relay(value)))
                    .collect::<Vec<_>>();
                let rest = MapDeserializer::new(rest.into_iter());
                let patch = CustomerPatch::deserialize(rest)
                    .map_err(|error: serde_json::Error| serde::de::Error::custom(error))?;
                Ok(Job { id, patch })
            }
        }

        deserializer.deserialize_map(JobVisitor)
    }
}

/// A value that deserializes from itself.
struct Relay(Value);

impl IntoDeserializer<'_, serde_json::Error> for Relay {
    type Deserializer = Value;

    fn into_deserializer(self) -> Value {
        self.0
    }
}

/// A patch with every field malformed.
fn malformed() -> CustomerPatch {
    CustomerPatch::new()
        .date_of_birth("02/13/1990")
        .phone_number("+1 555 123 4567")
        .last_name("\n")
        .first_name(" ")
        .email("jane")
}

fn from_map<'de, K, V>(map: HashMap<K, V>) -> Result<CustomerPatch, ValueError>
where
    K: IntoDeserializer<'de, ValueError>,
    V: IntoDeserializer<'de, ValueError>,
{
    CustomerPatch::deserialize(MapDeserializer::new(map.into_iter()))
}

fn fields_of(error: &Error) -> Vec<&'static str> {
    error.violations().iter().map(Violation::field).collect()
}
