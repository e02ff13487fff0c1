use std::cell::{Cell, RefCell};
use std::time::Instant;

use super::*;
use crate::connection::tests;

const ALL: [Platform; 4] = [
    Platform::Apple,
    Platform::Linux,
    Platform::Unix,
    Platform::Windows,
];

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What an address does to a connect, and after how long at the soonest.
#[derive(Clone, Copy)]
enum Peer {
    Accepts(u64),
    Refuses,
    DropsPackets,
    Fails(ErrorKind),
}

/// Connects to these within `timeout`, and returns which accepted, after how
/// long, and what each connect was given.
fn connect(peers: &[Peer], timeout: Option<u64>) -> (io::Result<usize>, Duration, Vec<u64>) {
    let now = Cell::new(Duration::ZERO);
    let given = RefCell::new(Vec::new());
    let addrs: Vec<_> = (0..peers.len())
        .map(|n| SocketAddr::from(([127, 0, 0, 1], u16::try_from(n).unwrap())))
        .collect();
    let remaining = || match timeout.map(|timeout| ms(timeout).saturating_sub(now.get())) {
        Some(Duration::ZERO) => Err(io::Error::new(TimedOut, "the limit")),
        remaining => Ok(remaining),
    };
    let result = connect_in_rounds(&addrs, remaining, |addr, timeout| {
        let timeout = timeout.unwrap_or(Duration::from_secs(3600));
        given
            .borrow_mut()
            .push(u64::try_from(timeout.as_millis()).unwrap());
        match peers[usize::from(addr.port())] {
            Peer::Accepts(after) if ms(after) <= timeout => {
                now.set(now.get() + ms(after));
                Ok(())
            }
            Peer::Refuses => Err(ConnectionRefused.into()),
            Peer::Fails(kind) => Err(kind.into()),
            Peer::Accepts(_) | Peer::DropsPackets => {
                now.set(now.get() + timeout);
                Err(io::Error::new(TimedOut, "an address"))
            }
        }
    });
    let accepted = result.map(|((), addr)| usize::from(addr.port()));
    (accepted, now.get(), given.into_inner())
}

#[test]
fn one_address_gets_all_the_time() {
    let (accepted, took, given) = connect(&[Peer::Accepts(4999)], Some(5000));
    assert_eq!((accepted.unwrap(), took, given), (0, ms(4999), vec![5000]));
    let (accepted, _, _) = connect(&[Peer::Accepts(60_000)], None);
    assert_eq!(accepted.unwrap(), 0);
    // It is not tried twice.
    let (accepted, _, given) = connect(&[Peer::DropsPackets], Some(5000));
    let error = accepted.unwrap_err();
    assert_eq!(error.kind(), TimedOut);
    assert_eq!(error.to_string(), "the limit");
    assert_eq!(given, [5000]);
}

#[test]
fn dead_address_costs_under_a_second() {
    let peers = [Peer::DropsPackets, Peer::Accepts(20)];
    for timeout in [Some(5000), Some(30_000), None] {
        let (accepted, took, _) = connect(&peers, timeout);
        assert_eq!((accepted.unwrap(), took), (1, ms(820)), "{timeout:?}");
    }
    // Where there is less time, each gets its share.
    let (accepted, took, _) = connect(&peers, Some(1000));
    assert_eq!((accepted.unwrap(), took), (1, ms(520)));
}

#[test]
fn slow_addresses_get_a_second_round() {
    let peers = [Peer::Accepts(1500), Peer::DropsPackets];
    let (accepted, took, given) = connect(&peers, Some(5000));
    assert_eq!((accepted.unwrap(), took), (0, ms(3100)));
    assert_eq!(given, [800, 800, 1700]);

    let peers = [Peer::DropsPackets, Peer::Refuses, Peer::Accepts(1000)];
    let (accepted, _, given) = connect(&peers, Some(5000));
    assert_eq!(accepted.unwrap(), 2);
    assert_eq!(given, [800, 800, 800, 1700, 1700]);
}

#[test]
fn addresses_share_what_remains() {
    let peers = [Peer::DropsPackets; 3];
    let (_, took, given) = connect(&peers, Some(900));
    assert_eq!((took, given), (ms(900), vec![300, 300, 300]));
    let (_, took, given) = connect(&peers, Some(5100));
    assert_eq!(
        (took, given),
        (ms(5100), vec![800, 800, 800, 900, 900, 900])
    );
}

#[test]
fn refused_addresses_are_not_tried_again() {
    let (accepted, took, given) = connect(&[Peer::Refuses, Peer::Refuses], Some(5000));
    let error = accepted.unwrap_err();
    assert_eq!(error.kind(), ConnectionRefused);
    assert_eq!((took, given.len()), (ms(0), 2));
    let (accepted, _, _) = connect(&[], Some(5000));
    let error = accepted.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn the_most_telling_failure_is_reported() {
    use ErrorKind::{NetworkUnreachable, PermissionDenied};
    let ranks = [
        PermissionDenied,
        NetworkUnreachable,
        HostUnreachable,
        TimedOut,
        ConnectionRefused,
    ];
    for (rank, more) in ranks.into_iter().enumerate() {
        for less in &ranks[..=rank] {
            for kinds in [[more, *less], [*less, more]] {
                let (accepted, _, _) = connect(&kinds.map(Peer::Fails), Some(5000));
                assert_eq!(accepted.unwrap_err().kind(), more, "{kinds:?}");
            }
        }
    }
    let peers = [Peer::DropsPackets, Peer::Refuses];
    let (accepted, _, _) = connect(&peers, Some(5000));
    assert_eq!(accepted.unwrap_err().kind(), ConnectionRefused);
}

#[test]
fn many_addresses_stay_within_the_limit() {
    for count in 1..40 {
        for timeout in [1, 5, 700, 5000] {
            let (accepted, took, _) = connect(&vec![Peer::DropsPackets; count], Some(timeout));
            assert_eq!(accepted.unwrap_err().kind(), TimedOut);
            assert!(
                took <= ms(timeout),
                "{took:?} of {timeout} for {count} addresses"
            );
        }
    }
}

/// How late Linux wakes a read, at the worst, by the levels of its timer wheel
/// for 250 ticks a second.
fn rounded_up(timeout: Duration) -> Duration {
    let ticks = u64::try_from(timeout.as_millis()).unwrap().div_ceil(4) + 1;
    let step = match ticks {
        0..64 => 1,
        64..512 => 8,
        512..4096 => 64,
        _ => 512,
    };
    ms(4 * (ticks.div_ceil(step) * step))
}

#[test]
fn silent_reads_barely_outlast_the_limit() {
    for timeout in (1..12_000).step_by(7) {
        let timeout = ms(timeout);
        let (mut now, mut known, mut changes, mut reads) = (Duration::ZERO, None, 0, 0);
        while now < timeout {
            if let Some(new) = new_timeout(known, timeout.checked_sub(now), Platform::Linux) {
                known = Some(new);
                changes += 1;
            }
            now += rounded_up(known.unwrap());
            reads += 1;
        }
        assert!(now <= timeout + ms(12), "{timeout:?} ended after {now:?}");
        assert!(
            reads <= 24 && changes <= 16,
            "{timeout:?}: {reads} {changes}"
        );
    }
}

#[test]
fn a_warm_call_changes_no_timeout() {
    for timeout in [300, 1000, 4400, 4900, 30_000] {
        let mut known = None;
        let mut changes = 0;
        for _ in 0..1000 {
            // A call that takes less than a fifth of its time.
            for passed in [0, timeout / 10, timeout / 5] {
                let remaining = Some(ms(timeout - passed));
                if let Some(new) = new_timeout(known, remaining, Platform::Linux) {
                    known = Some(new);
                    changes += 1;
                }
            }
        }
        assert_eq!(changes, 1, "{timeout}");
    }
    assert_eq!(
        new_timeout(None, None, Platform::Linux),
        Some(Duration::from_secs(5))
    );
    let known = Some(Duration::from_secs(5));
    assert_eq!(new_timeout(known, None, Platform::Linux), None);
}

#[test]
fn windows_gets_all_the_remaining_time() {
    let platform = Platform::Windows;
    assert_eq!(new_timeout(None, Some(ms(4321)), platform), Some(ms(4321)));
    assert_eq!(new_timeout(Some(ms(4321)), Some(ms(4321)), platform), None);
    let known = Some(ms(4321));
    assert_eq!(new_timeout(known, Some(ms(4320)), platform), Some(ms(4320)));
    assert_eq!(new_timeout(known, None, platform), Some(Duration::MAX));
    let little = Some(Duration::from_nanos(1));
    assert_eq!(new_timeout(None, little, platform), Some(ms(1)));
}

#[test]
fn timeouts_are_polled_except_on_windows() {
    for platform in ALL {
        let polls = platform != Platform::Windows;
        assert!(is_poll_timeout(Interrupted, platform));
        assert_eq!(is_poll_timeout(WouldBlock, platform), polls);
        // On Windows the end of the time; elsewhere that TCP itself gave up.
        assert!(!is_poll_timeout(TimedOut, platform));
        assert!(!is_poll_timeout(ConnectionReset, platform));
    }
}

#[test]
fn write_took_nothing_only_where_certain() {
    use ErrorKind::BrokenPipe;
    for kind in [BrokenPipe, ConnectionReset, TimedOut] {
        assert!(took_nothing(kind, Platform::Linux));
        assert!(!took_nothing(kind, Platform::Apple));
        assert!(!took_nothing(kind, Platform::Unix));
        assert!(!took_nothing(kind, Platform::Windows));
    }
    for kind in [Interrupted, WouldBlock] {
        assert!(took_nothing(kind, Platform::Linux));
        assert!(took_nothing(kind, Platform::Apple));
        assert!(took_nothing(kind, Platform::Unix));
        assert!(!took_nothing(kind, Platform::Windows));
    }
}

#[test]
fn ignores_macos_option_errors_after_reset() {
    for platform in ALL {
        let set = |kind: ErrorKind| ignore_option_error(Err(kind.into()), platform);
        let ignored = set(InvalidInput).is_ok();
        assert_eq!(ignored, platform == Platform::Apple);
        assert!(set(ErrorKind::PermissionDenied).is_err());
        assert!(ignore_option_error(Ok(()), platform).is_ok());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_after_reset_sends_nothing() {
    let call = Arc::new(Call::default());
    let (mut tcp, peer, mut seen) = tests::connect(&call);
    // A close with unread bytes is a reset.
    seen.write_all(b"unread").unwrap();
    drop(peer);
    let reset = seen.read(&mut [0]).unwrap_err();
    assert_eq!(reset.kind(), ConnectionReset);
    let under_way = call.start(Some(Instant::now() + Duration::from_secs(20)));
    call.lock().top = Top::New;
    call.start_flush().unwrap();
    assert_eq!(write(&mut tcp), Err(ErrorKind::BrokenPipe));
    assert!(!under_way.end().sent);
}

#[test]
fn blocked_writes_end_at_the_limit() {
    let call = Arc::new(Call::default());
    let (mut tcp, _peer, _) = tests::connect(&call);
    let limit = Instant::now() + ms(300);
    let under_way = call.start(Some(limit));
    call.lock().top = Top::New;
    call.start_flush().unwrap();
    // Until the buffers of both sides are full.
    while write(&mut tcp).is_ok() {}
    assert_eq!(write(&mut tcp), Err(TimedOut));
    assert!(Instant::now() >= limit);
    assert!(under_way.end().sent);
}

#[test]
fn what_has_arrived_is_read_after_the_limit() {
    let call = Arc::new(Call::default());
    let (mut tcp, mut peer, seen) = tests::connect(&call);
    let mut read = |peer: &mut TcpStream| {
        peer.write_all(b"response").unwrap();
        seen.peek(&mut [0]).unwrap();
        let read = tcp.await_input(NextTimeout::default());
        let count = tcp.buffers.input().len();
        tcp.buffers.input_consume(count);
        read.map_err(|error| error.to_string())
    };
    let late = "io: the timeout has passed";
    for _ in 0..2 {
        let under_way = call.start(Some(Instant::now()));
        // What comes before the request is no response to it.
        assert_eq!(read(&mut peer).unwrap_err(), late);
        call.lock().top = Top::New;
        call.start_flush().unwrap();
        call.write(|| (), |()| false).unwrap();
        assert!(read(&mut peer).unwrap());
        // Of a response without an end, a part.
        let error = (0..1 << 20).find_map(|_| read(&mut peer).err());
        assert_eq!(error.unwrap(), late);
        drop(under_way);
    }
}

#[test]
fn nothing_is_awaited_at_the_limit() {
    let call = Arc::new(Call::default());
    let (mut tcp, _peer, _) = tests::connect(&call);
    let limit = Instant::now();
    let _under_way = call.start(Some(limit));
    call.lock().top = Top::New;
    call.start_flush().unwrap();
    call.write(|| (), |()| false).unwrap();
    let error = tcp.await_input(NextTimeout::default()).unwrap_err();
    assert_eq!(error.to_string(), "io: the timeout has passed");
}

#[test]
fn the_systems_timeout_names_the_limit() {
    let call = Arc::new(Call::default());
    let (tcp, _peer, _) = tests::connect(&call);
    for (limit, kind, shown) in [
        (Some(Instant::now()), TimedOut, "the timeout has passed"),
        (Some(Instant::now()), ConnectionReset, "the system"),
        (None, TimedOut, "the system"),
    ] {
        let _under_way = call.start(limit);
        let error = tcp.name_timeout(io::Error::new(kind, "the system"));
        assert_eq!((error.kind(), &*error.to_string()), (kind, shown));
    }
}

fn write(tcp: &mut TcpTransport) -> Result<(), ErrorKind> {
    match tcp.transmit_output(BUFFER_SIZE, NextTimeout::default()) {
        Err(Error::Io(error)) => Err(error.kind()),
        result => {
            result.unwrap();
            Ok(())
        }
    }
}
