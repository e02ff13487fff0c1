//! What to change: a slot for each field, on its way to JSON.

use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, Serializer};

use crate::error::Error;
use crate::format::{Field, NUMBER_KEY, Violation};

/// The fields of a customer to change, each checked as it is set.
///
/// A field that is not set keeps its value. A setter never fails: the patch holds
/// either the checked value or a [`Violation`], which [`validate`](Self::validate)
/// and [`update_customer`](crate::update_customer) report together with all others.
/// The order of setters does not matter, and the last call for a field wins.
/// [`Debug`] shows which fields are set, and never to what.
///
/// A patch also deserializes from JSON, TOML and other formats of serde, from a map
/// of the five names to strings. A malformed value becomes a violation.
/// Deserializing fails for an unknown or repeated key, for null, and for a value that
/// is no string, with a message that names the field and never holds the value.
///
/// # Example
///
/// ```
/// use paywithsoap::CustomerPatch;
///
/// let patch = CustomerPatch::new().first_name("Jane").phone_number("5551234567");
/// assert_eq!(patch.to_json()?, r#"{"first_name":"Jane","phone_number":"5551234567"}"#);
/// # Ok::<(), paywithsoap::Error>(())
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
#[must_use]
pub struct CustomerPatch {
    email: Slot,
    first_name: Slot,
    last_name: Slot,
    phone_number: Slot,
    date_of_birth: Slot,
}

/// Nothing, a checked value, or what is wrong with it.
type Slot = Option<Result<String, Violation>>;

impl CustomerPatch {
    /// Returns a patch that sets no field.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the e-mail address, which must be unique within the business.
    ///
    /// The format is a [valid e-mail address] of the HTML Living Standard, the same as
    /// Ruby's `URI::MailTo::EMAIL_REGEXP`, of at most 254 bytes (RFC 5321). It is
    /// neither trimmed nor lower-cased.
    ///
    /// [valid e-mail address]: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
    pub fn email(self, email: impl Into<String>) -> Self {
        self.set(Field::Email, email.into())
    }

    /// Sets the first name.
    ///
    /// The format is 1 to 255 characters, at least one of them visible: neither white
    /// space nor of Unicode's `Default_Ignorable_Code_Point`. There is no control
    /// character, line separator or U+FFFD. It is not trimmed.
    pub fn first_name(self, name: impl Into<String>) -> Self {
        self.set(Field::FirstName, name.into())
    }

    /// Sets the last name, of the format of [`first_name`](Self::first_name).
    pub fn last_name(self, name: impl Into<String>) -> Self {
        self.set(Field::LastName, name.into())
    }

    /// Sets the phone number, which must be unique within the business.
    ///
    /// The format is exactly 10 ASCII digits, without country code, as the API
    /// documents it. Area codes are not looked at: the API's own examples break the
    /// rules of the North American Numbering Plan.
    pub fn phone_number(self, number: impl Into<String>) -> Self {
        self.set(Field::PhoneNumber, number.into())
    }

    /// Sets the date of birth.
    ///
    /// The format is a valid calendar date as `YYYY-MM-DD`, years 0001 to 9999. Whether
    /// the date is plausible is not looked at.
    pub fn date_of_birth(self, date: impl Into<String>) -> Self {
        self.set(Field::DateOfBirth, date.into())
    }

    /// Returns whether no field is set, which the API rejects. A field that is set to a
    /// malformed value is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots().all(|(_, slot)| slot.is_none())
    }

    /// Checks what [`update_customer`](crate::update_customer) would reject, without
    /// sending anything.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with every violation in the
    /// order `email`, `first_name`, `last_name`, `phone_number`, `date_of_birth`; or
    /// with one for `patch` if no field is set.
    pub fn validate(&self) -> Result<(), Error> {
        self.checked().map(drop).map_err(Error::invalid)
    }

    /// Returns the exact body that would be sent, for dry runs.
    ///
    /// # Errors
    ///
    /// Those of [`validate`](Self::validate).
    pub fn to_json(&self) -> Result<String, Error> {
        self.checked().map_err(Error::invalid)
    }

    /// Returns the body, or every violation.
    pub(crate) fn checked(&self) -> Result<String, Vec<Violation>> {
        if self.is_empty() {
            return Err(vec![Violation::new("patch", "must set at least one field")]);
        }
        let violations: Vec<_> = self
            .slots()
            .filter_map(|(_, slot)| slot.as_ref()?.as_ref().err().cloned())
            .collect();
        if !violations.is_empty() {
            return Err(violations);
        }
        // The one way to JSON: an unchecked value cannot be sent.
        Ok(serde_json::to_string(&Body(self)).expect("strings under string keys are always JSON"))
    }

    /// Returns the fields that are set to a checked value, in field order.
    pub(crate) fn values(&self) -> impl Iterator<Item = (Field, &str)> {
        self.slots()
            .filter_map(|(field, slot)| Some((field, slot.as_ref()?.as_deref().ok()?)))
    }

    fn slots(&self) -> impl Iterator<Item = (Field, &Slot)> {
        [
            (Field::Email, &self.email),
            (Field::FirstName, &self.first_name),
            (Field::LastName, &self.last_name),
            (Field::PhoneNumber, &self.phone_number),
            (Field::DateOfBirth, &self.date_of_birth),
        ]
        .into_iter()
    }

    fn set(mut self, field: Field, value: String) -> Self {
        *self.slot(field) = Some(field.check(value));
        self
    }

    fn slot(&mut self, field: Field) -> &mut Slot {
        match field {
            Field::Email => &mut self.email,
            Field::FirstName => &mut self.first_name,
            Field::LastName => &mut self.last_name,
            Field::PhoneNumber => &mut self.phone_number,
            Field::DateOfBirth => &mut self.date_of_birth,
        }
    }
}

/// Shows which fields are set, and never to what.
impl fmt::Debug for CustomerPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CustomerPatch");
        for (field, slot) in self.slots() {
            match slot {
                None => {}
                Some(Ok(_)) => {
                    shown.field(field.name(), &format_args!(".."));
                }
                Some(Err(violation)) => {
                    shown.field(field.name(), violation);
                }
            }
        }
        shown.finish()
    }
}

impl<'de> Deserialize<'de> for CustomerPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatchVisitor(NO_MAP))
    }
}

/// The values of a patch that was checked, as JSON.
struct Body<'a>(&'a CustomerPatch);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.values().map(|(field, value)| (field.name(), value)))
    }
}

// For a value of another type than was wanted, serde and its formats make
// messages that quote the value. So these visitors accept any type, and reject
// what they do not want in their own words.
//
// They do not share the reader of error bodies, which buffers a whole document:
// a message would then name the place where the document ends, and not the place
// of the value that is wrong.

/// Reads the map of fields, or fails with this message.
struct PatchVisitor(&'static str);

/// Reads a string, or fails with this message.
#[derive(Clone, Copy)]
struct Text(&'static str);

macro_rules! reject {
    ($($visit:ident: $type:ty),+) => {
        $(fn $visit<E: de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom(self.0))
        })+

        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            Err(E::custom(self.0))
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Err(E::custom(self.0))
        }

        fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
            inner.deserialize_any(self)
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            inner: D,
        ) -> Result<Self::Value, D::Error> {
            inner.deserialize_any(self)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(de::Error::custom(self.0))
        }

        fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(de::Error::custom(self.0))
        }

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    };
}

impl<'de> Visitor<'de> for PatchVisitor {
    type Value = CustomerPatch;

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CustomerPatch, A::Error> {
        let mut patch = CustomerPatch::new();
        while let Some(key) = map.next_key_seed(Text(UNKNOWN_KEY))? {
            let field = Field::from_name(&key).ok_or_else(|| {
                // For its writer, the document was a number, and has no key.
                let is_number = key == NUMBER_KEY;
                de::Error::custom(if is_number { NO_MAP } else { UNKNOWN_KEY })
            })?;
            // Which of the two was meant cannot be told.
            if patch.slot(field).is_some() {
                return Err(de::Error::custom(format_args!(
                    "{} is set twice",
                    field.name()
                )));
            }
            let value = map.next_value_seed(Text(field.expected_string()))?;
            patch = patch.set(field, value);
        }
        Ok(patch)
    }

    reject! {
        visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128,
        visit_f64: f64, visit_char: char, visit_str: &str, visit_bytes: &[u8]
    }
}

impl<'de> DeserializeSeed<'de> for Text {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = String;

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.into())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(de::Error::custom(self.0))
    }

    reject! {
        visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128,
        visit_f64: f64, visit_char: char, visit_bytes: &[u8]
    }
}

const NO_MAP: &str = "a patch must be a map of customer fields to strings";
const UNKNOWN_KEY: &str =
    "a key must be one of email, first_name, last_name, phone_number, date_of_birth";
