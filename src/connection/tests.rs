use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use socket2::SockRef;
use ureq::http::Request;

use super::*;
use crate::config::{Config, ConfigBuilder};
use crate::testing::TestServer;

const SOON: Duration = Duration::from_millis(50);

fn connection(base_url: &str) -> Connection {
    let cfg = Config::builder("key").base_url(base_url).no_proxy().build();
    open(&cfg.unwrap())
}

fn open(cfg: &Config) -> Connection {
    Connection::new(cfg.network(), &cfg.process().resolver)
}

fn request(base_url: &str) -> Request<&'static str> {
    let url = [base_url, "/api/v1/customers/", TestServer::CUSTOMER_ID].concat();
    Request::patch(url)
        .body(r#"{"first_name":"Jane"}"#)
        .unwrap()
}

/// A connection, the peer's side of it, and one that sees what has arrived.
pub(super) fn connect(call: &Arc<Call>) -> (TcpTransport, TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let seen = stream.try_clone().unwrap();
    let peer = listener.accept().unwrap().0;
    (TcpTransport::new(stream, call).unwrap(), peer, seen)
}

/// What a transport reports of itself when it is used outside of a call.
fn outside(error: &Error) -> bool {
    error.to_string().contains("used outside of a call")
}

#[test]
fn nothing_is_sent_outside_a_call() {
    let server = TestServer::start().unwrap();
    let connection = connection(server.base_url());
    let error = connection
        .agent
        .run(request(server.base_url()))
        .unwrap_err();
    assert!(outside(&error), "{error}");
    // Nor on a connection that is open.
    let (result, _) = connection.call(None, |agent, _| {
        let response = agent.run(request(server.base_url()));
        response.unwrap().body_mut().read_to_vec().unwrap();
    });
    assert_eq!(result, ());
    assert!(connection.is_reusable());
    let error = connection
        .agent
        .run(request(server.base_url()))
        .unwrap_err();
    assert!(outside(&error), "{error}");
    assert!(!connection.is_reusable());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn bodies_are_unreadable_after_their_call() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{")
            .unwrap();
        stream
    });
    let connection = connection(&base_url);
    let (response, trace) = connection.call(None, |agent, _| agent.run(request(&base_url)));
    assert!(trace.sent);
    let _open = server.join().unwrap();
    // It would block for ever.
    let error = response.unwrap().body_mut().read_to_vec().unwrap_err();
    assert!(outside(&error), "{error}");
    assert!(!connection.is_reusable());
}

/// Reads a long body after the limit, as a process does that was stopped until then.
fn read_late<S: Read + Write>(
    cfg: &ConfigBuilder,
    scheme: &str,
    serve: impl FnOnce(TcpStream) -> S + Send + 'static,
) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base_url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        // The connection is closed once all of it has arrived.
        let linger = Some(Duration::from_secs(20));
        SockRef::from(&stream).set_linger(linger).unwrap();
        let mut stream = serve(stream);
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n\r\n";
        let response = [head, &" ".repeat(50_000)].concat();
        stream.write_all(response.as_bytes()).unwrap();
    });
    let cfg = cfg.clone().base_url(&base_url).no_proxy().build().unwrap();
    let connection = open(&cfg);
    let (read, _) = connection.call(None, |agent, call| {
        let mut response = agent.run(request(&base_url)).unwrap();
        server.join().unwrap();
        let read = || response.body_mut().read_to_vec();
        call.with_timeout(Duration::ZERO, "late", read)
    });
    assert_eq!(read.unwrap(), [b' '].repeat(50_000));
}

#[test]
fn a_long_body_is_read_after_the_limit() {
    read_late(&Config::builder("key"), "http", |stream| stream);
}

#[test]
fn a_request_on_another_thread_counts() {
    let server = TestServer::start().unwrap();
    let connection = connection(server.base_url());
    let (status, trace) = connection.call(None, |agent, _| {
        thread::scope(|scope| {
            let call = scope.spawn(|| agent.run(request(server.base_url())).unwrap().status());
            call.join().unwrap()
        })
    });
    assert!(trace.sent);
    assert_eq!(status, 401);
}

#[test]
fn on_another_thread_the_deadline_holds() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let connection = connection(&base_url);
    let deadline = Instant::now() + SOON;
    // The system accepts for the listener, which never responds.
    let (error, trace) = connection.call(Some(deadline), |agent, _| {
        thread::scope(|scope| {
            let call = scope.spawn(|| agent.run(request(&base_url)).unwrap_err());
            call.join().unwrap()
        })
    });
    assert!(trace.sent);
    let Error::Io(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(Instant::now() >= deadline);
}

#[test]
fn a_panicking_call_leaves_no_connection() {
    let server = TestServer::start().unwrap();
    let connection = connection(server.base_url());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        connection.call(None, |agent, _| {
            let _response = agent.run(request(server.base_url())).unwrap();
            std::panic::resume_unwind(Box::new(()));
        })
    }));
    assert!(panicked.is_err());
    assert!(!connection.is_reusable());
}

#[test]
fn tls_rejects_clocks_before_1970() {
    // Windows counts in units of 100 ns.
    let before = UNIX_EPOCH - Duration::from_nanos(100);
    let error = check_clock(before).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the clock shows a time before 1970, and TLS needs the right one"
    );
    assert!(check_clock(UNIX_EPOCH).is_ok());
}

#[test]
fn address_that_connected_is_tried_first() {
    // Where there is no IPv6, `localhost` has one address.
    let Ok(second) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return;
    };
    let port = second.local_addr().unwrap().port();
    let base_url = format!("http://localhost:{port}");
    let cfg = Config::builder("key").base_url(&base_url).no_proxy();
    let cfg = cfg.build().unwrap();
    let (sender, accepted) = mpsc::channel();
    let accept = |address: &'static str, listener: TcpListener| {
        let sender = sender.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // The call ends with it.
                drop(stream);
                let _ = sender.send(address);
            }
        });
    };
    let connect = || {
        let connection = open(&cfg);
        let deadline = Some(Instant::now() + Duration::from_secs(20));
        let (result, _) = connection.call(deadline, |agent, _| agent.run(request(&base_url)));
        assert!(result.is_err());
        accepted.recv().unwrap()
    };
    accept("::1", second);
    // Nobody listens on 127.0.0.1, which is the first to be tried.
    assert_eq!(connect(), "::1");
    // From now on, somebody does.
    let Ok(first) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else {
        return;
    };
    accept("127.0.0.1", first);
    assert_eq!(connect(), "::1");
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod with_tls {
    use std::net::Shutdown;

    use rustls::crypto::ring;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A proxy's side of a connection, and what the first read of it got.
    fn first_read(base_url: &str, proxy: &str, listener: &TcpListener) -> String {
        let cfg = Config::builder("key")
            .base_url(base_url)
            .proxy(proxy)
            .build();
        let connection = open(&cfg.unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buffer = [0; 4096];
                let count = stream.read(&mut buffer).unwrap();
                let _ = stream.shutdown(Shutdown::Both);
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                sender.send(text).unwrap();
            });
            let deadline = Some(Instant::now() + LONG);
            let (result, trace) =
                connection.call(deadline, |agent, _| agent.run(request(base_url)));
            assert!(result.is_err() && !trace.sent);
        });
        receiver.recv().unwrap()
    }

    #[test]
    fn connect_leaves_in_one_write() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let proxy = format!("http://user:password@{addr}");
        let read = first_read("https://api.example", &proxy, &listener);
        assert!(
            read.starts_with("CONNECT api.example:443 HTTP/1.1\r\n"),
            "{read}"
        );
        assert!(read.contains("\r\nProxy-Authorization: Basic "), "{read}");
        assert!(read.ends_with("\r\n\r\n"), "{read}");
    }

    #[test]
    fn a_long_body_is_read_after_the_limit() {
        // Where the crate's features bring no provider.
        let _ = ring::default_provider().install_default();
        let server = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(server.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![server.cert.der().clone()], key.into())
            .unwrap();
        let cfg = Config::builder("key").root_certificates(server.cert.pem());
        read_late(&cfg, "https", |stream| {
            let tls = ServerConnection::new(Arc::new(config)).unwrap();
            StreamOwned::new(tls, stream)
        });
    }
}
