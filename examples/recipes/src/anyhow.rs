use anyhow::Context;
use paywithsoap::{Config, CustomerPatch, update_customer};

fn rename(cfg: &Config, id: &str, name: &str) -> anyhow::Result<()> {
    update_customer(cfg, id, &CustomerPatch::new().last_name(name))
        .with_context(|| format!("renaming {id}"))?;
    Ok(())
}

#[test]
fn debug_shows_the_causes() {
    use paywithsoap::testing::TestServer;

    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    rename(&cfg, TestServer::CUSTOMER_ID, "Roe").unwrap();
    let error = rename(&cfg, "cus_nobody", "Roe").unwrap_err();
    let text = format!("{error:?}");
    // A backtrace may follow, where the environment asks for one.
    let expected = "renaming cus_nobody\n\nCaused by:\n    not applied: the API responded with 404: Customer not found";
    assert!(text.starts_with(expected), "{text}");
}
