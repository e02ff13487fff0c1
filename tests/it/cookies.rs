//! Nothing of one response reaches another request, whatever features of ureq
//! other crates enable: `.ci/steps/graph` runs this with its cookies.

use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::common::{ID, call, config, customer, read_request, serve};
use paywithsoap::Config;

/// The requests that a server got, each with the number of its connection.
type Requests = Arc<Mutex<Vec<(usize, String)>>>;

/// Settings for a server that sets these cookies by every response.
fn server(cookies: &'static [fn(usize) -> String]) -> (Config, Requests) {
    let requests = Requests::default();
    let log = Arc::clone(&requests);
    let addr = serve(move |number, mut stream| {
        loop {
            let request = String::from_utf8_lossy(&read_request(&mut stream)?).into_owned();
            let count = {
                let mut log = log.lock().unwrap();
                log.push((number, request));
                log.len()
            };
            let mut response = b"HTTP/1.1 200 OK\r\n".to_vec();
            for cookie in cookies {
                write!(response, "set-cookie: {}\r\n", cookie(count))?;
            }
            let body = customer();
            write!(response, "content-length: {}\r\n\r\n{body}", body.len())?;
            stream.write_all(&response)?;
        }
    });
    (config(addr).build().unwrap(), requests)
}

#[test]
fn no_cookie_is_sent_back() {
    let (cfg, requests) = server(&[
        |_| "session=secret; Path=/".into(),
        |count| format!("n{count}=v; Path=/"),
    ]);
    for _ in 0..5 {
        call(&cfg).unwrap();
    }
    let requests = requests.lock().unwrap();
    for (connection, request) in &*requests {
        // Cookies alone cost no connection.
        assert_eq!(*connection, 0);
        let expected = format!("PATCH /api/v1/customers/{ID} HTTP/1.1\r\n");
        assert!(request.starts_with(&expected), "{request}");
        assert!(
            !request.to_ascii_lowercase().contains("cookie"),
            "{request}"
        );
        assert!(!request.contains("secret"), "{request}");
        assert_eq!(request, &requests[0].1);
    }
}

#[test]
fn many_large_cookies_break_no_config() {
    let (cfg, requests) = server(&[
        |count| format!("a{count}={}; Path=/", "x".repeat(1500)),
        |count| format!("b{count}={}; Path=/", "y".repeat(1500)),
        |count| format!("c{count}={}; Path=/", "z".repeat(1500)),
    ]);
    for _ in 0..12 {
        call(&cfg).unwrap();
    }
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 12);
    for (_, request) in &*requests {
        assert_eq!(request, &requests[0].1);
    }
}
