//! The roots and the backend of the enabled TLS features:
//!
//! | `rustls` | `native-tls` | `rustls-no-provider` | backend |
//! |---|---|---|---|
//! | on | any | on: `rustls` implies it | rustls |
//! | off | on | any | native-tls |
//! | off | off | on | rustls |
//! | off | off | off | none |
//!
//! So none of them changes what a build with another does.

use std::env;
use std::fs::{self, DirEntry, Metadata};

pub(crate) use self::backend::{Connector, Roots, configure, roots, roots_from_file};
use crate::format::Rule;
use crate::url::Url;

/// Whether this build has TLS.
const ENABLED: bool = cfg!(any(feature = "rustls-no-provider", feature = "native-tls"));

/// Whether the backend is native-tls, which reads the system's roots even where
/// others are given.
pub(crate) const IS_NATIVE: bool = cfg!(all(feature = "native-tls", not(feature = "rustls")));

/// Checks that this build has the TLS that a URL needs.
pub(crate) fn check(url: Url) -> Result<Url, Rule> {
    let is_supported = ENABLED || !url.tls;
    is_supported.then_some(url).ok_or(NOT_ENABLED)
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod backend {
    use std::path::Path;

    use ureq::config::ConfigBuilder;
    use ureq::tls::TlsProvider::{NativeTls, Rustls};
    use ureq::tls::{Certificate, RootCerts, TlsConfig};
    use ureq::typestate::AgentScope;
    #[cfg(all(feature = "native-tls", not(feature = "rustls")))]
    pub(crate) use ureq::unversioned::transport::NativeTlsConnector as Connector;
    #[cfg(not(all(feature = "native-tls", not(feature = "rustls"))))]
    pub(crate) use ureq::unversioned::transport::RustlsConnector as Connector;

    use super::IS_NATIVE;
    use crate::format::Rule;
    use crate::pem;

    /// The certificates that are trusted.
    pub(crate) type Roots = RootCerts;

    /// Reads the certificates of PEM.
    ///
    /// Each block must be one: ureq and the TLS backends skip what they cannot
    /// read, and would then trust fewer roots than were given. Whether a backend
    /// can use a root is not known before a connection is made.
    pub(crate) fn roots(pem: &[u8]) -> Result<Roots, Rule> {
        let certificates: Vec<_> = pem::certificate_blocks(&pem::text(pem)?)?
            .into_iter()
            .map(certificate)
            .collect::<Result<_, _>>()?;
        Ok(certificates.into())
    }

    /// Reads the certificates of the PEM file at an absolute path.
    pub(crate) fn roots_from_file(path: &Path) -> Result<Roots, Rule> {
        roots(&pem::read_file(path)?)
    }

    fn certificate(block: &str) -> Result<Certificate<'static>, Rule> {
        // ureq decodes the base64, and does not look at what comes out.
        Certificate::from_pem(block.as_bytes())
            .ok()
            .filter(|certificate| pem::is_certificate(certificate.der()))
            .ok_or("must be valid PEM: a block is damaged, or is no certificate")
    }

    pub(crate) fn configure(
        config: ConfigBuilder<AgentScope>,
        roots: Option<Roots>,
        system_roots: bool,
    ) -> ConfigBuilder<AgentScope> {
        let roots = match roots {
            // Instead of any others: whoever gives roots wants no more to be trusted.
            Some(roots) => roots,
            None if !IS_NATIVE && !system_roots => RootCerts::WebPki,
            // The system's roots for native-tls too, where `WebPki` panics
            // unless ureq has its feature `native-tls-webpki-roots`.
            None => RootCerts::PlatformVerifier,
        };
        // Always said: ureq panics where its default is not among the features.
        let provider = if IS_NATIVE { NativeTls } else { Rustls };
        let tls = TlsConfig::builder().provider(provider).root_certs(roots);
        config.tls_config(tls.build())
    }
}

#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
mod backend {
    use std::convert::Infallible;
    use std::path::Path;

    use ureq::config::ConfigBuilder;
    use ureq::typestate::AgentScope;
    // It leaves a connection as it is, and ureq refuses `https` over that.
    pub(crate) use ureq::unversioned::transport::ConnectProxyConnector as Connector;

    use super::NOT_ENABLED;
    use crate::format::Rule;

    // None exists, so that `configure` is never given any.
    pub(crate) type Roots = Infallible;

    pub(crate) fn roots(_: &[u8]) -> Result<Roots, Rule> {
        Err(NOT_ENABLED)
    }

    pub(crate) fn roots_from_file(_: &Path) -> Result<Roots, Rule> {
        Err(NOT_ENABLED)
    }

    pub(crate) fn configure(
        config: ConfigBuilder<AgentScope>,
        _: Option<Roots>,
        _: bool,
    ) -> ConfigBuilder<AgentScope> {
        config
    }
}

/// Checks that the system's roots may be asked for, and that reading them ends, where
/// that or `https` has them read: no deadline bounds it.
pub(crate) fn check_system_roots(asked: bool, https: bool) -> Result<(), Rule> {
    if asked && !cfg!(feature = "platform-verifier") {
        return Err("must be false without the feature `platform-verifier` \
                    (native-tls trusts the system's roots where it is the backend)");
    }
    // Windows and Apple's systems read no files.
    if (asked || IS_NATIVE && https) && cfg!(not(any(windows, target_vendor = "apple"))) {
        let variable = |name| env::var_os(name).unwrap_or_default();
        let (file, dirs) = (variable("SSL_CERT_FILE"), variable("SSL_CERT_DIR"));
        let is_bounded = |file: &Metadata| file.is_file() && file.len() <= MAX_ROOTS_SIZE;
        // Some of procfs block, with a length of 0.
        let is_usable = |file: Metadata| is_bounded(&file) && file.len() > 0;
        let entries = env::split_paths(&dirs).filter_map(|dir| fs::read_dir(dir).ok());
        // OpenSSL opens what has the name of a hash, when it meets a certificate.
        let may_block = |entry: DirEntry| {
            fs::metadata(entry.path()).is_ok_and(|file| !file.is_dir() && !is_bounded(&file))
        };
        if !file.is_empty() && !fs::metadata(file).is_ok_and(is_usable)
            || entries.flatten().flatten().any(may_block)
        {
            return Err(MAY_BLOCK);
        }
    }
    Ok(())
}

/// Those of a Linux distribution take about 220 kB.
const MAX_ROOTS_SIZE: u64 = 16 * 1024 * 1024;

const MAY_BLOCK: Rule = "needs SSL_CERT_FILE, where it is set, to name a regular file of at most \
                         16 MiB that is not empty, and SSL_CERT_DIR folders without FIFOs, devices \
                         and larger files";

const NOT_ENABLED: Rule = "needs TLS, which this build lacks: \
                           enable the crate's feature `rustls` or `native-tls`";
