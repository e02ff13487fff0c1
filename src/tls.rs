//! The roots and the backend of the enabled TLS features.

pub(crate) use backend::{Connector, configure, specific_roots};

pub(crate) const ENABLED: bool = cfg!(any(feature = "rustls", feature = "native-tls"));
pub(crate) const NOT_ENABLED: &str = "needs TLS, which this build lacks: \
                      enable the crate's feature `rustls` or `native-tls`";

#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod backend {
    use ureq::config::ConfigBuilder;
    use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
    use ureq::typestate::AgentScope;
    #[cfg(not(feature = "rustls"))]
    pub(crate) use ureq::unversioned::transport::NativeTlsConnector as Connector;
    #[cfg(feature = "rustls")]
    pub(crate) use ureq::unversioned::transport::RustlsConnector as Connector;

    use crate::format::Violation;

    pub(crate) fn specific_roots(pem: &[u8]) -> Result<RootCerts, Violation> {
        let refuse = |rule| Violation::new("root_certificates", rule);
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            match item {
                Ok(PemItem::Certificate(certificate)) if is_der(certificate.der()) => {
                    certificates.push(certificate);
                }
                // A key beside the certificates is no root, and does no harm.
                Ok(PemItem::PrivateKey(_)) => {}
                // The TLS backends skip what they cannot parse, and would then
                // trust fewer roots than were given.
                Ok(_) | Err(_) => {
                    return Err(refuse(
                        "must be valid PEM: a block is damaged, or is no certificate",
                    ));
                }
            }
        }
        if certificates.is_empty() {
            return Err(refuse(
                "must hold at least one PEM block `BEGIN CERTIFICATE`",
            ));
        }
        Ok(certificates.into())
    }

    /// Whether these are the bytes of one DER SEQUENCE, as a certificate's are.
    fn is_der(bytes: &[u8]) -> bool {
        let [0x30, length, rest @ ..] = bytes else {
            return false;
        };
        let (length, rest) = match length {
            0..=0x7F => (usize::from(*length), rest),
            0x81..=0x83 if rest.len() >= usize::from(length & 0x7F) => {
                let (length, rest) = rest.split_at(usize::from(length & 0x7F));
                let length = length.iter().fold(0, |n, b| n << 8 | usize::from(*b));
                (length, rest)
            }
            _ => return false,
        };
        length == rest.len()
    }

    pub(crate) fn configure(
        config: ConfigBuilder<AgentScope>,
        roots: Option<RootCerts>,
        system_roots: bool,
    ) -> ConfigBuilder<AgentScope> {
        let rustls = cfg!(feature = "rustls");
        let roots = match roots {
            Some(roots) => roots,
            None if rustls && !system_roots => RootCerts::WebPki,
            None => RootCerts::PlatformVerifier,
        };
        let provider = if rustls {
            TlsProvider::Rustls
        } else {
            TlsProvider::NativeTls
        };
        let tls = TlsConfig::builder().provider(provider).root_certs(roots);
        config.tls_config(tls.build())
    }
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
mod backend {
    use std::convert::Infallible;

    use ureq::config::ConfigBuilder;
    use ureq::typestate::AgentScope;
    use ureq::unversioned::transport::{ConnectionDetails, Either, Transport};

    use super::NOT_ENABLED;
    use crate::format::Violation;

    /// Stands where the connector of a TLS backend would: ureq refuses `https`
    /// over what it leaves as it is.
    #[derive(Debug, Default)]
    pub(crate) struct Connector(());

    impl<In: Transport> ureq::unversioned::transport::Connector<In> for Connector {
        type Out = Either<In, Box<dyn Transport>>;

        fn connect(
            &self,
            _: &ConnectionDetails,
            chained: Option<In>,
        ) -> Result<Option<Self::Out>, ureq::Error> {
            Ok(chained.map(Either::A))
        }
    }

    pub(crate) fn specific_roots(_: &[u8]) -> Result<Infallible, Violation> {
        Err(Violation::new("root_certificates", NOT_ENABLED))
    }

    pub(crate) fn configure(
        config: ConfigBuilder<AgentScope>,
        _: Option<Infallible>,
        _: bool,
    ) -> ConfigBuilder<AgentScope> {
        config
    }
}
