//! Allocations of a warm call, and bytes allocated up to the end of the first
//! call over TLS, by the whole process but for the server, which is another.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use peers::clients::{PEERS, Target};
use peers::server::Server;

struct Counting;

static TIMES: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    TIMES.fetch_add(1, Relaxed);
    BYTES.fetch_add(bytes as u64, Relaxed);
}

// Memory that C allocates, as libcurl does, is not seen here.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() {
    let server = Server::start();
    let plain = Target {
        base_url: server.plain.clone(),
        ca: None,
    };
    let tls = Target {
        base_url: server.tls.clone(),
        ca: Some(fs::read(&server.ca).unwrap()),
    };
    println!("| client | allocations a warm call | bytes a warm call | bytes, first TLS call |");
    println!("|---|--:|--:|--:|");
    let mut ours = (0.0, 0);
    for peer in PEERS.iter().filter(|peer| peer.name != "libcurl") {
        let before = BYTES.load(Relaxed);
        let call = (peer.make)(&tls);
        let first = call.map(|mut call| {
            call();
            BYTES.load(Relaxed) - before
        });
        let mut call = (peer.make)(&plain).unwrap();
        (0..100).for_each(|_| call());
        let (times, bytes) = (TIMES.load(Relaxed), BYTES.load(Relaxed));
        const CALLS: u64 = 1000;
        (0..CALLS).for_each(|_| call());
        let times = (TIMES.load(Relaxed) - times) as f64 / CALLS as f64;
        let bytes = (BYTES.load(Relaxed) - bytes) / CALLS;
        let shown = first.map_or("no CA of one's own".into(), |bytes| bytes.to_string());
        println!("| {} | {times:.1} | {bytes} | {shown} |", peer.name);
        if peer.name == "paywithsoap" {
            ours = (times, first.unwrap());
        }
    }
    let met = |met| if met { "met" } else { "missed" };
    println!("\n| target | measured | |\n|---|--:|---|");
    println!(
        "| at most 45 allocations a warm call | {:.1} | {} |",
        ours.0,
        met(ours.0 <= 45.0)
    );
    println!(
        "| first TLS call: under 150,000 bytes allocated | {} | {} |",
        ours.1,
        met(ours.1 < 150_000)
    );
}
