//! What `tests/data/public-api.txt` does not list: the traits that types have
//! by what they are made of, and their sizes.

use std::error::Error as StdError;
use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};

use paywithsoap::testing::{Fault, Request, TestServer};
use paywithsoap::{
    ApiError, Attempt, AuthScheme, Config, ConfigBuilder, Customer, CustomerPatch, Error,
    ErrorKind, FieldError, Outcome, Violation,
};

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin + Debug + 'static>() {}
    check::<ApiError>();
    check::<Attempt>();
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
    check::<Attempt>();
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
fn an_error_is_one_word_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
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
