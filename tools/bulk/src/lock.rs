//! One run at a time on one results file.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use crate::file::create_private;

/// Takes the right to write a results file, which need not exist, to the end of
/// the process: the system takes it back, after a crash as well.
///
/// The lock is on a file of its own, `RESULTS.lock`, which is never renamed nor
/// removed. A lock on the results themselves would stay with the old file when a
/// new one takes its name.
pub(crate) fn hold(results: &Path) -> io::Result<()> {
    let mut path = OsString::from(results);
    path.push(".lock");
    let path = PathBuf::from(path);
    let about_it =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = match create_private(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().append(true).open(&path)
        }
        created => created,
    };
    let file = file.map_err(about_it)?;
    try_lock(&file)?;
    mem::forget(file);
    Ok(())
}

/// Takes the lock of a file, which goes with the last handle of it.
pub(crate) fn try_lock(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::other("another run is writing to it"),
        TryLockError::Error(error) => error,
    })
}
