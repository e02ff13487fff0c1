//! What a run writes: the results of all lines, and the failures, as they were in the
//! input, to be corrected and used as an input of their own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::earlier::Earlier;
use crate::file::create_private;
use crate::queue::Done;
use crate::results::Results;

pub(crate) struct Output {
    pub(crate) results: Results,
    pub(crate) failures: Option<Failures>,
}

/// The file of failures.
pub(crate) struct Failures {
    path: PathBuf,
    file: File,
    is_empty: bool,
}

impl Output {
    /// What the results start with.
    pub(crate) fn salt(&self) -> &str {
        &self.results.header.salt
    }

    /// Writes what came of some lines.
    pub(crate) fn write(&mut self, done: &[Done]) -> Result<(), String> {
        let texts: Vec<_> = done.iter().map(|done| &*done.result.text).collect();
        self.results
            .write(&texts.concat())
            .map_err(unwritable("results"))?;
        match &mut self.failures {
            Some(failures) => failures.write(done).map_err(unwritable("failures")),
            None => Ok(()),
        }
    }

    /// Makes all that was written last, and puts it into the order of the input; see
    /// [`Results::close`].
    pub(crate) fn close(self, earlier: Option<Earlier>) -> Result<u64, String> {
        let failures = self.failures.map_or(Ok(()), Failures::close);
        let gone = self.results.close(earlier).map_err(unwritable("results"))?;
        failures.map_err(unwritable("failures")).map(|()| gone)
    }
}

impl Failures {
    /// Starts a file that must not be there yet.
    pub(crate) fn create(path: &Path, start: &[u8]) -> io::Result<Self> {
        let mut file = create_private(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => io::Error::other(EXISTS),
            _ => error,
        })?;
        file.write_all(start)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            is_empty: true,
        })
    }

    fn write(&mut self, done: &[Done]) -> io::Result<()> {
        let lines: Vec<_> = done.iter().map(|done| &*done.failure).collect();
        let lines = lines.concat();
        self.is_empty &= lines.is_empty();
        self.file.write_all(&lines)
    }

    /// Where there are no failures, leaves no file.
    pub(crate) fn close(self) -> io::Result<()> {
        if self.is_empty {
            // Windows would refuse it while it is open.
            drop(self.file);
            return fs::remove_file(&self.path);
        }
        self.file.sync_all()
    }
}

/// What to say where something cannot be written.
fn unwritable(what: &str) -> impl Fn(io::Error) -> String {
    move |error| format!("the {what} cannot be written: {error}")
}

const EXISTS: &str = "it is there already: name another file, or move it away";
