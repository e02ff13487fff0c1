//! What the real API does, against what its page says and what this crate takes
//! for granted.
//!
//! ```text
//! SOAP_API_KEY=.. SOAP_CUSTOMER_ID=cus_.. cargo test --test it live -- --ignored --nocapture
//! ```
//!
//! It changes that customer of the sandbox, and in the end puts back what the
//! API's responses have reported of it: all but the first name, which the first
//! change overwrites, unless the API can be asked for the customer before.
//! `SOAP_API_URL` may name another host, but not production. With
//! `SOAP_TAKEN_EMAIL`, the address of another customer, it tries a duplicate
//! too. Where key or id are not set, it says so and does nothing.

use std::env;
use std::time::{Duration, SystemTime};

use paywithsoap::testing::TestServer;
use paywithsoap::{AuthScheme, Config, Customer, CustomerPatch, Outcome, update_customer};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;

#[test]
#[ignore = "talks to the real API and changes a customer there"]
fn the_sandbox_behaves_as_assumed() {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(key), Some(id)) = (variable("SOAP_API_KEY"), variable("SOAP_CUSTOMER_ID")) else {
        println!("skipped: SOAP_API_KEY and SOAP_CUSTOMER_ID are not both set");
        return;
    };
    let url = Config::from_env().unwrap().base_url().to_owned();
    assert_ne!(
        url, PRODUCTION,
        "this changes a customer, and is for the sandbox"
    );
    let live = Live {
        key,
        url,
        id,
        taken_email: variable("SOAP_TAKEN_EMAIL"),
    };
    live.check();
}

#[test]
fn the_test_server_behaves_as_assumed() {
    let server = TestServer::start().unwrap();
    server.add_customer(r#"{"id":"cus_other","email":"taken@example.com"}"#);
    let live = Live {
        key: server.api_key().to_owned(),
        url: server.base_url().to_owned(),
        id: TestServer::CUSTOMER_ID.to_owned(),
        taken_email: Some("taken@example.com".to_owned()),
    };
    live.check();
    let customer: Value =
        serde_json::from_str(&server.customer(TestServer::CUSTOMER_ID).unwrap()).unwrap();
    assert_eq!(customer["email"], "customer@example.com");
    assert_eq!(customer["last_name"], "Doe");
    assert_eq!(customer["phone_number"], "5551234567");
    assert_eq!(customer["date_of_birth"], "1990-01-01");
}

/// An API to check, and a customer there to change.
struct Live {
    key: String,
    url: String,
    id: String,
    taken_email: Option<String>,
}

/// What an API returned for a request that this crate would not send.
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Live {
    /// Tries everything, puts the customer back, and only then fails.
    fn check(&self) {
        println!("{} at {}", self.id, self.url);
        let mut wrong = Vec::new();

        let asked = self.raw("GET", &self.id, Some(&self.key), None);
        println!("GET of the customer: {}", asked.shown());
        let before = self.schemes(&mut wrong);
        let mut known = serde_json::to_value(&before).unwrap();
        known["first_name"] = serde_json::from_str::<Value>(&asked.body)
            .map(|customer| customer["first_name"].clone())
            .unwrap_or_default();
        self.fields(&before, &mut wrong);
        self.error_responses(&mut wrong);
        self.restore(&known);

        assert!(
            wrong.is_empty(),
            "taken for granted, and wrong:\n{}",
            wrong.join("\n")
        );
    }

    /// Tries both ways to send the key. Returns the customer.
    fn schemes(&self, wrong: &mut Vec<String>) -> Customer {
        let mut customer = None;
        for scheme in [AuthScheme::Bearer, AuthScheme::Raw] {
            let patch = CustomerPatch::new().first_name("Jane");
            match update_customer(&self.config(scheme), &self.id, &patch) {
                Ok(after) => {
                    println!("{scheme:?}: accepted, request id {:?}", after.request_id());
                    println!("  keys: {}", keys(after.raw_json()));
                    customer = Some(after);
                }
                Err(error) => {
                    println!("{scheme:?}: {error:?}");
                    wrong.push(format!("the scheme {scheme:?} is accepted"));
                }
            }
        }
        customer
            .unwrap_or_else(|| panic!("neither scheme was accepted, so there is no more to try"))
    }

    /// Changes one field after the other, and sees that no other changes.
    fn fields(&self, before: &Customer, wrong: &mut Vec<String>) {
        // Unique within the business, as e-mail and phone must be.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_millis() % 10_000_000;
        let mut expected = serde_json::to_value(before).unwrap();
        for (name, value) in [
            ("email", format!("live-{now}@example.com")),
            ("first_name", "Zoë".to_owned()),
            ("last_name", "O'Neill-Smith".to_owned()),
            ("phone_number", format!("555{now:07}")),
            ("date_of_birth", "1992-02-29".to_owned()),
        ] {
            let patch: CustomerPatch = serde_json::from_value(json!({ name: value })).unwrap();
            match update_customer(&self.config(AuthScheme::Bearer), &self.id, &patch) {
                Ok(after) => {
                    println!("{name}: applied");
                    let after = serde_json::to_value(&after).unwrap();
                    expected[name] = value.into();
                    expected["updated_at"] = after["updated_at"].clone();
                    if after != expected {
                        let odd = format!("{name} alone changes, and the response has it");
                        println!("  responded: {after}");
                        wrong.push(odd);
                        expected = after;
                    }
                }
                Err(error) => {
                    println!("{name}: {error:?}");
                    wrong.push(format!("{name} can be changed"));
                }
            }
        }
    }

    /// Sends what must get a 4xx response, and what the API's page does not mention.
    fn error_responses(&self, wrong: &mut Vec<String>) {
        let key = Some(self.key.as_str());
        let unknown_id = "cus_00000000000000000000000000000000";
        let name = json!({"first_name": "Jane"});
        let documented = [
            (
                "an unknown field",
                key,
                &*self.id,
                json!({"first_name": "Jane", "x": "y"}),
            ),
            ("no field", key, &self.id, json!({})),
            ("an unknown id", key, unknown_id, name.clone()),
            (
                "another key",
                Some("not-a-real-key"),
                &self.id,
                name.clone(),
            ),
            ("no key", None, &self.id, name),
        ];
        for (what, key, id, body) in documented {
            let response = self.raw("PATCH", id, key, Some(&body));
            println!("{what}: {}", response.shown());
            if !(400..500).contains(&response.status) {
                wrong.push(format!("{what} is refused with 4xx"));
            }
        }
        let patch = CustomerPatch::new().first_name("Jane");
        match update_customer(&self.config(AuthScheme::Bearer), unknown_id, &patch) {
            Err(error) if error.outcome() == Outcome::NotApplied => println!("  here: {error}"),
            other => wrong.push(format!("an unknown id is not applied here: {other:?}")),
        }
        match &self.taken_email {
            Some(email) => {
                let patch = CustomerPatch::new().email(email);
                match update_customer(&self.config(AuthScheme::Bearer), &self.id, &patch) {
                    Err(error) if error.outcome() == Outcome::NotApplied => {
                        println!("an e-mail address that is taken: {error}");
                        println!("  body: {:?}", error.body().unwrap_or_default());
                    }
                    other => wrong.push(format!("an address that is taken is refused: {other:?}")),
                }
            }
            None => println!("an e-mail address that is taken: SOAP_TAKEN_EMAIL is not set"),
        }
        // Guesses, or known of Rails: nothing here is right or wrong.
        for body in [
            json!({"last_name": null}),
            json!({"last_name": ""}),
            json!({"last_name": 7}),
            json!({"email": "jane"}),
            json!({"phone_number": "15551234567"}),
            json!({"phone_number": "555-123-4567"}),
            json!({"date_of_birth": "1990-02-30"}),
            json!({"date_of_birth": "01/02/1990"}),
            json!([]),
        ] {
            let response = self.raw("PATCH", &self.id, key, Some(&body));
            println!("{body}: {}", response.shown());
        }
    }

    /// Puts the fields back that are known, one by one: the API may hold values
    /// that it would not take.
    fn restore(&self, known: &Value) {
        for name in FIELDS {
            let Some(value) = known[name].as_str() else {
                println!("{name}: not known, and so not put back");
                continue;
            };
            let patch: CustomerPatch = serde_json::from_value(json!({ name: value })).unwrap();
            match update_customer(&self.config(AuthScheme::Bearer), &self.id, &patch) {
                Ok(_) => println!("{name}: put back"),
                Err(error) => println!("{name}: NOT put back: {error:?}"),
            }
        }
    }

    fn config(&self, scheme: AuthScheme) -> Config {
        let builder = Config::builder(&self.key).base_url(&self.url);
        builder.auth_scheme(scheme).build().unwrap()
    }

    /// Sends a request as it is, with no checks and no retries.
    fn raw(&self, method: &str, id: &str, key: Option<&str>, body: Option<&Value>) -> Response {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)));
        if self.url.starts_with("http://") {
            // This machine, which no proxy of the environment can reach.
            config = config.proxy(None);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1/customers/{id}", self.url))
            .header("accept", "application/json");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let agent = config.build().new_agent();
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                agent.run(request.body(body.to_string()).unwrap())
            }
            None => agent.run(request.body(()).unwrap()),
        };
        let mut response = match response {
            Ok(response) => response,
            // A panic would leave the customer as it is now.
            Err(error) => {
                return Response {
                    status: 0,
                    headers: Vec::new(),
                    body: error.to_string(),
                };
            }
        };
        let headers = response.headers().iter();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Response {
            status: response.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: text(&response.body_mut().read_to_vec().unwrap_or_default()),
        }
    }
}

impl Response {
    /// Status, the headers that matter here, and the start of the body.
    fn shown(&self) -> String {
        let matters = |name: &str| {
            [
                "request-id",
                "cf-ray",
                "rate",
                "retry-after",
                "content-type",
                "idempot",
            ]
            .iter()
            .any(|part| name.contains(part))
        };
        let headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| matters(name))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let body: String = self.body.chars().take(500).collect();
        format!(
            "{}\n  {}\n  body: {body:?}",
            self.status,
            headers.join("; ")
        )
    }
}

/// The names of a response's fields.
fn keys(json: &str) -> String {
    let response: Value = serde_json::from_str(json).unwrap_or_default();
    let keys = response
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys());
    keys.cloned().collect::<Vec<_>>().join(", ")
}

const FIELDS: [&str; 5] = [
    "email",
    "first_name",
    "last_name",
    "phone_number",
    "date_of_birth",
];
const PRODUCTION: &str = "https://api.paywithsoap.com";
