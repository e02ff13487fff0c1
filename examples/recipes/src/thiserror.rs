#[derive(Debug, thiserror::Error)]
#[error("updating customer {id} failed")]
struct SyncError {
    id: String,
    source: paywithsoap::Error,
}

#[test]
fn the_error_is_the_source() {
    use std::error::Error;

    let source = paywithsoap::CustomerPatch::new().validate().unwrap_err();
    let id = "cus_1".to_owned();
    let error = SyncError { id, source };
    assert_eq!(error.to_string(), "updating customer cus_1 failed");
    assert!(error.source().unwrap().is::<paywithsoap::Error>());
}
