//! The public API as other programs were promised it: each signature as a
//! function pointer, each trait as a bound.

use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use paywithsoap::testing::{Fault, Request, TestServer};
use paywithsoap::{
    ApiError, AuthScheme, Config, ConfigBuilder, Customer, CustomerPatch, Error, ErrorKind,
    FieldError, Outcome, Violation, update_customer, validate,
};
use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin + Debug + 'static>() {}
    check::<ApiError>();
    check::<AuthScheme>();
    check::<Config>();
    check::<ConfigBuilder>();
    check::<Customer>();
    check::<CustomerPatch>();
    check::<Error>();
    check::<ErrorKind>();
    check::<FieldError>();
    check::<Outcome>();
    check::<Violation>();
    check::<Fault>();
    check::<Request>();
    check::<TestServer>();
}

#[test]
fn values_are_unwind_safe() {
    fn check<T: UnwindSafe + RefUnwindSafe>() {}
    check::<AuthScheme>();
    check::<Config>();
    check::<ConfigBuilder>();
    check::<Customer>();
    check::<CustomerPatch>();
    check::<FieldError>();
    check::<Outcome>();
    check::<Violation>();
}

#[test]
fn types_have_the_promised_traits() {
    fn small<T: Clone + Copy + Debug + Eq + Hash + PartialEq>() {}
    fn plain<T: Clone + Debug + Eq + PartialEq>() {}
    fn hash<T: Clone + Debug + Eq + Hash>() {}
    fn clone<T: Clone + Debug>() {}
    fn patch<T: Clone + Default + Eq + Debug + for<'de> Deserialize<'de>>() {}
    fn customer<T: Clone + Eq + Debug + Serialize>() {}
    fn display<T: Display>() {}
    fn error<T: StdError + Send + Sync + 'static>() {}
    small::<AuthScheme>();
    small::<Outcome>();
    hash::<Violation>();
    plain::<FieldError>();
    plain::<Fault>();
    plain::<Request>();
    clone::<Config>();
    patch::<CustomerPatch>();
    customer::<Customer>();
    display::<Error>();
    display::<Outcome>();
    display::<Violation>();
    error::<Error>();
}

#[test]
fn an_error_is_one_word_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
}

#[test]
fn functions_have_the_promised_signatures() {
    type Built = Result<Config, Error>;
    type Set<T> = fn(ConfigBuilder, T) -> ConfigBuilder;
    type SetField<T> = fn(CustomerPatch, T) -> CustomerPatch;

    let _: fn(&Config, &str, &CustomerPatch) -> Result<Customer, Error> = update_customer;
    let _: fn(&str, &CustomerPatch) -> Result<(), Error> = validate;

    let _: fn(&str) -> Built = Config::sandbox;
    let _: fn(&str) -> Built = Config::production;
    let _: fn() -> Built = Config::from_env;
    let _: fn(&str) -> ConfigBuilder = Config::builder;
    let _: fn(&Config, Duration) -> Config = Config::with_timeout;
    let _: fn(&Config, &'static str, String) -> Built = Config::with_header;
    let _: fn(&Config) -> &str = Config::base_url;
    let _: fn(&Config) -> Duration = Config::timeout;

    let _: fn() -> ConfigBuilder = ConfigBuilder::from_env;
    let _: Set<&str> = ConfigBuilder::api_key;
    let _: Set<String> = ConfigBuilder::api_key;
    let _: Set<&str> = ConfigBuilder::base_url;
    let _: Set<String> = ConfigBuilder::base_url;
    let _: fn(ConfigBuilder) -> ConfigBuilder = ConfigBuilder::production;
    let _: Set<AuthScheme> = ConfigBuilder::auth_scheme;
    let _: Set<Duration> = ConfigBuilder::timeout;
    let _: Set<Duration> = ConfigBuilder::connect_timeout;
    let _: Set<u32> = ConfigBuilder::max_retries;
    let _: Set<bool> = ConfigBuilder::retry_unknown;
    let _: Set<&str> = ConfigBuilder::user_agent;
    let _: Set<String> = ConfigBuilder::user_agent;
    let _: fn(ConfigBuilder, &'static str, &'static str) -> ConfigBuilder = ConfigBuilder::header;
    let _: fn(ConfigBuilder, String, String) -> ConfigBuilder = ConfigBuilder::header;
    let _: Set<&str> = ConfigBuilder::proxy;
    let _: Set<String> = ConfigBuilder::proxy;
    let _: fn(ConfigBuilder) -> ConfigBuilder = ConfigBuilder::no_proxy;
    let _: Set<&str> = ConfigBuilder::root_certificates;
    let _: Set<Vec<u8>> = ConfigBuilder::root_certificates;
    let _: Set<&[u8]> = ConfigBuilder::root_certificates;
    let _: Set<bool> = ConfigBuilder::system_roots;
    let _: fn(ConfigBuilder) -> Built = ConfigBuilder::build;

    let _: fn() -> CustomerPatch = CustomerPatch::new;
    let _: SetField<&str> = CustomerPatch::email;
    let _: SetField<String> = CustomerPatch::email;
    let _: SetField<&str> = CustomerPatch::first_name;
    let _: SetField<String> = CustomerPatch::first_name;
    let _: SetField<&str> = CustomerPatch::last_name;
    let _: SetField<String> = CustomerPatch::last_name;
    let _: SetField<&str> = CustomerPatch::phone_number;
    let _: SetField<String> = CustomerPatch::phone_number;
    let _: SetField<&str> = CustomerPatch::date_of_birth;
    let _: SetField<String> = CustomerPatch::date_of_birth;
    let _: fn(&CustomerPatch) -> bool = CustomerPatch::is_empty;
    let _: fn(&CustomerPatch) -> Result<(), Error> = CustomerPatch::validate;
    let _: fn(&CustomerPatch) -> Result<String, Error> = CustomerPatch::to_json;

    let _: fn(&Customer) -> &str = Customer::raw_json;
    let _: fn(&Customer) -> Option<&str> = Customer::request_id;
    let _: fn(&Customer, &CustomerPatch) -> Vec<&'static str> = Customer::mismatches;

    let _: fn(&Error) -> &ErrorKind = Error::kind;
    let _: fn(&Error) -> Outcome = Error::outcome;
    let _: fn(&Error) -> &[Violation] = Error::violations;
    let _: fn(&Error) -> Option<&ApiError> = Error::api;
    let _: fn(&Error) -> Option<u16> = Error::status;
    let _: fn(&Error) -> Option<&str> = Error::request_id;
    let _: fn(&Error) -> Option<Duration> = Error::retry_after;
    let _: fn(&Error) -> u32 = Error::attempts;
    let _: fn(&Error) -> bool = Error::is_transient;
    let _: fn(&Error) -> Option<&str> = Error::body;

    let _: fn(&ApiError) -> u16 = ApiError::status;
    let _: fn(&ApiError) -> Option<&str> = ApiError::message;
    let _: fn(&ApiError) -> Option<&str> = ApiError::hint;
    let _: fn(&ApiError) -> &[FieldError] = ApiError::field_errors;
    let _: fn(&FieldError) -> &'static str = FieldError::field;
    let _: fn(&FieldError) -> &str = FieldError::message;
    let _: fn(&Violation) -> &'static str = Violation::field;
    let _: fn(&Violation) -> &'static str = Violation::rule;

    let _: fn() -> std::io::Result<TestServer> = TestServer::start;
    let _: &'static str = TestServer::CUSTOMER_ID;
    let _: fn(&TestServer) -> &str = TestServer::base_url;
    let _: fn(&TestServer) -> &str = TestServer::api_key;
    let _: fn(&TestServer) -> ConfigBuilder = TestServer::config;
    let _: fn(&TestServer, &str) = TestServer::add_customer;
    let _: fn(&TestServer, &str) -> Option<String> = TestServer::customer;
    let _: fn(&TestServer) -> Vec<Request> = TestServer::requests;
    let _: fn(&TestServer, Fault) = TestServer::fail_next;
}

#[test]
fn fields_and_variants_are_as_promised() {
    let _ = |customer: Customer| {
        let _: String = customer.id;
        let _: [Option<String>; 5] = [
            customer.internal_id,
            customer.email,
            customer.first_name,
            customer.last_name,
            customer.phone_number,
        ];
        let _: Option<Date> = customer.date_of_birth;
        let _: [Option<OffsetDateTime>; 2] = [customer.created_at, customer.updated_at];
    };
    let _ = |kind: ErrorKind| match kind {
        ErrorKind::Api(api) => drop::<ApiError>(api),
        ErrorKind::InvalidInput(violations) => drop::<Vec<Violation>>(violations),
        ErrorKind::Transport(cause) | ErrorKind::InvalidResponse(cause) => {
            drop::<Box<dyn StdError + Send + Sync>>(cause);
        }
        // Non-exhaustive, as promised.
        _ => {}
    };
    // Exhaustive, as promised.
    let _ = |outcome: Outcome| match outcome {
        Outcome::NotApplied | Outcome::Unknown => {}
    };
    let _ = [AuthScheme::Bearer, AuthScheme::Raw];
    let _ = |request: Request| {
        let _: [String; 2] = [request.method, request.path];
        let _: Vec<(String, String)> = request.headers;
        let _: Vec<u8> = request.body;
    };
    let pause = Duration::ZERO;
    let _: [Fault; 9] = [
        Fault::CloseAfterReading,
        Fault::CloseBeforeReading,
        Fault::Delay(pause),
        Fault::Raw(Vec::new()),
        Fault::Reset,
        Fault::respond(200, ""),
        Fault::Stall,
        Fault::Trickle(pause),
        Fault::Truncate(0),
    ];
}

#[test]
fn errors_can_be_boxed_and_downcast() {
    fn boxed() -> Result<(), Box<dyn StdError + Send + Sync>> {
        CustomerPatch::new().validate()?;
        Ok(())
    }
    let error = boxed().unwrap_err();
    let error = error.downcast_ref::<Error>().unwrap();
    assert_eq!(error.violations().len(), 1);
}
