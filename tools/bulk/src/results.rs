//! The results: a header, then one line of JSON for each line of input, in
//! input order.
//!
//! A results file has one part, in order. A resumed run appends the results of
//! what it sends as a second part, and only when it is through are the two
//! merged into one, by way of a temporary file and a rename. So a kill or a
//! full disk at any moment leaves a file that says all that is known: the
//! worst is a torn last line, or a result that was never written, and then the
//! line is sent again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::earlier::{Earlier, Shape};
use crate::file::{
    create_private, is_readable_by_others, refuse_folder, replace, require_regular, resolve,
};
use crate::lock;
use crate::record::Header;

/// Where results are written to.
pub(crate) struct Results {
    out: Box<dyn Write + Send>,
    /// The same as `out`, where it is a regular file.
    file: Option<ResultsFile>,
    is_on_terminal: bool,
}

struct ResultsFile {
    path: PathBuf,
    file: File,
    header: Header,
    /// Whether this run appends a second part.
    is_resumed: bool,
}

impl Results {
    pub(crate) fn stdout(header: &Header) -> io::Result<Self> {
        Self::stream(io::stdout(), header)
    }

    /// Starts results, in a file that must not have any yet, or in a pipe or
    /// device.
    pub(crate) fn start(path: &Path, header: &Header) -> io::Result<Self> {
        refuse_folder(path)?;
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let out = OpenOptions::new().append(true).open(path)?;
            return Self::stream(out, header);
        }
        let path = resolve(path)?;
        lock::hold(&path)?;
        let file = match create_private(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                OpenOptions::new().append(true).open(&path)?
            }
            opened => opened?,
        };
        if file.metadata()?.len() > 0 {
            return Err(io::Error::other(
                "it is not empty: continue it with --resume, or choose another name",
            ));
        }
        Self::append(path, file, header, false)
    }

    /// Continues the results of an earlier run.
    pub(crate) fn resume(path: &Path, header: &Header) -> io::Result<(Self, Earlier)> {
        require_regular(path)?;
        // Once, so that it is the same file to the end.
        let path = path.canonicalize()?;
        lock::hold(&path)?;
        merge(&path, header)?;
        let earlier = Earlier::open(&path, header)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok((Self::append(path, file, header, true)?, earlier))
    }

    /// Writes whole lines, for others to see at once.
    pub(crate) fn write(&mut self, lines: &str) -> io::Result<()> {
        self.out.write_all(lines.as_bytes())?;
        self.out.flush()
    }

    /// Whether they are shown on a terminal.
    pub(crate) fn is_on_terminal(&self) -> bool {
        self.is_on_terminal
    }

    /// Whether group or others can read the file.
    pub(crate) fn is_readable_by_others(&self) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|file| is_readable_by_others(&file.file))
    }

    /// Makes all that was written last, whatever happens to the machine; and
    /// puts it in order, where nothing more will follow in another run.
    pub(crate) fn close(self, is_complete: bool) -> io::Result<()> {
        let Self { out, file, .. } = self;
        let Some(file) = file else { return Ok(()) };
        file.file.sync_all()?;
        // Open handles would be in the way of the rename.
        drop(out);
        drop(file.file);
        // A file of one part is in order already.
        if is_complete && file.is_resumed {
            merge(&file.path, &file.header)?;
        }
        Ok(())
    }

    fn stream(out: impl IsTerminal + Write + Send + 'static, header: &Header) -> io::Result<Self> {
        let mut results = Self {
            is_on_terminal: out.is_terminal(),
            out: Box::new(out),
            file: None,
        };
        results.write(&header.to_line())?;
        Ok(results)
    }

    fn append(path: PathBuf, file: File, header: &Header, is_resumed: bool) -> io::Result<Self> {
        let is_empty = file.metadata()?.len() == 0;
        let mut results = Self {
            out: Box::new(file.try_clone()?),
            file: Some(ResultsFile {
                path,
                file,
                header: header.clone(),
                is_resumed,
            }),
            is_on_terminal: false,
        };
        if is_empty {
            results.write(&header.to_line())?;
        }
        Ok(results)
    }
}

/// Drops a torn last line, and makes one part of two, under this header.
fn merge(path: &Path, header: &Header) -> io::Result<()> {
    let shape = Shape::of(path, header)?;
    if shape.second.is_none() && (shape.has_header || shape.end == 0) {
        if shape.is_torn {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(shape.end)?;
            file.sync_all()?;
        }
        return Ok(());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    // A killed run may have left one. The lock is ours, so nobody writes it.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let merged = write_merged(path, &temporary, header).and_then(|()| replace(&temporary, path));
    if merged.is_err() {
        // It is only a copy, and the disk may be full.
        let _ = fs::remove_file(&temporary);
    }
    merged
}

/// Writes the copy, and leaves neither file open.
fn write_merged(path: &Path, temporary: &Path, header: &Header) -> io::Result<()> {
    let mut earlier = Earlier::open(path, header)?;
    let mut out = BufWriter::new(create_private(temporary)?);
    out.write_all(header.to_line().as_bytes())?;
    while let Some(record) = earlier.next()? {
        out.write_all(record.text.as_bytes())?;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    if cfg!(unix) {
        file.set_permissions(fs::metadata(path)?.permissions())?;
    }
    // The new file must be on the disk before its name is, and the name before
    // anything is sent on the strength of it.
    file.sync_all()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::env;
    use std::process;

    use super::*;

    /// Whether this process has a file of this folder open, the lock left aside.
    fn has_open(folder: &Path) -> bool {
        fs::read_dir("/proc/self/fd")
            .unwrap()
            .flatten()
            .flat_map(|entry| fs::read_link(entry.path()))
            .any(|path| path.starts_with(folder) && path.extension() != Some("lock".as_ref()))
    }

    /// As Windows wants it.
    #[test]
    fn no_handle_is_open_at_a_rename() {
        let folder = env::temp_dir().join(format!("paywithsoap-bulk-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let folder = folder.canonicalize().unwrap();
        let path = folder.join("results.jsonl");
        let header = Header {
            base_url: "http://localhost".to_owned(),
            test_server: false,
        };
        let mut results = Results::start(&path, &header).unwrap();
        let result = |line| format!("{{\"line\":{line},\"id\":\"a\",\"outcome\":\"unknown\"}}\n");
        results
            .write(&[result(1), result(2), result(1)].concat())
            .unwrap();
        assert!(has_open(&folder));
        let temporary = folder.join("results.jsonl.tmp");
        write_merged(&path, &temporary, &header).unwrap();
        results.close(false).unwrap();
        assert!(!has_open(&folder));

        replace(&temporary, &path).unwrap();
        let merged = [header.to_line(), result(1), result(2)].concat();
        assert_eq!(fs::read_to_string(&path).unwrap(), merged);
        fs::remove_dir_all(&folder).unwrap();
    }
}
