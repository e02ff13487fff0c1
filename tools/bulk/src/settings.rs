//! The API to talk to.

use std::env;
use std::fs;

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, ConfigBuilder, Error, Violation};

use crate::cli::{NAME, Options};
use crate::file::refuse_folder;

/// The settings of the calls, and the test server if they are for one.
pub(crate) fn settings(options: &Options) -> Result<(Config, Option<TestServer>), String> {
    let (mut builder, server) = if options.test_server {
        let server = TestServer::start().map_err(|error| format!("no test server: {error}"))?;
        (server.config(), Some(server))
    } else {
        let mut builder = ConfigBuilder::from_env();
        if options.dry_run && !has_key() {
            // Nothing is sent with it.
            builder = builder.api_key("unused");
        }
        (builder, None)
    };
    if let Some(path) = &options.ca {
        let pem = refuse_folder(path).and_then(|()| fs::read(path));
        let pem = pem.map_err(|error| format!("--ca {}: {error}", path.display()))?;
        builder = builder.root_certificates(pem);
    }
    let cfg = builder
        .user_agent(format!("{NAME}/{}", env!("CARGO_PKG_VERSION")))
        .timeout(options.timeout)
        // The run tries again by itself, so that one pause is for all threads.
        .max_retries(0)
        .build()
        .map_err(|error| wrong(&error, options))?;
    Ok((cfg, server))
}

/// What is wrong with the settings.
fn wrong(error: &Error, options: &Options) -> String {
    let violations = error.violations();
    let text = |violation: &Violation| {
        let text = violation.to_string();
        match (&options.ca, text.strip_prefix("root_certificates ")) {
            (Some(path), Some(rule)) => format!("--ca {}: {rule}", path.display()),
            _ => text,
        }
    };
    let texts: Vec<_> = violations.iter().map(text).collect();
    let mut message = texts.join("; ");
    let is_key = |violation: &Violation| violation.field() == KEY;
    if !has_key() && violations.iter().any(is_key) {
        message.push_str("; --test-server rehearses without one");
    }
    message
}

fn has_key() -> bool {
    env::var_os(KEY).is_some_and(|key| !key.is_empty())
}

const KEY: &str = "SOAP_API_KEY";
