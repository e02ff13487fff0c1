//! The customers, and the rules of the API.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

use super::Request;
use super::http::Response;
use crate::customer::NAMES;
use crate::format::Field;

/// The only key that is accepted.
pub(super) const API_KEY: &str = "test-key-8Jw2cQe5Zr";

/// The fields in which no two customers may have the same value.
const UNIQUE: [&str; 2] = ["email", "phone_number"];

/// The customers, by their ids.
#[derive(Default)]
pub(super) struct Api {
    customers: HashMap<String, Map<String, Value>>,
    /// The ids of those who have a value that no two may have, by its `unique_key`:
    /// to look at every customer would be slow where there are thousands.
    owners: HashMap<String, Vec<String>>,
}

impl Api {
    /// Adds a customer, or replaces the one of the same id.
    pub(super) fn add(&mut self, id: &str, customer: Map<String, Value>) {
        self.disown(id);
        self.customers.insert(id.to_owned(), customer);
        self.own(id);
    }

    /// The customer as JSON.
    pub(super) fn customer(&self, id: &str) -> Option<String> {
        self.customers.get(id).map(to_json)
    }

    /// Applies a request, and returns the customer as it is then, or the error
    /// response that the API gives.
    pub(super) fn update(
        &mut self,
        request: &Request,
        now: SystemTime,
    ) -> Result<String, Response> {
        let id = match request.path.strip_prefix("/api/v1/customers/") {
            Some(id) if request.method == "PATCH" && !id.contains(['/', '?']) => id,
            _ => return Err(Response::error(404, "Not found", None)),
        };
        let key = request.header("authorization").unwrap_or_default();
        // Either scheme, since the API's page has both.
        if key.strip_prefix("Bearer ").unwrap_or(key) != API_KEY {
            let hint = Some("Check your API key");
            return Err(Response::error(401, "Unauthorized", hint));
        }
        if !self.customers.contains_key(id) {
            return Err(Response::error(404, "Customer not found", None));
        }
        let media = request.header("content-type").unwrap_or_default();
        // Without parameters, such as `charset`.
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/json") {
            let hint = Some("Send application/json");
            return Err(Response::error(415, "Unsupported media type", hint));
        }
        let Some(patch) = read_patch(&request.body) else {
            return Err(Response::error(400, "The body is not a JSON object", None));
        };
        self.check(id, &patch)?;
        self.disown(id);
        let customer = self.customers.entry(id.to_owned()).or_default();
        customer.extend(patch.into_iter().map(|(name, value)| (name, value.into())));
        let before = customer.get("updated_at").and_then(Value::as_str);
        let updated_at = timestamp(next_update(before, now));
        customer.insert("updated_at".into(), updated_at.into());
        let json = to_json(customer);
        self.own(id);
        Ok(json)
    }

    /// Rejects what the API rejects of a body.
    fn check(&self, id: &str, patch: &BTreeMap<String, String>) -> Result<(), Response> {
        if patch.is_empty() {
            let hint = Some("Set at least one updatable field");
            return Err(Response::error(422, "No updatable field was given", hint));
        }
        // The first problem alone, as the API's error body has room for one.
        for (name, value) in patch {
            let Some(field) = Field::from_name(name) else {
                return Err(Response::error(422, "Unrecognized field", None));
            };
            let label = label(name);
            if let Err(violation) = field.check(value.clone()) {
                let error = format!("{label} is invalid");
                return Err(Response::error(422, &error, Some(violation.rule())));
            }
            if UNIQUE.contains(&name.as_str()) && self.is_taken(id, name, value) {
                let error = format!("{label} has already been taken");
                return Err(Response::error(422, &error, None));
            }
        }
        Ok(())
    }

    /// Whether another customer has this value.
    fn is_taken(&self, id: &str, name: &str, value: &str) -> bool {
        let owners = self.owners.get(&unique_key(name, value));
        owners.is_some_and(|owners| owners.iter().any(|owner| owner != id))
    }

    /// Takes note of the values of a customer that no two may have.
    fn own(&mut self, id: &str) {
        for key in self.unique_keys(id) {
            self.owners.entry(key).or_default().push(id.to_owned());
        }
    }

    /// Forgets what `own` took note of, before the customer changes.
    fn disown(&mut self, id: &str) {
        for key in self.unique_keys(id) {
            if let Entry::Occupied(mut owners) = self.owners.entry(key) {
                owners.get_mut().retain(|owner| owner != id);
                if owners.get().is_empty() {
                    owners.remove();
                }
            }
        }
    }

    fn unique_keys(&self, id: &str) -> Vec<String> {
        let customer = self.customers.get(id);
        let key = |name| Some(unique_key(name, customer?.get(name)?.as_str()?));
        UNIQUE.into_iter().filter_map(key).collect()
    }
}

/// A field as Rails' messages name it: `Phone number` for `phone_number`.
fn label(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + &rest.replace('_', " ")
}

/// What two customers with the same value of a field have in common. To most
/// servers, addresses that differ in case are one.
fn unique_key(name: &str, value: &str) -> String {
    format!("{name} {}", value.to_ascii_lowercase())
}

/// Reads the fields of a body; `None` where it is not a JSON object.
///
/// A value that is not a string becomes an empty one, which no field may be. Of
/// a key that is repeated the last value counts, as it does in Ruby.
fn read_patch(body: &[u8]) -> Option<BTreeMap<String, String>> {
    // Not `Value`s, which read the text under a private key of serde_json as
    // JSON afresh: by that a body could nest deeper than the stack.
    let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    let text = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
    Some(
        raw.into_iter()
            .map(|(name, raw)| (name, text(raw)))
            .collect(),
    )
}

/// The next `updated_at`: now, or just after the last one where the clock stands
/// still, runs behind, or shows a year that RFC 3339 cannot write.
fn next_update(before: Option<&str>, now: SystemTime) -> OffsetDateTime {
    // What `time` can represent depends on its feature `large-dates`, which any
    // crate may turn on.
    let has_four_digits = |at: &OffsetDateTime| (0..=9999).contains(&at.year());
    let now = match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => Duration::try_from(after).ok(),
        Err(error) => Duration::try_from(error.duration())
            .ok()
            .map(|before| -before),
    }
    .and_then(|since| OffsetDateTime::UNIX_EPOCH.checked_add(since))
    .filter(has_four_digits);
    let next = before
        .and_then(|before| OffsetDateTime::parse(before, &Rfc3339).ok())
        .and_then(|before| before.checked_to_offset(UtcOffset::UTC))
        .filter(has_four_digits)
        .map(|before| {
            let next = before.checked_add(Duration::MILLISECOND);
            next.filter(has_four_digits).unwrap_or(before)
        });
    now.max(next).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A time as the API writes it, to the millisecond.
fn timestamp(at: OffsetDateTime) -> String {
    format!(
        "{}T{:02}:{:02}:{:02}.{:03}Z",
        at.date(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// A customer's fields in the order of the API's page, then any others.
fn to_json(customer: &Map<String, Value>) -> String {
    let known = NAMES
        .iter()
        .filter_map(|name| customer.get_key_value(*name));
    let others = customer
        .iter()
        .filter(|(name, _)| !NAMES.contains(&name.as_str()));
    let fields: Vec<_> = known
        .chain(others)
        .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())))
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updated_at_always_moves_on() {
        let second = std::time::Duration::from_secs;
        let epoch = SystemTime::UNIX_EPOCH;
        let before_1970 = epoch - second(1);
        let after_9999 = epoch.checked_add(second(300_000_000_000));
        let last = "9999-12-31T23:59:59.999Z";
        for (before, now, next) in [
            (None, Some(epoch), "1970-01-01T00:00:00.000Z"),
            (None, Some(before_1970), "1969-12-31T23:59:59.000Z"),
            (None, after_9999, "1970-01-01T00:00:00.000Z"),
            (Some("soon"), Some(epoch), "1970-01-01T00:00:00.000Z"),
            (
                Some("1969-12-31T00:00:00Z"),
                Some(epoch),
                "1970-01-01T00:00:00.000Z",
            ),
            (
                Some("1970-01-01T00:00:00Z"),
                Some(epoch),
                "1970-01-01T00:00:00.001Z",
            ),
            (
                Some("2025-03-12T09:15:42.001Z"),
                Some(before_1970),
                "2025-03-12T09:15:42.002Z",
            ),
            (
                Some("2025-03-12T09:15:42.001Z"),
                after_9999,
                "2025-03-12T09:15:42.002Z",
            ),
            (
                Some("2999-01-01T01:30:00+02:00"),
                Some(epoch),
                "2998-12-31T23:30:00.001Z",
            ),
            // There is nowhere to go on to; it does not fall back either.
            (Some(last), Some(epoch), last),
            (
                Some("9999-12-31T23:59:59-01:00"),
                Some(epoch),
                "1970-01-01T00:00:00.000Z",
            ),
        ] {
            // A system whose clock cannot show such a time.
            let Some(now) = now else { continue };
            assert_eq!(
                timestamp(next_update(before, now)),
                next,
                "{before:?} {now:?}"
            );
        }
    }
}
