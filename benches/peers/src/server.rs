//! A server that does as little as it can: it reads whole requests, and sends
//! the same response to each.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server in a process of its own, which ends when this is dropped.
pub struct Server {
    process: Child,
    /// Where it listens, as `http://127.0.0.1:PORT`.
    pub plain: String,
    /// Where it listens, as `https://127.0.0.1:PORT`.
    pub tls: String,
    /// The file with the certificate of its CA.
    pub ca: PathBuf,
}

impl Server {
    /// Starts `serve`, which lies beside this program, on the core that
    /// SERVER_CORE names, or else wherever this program runs.
    pub fn start() -> Self {
        let serve = env::current_exe().unwrap().with_file_name("serve");
        let mut command = match env::var("SERVER_CORE") {
            Ok(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core]).arg(serve);
                command
            }
            Err(_) => Command::new(serve),
        };
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        Self {
            plain: line(),
            tls: line(),
            ca: line().into(),
            process,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.ca);
    }
}

/// Serves until the process ends, and prints what [`Server::start`] reads.
pub fn serve() {
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let tls = TcpListener::bind("127.0.0.1:0").unwrap();
    let (config, ca) = certified();
    let file = env::temp_dir().join(format!("peers-{}.pem", std::process::id()));
    fs::write(&file, ca).unwrap();
    println!("http://{}", plain.local_addr().unwrap());
    println!("https://{}", tls.local_addr().unwrap());
    println!("{}", file.display());
    thread::spawn(move || accept(&plain, response));
    accept(&tls, move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        response(StreamOwned::new(connection, stream))
    });
}

fn accept(
    listener: &TcpListener,
    serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) {
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        let serve = serve.clone();
        // A client that goes away is not worth a word.
        thread::spawn(move || serve(stream));
    }
}

fn response(mut stream: impl Read + Write) -> io::Result<()> {
    let (one, the_last) = (response_with(""), response_with("connection: close\r\n"));
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..])?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        if let Some((length, last)) = request(&buffer[..filled]) {
            assert_eq!(length, filled, "no client pipelines");
            filled = 0;
            stream.write_all(if last { &the_last } else { &one }.as_bytes())?;
            stream.flush()?;
            if last {
                return Ok(());
            }
        }
    }
}

/// The length of the request at the start of `bytes`, once it is whole, and
/// whether it is the last of its connection.
fn request(bytes: &[u8]) -> Option<(usize, bool)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let mut lines = text.split("\r\n");
    assert_eq!(
        lines.next().unwrap(),
        "PATCH /api/v1/customers/cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V HTTP/1.1"
    );
    let (mut length, mut last) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().unwrap());
        } else if name.eq_ignore_ascii_case("connection") {
            last = value.trim().eq_ignore_ascii_case("close");
        }
    }
    let whole = head + 4 + length.expect("a content-length");
    (bytes.len() >= whole).then_some((whole, last))
}

/// A certificate for 127.0.0.1, and its CA as PEM.
fn certified() -> (Arc<ServerConfig>, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "peers CA");
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".into(), "localhost".into()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (Arc::new(config), ca.pem())
}

/// A response as the API gives it, with these headers beside its own.
fn response_with(headers: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\n\
         date: Wed, 12 Mar 2025 09:15:42 GMT\r\n\
         content-type: application/json; charset=utf-8\r\n\
         content-length: {}\r\n\
         x-request-id: 3f1b8c4e-7c2e-4c2c-8d2f-179cf0efb36b\r\n\
         {headers}\r\n{CUSTOMER}",
        CUSTOMER.len()
    )
}

const CUSTOMER: &str = r#"{
  "id": "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V",
  "internal_id": "cust_123",
  "email": "customer@example.com",
  "first_name": "Jane",
  "last_name": "Doe",
  "phone_number": "5551234567",
  "date_of_birth": "1990-01-01",
  "created_at": "2025-03-10T16:08:14.427Z",
  "updated_at": "2025-03-12T09:15:42.001Z"
}"#;
