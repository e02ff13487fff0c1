//! The API to talk to.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

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
        if let Some(path) = &options.key_file {
            let key = read(path).map_err(|error| format!("--key-file {}: {error}", path.display()));
            let key = String::from_utf8_lossy(&key?).into_owned();
            // As editors leave it.
            builder = builder.api_key(key.trim_start_matches('\u{FEFF}').trim_ascii_end());
        } else if options.dry_run && !is_set(KEY) {
            // Nothing is sent with it.
            builder = builder.api_key("unused");
        }
        (builder, None)
    };
    if options.system_roots && is_set(CA) {
        return Err(format!(
            "--system-roots cannot be used with {CA}: unset that"
        ));
    }
    if let Some(path) = &options.ca {
        let pem = read(path).map_err(|error| format!("--ca {}: {error}", path.display()))?;
        builder = builder.root_certificates(pem);
    }
    let cfg = builder
        .system_roots(options.system_roots)
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
    let text = |violation: &Violation| match (violation.field(), &options.ca, &options.key_file) {
        ("root_certificates", Some(path), _) => {
            format!("--ca {}: {}", path.display(), violation.rule())
        }
        ("api_key", _, Some(path)) => {
            format!("--key-file {}: {}", path.display(), violation.rule())
        }
        _ => violation.to_string(),
    };
    let texts: Vec<_> = violations.iter().map(text).collect();
    let mut message = texts.join("; ");
    let is_key = |violation: &Violation| violation.field() == KEY;
    if !is_set(KEY) && violations.iter().any(is_key) {
        message.push_str("; --test-server rehearses without one");
    }
    message
}

/// Reads a small file: a device without an end must not fill the memory.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    refuse_folder(path)?;
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SIZE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

const MAX_SIZE: u64 = 1024 * 1024;
const CA: &str = "SOAP_API_CA";
const KEY: &str = "SOAP_API_KEY";
