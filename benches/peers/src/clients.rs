//! The update through each client, as its documentation would have it done.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use curl::easy::{Easy, List};
use paywithsoap::{Config, CustomerPatch, update_customer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::{Deserialize, Serialize};
use ureq::tls::{RootCerts, TlsConfig};

/// Where the server is.
pub struct Target {
    pub base_url: String,
    /// The CA to trust, as PEM; `None` without TLS.
    pub ca: Option<Vec<u8>>,
}

/// One way to send the update.
pub struct Peer {
    pub name: &'static str,
    /// What is the same or not the same as in ours.
    pub note: &'static str,
    /// Makes what sends the update once each time it is called; `None` where
    /// it cannot trust a CA of one's own.
    pub make: fn(&Target) -> Option<Call>,
}

pub type Call = Box<dyn FnMut()>;

pub const PEERS: [Peer; 8] = [
    Peer {
        name: "paywithsoap",
        note: "the whole call: checks, JSON both ways, proof of the outcome",
        make: ours,
    },
    Peer {
        name: "bare socket",
        note: "a ready request, the response unread but for its length",
        make: socket,
    },
    Peer {
        name: "libcurl",
        note: "one easy handle, no JSON",
        make: libcurl,
    },
    Peer {
        name: "ureq, phase timeouts",
        note: "JSON by serde derive; name lookup unbounded",
        make: ureq_phases,
    },
    Peer {
        name: "ureq, timeout_global",
        note: "JSON by serde derive",
        make: ureq_global,
    },
    Peer {
        name: "reqwest::blocking",
        note: "JSON by serde derive",
        make: reqwest,
    },
    Peer {
        name: "minreq",
        note: "JSON by serde derive; a new connection each call",
        make: minreq,
    },
    Peer {
        name: "attohttpc",
        note: "JSON by serde derive; a new connection each call",
        make: attohttpc,
    },
];

const ID: &str = "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V";
const JSON: &str = r#"{"first_name":"Jane","phone_number":"5551234567"}"#;
const BEARER: &str = "Bearer not-a-real-key";

#[derive(Serialize)]
struct Patch {
    first_name: &'static str,
    phone_number: &'static str,
}

const PATCH: Patch = Patch {
    first_name: "Jane",
    phone_number: "5551234567",
};

// Read for what it costs, like the others.
#[derive(Deserialize)]
#[allow(dead_code)]
struct Customer {
    id: String,
    internal_id: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    phone_number: Option<String>,
    date_of_birth: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl Target {
    fn url(&self) -> String {
        format!("{}/api/v1/customers/{ID}", self.base_url)
    }

    /// The settings of ours.
    pub fn config(&self) -> Config {
        let builder = Config::builder("not-a-real-key")
            .base_url(&self.base_url)
            .no_proxy();
        match &self.ca {
            Some(ca) => builder.root_certificates(ca.as_slice()),
            None => builder,
        }
        .build()
        .unwrap()
    }

    /// The update of ours, on settings that may be shared.
    pub fn update(cfg: &Config, patch: &CustomerPatch) {
        let customer = update_customer(cfg, ID, patch).unwrap();
        assert_eq!(black_box(customer).first_name.as_deref(), Some("Jane"));
    }
}

pub fn patch() -> CustomerPatch {
    CustomerPatch::new()
        .first_name("Jane")
        .phone_number("5551234567")
}

fn ours(target: &Target) -> Option<Call> {
    let (cfg, patch) = (target.config(), patch());
    Some(Box::new(move || Target::update(&cfg, &patch)))
}

fn socket(target: &Target) -> Option<Call> {
    let addr = target.base_url.rsplit('/').next().unwrap().to_owned();
    let request = format!(
        "PATCH /api/v1/customers/{ID} HTTP/1.1\r\nhost: {addr}\r\nauthorization: {BEARER}\r\n\
         content-type: application/json\r\naccept: application/json\r\n\
         content-length: {}\r\n\r\n{JSON}",
        JSON.len()
    );
    let stream = TcpStream::connect(&addr).unwrap();
    stream.set_nodelay(true).unwrap();
    match &target.ca {
        None => Some(exchanges(stream, request)),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(ca).unwrap())
                .unwrap();
            let config = ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = "127.0.0.1".try_into().unwrap();
            let connection = ClientConnection::new(Arc::new(config), name).unwrap();
            Some(exchanges(StreamOwned::new(connection, stream), request))
        }
    }
}

fn exchanges(mut stream: impl Read + Write + 'static, request: String) -> Call {
    let mut buffer = vec![0; 16 * 1024];
    Box::new(move || {
        stream.write_all(request.as_bytes()).unwrap();
        let mut filled = 0;
        loop {
            let n = stream.read(&mut buffer[filled..]).unwrap();
            assert!(n > 0);
            filled += n;
            let response = &buffer[..filled];
            if let Some(head) = response.windows(4).position(|four| four == b"\r\n\r\n") {
                let name = b"content-length: ";
                let at = response
                    .windows(name.len())
                    .position(|window| window == name)
                    .unwrap();
                let length = response[at + name.len()..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .fold(0, |n, digit| n * 10 + usize::from(digit - b'0'));
                if filled == head + 4 + length {
                    assert!(response.starts_with(b"HTTP/1.1 200 "));
                    break;
                }
            }
        }
        black_box(&buffer);
    })
}

fn libcurl(target: &Target) -> Option<Call> {
    let mut headers = List::new();
    for header in [
        "Authorization: Bearer not-a-real-key",
        "Content-Type: application/json",
        "Accept: application/json",
    ] {
        headers.append(header).unwrap();
    }
    let mut easy = Easy::new();
    easy.url(&target.url()).unwrap();
    easy.timeout(Duration::from_secs(30)).unwrap();
    easy.connect_timeout(Duration::from_secs(5)).unwrap();
    easy.http_headers(headers).unwrap();
    if let Some(ca) = &target.ca {
        easy.ssl_cainfo_blob(ca).unwrap();
    }
    Some(Box::new(move || {
        easy.post_fields_copy(JSON.as_bytes()).unwrap();
        easy.custom_request("PATCH").unwrap();
        let mut body = Vec::new();
        let mut transfer = easy.transfer();
        transfer
            .write_function(|bytes| {
                body.extend_from_slice(bytes);
                Ok(bytes.len())
            })
            .unwrap();
        transfer.perform().unwrap();
        drop(transfer);
        assert_eq!(easy.response_code().unwrap(), 200);
        black_box(body);
    }))
}

fn ureq_phases(target: &Target) -> Option<Call> {
    let seconds = |n| Some(Duration::from_secs(n));
    let config = ureq::Agent::config_builder()
        .timeout_connect(seconds(5))
        .timeout_send_request(seconds(30))
        .timeout_send_body(seconds(30))
        .timeout_recv_response(seconds(30))
        .timeout_recv_body(seconds(30));
    Some(ureq(target, config.tls_config(tls(target)).build().into()))
}

fn ureq_global(target: &Target) -> Option<Call> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
    Some(ureq(target, config.tls_config(tls(target)).build().into()))
}

fn tls(target: &Target) -> TlsConfig {
    let roots: Vec<_> = target
        .ca
        .iter()
        .map(|ca| ureq::tls::Certificate::from_pem(ca).unwrap())
        .collect();
    TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .build()
}

fn ureq(target: &Target, agent: ureq::Agent) -> Call {
    let url = target.url();
    Box::new(move || {
        let customer: Customer = agent
            .patch(&url)
            .header("authorization", BEARER)
            .header("accept", "application/json")
            .send_json(&PATCH)
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap();
        assert_eq!(black_box(customer).id, ID);
    })
}

fn reqwest(target: &Target) -> Option<Call> {
    // An error means that it is there from another round.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = target.url();
    let builder = reqwest::blocking::Client::builder().timeout(Duration::from_secs(30));
    let roots = target
        .ca
        .iter()
        .map(|ca| reqwest::Certificate::from_pem(ca).unwrap());
    let client = builder.tls_certs_only(roots).build().unwrap();
    Some(Box::new(move || {
        let customer: Customer = client
            .patch(&url)
            .header("authorization", BEARER)
            .header("accept", "application/json")
            .json(&PATCH)
            .send()
            .unwrap()
            .error_for_status()
            .unwrap()
            .json()
            .unwrap();
        assert_eq!(black_box(customer).id, ID);
    }))
}

fn minreq(target: &Target) -> Option<Call> {
    if target.ca.is_some() {
        return None;
    }
    let url = target.url();
    Some(Box::new(move || {
        let customer: Customer = minreq::Request::new(minreq::Method::Patch, &url)
            .with_header("authorization", BEARER)
            .with_header("accept", "application/json")
            .with_timeout(30)
            .with_json(&PATCH)
            .unwrap()
            .send()
            .unwrap()
            .json()
            .unwrap();
        assert_eq!(black_box(customer).id, ID);
    }))
}

fn attohttpc(target: &Target) -> Option<Call> {
    let url = target.url();
    let mut session = attohttpc::Session::new();
    session.timeout(Duration::from_secs(30));
    if let Some(ca) = &target.ca {
        let ca = CertificateDer::from_pem_slice(ca).unwrap();
        session.add_root_certificate(ca);
    }
    Some(Box::new(move || {
        let customer: Customer = session
            .patch(&url)
            .header("authorization", BEARER)
            .header("accept", "application/json")
            .json(&PATCH)
            .unwrap()
            .send()
            .unwrap()
            .error_for_status()
            .unwrap()
            .json()
            .unwrap();
        assert_eq!(black_box(customer).id, ID);
    }))
}
