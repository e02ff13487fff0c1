//! TLS for real: what certificates, handshakes and cuts a call comes through.

#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
#[test]
fn https_needs_a_tls_feature() {
    use crate::common;

    let error = common::config(([127, 0, 0, 1], 1).into())
        .base_url("https://127.0.0.1")
        .proxy("https://127.0.0.1:1")
        .root_certificates(common::tls::root())
        .system_roots(true)
        .build()
        .unwrap_err();
    let violations: Vec<_> = error.violations().iter().map(ToString::to_string).collect();
    let needs = |field| {
        format!(
            "{field} needs TLS, which this build lacks: \
             enable the crate's feature `rustls` or `native-tls`"
        )
    };
    let system_roots = "system_roots must be false without the feature `platform-verifier` \
                        (native-tls trusts the system's roots where it is the backend)";
    let [base_url, proxy, roots] = ["base_url", "proxy", "root_certificates"].map(needs);
    assert_eq!(violations, [base_url, proxy, roots, system_roots.into()]);
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod with_tls {
    use std::error::Error as _;
    use std::io::{self, Write};
    use std::net::TcpStream;
    use std::process::Command;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::{env, fs, thread};

    use paywithsoap::ErrorKind;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, date_time_ymd,
    };
    use rustls::version::{TLS12, TLS13};
    use rustls::{HandshakeKind, ServerConfig};

    use crate::common::tls::{self, Tls};
    use crate::common::{
        self, End, LONG, SHORT, call, customer, fin, io_kind, ok, read_request, response, rows,
        rst, serve, stall,
    };

    /// Whether rustls does the work; native-tls else.
    const RUSTLS: bool = cfg!(any(feature = "rustls", not(feature = "native-tls")));

    #[test]
    fn every_tls_row_ends_as_required() {
        let rows = rows(|scenario| scenario.starts_with("TLS"));
        assert_eq!(rows.len(), 19);
        for (scenario, required) in rows {
            let name = scenario.split(" [request").next().unwrap_or_default();
            let ends = run(name);
            let end = match scenario.split_once(" [request ") {
                Some((_, "2]")) => ends[1],
                _ => ends[0],
            };
            assert!(
                required.contains(&end.required()),
                "`{scenario}` must come to {required:?}, not {end:?}"
            );
        }
    }

    fn run(scenario: &str) -> Vec<End> {
        use End::{Applied, NoResponse, NotSent};

        let (end, expected) = match scenario {
            "TLS ok" => (one(tls::good(), whole), Applied),
            "TLS: FIN after ClientHello" => {
                let end = bare(|mut stream| {
                    tls::read_record(&mut stream)?;
                    fin(&stream)
                });
                (end, NotSent)
            }
            "TLS: stall after ClientHello" => {
                let addr = serve(|_, mut stream| stall(&mut stream));
                let cfg = tls::config(addr).timeout(SHORT).build().unwrap();
                (End::of(&call(&cfg)), NotSent)
            }
            "TLS: fatal alert handshake_failure" => {
                let end = bare(|mut stream| {
                    tls::read_record(&mut stream)?;
                    stream.write_all(&[21, 3, 3, 0, 2, 2, 40])?;
                    fin(&stream)
                });
                (end, NotSent)
            }
            "TLS: untrusted CA (webpki roots)" => {
                let addr = tls::serve(tls::good(), whole);
                let cfg = common::config(addr).base_url(format!("https://{addr}"));
                (End::of(&call(&cfg.build().unwrap())), NotSent)
            }
            "TLS: expired" => (one(expired(), whole), NotSent),
            "TLS: EKU clientAuth only" => (one(for_clients(), whole), NotSent),
            "TLS: TLS 1.2 only" => (one(tls::speaking(&[&TLS12]), whole), Applied),
            "TLS: TLS 1.2 CBC/RSA-kx only ciphers" => {
                // rustls knows no such cipher; the start of a handshake will do.
                let end = bare(|mut stream| {
                    tls::read_record(&mut stream)?;
                    let mut hello = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
                    hello.extend([7; 32]);
                    hello.extend([0, 0x00, 0x2F, 0]);
                    stream.write_all(&hello)?;
                    fin(&stream)
                });
                (end, NotSent)
            }
            "TLS: close_notify after request, no response" => {
                let end = one(tls::good(), |_, mut tls: Tls| {
                    read_request(&mut tls)?;
                    tls::close(tls)
                });
                (end, NoResponse)
            }
            "TLS: FIN right after handshake, request unread" => {
                (one(tls::good(), |_, tls: Tls| fin(&tls.sock)), NoResponse)
            }
            "TLS: client cert required" => (
                one(tls::wanting_a_certificate(&[&TLS13]), whole),
                NoResponse,
            ),
            "TLS: close-delimited body, then close_notify" => {
                let end = one(tls::good(), |_, mut tls: Tls| {
                    read_request(&mut tls)?;
                    write!(tls, "HTTP/1.1 200 OK\r\n\r\n{}", customer())?;
                    tls::close(tls)
                });
                (end, Applied)
            }
            _ => return pool(scenario),
        };
        assert_eq!(end, expected, "{scenario}");
        vec![end]
    }

    /// Two calls on one Config, both of which must come out well, though what
    /// the first connection says without being asked must not be believed.
    fn pool(scenario: &str) -> Vec<End> {
        // The server's side of the first connection: it responds, does its
        // mischief, and tells when the second call may be made.
        type Turn = fn(&mut Tls, Vec<u8>, &Sender<()>) -> io::Result<()>;
        let turn: Turn = match scenario {
            "TLS pool desync: two responses in ONE record" => |tls, stale, ready| {
                tls.write_all(&[ok(), stale].concat())?;
                ready.send(()).map_err(io::Error::other)
            },
            "TLS pool desync: two records, ONE TCP segment"
            | "TLS 1.2 pool desync: two records, ONE TCP segment" => |tls, stale, ready| {
                let segment = tls::records(&mut tls.conn, &[&ok(), &stale])?;
                tls.sock.write_all(&segment)?;
                ready.send(()).map_err(io::Error::other)
            },
            "TLS pool desync: second record while idle" => |tls, stale, ready| {
                tls.write_all(&ok())?;
                tls.sock.flush()?;
                // The first call must have ended before.
                thread::sleep(SHORT / 5);
                tls.write_all(&stale)?;
                ready.send(()).map_err(io::Error::other)
            },
            "TLS pool: close_notify+FIN while idle; 2nd request" => |tls, _, ready| {
                tls.write_all(&ok())?;
                tls.conn.send_close_notify();
                tls.flush()?;
                tls.sock.shutdown(std::net::Shutdown::Write)?;
                ready.send(()).map_err(io::Error::other)
            },
            _ => panic!("no scenario is called `{scenario}`"),
        };
        let server = if scenario.starts_with("TLS 1.2") {
            tls::speaking(&[&TLS12])
        } else {
            tls::good()
        };
        let (ready, is_ready) = channel();
        let addr = tls::serve(server, move |number, mut tls| {
            read_request(&mut tls)?;
            if number > 0 {
                tls.write_all(&response("200 OK", &customer().replace("Jane", "Second")))?;
                return tls::close(tls);
            }
            turn(
                &mut tls,
                response("200 OK", &customer().replace("Jane", "Stale")),
                &ready,
            )?;
            stall(&mut tls.sock)
        });
        let cfg = tls::config(addr).build().unwrap();
        let one = call(&cfg);
        is_ready.recv_timeout(LONG).unwrap();
        let two = call(&cfg);
        let names = [&one, &two].map(|result| result.as_ref().unwrap().first_name.as_deref());
        assert_eq!(names, [Some("Jane"), Some("Second")], "{scenario}");
        vec![End::of(&one), End::of(&two)]
    }

    #[test]
    fn a_bad_certificate_gets_no_request() {
        const UNKNOWN: &str = " was not accepted: its issuer is not in root_certificates";
        let named = tls::params(&["127.0.0.1"]);
        let mut authority = tls::params(&["127.0.0.1"]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let of_ca = if RUSTLS {
            " is a CA certificate, which a server must not have: make one for tests by \
             `openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 365 \
             -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
             -addext basicConstraints=critical,CA:FALSE`"
        } else {
            UNKNOWN
        };
        for (server, message) in [
            (
                expired(),
                " has expired: check this machine's clock, which shows ",
            ),
            (
                not_yet_valid(),
                " is not valid yet: check this machine's clock, which shows ",
            ),
            (
                tls::server(&tls::params(&["api.example"])),
                " is for another name than 127.0.0.1",
            ),
            (
                tls::server(&tls::params(&["127.0.0.2"])),
                " is for another name than 127.0.0.1",
            ),
            (
                tls::issued(&named, &tls::authority("Another CA"), rustls::ALL_VERSIONS),
                UNKNOWN,
            ),
            (tls::self_signed(&named).0, UNKNOWN),
            (tls::self_signed(&authority).0, of_ca),
            (for_clients(), " is not meant for servers"),
        ] {
            let addr = tls::serve(server, |_, mut tls| {
                let request = read_request(&mut tls)?;
                panic!("the request arrived: {request:?}")
            });
            let result = call(&tls::config(addr).build().unwrap());
            assert_eq!(End::of(&result), End::NotSent, "{message}");
            let error = result.unwrap_err();
            assert!(!error.is_transient(), "{message}: {error:?}");
            assert_eq!(io_kind(&error), io::ErrorKind::InvalidData, "{message}");
            let cause = error.source().unwrap();
            let mut shown = cause.to_string();
            if message.ends_with(' ') {
                // The date.
                assert_eq!(shown.split_off(shown.len() - 10).matches('-').count(), 2);
            }
            assert_eq!(shown, format!("the server's certificate{message}"));
            let backend = cause.source().unwrap().to_string();
            assert!(backend.contains("ertificate"), "{backend}");
            let shown = format!("{error:?}");
            let causes: Vec<_> = shown.split("\ncaused by: ").collect();
            let is_new = |two: &[&str]| !two[0].contains(two[1]);
            assert!(causes.windows(2).all(is_new), "{shown}");
        }
    }

    #[test]
    fn an_unknown_issuer_gets_advice() {
        let addr = tls::serve(tls::good(), whole);
        let cfg = common::config(addr).base_url(format!("https://{addr}"));
        let error = call(&cfg.build().unwrap()).unwrap_err();
        let lacks = if RUSTLS {
            ""
        } else {
            ", or this system lacks CA certificates (the package ca-certificates has them)"
        };
        assert_eq!(
            error.source().unwrap().to_string(),
            format!(
                "the server's certificate was not accepted: somebody may be intercepting the \
                 connection{lacks}; if your organisation inspects TLS, get its CA certificate from \
                 your administrator and pass it to root_certificates"
            )
        );
    }

    #[test]
    fn a_self_signed_certificate_that_is_no_ca_may_be_trusted() {
        // As the advice on CA certificates makes one.
        let mut params = tls::params(&["127.0.0.1"]);
        params.is_ca = IsCa::ExplicitNoCa;
        let (server, pem) = tls::self_signed(&params);
        let cfg = tls::config(tls::serve(server, whole)).root_certificates(pem);
        let result = call(&cfg.build().unwrap());
        assert_eq!(End::of(&result), End::Applied, "{result:?}");
    }

    #[test]
    fn an_unsupported_algorithm_is_named() {
        // ECDSA with SHA-256 becomes ECDSA with SHA-224.
        let addr = tls::serve(tls::signed_by_another_algorithm(), whole);
        let error = call(&tls::config(addr).build().unwrap()).unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        let cause = error.source().unwrap();
        if RUSTLS {
            assert_eq!(
                cause.to_string(),
                "the server's certificate has an unsupported algorithm, key size or version"
            );
            assert!(cause.source().is_none(), "{error:?}");
        } else {
            // OpenSSL has it, and finds another signature.
            assert_eq!(
                cause.to_string(),
                "the server's certificate was not accepted"
            );
        }
    }

    #[test]
    fn a_name_is_told_from_another() {
        let addr = tls::serve(tls::server(&tls::params(&["api.example"])), whole);
        let error = call(&tls::config(addr).build().unwrap()).unwrap_err();
        let shown = format!("{error:#}");
        assert!(shown.contains("127.0.0.1"), "{shown}");
        // OpenSSL does not say what the certificate is for.
        assert_eq!(shown.contains("api.example"), RUSTLS, "{shown}");
    }

    #[test]
    fn a_port_without_tls_is_named() {
        let addr = serve(|_, mut stream| {
            tls::read_record(&mut stream)?;
            stream.write_all(&response("400 Bad Request", "what?"))?;
            fin(&stream)
        });
        let error = call(&tls::config(addr).build().unwrap()).unwrap_err();
        let cause = error.source().unwrap().to_string();
        assert_eq!(cause, "the server does not speak TLS: is it http?");
        assert!(!error.is_transient());
    }

    #[test]
    fn a_stalled_handshake_is_named() {
        let addr = serve(|_, mut stream| stall(&mut stream));
        let cfg = tls::config(addr).connect_timeout(SHORT).build().unwrap();
        assert_eq!(
            format!("{:#}", call(&cfg).unwrap_err()),
            "not applied: the API was not reached: the TLS handshake with the server failed: \
             the connect_timeout has passed"
        );
    }

    #[test]
    fn a_client_certificate_is_not_tried_twice() {
        let addr = tls::serve(tls::wanting_a_certificate(&[&TLS13]), whole);
        let cfg = tls::config(addr).max_retries(2).retry_unknown(true);
        let result = call(&cfg.build().unwrap());
        assert_eq!(End::of(&result), End::NoResponse);
        let error = result.unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        assert_eq!(io_kind(&error), io::ErrorKind::PermissionDenied);
        assert_eq!(
            error.source().unwrap().to_string(),
            "the server wants a client certificate, which is not supported"
        );
    }

    #[test]
    fn only_native_tls_accepts_nameless_certificates() {
        let mut nameless = tls::params(&[]);
        nameless
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        let addr = tls::serve(tls::server(&nameless), whole);
        let cfg = tls::config(addr).base_url(format!("https://localhost:{}", addr.port()));
        let end = End::of(&call(&cfg.build().unwrap()));
        assert!(
            end == End::NotSent || (!RUSTLS && end == End::Applied),
            "{end:?}"
        );
    }

    #[test]
    fn checks_names_as_well_as_addresses() {
        let addr = tls::serve(tls::server(&tls::params(&["localhost"])), whole);
        let named = tls::config(addr).base_url(format!("https://localhost:{}", addr.port()));
        assert_eq!(End::of(&call(&named.build().unwrap())), End::Applied);
        let numbered = tls::config(addr).build().unwrap();
        assert_eq!(End::of(&call(&numbered)), End::NotSent);
    }

    #[test]
    fn response_without_close_notify_needs_length() {
        let head = "HTTP/1.1 200 OK\r\n";
        let whole = customer();
        let short = &whole[..whole.len() - 1];
        let length = whole.len();
        for (bytes, expected) in [
            (
                format!("{head}content-length: {length}\r\n\r\n{whole}"),
                End::Applied,
            ),
            (
                format!("{head}content-length: {length}\r\n\r\n{short}"),
                End::InvalidResponse(200),
            ),
            (format!("{head}\r\n{whole}"), End::InvalidResponse(200)),
            (format!("{head}\r\n{short}"), End::InvalidResponse(200)),
            (head.into(), End::NoResponse),
        ] {
            for server in [&TLS12, &TLS13].map(|version| tls::speaking(&[version])) {
                for reset in [false, true] {
                    let bytes = bytes.clone();
                    let addr = tls::serve(Arc::clone(&server), move |_, mut tls| {
                        read_request(&mut tls)?;
                        tls.write_all(bytes.as_bytes())?;
                        if reset { rst(tls.sock) } else { fin(&tls.sock) }
                    });
                    let result = call(&tls::config(addr).build().unwrap());
                    assert_eq!(End::of(&result), expected, "{result:?}");
                }
            }
        }
    }

    #[test]
    fn half_a_record_starts_no_response() {
        for server in [&TLS12, &TLS13].map(|version| tls::speaking(&[version])) {
            let addr = tls::serve(server, |number, mut tls| {
                read_request(&mut tls)?;
                if number > 0 {
                    tls.write_all(&response("200 OK", &customer().replace("Jane", "Second")))?;
                    return tls::close(tls);
                }
                let stale = response("200 OK", &customer().replace("Jane", "Stale"));
                let segment = tls::records(&mut tls.conn, &[&ok(), &stale])?;
                let (now, later) = segment.split_at(segment.len() - 9);
                tls.sock.write_all(now)?;
                // Until the second request comes, or the end.
                tls.sock.peek(&mut [0])?;
                tls.sock.write_all(later)?;
                stall(&mut tls.sock)
            });
            let cfg = tls::config(addr).build().unwrap();
            let names = [(); 2].map(|()| call(&cfg).unwrap().first_name);
            assert_eq!(
                names.each_ref().map(Option::as_deref),
                [Some("Jane"), Some("Second")]
            );
        }
    }

    #[test]
    fn a_second_connection_resumes_the_session() {
        for server in [&TLS12, &TLS13].map(|version| tls::speaking(&[version])) {
            let kinds = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&kinds);
            let addr = tls::serve(server, move |_, mut tls| {
                read_request(&mut tls)?;
                seen.lock().unwrap().push(tls.conn.handshake_kind());
                write!(
                    tls,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{}",
                    customer().len(),
                    customer()
                )?;
                tls::close(tls)
            });
            let cfg = tls::config(addr).build().unwrap();
            for _ in 0..2 {
                assert_eq!(End::of(&call(&cfg)), End::Applied);
            }
            // native-tls keeps no sessions.
            let second = if RUSTLS {
                HandshakeKind::Resumed
            } else {
                HandshakeKind::Full
            };
            assert_eq!(
                *kinds.lock().unwrap(),
                [Some(HandshakeKind::Full), Some(second)]
            );
        }
    }

    #[test]
    fn tls_1_2_client_authentication_sends_nothing() {
        let addr = tls::serve(tls::wanting_a_certificate(&[&TLS12]), whole);
        let result = call(&tls::config(addr).build().unwrap());
        assert_eq!(End::of(&result), End::NotSent);
        let error = result.unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        let shown = error.source().unwrap().to_string();
        assert!(
            shown.contains("a client certificate, which is not supported"),
            "{shown}"
        );
    }

    #[test]
    fn a_cut_handshake_sends_nothing() {
        let (nobody, _kept) = common::refused();
        let error = call(&tls::config(nobody).build().unwrap()).unwrap_err();
        assert_eq!(io_kind(&error), io::ErrorKind::ConnectionRefused);
        let mut cuts: Vec<(String, End, bool)> =
            vec![("refused".into(), End::of(&Err(error)), true)];
        for reset in [false, true] {
            let end = move |stream: TcpStream| if reset { rst(stream) } else { fin(&stream) };
            let run = |script: Arc<dyn Fn(TcpStream) -> io::Result<()> + Send + Sync>| {
                let addr = serve(move |_, stream| script(stream));
                let result = call(&tls::config(addr).build().unwrap());
                let transient = result.as_ref().is_err_and(paywithsoap::Error::is_transient);
                (End::of(&result), transient)
            };
            let (came_to, transient) = run(Arc::new(end));
            cuts.push((format!("at once, reset: {reset}"), came_to, transient));
            for version in [&TLS12, &TLS13] {
                let server = tls::speaking(&[version]);
                let lengths = Arc::new(Mutex::new(0));
                for sent in (0..).step_by(61) {
                    let (server, length) = (Arc::clone(&server), Arc::clone(&lengths));
                    let (came_to, transient) = run(Arc::new(move |mut stream: TcpStream| {
                        let flight = tls::flight(&server, &stream)?;
                        *length.lock().unwrap() = flight.len();
                        // The last byte is kept back: over TLS 1.3 the request
                        // follows the whole of it.
                        stream.write_all(&flight[..sent.min(flight.len() - 1)])?;
                        end(stream)
                    }));
                    cuts.push((
                        format!("{version:?}, after {sent} bytes, reset: {reset}"),
                        came_to,
                        transient,
                    ));
                    if sent >= *lengths.lock().unwrap() {
                        break;
                    }
                }
            }
        }
        assert!(cuts.len() > 40, "{}", cuts.len());
        for (cut, came_to, transient) in cuts {
            assert_eq!(came_to, End::NotSent, "{cut}");
            assert!(transient, "{cut}");
        }
    }

    #[test]
    fn a_disconnect_after_sending_is_unknown() {
        for reset in [false, true] {
            let end = one(tls::good(), move |_, mut tls: Tls| {
                read_request(&mut tls)?;
                if reset { rst(tls.sock) } else { fin(&tls.sock) }
            });
            assert_eq!(end, End::NoResponse);
        }
    }

    #[test]
    fn several_root_certificates_are_all_trusted() {
        let addr = tls::serve(tls::good(), whole);
        let both = format!("{}{}", tls::authority("Another CA").pem(), tls::root());
        let cfg = tls::config(addr).root_certificates(both).build().unwrap();
        assert_eq!(End::of(&call(&cfg)), End::Applied);
    }

    /// What the system trusts, the environment of a child process says.
    #[cfg(unix)]
    #[test]
    fn system_roots_are_trusted_on_request() {
        const CHILD: &str = "PAYWITHSOAP_TEST_SYSTEM_ROOTS";

        if let Ok(addr) = env::var(CHILD) {
            let addr = addr.parse().unwrap();
            let cfg = common::config(addr)
                .base_url(format!("https://{addr}"))
                .system_roots(cfg!(feature = "platform-verifier"));
            let given = cfg.clone().root_certificates(tls::root());
            // Made here, of another key than the parent's.
            let ends = [cfg, given].map(|cfg| End::of(&call(&cfg.build().unwrap())));
            println!("{ends:?}");
            return;
        }
        let addr = tls::serve(tls::good(), whole);
        let pem = env::temp_dir().join(format!("paywithsoap-roots-{}.pem", std::process::id()));
        let test = "tls::with_tls::system_roots_are_trusted_on_request";
        for (roots, trusted) in [
            (tls::root(), cfg!(feature = "platform-verifier") || !RUSTLS),
            (tls::authority("Another CA").pem(), false),
        ] {
            fs::write(&pem, roots).unwrap();
            let child = Command::new(env::current_exe().unwrap())
                .args([test, "--exact", "--nocapture"])
                .env(CHILD, addr.to_string())
                .env("SSL_CERT_FILE", &pem)
                .env("SSL_CERT_DIR", "/nonexistent")
                .output()
                .unwrap();
            fs::remove_file(&pem).unwrap();
            let reported = String::from_utf8_lossy(&child.stdout);
            // What is given counts alone, whatever the variables say.
            let expected = if trusted {
                "[Applied, NotSent]"
            } else {
                "[NotSent, NotSent]"
            };
            assert!(
                reported.lines().any(|line| line.ends_with(expected)),
                "{child:?}"
            );
        }
    }

    #[test]
    fn errors_keep_causes_without_ureq_types() {
        let addr = tls::serve(expired(), whole);
        let error = call(&tls::config(addr).build().unwrap()).unwrap_err();
        let ErrorKind::Transport(cause) = error.kind() else {
            panic!("{error:?}");
        };
        assert!(
            cause.to_string().to_lowercase().contains("certificate"),
            "{error:?}"
        );
        assert!(!format!("{error:?}").contains("ureq"), "{error:?}");
    }

    /// One call to a server that follows `script` once the handshake is done.
    fn one<F>(server: Arc<ServerConfig>, script: F) -> End
    where
        F: Fn(usize, Tls) -> io::Result<()> + Clone + Send + 'static,
    {
        let addr = tls::serve(server, script);
        End::of(&call(&tls::config(addr).build().unwrap()))
    }

    /// One call to a server that does not get as far as that.
    fn bare(script: fn(TcpStream) -> io::Result<()>) -> End {
        let addr = serve(move |_, stream| script(stream));
        End::of(&call(&tls::config(addr).build().unwrap()))
    }

    /// The script of a server in good health.
    fn whole(_: usize, mut tls: Tls) -> io::Result<()> {
        loop {
            read_request(&mut tls)?;
            tls.write_all(&ok())?;
        }
    }

    fn expired() -> Arc<ServerConfig> {
        dated(|params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn not_yet_valid() -> Arc<ServerConfig> {
        dated(|params| params.not_before = date_time_ymd(4000, 1, 1))
    }

    fn dated(edit: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
        let mut params = tls::params(&["127.0.0.1"]);
        edit(&mut params);
        tls::server(&params)
    }

    fn for_clients() -> Arc<ServerConfig> {
        let mut params = tls::params(&["127.0.0.1"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        tls::server(&params)
    }
}
