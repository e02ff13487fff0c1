//! The roots and the backend of the enabled TLS features.

pub(crate) use backend::{Connector, Roots, configure, roots, roots_from_file};

use crate::format::Rule;
use crate::url::Url;

/// Whether this build has TLS.
pub(crate) const ENABLED: bool = cfg!(any(feature = "rustls-no-provider", feature = "native-tls"));

/// Whether the backend takes long to load what all connections share.
pub(crate) const LOADS_SLOWLY: bool = cfg!(all(feature = "native-tls", not(feature = "rustls")));

const NOT_ENABLED: Rule = "needs TLS, which this build lacks: \
                           enable the crate's feature `rustls` or `native-tls`";

/// Checks that this build has the TLS that a URL needs.
pub(crate) fn check(url: Url) -> Result<Url, Rule> {
    if url.tls && !ENABLED {
        return Err(NOT_ENABLED);
    }
    Ok(url)
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod backend {
    use std::path::Path;

    use ureq::config::ConfigBuilder;
    use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
    use ureq::typestate::AgentScope;
    #[cfg(all(feature = "native-tls", not(feature = "rustls")))]
    pub(crate) use ureq::unversioned::transport::NativeTlsConnector as Connector;
    #[cfg(any(feature = "rustls", not(feature = "native-tls")))]
    pub(crate) use ureq::unversioned::transport::RustlsConnector as Connector;

    use crate::format::Rule;
    use crate::pem;

    /// Whether the backend is rustls: `rustls` comes before `native-tls`, and that
    /// before `rustls-no-provider`, so that none of them changes what a build with
    /// another does.
    const IS_RUSTLS: bool = cfg!(any(feature = "rustls", not(feature = "native-tls")));

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
            None if IS_RUSTLS && !system_roots => RootCerts::WebPki,
            // The system's roots for native-tls too, where `WebPki` panics
            // unless ureq has its feature `native-tls-webpki-roots`.
            None => RootCerts::PlatformVerifier,
        };
        // Always said: ureq panics where its default is not among the features.
        let provider = if IS_RUSTLS {
            TlsProvider::Rustls
        } else {
            TlsProvider::NativeTls
        };
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
    use ureq::unversioned::transport::{self, ConnectionDetails, Either, Transport};

    use crate::format::Rule;

    /// Stands where the connector of a TLS backend would: ureq refuses `https`
    /// over what it leaves as it is.
    #[derive(Debug, Default)]
    pub(crate) struct Connector(());

    impl<In: Transport> transport::Connector<In> for Connector {
        type Out = Either<In, Box<dyn Transport>>;

        fn connect(
            &self,
            _: &ConnectionDetails,
            chained: Option<In>,
        ) -> Result<Option<Self::Out>, ureq::Error> {
            Ok(chained.map(Either::A))
        }
    }

    // None exists, so that `configure` is never given any.
    pub(crate) type Roots = Infallible;

    pub(crate) fn roots(_: &[u8]) -> Result<Roots, Rule> {
        Err(super::NOT_ENABLED)
    }

    pub(crate) fn roots_from_file(_: &Path) -> Result<Roots, Rule> {
        Err(super::NOT_ENABLED)
    }

    pub(crate) fn configure(
        config: ConfigBuilder<AgentScope>,
        _: Option<Roots>,
        _: bool,
    ) -> ConfigBuilder<AgentScope> {
        config
    }
}
