//! Certificates: which are trusted, and which end the run.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::bench::{Bench, lines, records, stderr_text};

/// An API whose certificate an authority of its own has issued.
struct Api {
    bench: Bench,
    url: String,
    ca: PathBuf,
}

impl Api {
    fn start(name: &str, wants_certificate: bool) -> Self {
        let bench = Bench::new(name);
        bench.write_lines(&lines(50, 50, 9));
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let ca = bench.folder.join("ca.pem");
        fs::write(&ca, issuer.pem()).unwrap();

        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        let roots = Arc::new(roots);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = if wants_certificate {
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &*issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = config.with_single_cert(vec![certificate.der().clone()], key.into());

        let config = Arc::new(config.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                // Where a client hangs up, that is its affair.
                thread::spawn(move || serve(config, stream));
            }
        });
        Self { bench, url, ca }
    }

    /// Runs it with this exit code.
    #[track_caller]
    fn expect(&self, code: i32, args: &[&str], variable: Option<&str>) -> Output {
        let mut command = self.bench.command();
        command
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        if let Some(variable) = variable {
            command.env(variable, &self.ca);
        }
        let output = command
            .env("SOAP_API_URL", &self.url)
            .args(["--threads", "1"])
            .args(args)
            .arg(&self.bench.input)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        output
    }

    /// Runs it, and expects it to stop at the first line, for this reason.
    #[track_caller]
    fn expect_stop(&self, outcome: &str, args: &[&str], reason: &str) {
        let output = self.expect(3, args, None);
        let stderr = stderr_text(&output);
        assert!(stderr.contains(&format!("\nstopped: {reason}")), "{stderr}");
        let records = records(&output.stdout);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["outcome"], outcome);
    }
}

/// Responds to each request with the customer whose path it has.
fn serve(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    let conn = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(conn, stream));
    loop {
        let mut id = String::new();
        let mut size = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim_end();
            if let Some(path) = line.strip_prefix("PATCH /api/v1/customers/") {
                path.split(' ')
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut id);
            } else if let Some((_, value)) = line.split_once("ontent-length: ") {
                size = value.parse().map_err(io::Error::other)?;
            } else if line.is_empty() {
                break;
            }
        }
        stream.read_exact(&mut vec![0; size])?;
        let body = format!("{{\"id\":\"{id}\"}}");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.get_mut().write_all((head + &body).as_bytes())?;
    }
}

#[test]
fn certificates_of_a_file_are_trusted() {
    let api = Api::start("certificates_of_a_file", false);
    api.expect(0, &["--ca", api.ca.to_str().unwrap()], None);
    api.expect(0, &[], Some("SOAP_API_CA"));
}

/// On Linux, this variable tells where the system has them.
#[test]
#[cfg(target_os = "linux")]
fn certificates_of_the_system_are_trusted_where_that_is_asked_for() {
    let api = Api::start("certificates_of_the_system", false);
    api.expect(0, &["--system-roots"], Some("SSL_CERT_FILE"));
    api.expect(3, &[], Some("SSL_CERT_FILE"));
}

#[test]
fn certificates_have_one_source() {
    let api = Api::start("certificates_have_one_source", false);
    let ca = api.ca.to_str().unwrap();
    let output = api.expect(2, &["--system-roots", "--ca", ca], None);
    let stderr = stderr_text(&output);
    assert!(stderr.contains("cannot be used with"), "{stderr}");
    let output = api.expect(2, &["--system-roots"], Some("SOAP_API_CA"));
    assert_eq!(
        stderr_text(&output),
        "paywithsoap-bulk: --system-roots cannot be used with SOAP_API_CA: unset that\n"
    );
}

#[test]
fn a_certificate_that_is_not_accepted_stops_the_run() {
    let api = Api::start("not_accepted", false);
    let reason = "the API was not reached: the server's certificate was not accepted: ";
    api.expect_stop("not_applied", &[], reason);
}

#[test]
fn a_client_certificate_that_is_wanted_stops_the_run() {
    let api = Api::start("a_client_certificate", true);
    let reason = "no complete response from the API: the server wants a client certificate, \
        which is not supported";
    api.expect_stop("unknown", &["--ca", api.ca.to_str().unwrap()], reason);
}
