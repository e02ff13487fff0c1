//! The customers, and the rules of the API.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::Request;
use super::http::Response;
use super::server::State;
use crate::customer::NAMES;
use crate::format;

impl State {
    /// Applies a request, or refuses it.
    pub(super) fn update(&mut self, request: &Request) -> Result<String, Response> {
        let id = match request.path.strip_prefix("/api/v1/customers/") {
            Some(id) if request.method == "PATCH" && !id.contains(['/', '?']) => id,
            _ => return Err(Response::error(404, "Not found", None)),
        };
        let key = request.header("authorization").unwrap_or_default();
        if key.strip_prefix("Bearer ").unwrap_or(key) != API_KEY {
            return Err(Response::error(
                401,
                "Unauthorized",
                Some("Check your API key"),
            ));
        }
        if !self.customers.contains_key(id) {
            return Err(Response::error(404, "Customer not found", None));
        }
        let media = request.header("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(Response::error(
                415,
                "Unsupported media type",
                Some("Send application/json"),
            ));
        }
        // Not `Value`s, which read the text under a private key of serde_json as
        // JSON afresh: by that a body could nest deeper than the stack.
        let Ok(raw) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(&request.body) else {
            return Err(Response::error(400, "The body is not a JSON object", None));
        };
        // What is no string is refused as an empty one is.
        let text = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
        let patch = raw.into_iter().map(|(name, raw)| (name, text(raw)));
        let patch: BTreeMap<String, String> = patch.collect();
        self.check(id, &patch)?;
        let customer = self.customers.entry(id.to_owned()).or_default();
        customer.extend(patch.into_iter().map(|(name, value)| (name, value.into())));
        // Moves on also where the clock stands still between two updates.
        let now = OffsetDateTime::now_utc();
        let updated_at = customer
            .get("updated_at")
            .and_then(|before| OffsetDateTime::parse(before.as_str()?, &Rfc3339).ok())
            .and_then(|before| before.checked_to_offset(UtcOffset::UTC))
            .and_then(|before| before.checked_add(time::Duration::MILLISECOND))
            .map_or(now, |next| next.max(now));
        customer.insert("updated_at".into(), timestamp(updated_at).into());
        #[cfg(test)]
        self.log.applied.push((id.to_owned(), request.body.clone()));
        Ok(to_json(customer))
    }

    /// Refuses what the API refuses of a body.
    fn check(&self, id: &str, patch: &BTreeMap<String, String>) -> Result<(), Response> {
        if patch.is_empty() {
            let hint = "Set at least one updatable field";
            return Err(Response::error(
                422,
                "No updatable field was given",
                Some(hint),
            ));
        }
        for (name, value) in patch {
            let (label, checked) = match name.as_str() {
                "email" => ("Email", format::email(value)),
                "first_name" => ("First name", format::name(value)),
                "last_name" => ("Last name", format::name(value)),
                "phone_number" => ("Phone number", format::phone_number(value)),
                "date_of_birth" => ("Date of birth", format::date_of_birth(value).map(drop)),
                _ => return Err(Response::error(422, "Unrecognized field", None)),
            };
            if let Err(rule) = checked {
                return Err(Response::error(
                    422,
                    &format!("{label} is invalid"),
                    Some(rule),
                ));
            }
            if matches!(name.as_str(), "email" | "phone_number") && self.is_taken(id, name, value) {
                return Err(Response::error(
                    422,
                    &format!("{label} has already been taken"),
                    None,
                ));
            }
        }
        Ok(())
    }

    /// Whether another customer has this value.
    fn is_taken(&self, id: &str, name: &str, value: &str) -> bool {
        self.customers.iter().any(|(other, customer)| {
            other != id
                && customer
                    .get(name)
                    .and_then(Value::as_str)
                    .is_some_and(|taken| taken.eq_ignore_ascii_case(value))
        })
    }
}

/// A customer's fields in the order of the API's page, then any others.
pub(super) fn to_json(customer: &Map<String, Value>) -> String {
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

pub(super) const API_KEY: &str = "test-key-8Jw2cQe5Zr";

/// The customer of the API's page.
pub(super) const CUSTOMER: &str = r#"{
  "id": "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V",
  "internal_id": "cust_123",
  "email": "customer@example.com",
  "first_name": "Jane",
  "last_name": "Doe",
  "phone_number": "5551234567",
  "date_of_birth": "1990-01-01",
  "created_at": "2025-03-10T16:08:14.427Z",
  "updated_at": "2025-03-12T09:15:42.001Z"
}"#;
