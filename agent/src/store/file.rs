//! The file: ours, before SQLite touches it.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Makes the file and its directory when they are missing, and checks that nobody else can write
/// them, nor read the file. Returns the lock of the one daemon that may use it.
///
/// SQLite gives its `-wal` and `-shm` files the mode of the file itself.
pub(crate) fn prepare(path: &Path) -> Result<File, StoreError> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let failed = |path: &Path, source| StoreError::File {
        path: path.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| failed(dir, source))?;
    let found = dir.metadata().map_err(|source| failed(dir, source))?;
    // A directory that is shared with our other state may be listed by others: the names in it are
    // no secret, and the file itself is closed to them.
    judge(dir, &found, 0o022)?;

    // Before SQLite opens the file: closing a second descriptor of it would drop SQLite's locks.
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match path.symlink_metadata() {
            Ok(found) if !found.is_file() => return Err(StoreError::NotRegular { path }),
            Ok(found) => judge(&path, &found, 0o077)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(&path, source)),
        }
    }
    open(path).map_err(|source| failed(path, source))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| failed(dir, source))?;

    let lock_path = beside(path, "-lock");
    let lock = open(&lock_path).map_err(|source| failed(&lock_path, source))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(&lock_path, source)),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Our own uid counts as root's: who can act as us needs no file.
fn judge(path: &Path, found: &Metadata, forbidden: u32) -> Result<(), StoreError> {
    if found.uid() != 0 && found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            uid: found.uid(),
        });
    }
    if found.mode() & forbidden != 0 {
        return Err(StoreError::Exposed {
            path: path.to_owned(),
            mode: found.mode() & 0o7777,
        });
    }
    Ok(())
}
