//! The same server over TLS, with certificates made on the spot.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};

use paywithsoap::ConfigBuilder;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Gives the process a provider where the crate's features bring none.
pub(crate) fn install_provider() {
    if cfg!(all(
        feature = "rustls-no-provider",
        not(any(feature = "rustls", feature = "native-tls"))
    )) {
        // Another test may have been here before.
        let _ = ring::default_provider().install_default();
    }
}

/// What issues the certificates of servers that are in order.
static CA: LazyLock<CertifiedIssuer<'static, KeyPair>> = LazyLock::new(|| authority("Test CA"));

pub(crate) fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The root that the client is to trust, as PEM.
pub(crate) fn root() -> String {
    CA.pem()
}

/// The same as DER.
pub(crate) fn root_der() -> Vec<u8> {
    CA.der().to_vec()
}

/// What a certificate for `names` says, servers' use included.
pub(crate) fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// A server whose certificate is in order.
pub(crate) fn good() -> Arc<ServerConfig> {
    server(&params(&["127.0.0.1"]))
}

/// A server whose certificate the trusted root has issued.
pub(crate) fn server(params: &CertificateParams) -> Arc<ServerConfig> {
    issued(params, &CA, rustls::ALL_VERSIONS)
}

/// A server that speaks some versions of TLS only.
pub(crate) fn speaking(versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
    issued(&params(&["127.0.0.1"]), &CA, versions)
}

pub(crate) fn issued(
    params: &CertificateParams,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    with_certificate(certificate.der().clone(), &key, versions)
}

/// A server with a certificate of its own, and that one as PEM.
pub(crate) fn self_signed(params: &CertificateParams) -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let server = with_certificate(certificate.der().clone(), &key, rustls::ALL_VERSIONS);
    (server, certificate.pem())
}

/// A server whose certificate claims to be signed by ECDSA with SHA-224.
pub(crate) fn signed_by_another_algorithm() -> Arc<ServerConfig> {
    const SHA_256: [u8; 8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["127.0.0.1"]).signed_by(&key, &*CA).unwrap();
    let mut der = certificate.der().to_vec();
    for start in 0..der.len() - SHA_256.len() {
        if der[start..].starts_with(&SHA_256) {
            der[start + 7] = 1;
        }
    }
    with_certificate(der.into(), &key, rustls::ALL_VERSIONS)
}

fn with_certificate(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    Arc::new(config)
}

/// A server that wants a certificate of its client.
pub(crate) fn wanting_a_certificate(
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CA.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["127.0.0.1"]).signed_by(&key, &*CA).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    Arc::new(config)
}

/// Serves every connection by `script`, once its handshake is done.
pub(crate) fn serve<F>(config: Arc<ServerConfig>, script: F) -> SocketAddr
where
    F: Fn(usize, Tls) -> io::Result<()> + Clone + Send + 'static,
{
    super::serve(move |number, stream| script(number, accept(&config, stream)?))
}

pub(crate) fn accept(config: &Arc<ServerConfig>, stream: TcpStream) -> io::Result<Tls> {
    let conn = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(conn, stream);
    while tls.conn.is_handshaking() {
        if let Err(error) = tls.conn.complete_io(&mut tls.sock) {
            // The client had better read the alert than see a reset.
            let _ = super::fin(&tls.sock);
            return Err(error);
        }
    }
    Ok(tls)
}

/// Settings for one attempt over TLS at a server on `addr`.
pub(crate) fn config(addr: SocketAddr) -> ConfigBuilder {
    super::config(addr)
        .base_url(format!("https://{addr}"))
        .root_certificates(root())
}

/// Ends TLS and the connection properly.
pub(crate) fn close(mut tls: Tls) -> io::Result<()> {
    tls.conn.send_close_notify();
    tls.flush()?;
    super::fin(&tls.sock)
}

/// Each of `parts` as a record of its own, to be sent in one segment.
pub(crate) fn records(conn: &mut ServerConnection, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut segment = Vec::new();
    for part in parts {
        conn.writer().write_all(part)?;
        while conn.wants_write() {
            conn.write_tls(&mut segment)?;
        }
    }
    while conn.wants_write() {
        conn.write_tls(&mut segment)?;
    }
    Ok(segment)
}

/// What the server would say to the `ClientHello` that comes on `stream`.
pub(crate) fn flight(config: &Arc<ServerConfig>, mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut conn = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    while !conn.wants_write() {
        conn.read_tls(&mut stream)?;
        conn.process_new_packets().map_err(io::Error::other)?;
    }
    let mut flight = Vec::new();
    while conn.wants_write() {
        conn.write_tls(&mut flight)?;
    }
    Ok(flight)
}

/// Reads a TLS record, and not a byte more.
pub(crate) fn read_record(stream: &mut impl Read) -> io::Result<()> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u16::from_be_bytes([head[3], head[4]]);
    io::copy(&mut stream.take(length.into()), &mut io::sink())?;
    Ok(())
}
