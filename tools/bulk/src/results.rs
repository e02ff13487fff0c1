//! The results: a header, then one line of JSON for each line of input, in
//! input order.
//!
//! A resumed run appends what it sends, under a header of its own, and only when it
//! is through, all is put into the order of its input, by way of a temporary file
//! and a rename. So a kill or a full disk at any moment leaves a file that says all
//! that is known: the worst is a torn last line, or a result that was never written,
//! and then the line is sent again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::earlier::Earlier;
use crate::file::{
    create_private, is_readable_by_others, refuse_folder, replace, require_regular, resolve,
};
use crate::lock;
use crate::record::{Header, Outcome, ResultsLine, gone, renumbered};

/// Where results are written to.
pub(crate) struct Results {
    out: Box<dyn Write + Send>,
    pub(crate) header: Header,
    /// Whether the header is written.
    is_started: bool,
    /// The same as `out`, where it is a regular file.
    file: Option<ResultsFile>,
    is_on_terminal: bool,
}

struct ResultsFile {
    path: PathBuf,
    file: File,
    /// Where what this run writes starts.
    start: u64,
}

impl Results {
    pub(crate) fn stdout(header: Header) -> Self {
        Self::stream(io::stdout(), header)
    }

    /// Starts results, in a file that must not have any yet, or in a pipe or
    /// device.
    pub(crate) fn start(path: &Path, header: Header) -> io::Result<Self> {
        refuse_folder(path)?;
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let out = OpenOptions::new().append(true).open(path)?;
            return Ok(Self::stream(out, header));
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
        Self::append(path, file, header)
    }

    /// Continues the results of an earlier run.
    pub(crate) fn resume(
        path: &Path,
        header: Header,
        retry_unknown: bool,
    ) -> io::Result<(Self, Earlier)> {
        require_regular(path)?;
        // Once, so that it is the same file to the end.
        let path = path.canonicalize()?;
        lock::hold(&path)?;
        let mut file = OpenOptions::new().append(true).open(&path)?;
        let earlier = Earlier::read(&path, &header, retry_unknown)?;
        let header = header.with_salt(earlier.salt.as_ref());
        // A torn last line goes, and a whole one gets its end.
        file.set_len(earlier.end)?;
        if earlier.lacks_line_end {
            file.write_all(b"\n")?;
        }
        Ok((Self::append(path, file, header)?, earlier))
    }

    /// Starts new results.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        match &self.file {
            Some(file) if file.start > 0 => Ok(()),
            _ => self.write(""),
        }
    }

    /// Writes whole lines, for others to see at once.
    pub(crate) fn write(&mut self, lines: &str) -> io::Result<()> {
        if !self.is_started {
            self.is_started = true;
            self.out.write_all(self.header.to_line().as_bytes())?;
        }
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

    /// Makes all that was written last, whatever happens to the machine. With the
    /// `earlier` records, after the whole input was read, puts all into its order,
    /// and returns how many records are of lines that are gone.
    pub(crate) fn close(self, earlier: Option<Earlier>) -> io::Result<u64> {
        let Self {
            out, file, header, ..
        } = self;
        let Some(ResultsFile { path, file, start }) = file else {
            return Ok(0);
        };
        file.sync_all()?;
        // Open handles would be in the way of the rename.
        drop(out);
        drop(file);
        match earlier {
            Some(earlier) => merge(&path, &header, start, earlier),
            // A first run's are in order already.
            None => Ok(0),
        }
    }

    fn stream(out: impl IsTerminal + Write + Send + 'static, header: Header) -> Self {
        Self {
            is_on_terminal: out.is_terminal(),
            out: Box::new(out),
            header,
            is_started: false,
            file: None,
        }
    }

    fn append(path: PathBuf, file: File, header: Header) -> io::Result<Self> {
        // On Windows, a lock would keep this process from reading it, too.
        if cfg!(unix) {
            lock::try_lock(&file)?;
        }
        Ok(Self {
            out: Box::new(file.try_clone()?),
            header,
            is_started: false,
            is_on_terminal: false,
            file: Some(ResultsFile {
                path,
                start: file.metadata()?.len(),
                file,
            }),
        })
    }
}

/// Puts the records that stay and those from `start` on into the order of the
/// input, and the former that have no line in it at the end. Returns how many
/// those are.
fn merge(path: &Path, header: &Header, start: u64, earlier: Earlier) -> io::Result<u64> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    // A killed run may have left one. The lock is ours, so nobody writes it.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let merged = write_merged(path, &temporary, header, start, earlier);
    let merged = merged.and_then(|gone| replace(&temporary, path).map(|()| gone));
    if merged.is_err() {
        // It is only a copy, and the disk may be full.
        let _ = fs::remove_file(&temporary);
    }
    merged
}

/// Writes the copy, and leaves neither file open.
fn write_merged(
    path: &Path,
    temporary: &Path,
    header: &Header,
    start: u64,
    earlier: Earlier,
) -> io::Result<u64> {
    let mut earlier_texts = Texts::open(path, 0)?;
    let mut new_texts = Texts::open(path, start)?;
    let mut out = BufWriter::new(create_private(temporary)?);
    out.write_all(header.to_line().as_bytes())?;
    let mut gone_count = 0;
    let mut new = new_texts.next_result()?;
    for kept in earlier.into_kept() {
        while let Some((_, text)) = new.take_if(|(line, _)| *line < kept.line.unwrap_or(u64::MAX)) {
            out.write_all(text.as_bytes())?;
            new = new_texts.next_result()?;
        }
        let text = earlier_texts.read_at(kept.place)?;
        let text = match kept.line {
            Some(line) => renumbered(&text, line),
            None => gone(&text, kept.is_superseded).ok_or_else(changed)?,
        };
        out.write_all(text.as_bytes())?;
        gone_count += u64::from(kept.line.is_none());
    }
    while let Some((_, text)) = new {
        out.write_all(text.as_bytes())?;
        new = new_texts.next_result()?;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    if cfg!(unix) {
        file.set_permissions(fs::metadata(path)?.permissions())?;
    }
    // The new file must be on the disk before its name is.
    file.sync_all()?;
    Ok(gone_count)
}

/// The lines of a file, by their places.
struct Texts {
    reader: BufReader<File>,
    place: u64,
}

impl Texts {
    fn open(path: &Path, place: u64) -> io::Result<Self> {
        let mut reader = BufReader::new(File::open(path)?);
        reader.seek(SeekFrom::Start(place))?;
        Ok(Self { reader, place })
    }

    /// Reads the line at a place; an empty one at the end.
    fn read_at(&mut self, place: u64) -> io::Result<String> {
        // Does not read again what is in the buffer.
        self.reader
            .seek_relative(place.wrapping_sub(self.place).cast_signed())?;
        let mut text = String::new();
        self.place = place + self.reader.read_line(&mut text)? as u64;
        Ok(text)
    }

    /// Reads the next result of a line of the input.
    fn next_result(&mut self) -> io::Result<Option<(u64, String)>> {
        loop {
            let text = self.read_at(self.place)?;
            match ResultsLine::read(text.as_bytes()) {
                _ if text.is_empty() => return Ok(None),
                None => return Err(changed()),
                Some(ResultsLine::Record(record)) if record.outcome != Outcome::Superseded => {
                    return Ok(Some((record.line, text)));
                }
                Some(_) => {}
            }
        }
    }
}

fn changed() -> io::Error {
    io::Error::other("it has just been changed")
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
        let header = Header::new("http://localhost", false);
        let mut results = Results::start(&path, header.clone()).unwrap();
        let text = "{\"line\":1,\"id\":null,\"outcome\":\"bad_line\"}\n";
        results.write(text).unwrap();
        assert!(has_open(&folder));
        results.close(None).unwrap();
        assert!(!has_open(&folder));

        let earlier = Earlier::read(&path, &header, false).unwrap();
        let start = header.to_line().len() as u64;
        let temporary = folder.join("results.jsonl.tmp");
        write_merged(&path, &temporary, &header, start, earlier).unwrap();
        assert!(!has_open(&folder));
        assert_eq!(fs::read(&temporary).unwrap(), fs::read(&path).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}
