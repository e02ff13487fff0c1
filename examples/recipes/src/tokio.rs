use paywithsoap::{Config, Customer, CustomerPatch, update_customer};

async fn rename(
    cfg: &Config,
    id: String,
    name: String,
) -> Result<Customer, Box<dyn std::error::Error + Send + Sync>> {
    let cfg = cfg.clone();
    let patch = CustomerPatch::new().first_name(name);
    let call = move || update_customer(&cfg, &id, &patch);
    Ok(tokio::task::spawn_blocking(call).await??)
}

#[test]
fn the_future_may_be_spawned() {
    use paywithsoap::testing::TestServer;

    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    for (id, renamed) in [(TestServer::CUSTOMER_ID, true), ("cus_nobody", false)] {
        let cfg = cfg.clone();
        let call = async move { rename(&cfg, id.into(), "Ann".into()).await };
        let result = runtime.block_on(async { tokio::spawn(call).await.unwrap() });
        assert_eq!(result.is_ok(), renamed, "{result:?}");
    }
}
