//! Ctrl-C, requests to terminate, and terminals that close.

use std::io;
#[cfg(unix)]
use std::process::{Command, Stdio};

/// Calls this for each signal that asks to stop, on a thread of its own.
#[cfg(unix)]
pub(crate) fn on_stop(mut handle: impl FnMut() + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    if !is_hangup_ignored() {
        signals.add_signal(SIGHUP)?;
    }
    std::thread::Builder::new()
        .spawn(move || signals.forever().for_each(|_| handle()))
        .map(drop)
}

/// The same for Ctrl-C, and for a console that closes.
#[cfg(not(unix))]
pub(crate) fn on_stop(handle: impl FnMut() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(handle).map_err(io::Error::other)
}

/// Whether whoever started this process wants it to outlive the terminal, as nohup
/// does.
///
/// The system tells only those who may write `unsafe`. But a shell cannot trap what
/// was ignored before it.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let shell = Command::new("/bin/sh")
        .args(["-c", "trap 'exit 1' HUP; kill -s HUP $$"])
        .stdin(Stdio::null())
        .status();
    shell.is_ok_and(|status| status.success())
}
