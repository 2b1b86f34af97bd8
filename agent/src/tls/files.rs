//! Opens the files that our trust hangs on with checks, and replaces files whole.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Why a file is not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot open `{}`", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is not a {expected}", path.display())]
    WrongKind {
        path: PathBuf,
        expected: &'static str,
    },
    #[error("`{}` belongs to uid {uid}, not to root or to the user we run as", path.display())]
    WrongOwner { path: PathBuf, uid: u32 },
    #[error("`{}` has mode {mode:04o}, which gives too much to others", path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("`{}` is longer than {} bytes", path.display(), FILE_BYTES_MAX)]
    TooLong { path: PathBuf },
}

/// Opens a directory that only root or we can write, and that is no symbolic link.
pub(super) fn open_directory(path: &Path) -> Result<File, FileError> {
    let directory = open_checked(path, libc::O_DIRECTORY, WRITABLE_BY_OTHERS)?;
    Ok(directory)
}

/// Reads a file that no one but root or us can read.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<String>, FileError> {
    read_checked(path, READABLE_BY_OTHERS)
}

/// Reads a file that no one but root or us can write.
pub(super) fn read_public(path: &Path) -> Result<String, FileError> {
    read_checked(path, WRITABLE_BY_OTHERS).map(|text| (*text).clone())
}

/// Writes a file whole or not at all: a crash leaves the old one or the new one.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let cannot_write = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    match std::fs::remove_file(&staged) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot_write(error)),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&staged)
        .map_err(cannot_write)?;
    file.write_all(bytes).map_err(cannot_write)?;
    // The process's umask had a say in the mode at creation.
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(cannot_write)?;
    file.sync_all().map_err(cannot_write)?;
    std::fs::rename(&staged, path).map_err(cannot_write)?;
    if let Some(parent) = path.parent() {
        File::open(parent)
            .and_then(|directory| directory.sync_all())
            .map_err(cannot_write)?;
    }
    Ok(())
}

fn read_checked(path: &Path, forbidden: u32) -> Result<Zeroizing<String>, FileError> {
    let file = open_checked(path, 0, forbidden)?;
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|source| FileError::Read {
            path: path.to_owned(),
            source,
        })?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(FileError::TooLong {
            path: path.to_owned(),
        });
    }
    Ok(text)
}

/// Checks what was opened, not what the path named a moment before.
fn open_checked(path: &Path, flags: i32, forbidden: u32) -> Result<File, FileError> {
    let path = path.to_owned();
    let file = OpenOptions::new()
        .read(true)
        // A FIFO in the file's place must not hold us up.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | flags)
        .open(&path)
        .map_err(|source| FileError::Open {
            path: path.clone(),
            source,
        })?;
    let metadata = file.metadata().map_err(|source| FileError::Read {
        path: path.clone(),
        source,
    })?;
    if flags == 0 && !metadata.is_file() {
        return Err(FileError::WrongKind {
            path,
            expected: "regular file",
        });
    }
    let uid = metadata.uid();
    if uid != 0 && uid != nix::unistd::geteuid().as_raw() {
        return Err(FileError::WrongOwner { path, uid });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden != 0 {
        return Err(FileError::TooOpen { path, mode });
    }
    Ok(file)
}

const WRITABLE_BY_OTHERS: u32 = 0o022;
const READABLE_BY_OTHERS: u32 = 0o077;

/// A certificate and a P-256 key take less than 2 KiB each.
const FILE_BYTES_MAX: u64 = 64 * 1024;
