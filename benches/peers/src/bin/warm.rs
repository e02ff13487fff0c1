//! So many warm calls of ours, for callgrind: base URL and number are the
//! arguments.

use std::env;

use peers::clients::{self, Target};

fn main() {
    let mut args = env::args().skip(1);
    let target = Target {
        base_url: args.next().unwrap(),
        ca: None,
    };
    let calls: u32 = args.next().unwrap().parse().unwrap();
    let (cfg, patch) = (target.config(), clients::patch());
    (0..calls).for_each(|_| Target::update(&cfg, &patch));
}
