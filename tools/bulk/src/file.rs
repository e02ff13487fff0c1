//! Files that hold personal data.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Creates a file that nobody else can read, and opens it for appending. Fails
/// where there is something already, be it a symbolic link to nothing.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Fails for a path that leads to a folder, which systems reject in words of
/// their own, and not all when it is opened.
pub(crate) fn refuse_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    Ok(())
}

/// Fails for a path that leads to a folder, a pipe or a device.
pub(crate) fn require_regular(path: &Path) -> io::Result<()> {
    refuse_folder(path)?;
    if fs::metadata(path)?.is_file() {
        Ok(())
    } else {
        Err(io::Error::other("it is no regular file"))
    }
}

/// The path without symbolic links, of a file that need not exist.
pub(crate) fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(error)?;
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            Ok(folder.canonicalize()?.join(name))
        }
        resolved => resolved,
    }
}

/// Whether group or others can read a file.
#[cfg(unix)]
pub(crate) fn is_readable_by_others(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;

    let metadata = file.metadata();
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

/// Elsewhere, what is inherited from the folder decides.
#[cfg(not(unix))]
pub(crate) fn is_readable_by_others(_: &File) -> bool {
    false
}

/// Gives a file the name of another, which it replaces, and makes that last.
/// Neither may be open: Windows would refuse it.
pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
