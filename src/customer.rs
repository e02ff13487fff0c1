//! The response, read leniently: only its id is relied on.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeStruct, Serializer};
use serde_json::error::Category;
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

use crate::format::{self, Field};
use crate::patch::CustomerPatch;

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
    json: String,
    request_id: Option<String>,
}

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
    /// body with the reason.
    pub(crate) fn read(id: &str, body: Vec<u8>) -> Result<Self, (InvalidBody, Vec<u8>)> {
        let json = match String::from_utf8(body) {
            Ok(json) => json,
            Err(error) => return Err((InvalidBody::Utf8, error.into_bytes())),
        };
        let text = without_bom(&json);
        let fields = match serde_json::from_str::<Fields<'_>>(text) {
            Ok(fields) => fields,
            Err(error) => {
                // Only where, and not what: serde_json may quote the body.
                let reason = match error.classify() {
                    Category::Data => InvalidBody::NoCustomer,
                    Category::Eof if text.trim().is_empty() => InvalidBody::Empty,
                    Category::Eof => InvalidBody::Early,
                    Category::Io | Category::Syntax => InvalidBody::Json {
                        line: error.line(),
                        column: error.column(),
                    },
                };
                return Err((reason, json.into_bytes()));
            }
        };
        // A response to another request, kept by a proxy or a confused server, would
        // otherwise pass for this one.
        if fields.id != id {
            return Err((InvalidBody::OtherId, json.into_bytes()));
        }
        let [
            _,
            internal_id,
            email,
            first_name,
            last_name,
            phone_number,
            date_of_birth,
            created_at,
            updated_at,
        ] = fields.values.map(|json| string_value(json?.get()));
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        // RFC 3339 with any offset: Rails writes `Z`, and may be told to write others.
        let timestamp = |text: Option<Cow<'_, str>>| OffsetDateTime::parse(&text?, &Rfc3339).ok();
        Ok(Self {
            id: id.into(),
            internal_id: owned(internal_id),
            email: owned(email),
            first_name: owned(first_name),
            last_name: owned(last_name),
            phone_number: owned(phone_number),
            date_of_birth: date_of_birth.and_then(|date| format::date_of_birth(&date).ok()),
            created_at: timestamp(created_at),
            updated_at: timestamp(updated_at),
            request_id: None,
            json,
        })
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<String>) -> Self {
        self.request_id = request_id;
        self
    }
}

impl PartialEq for Customer {
    fn eq(&self, other: &Self) -> bool {
        // Not the JSON and the request id, which differ for the same customer.
        self.id == other.id
            && self.internal_id == other.internal_id
            && self.email == other.email
            && self.first_name == other.first_name
            && self.last_name == other.last_name
            && self.phone_number == other.phone_number
            && self.date_of_birth == other.date_of_birth
            && self.created_at == other.created_at
            && self.updated_at == other.updated_at
    }
}

impl Eq for Customer {}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Customer");
        shown.field("id", &self.id);
        for (name, there) in [
            ("internal_id", self.internal_id.is_some()),
            ("email", self.email.is_some()),
            ("first_name", self.first_name.is_some()),
            ("last_name", self.last_name.is_some()),
            ("phone_number", self.phone_number.is_some()),
            ("date_of_birth", self.date_of_birth.is_some()),
        ] {
            shown.field(
                name,
                &format_args!("{}", if there { "Some(..)" } else { "None" }),
            );
        }
        shown
            .field("created_at", &self.created_at)
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}

impl Serialize for Customer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = |time: Option<OffsetDateTime>| {
            time.map(|time| time.format(&Rfc3339).map_err(S::Error::custom))
                .transpose()
        };
        let mut fields = serializer.serialize_struct("Customer", 9)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("internal_id", &self.internal_id)?;
        fields.serialize_field("email", &self.email)?;
        fields.serialize_field("first_name", &self.first_name)?;
        fields.serialize_field("last_name", &self.last_name)?;
        fields.serialize_field("phone_number", &self.phone_number)?;
        // A Date's Display is the API's own form.
        fields.serialize_field("date_of_birth", &self.date_of_birth.map(|d| d.to_string()))?;
        fields.serialize_field("created_at", &time(self.created_at)?)?;
        fields.serialize_field("updated_at", &time(self.updated_at)?)?;
        fields.end()
    }
}

/// Why a 2xx response is not the customer. None of it quotes the response.
#[derive(Debug)]
pub(crate) enum InvalidBody {
    Early,
    Empty,
    Json { line: usize, column: usize },
    NoCustomer,
    OtherId,
    Status,
    TooLong,
    Truncated(Box<dyn StdError + Send + Sync>),
    Utf8,
}

impl fmt::Display for InvalidBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Early => "the body is JSON that ends too early",
            Self::Empty => "the body is empty",
            Self::Json { line, column } => {
                return write!(f, "the body is not JSON at line {line} column {column}");
            }
            Self::NoCustomer => "the body is not a JSON object with an id",
            Self::OtherId => "the body has another id than the one requested",
            Self::Status => "the status is neither 200 nor 201",
            Self::TooLong => "the body is longer than 1 MiB",
            Self::Truncated(_) => "the body is truncated",
            Self::Utf8 => "the body is not UTF-8",
        })
    }
}

impl StdError for InvalidBody {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Truncated(cause) => Some(&**cause),
            Self::Early
            | Self::Empty
            | Self::Json { .. }
            | Self::NoCustomer
            | Self::OtherId
            | Self::Status
            | Self::TooLong
            | Self::Utf8 => None,
        }
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

/// The id of a response, and its other fields as JSON by their place in `NAMES`.
struct Fields<'de> {
    id: Cow<'de, str>,
    values: [Option<&'de RawValue>; 9],
}

impl<'de> Fields<'de> {
    /// Returns the JSON of a field, unless it is absent.
    fn get(&self, name: &str) -> Option<&'de RawValue> {
        self.values[NAMES.iter().position(|known| *known == name)?]
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

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; 9];
        let mut id: Option<Cow<'de, str>> = None;
        while let Some(Key(place)) = map.next_key()? {
            let Some(place) = place else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            // As JSON, since it may be anything: a number that no type holds, say.
            let value: &RawValue = map.next_value()?;
            // Of a repeated field the last counts, but of an id each must be the same.
            if place != ID {
                values[place] = Some(value);
                continue;
            }
            match string_value(value.get()) {
                Some(text) if id.as_ref().is_none_or(|id| *id == text) => id = Some(text),
                _ => return Err(A::Error::custom("not one id")),
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

/// The text of a JSON value, if it is a string.
fn string_value(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    // The value was read as JSON before, so that nothing else is left to undo.
    Some(Cow::Borrowed(inside))
}

/// The fields of a response, in the order of the API's page.
pub(crate) const NAMES: [&str; 9] = [
    "id",
    "internal_id",
    "email",
    "first_name",
    "last_name",
    "phone_number",
    "date_of_birth",
    "created_at",
    "updated_at",
];

/// The place of `id` in `NAMES`.
const ID: usize = 0;
