//! What to change: a slot for each field, on its way to JSON.

use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor,
};
use serde::ser::Serializer;

use crate::error::Error;
use crate::format::{Field, NUMBER_KEY, Violation, with_fields};

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
/// Some formats guess a value's type from its text, and make a number of a phone
/// number: readers of CSV and XML, and YAML without quotes. With these, read strings
/// into a type of your own, and call the setters.
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
    /// By the fields' places in `Field::ALL`.
    slots: [Slot; Field::ALL.len()],
}

/// Nothing, a checked value, or what is wrong with it.
type Slot = Option<Result<String, Violation>>;

macro_rules! setters {
    ($($(#[$doc:meta])* $variant:ident $name:ident: $check:ident,)+) => {
        $(
            $(#[$doc])*
            pub fn $name(mut self, $name: impl Into<String>) -> Self {
                self.set(Field::$variant, $name.into());
                self
            }
        )+
    };
}

impl CustomerPatch {
    /// Returns a patch that sets no field.
    pub fn new() -> Self {
        Self::default()
    }

    with_fields!(setters);

    /// Returns whether no field is set, which the API rejects. A field that is set to a
    /// malformed value is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
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
        let slots = self.slots.iter().flatten();
        let violations: Vec<_> = slots
            .filter_map(|slot| slot.as_ref().err().cloned())
            .collect();
        if !violations.is_empty() {
            return Err(violations);
        }
        // The one way to JSON: an unchecked value cannot be sent.
        let values = self.values().map(|(field, value)| (field.name(), value));
        // As much as `serde_json::to_string` reserves, so that most patches need no more.
        let mut json = Vec::with_capacity(128);
        let written = serde_json::Serializer::new(&mut json).collect_map(values);
        written.expect("strings under string keys are always JSON");
        Ok(String::from_utf8(json).expect("JSON is UTF-8"))
    }

    /// Returns the fields that are set to a checked value, in field order.
    pub(crate) fn values(&self) -> impl Iterator<Item = (Field, &str)> {
        self.slots()
            .filter_map(|(field, slot)| Some((field, slot.as_ref()?.as_deref().ok()?)))
    }

    fn slots(&self) -> impl Iterator<Item = (Field, &Slot)> {
        Field::ALL.into_iter().zip(&self.slots)
    }

    fn set(&mut self, field: Field, value: String) {
        self.slots[field as usize] = Some(field.check(value));
    }
}

/// Shows which fields are set, and never to what.
impl fmt::Debug for CustomerPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CustomerPatch");
        for (field, slot) in self.slots() {
            match slot {
                None => &mut shown,
                Some(Ok(_)) => shown.field(field.name(), &format_args!("..")),
                Some(Err(violation)) => shown.field(field.name(), violation),
            };
        }
        shown.finish()
    }
}

impl<'de> Deserialize<'de> for CustomerPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut patch = Self::new();
        Wanted::Patch(&mut patch).deserialize(deserializer)?;
        Ok(patch)
    }
}

/// What is read next: a visitor that returns the text, which is empty for the map.
//
// For a value of another type than was wanted, serde and its formats make
// messages that quote the value. So this visitor accepts any type, and rejects
// what it does not want in its own words.
//
// It does not share the reader of error bodies, which buffers a whole document:
// a message would then name the place where the document ends, and not the place
// of the value that is wrong.
enum Wanted<'a> {
    Key,
    /// The map of fields, which are set in this patch.
    Patch(&'a mut CustomerPatch),
    Value(Field),
}

impl Wanted<'_> {
    /// The error for anything else.
    fn error<E: de::Error>(&self, is_null: bool) -> E {
        let field = match self {
            Self::Key => {
                let names = Field::ALL.map(Field::name).join(", ");
                return E::custom(format_args!("a key must be one of {names}"));
            }
            Self::Patch(_) => {
                return E::custom("a patch must be a map of customer fields to strings");
            }
            Self::Value(field) => field,
        };
        let more = match field {
            _ if is_null => ", and not null: leave the field out to keep its value",
            // Without quotes, one is a number in JSON, the other a date in TOML.
            Field::PhoneNumber => r#" in quotes, like "5551234567""#,
            Field::DateOfBirth => r#" in quotes, like "1990-01-31""#,
            Field::Email | Field::FirstName | Field::LastName => "",
        };
        E::custom(format_args!("{} must be a string{more}", field.name()))
    }
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! reject {
    ($($visit:ident: $type:ty),+) => {
        $(fn $visit<E: de::Error>(self, _: $type) -> Result<String, E> {
            Err(self.error(false))
        })+
    };
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let Self::Patch(patch) = self else {
            return Err(self.error(false));
        };
        while let Some(key) = map.next_key_seed(Wanted::Key)? {
            let Some(field) = Field::from_name(&key) else {
                // For its writer, the document was a number, and has no key.
                let wanted = match &*key {
                    NUMBER_KEY => Wanted::Patch(patch),
                    _ => Wanted::Key,
                };
                return Err(wanted.error(false));
            };
            // Which of the two was meant cannot be told.
            if patch.slots[field as usize].is_some() {
                let name = field.name();
                return Err(de::Error::custom(format_args!("{name} is set twice")));
            }
            patch.set(field, map.next_value_seed(Wanted::Value(field))?);
        }
        Ok(String::new())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        match self {
            Self::Key | Self::Value(_) => Ok(text.into()),
            Self::Patch(_) => Err(self.error(false)),
        }
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<String, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_none<E: de::Error>(self) -> Result<String, E> {
        Err(self.error(true))
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        Err(self.error(true))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.error(false))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.error(false))
    }

    reject! {
        visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128,
        visit_f64: f64, visit_char: char, visit_bytes: &[u8]
    }
}
