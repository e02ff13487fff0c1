//! The response, read leniently: only its id is relied on.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeStruct, Serializer};
use serde_json::error::Category;
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

use crate::format::{self, Field, with_fields};
use crate::json::string_value;
use crate::patch::CustomerPatch;

/// Makes the struct, and all that goes through its fields.
macro_rules! customer {
    (
        $(#[$meta:meta])*
        pub struct Customer {
            $(#[$id_doc:meta])*
            pub id: String,
            $($(#[$doc:meta])* pub $name:ident: Option<$type:ty>,)+
        }
    ) => {
        $(#[$meta])*
        pub struct Customer {
            $(#[$id_doc])*
            pub id: String,
            $($(#[$doc])* pub $name: Option<$type>,)+
            json: String,
            request_id: Option<Arc<str>>,
            attempts: u32,
        }

        /// The fields of a response, in the order of the API's page.
        pub(crate) const NAMES: &[&str] = &["id", $(stringify!($name)),+];

        impl From<Fields<'_>> for Customer {
            fn from(fields: Fields<'_>) -> Self {
                Self {
                    $($name: fields.value(stringify!($name)),)+
                    id: fields.id.into_owned(),
                    json: String::new(),
                    request_id: None,
                    attempts: 1,
                }
            }
        }

        impl PartialEq for Customer {
            fn eq(&self, other: &Self) -> bool {
                // Not how it came, which differs for the same customer.
                self.id == other.id $(&& self.$name == other.$name)+
            }
        }

        impl fmt::Debug for Customer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Customer")
                    .field("id", &self.id)
                    $(.field(stringify!($name), &self.$name.as_ref().map(Value::shown)))+
                    .finish_non_exhaustive()
            }
        }

        impl Serialize for Customer {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("Customer", NAMES.len())?;
                fields.serialize_field("id", &self.id)?;
                $(
                    let text = self.$name.as_ref().map(Value::to_text).transpose();
                    fields.serialize_field(stringify!($name), &text.map_err(S::Error::custom)?)?;
                )+
                fields.end()
            }
        }
    };
}

customer! {
    /// The customer as the API returned it, after the change.
    ///
    /// Only `id` may be relied on: the API's sister calls leave fields out. A field
    /// that is absent, null or not of the documented form is `None` here, and as
    /// received in [`raw_json`](Self::raw_json).
    ///
    /// Dates and times are of the crate [`time`] 0.3, which this crate exports.
    ///
    /// Serializing writes the nine public fields in the order of the API's page, null for
    /// `None`, times in RFC 3339. Comparing compares those nine. [`Debug`] shows the id
    /// and the two times, and of the other fields only whether they are there.
    ///
    /// # Example
    ///
    /// ```
    /// use paywithsoap::testing::TestServer;
    /// use paywithsoap::{CustomerPatch, update_customer};
    ///
    /// let server = TestServer::start()?;
    /// let cfg = server.config().build()?;
    /// let patch = CustomerPatch::new().date_of_birth("1990-01-31");
    /// let customer = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch)?;
    /// assert_eq!(customer.date_of_birth.map(|date| date.year()), Some(1990));
    /// assert!(customer.raw_json().contains(r#""date_of_birth":"1990-01-31""#));
    /// println!("{}", serde_json::to_string(&customer)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone)]
    #[non_exhaustive]
    pub struct Customer {
        /// The Soap customer id, the one that was passed to the call.
        pub id: String,
        /// The id in the business's own system.
        pub internal_id: Option<String>,
        /// The e-mail address.
        pub email: Option<String>,
        /// The first name.
        pub first_name: Option<String>,
        /// The last name.
        pub last_name: Option<String>,
        /// The phone number, 10 digits where it is as documented.
        pub phone_number: Option<String>,
        /// The date of birth.
        pub date_of_birth: Option<Date>,
        /// When the customer was created.
        pub created_at: Option<OffsetDateTime>,
        /// When the customer was last changed.
        pub updated_at: Option<OffsetDateTime>,
    }
}

impl Eq for Customer {}

impl Customer {
    /// Returns the response body as received.
    #[must_use]
    pub fn raw_json(&self) -> &str {
        &self.json
    }

    /// Returns the response's `x-request-id`, else `request-id`, else `cf-ray`, which
    /// the API's support may ask for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns how many times the request was sent or tried to be, at least 1: more
    /// after retries.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns the fields whose value in the response is not the one that `patch`
    /// sets, in field order.
    ///
    /// `Ok` means that the API accepted the change. A server may respond with 200 all
    /// the same and drop a value that it cannot store, such as a date that its
    /// database does not have. A field counts if it is in the response with another
    /// value, or with null. One that is absent does not, nor does one that `patch`
    /// sets to a malformed value.
    ///
    /// E-mail addresses are compared without ASCII case, names without the white space
    /// around them, phone numbers by their last ten digits, and dates without a time
    /// behind them. This is a hint to look at, and no proof: a server may mask a value
    /// or write it in another way.
    ///
    /// # Example
    ///
    /// ```
    /// use paywithsoap::testing::{Fault, TestServer};
    /// use paywithsoap::{CustomerPatch, update_customer};
    ///
    /// let server = TestServer::start()?;
    /// let cfg = server.config().build()?;
    /// let id = TestServer::CUSTOMER_ID;
    /// let body = format!(r#"{{"id":"{id}","email":"JANE@example.com","date_of_birth":null}}"#);
    /// server.fail_next(Fault::respond(200, body));
    ///
    /// let patch = CustomerPatch::new().email("jane@example.com").date_of_birth("1582-10-10");
    /// let customer = update_customer(&cfg, id, &patch)?;
    /// assert_eq!(customer.mismatches(&patch), ["date_of_birth"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn mismatches(&self, patch: &CustomerPatch) -> Vec<&'static str> {
        // It was read before, so that this cannot fail.
        let Ok(fields) = serde_json::from_str::<Fields<'_>>(without_bom(&self.json)) else {
            return Vec::new();
        };
        patch
            .values()
            .filter(|(field, sent)| {
                let received = fields.get(field.name());
                received.is_some_and(|json| !is_same(*field, sent, json.get()))
            })
            .map(|(field, _)| field.name())
            .collect()
    }

    /// Reads a response, which must be a JSON object with this id. Returns any other
    /// body with the reason, which does not quote it.
    pub(crate) fn read(id: &str, body: Vec<u8>) -> Result<Self, (Cow<'static, str>, Vec<u8>)> {
        let json = match String::from_utf8(body) {
            Ok(json) => json,
            Err(error) => return Err(("the body is not UTF-8".into(), error.into_bytes())),
        };
        let text = without_bom(&json);
        let reason = match serde_json::from_str::<Fields<'_>>(text) {
            Ok(fields) if fields.id == id => {
                let customer = Self::from(fields);
                return Ok(Self { json, ..customer });
            }
            // A response to another request, kept by a proxy or a confused server, would
            // otherwise pass for this one.
            Ok(_) => "the body has another id than the one requested".into(),
            // Only where, and not what: serde_json may quote the body.
            Err(error) => match error.classify() {
                Category::Data => "the body is not a JSON object with an id".into(),
                Category::Eof if text.trim().is_empty() => "the body is empty".into(),
                Category::Eof => "the body is JSON that ends too early".into(),
                Category::Io | Category::Syntax => {
                    let (line, column) = (error.line(), error.column());
                    format!("the body is not JSON at line {line} column {column}").into()
                }
            },
        };
        Err((reason, json.into_bytes()))
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<Arc<str>>) -> Self {
        self.request_id = request_id;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }
}

/// Returns a response's text without the byte order mark that some servers put
/// before it.
fn without_bom(json: &str) -> &str {
    json.strip_prefix('\u{FEFF}').unwrap_or(json)
}

/// Returns whether a JSON value is the one that was sent in a field.
fn is_same(field: Field, sent: &str, json: &str) -> bool {
    let Some(text) = string_value(json) else {
        // A server may store a phone number as a number.
        let is_integer = json.bytes().all(|b| b.is_ascii_digit());
        return field == Field::PhoneNumber && is_integer && last_ten_digits(json) == sent;
    };
    match field {
        Field::Email => text.eq_ignore_ascii_case(sent),
        Field::FirstName | Field::LastName => text.trim() == sent.trim(),
        Field::PhoneNumber => last_ten_digits(&text) == sent,
        Field::DateOfBirth => text
            .strip_prefix(sent)
            .is_some_and(|time| time.is_empty() || time.starts_with(['T', ' '])),
    }
}

/// Returns the end of a phone number, without country code and punctuation.
fn last_ten_digits(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(10)..].into()
}

/// What a field of a customer may hold.
trait Value: Sized {
    fn from_text(text: Cow<'_, str>) -> Option<Self>;

    fn to_text(&self) -> Result<String, time::error::Format>;

    /// What Debug shows of it.
    fn shown(&self) -> &dyn fmt::Debug {
        &Hidden
    }
}

impl Value for String {
    fn from_text(text: Cow<'_, str>) -> Option<Self> {
        Some(text.into_owned())
    }

    fn to_text(&self) -> Result<String, time::error::Format> {
        Ok(self.clone())
    }
}

impl Value for Date {
    fn from_text(text: Cow<'_, str>) -> Option<Self> {
        format::date_of_birth(&text).ok()
    }

    fn to_text(&self) -> Result<String, time::error::Format> {
        // A Date's Display is the API's own form.
        Ok(self.to_string())
    }
}

impl Value for OffsetDateTime {
    fn from_text(text: Cow<'_, str>) -> Option<Self> {
        // With any offset: Rails writes `Z`, and may be told to write others.
        Self::parse(&text, &Rfc3339).ok()
    }

    fn to_text(&self) -> Result<String, time::error::Format> {
        self.format(&Rfc3339)
    }

    fn shown(&self) -> &dyn fmt::Debug {
        self
    }
}

/// Stands for a value that Debug does not show.
struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// The id of a response, and its other fields as JSON by their place in `NAMES`.
struct Fields<'de> {
    id: Cow<'de, str>,
    values: [Option<&'de RawValue>; NAMES.len()],
}

impl<'de> Fields<'de> {
    /// Returns the JSON of a field, unless it is absent.
    fn get(&self, name: &str) -> Option<&'de RawValue> {
        self.values[NAMES.iter().position(|known| *known == name)?]
    }

    /// Returns the value of a field, unless it is absent or of another form.
    fn value<T: Value>(&self, name: &str) -> Option<T> {
        T::from_text(string_value(self.get(name)?.get())?)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a customer")
    }

    // Into serde_json's reader, which saves a call some 200 instructions.
    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; NAMES.len()];
        let mut id: Option<Cow<'de, str>> = None;
        while let Some(Key(place)) = map.next_key()? {
            // As JSON, since it may be anything: a number that no type holds, say.
            let value: &RawValue = map.next_value()?;
            match place {
                None => {}
                // Of a repeated field the last counts, but of an id each must be the same.
                Some(ID) => match string_value(value.get()) {
                    Some(text) if id.as_ref().is_none_or(|id| *id == text) => id = Some(text),
                    _ => return Err(A::Error::custom("not one id")),
                },
                Some(place) => values[place] = Some(value),
            }
        }
        let id = id.ok_or_else(|| A::Error::custom("no id"))?;
        Ok(Fields { id, values })
    }
}

/// A key's place in `NAMES`, if it has one.
struct Key(Option<usize>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes: a key that no str can hold, a lone surrogate say, is none of ours.
        deserializer.deserialize_bytes(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E: serde::de::Error>(self, key: &[u8]) -> Result<Key, E> {
        Ok(Key(NAMES.iter().position(|name| name.as_bytes() == key)))
    }
}

/// The place of `id` in `NAMES`.
const ID: usize = 0;

/// Every field that a patch can set is in the response, or this does not compile.
macro_rules! check_fields {
    ($($(#[$doc:meta])* $variant:ident $name:ident: $check:ident,)+) => {
        const _: fn(&Customer) = |customer| { $(let _ = &customer.$name;)+ };
    };
}

with_fields!(check_fields);
