//! Segments as files below one directory.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::RecordError;
use super::format::{Packing, file_name};
use super::head::{self, Head};

/// A process that was just forked holds our descriptors until it executes another program.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Where segments go. Every method either does all of it or fails; after a failure to start, append
/// or sync nothing may be assumed of the last bytes.
pub(super) trait Storage: Send {
    /// Starts the segment `number` with `bytes`, durable when it returns.
    fn start(&mut self, number: u64, bytes: &[u8]) -> io::Result<()>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Free bytes of the file system, as far as they are for us.
    fn free(&mut self) -> io::Result<u64>;
    /// Notes beside the segments how far they are durable. Need not survive a crash of the host.
    fn note(&mut self, head: &Head) -> io::Result<()>;
}

/// The directory of a recording.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    current: Option<File>,
    /// Held as long as we write: a second writer would fork the chain.
    _lock: File,
}

impl Files {
    /// Opens the directory, which must be ours alone and written by nobody else.
    pub(super) fn open(dir: &Path) -> Result<Self, RecordError> {
        let fail = |source| RecordError::Open {
            path: dir.to_path_buf(),
            source,
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(dir).map_err(fail)?;
        let metadata = dir.symlink_metadata().map_err(fail)?;
        if !metadata.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        if metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Err(RecordError::Foreign {
                path: dir.to_path_buf(),
                uid: metadata.uid(),
            });
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(RecordError::Exposed {
                path: dir.to_path_buf(),
                mode,
            });
        }
        let lock = options()
            .create(true)
            .open(dir.join("lock"))
            .map_err(fail)?;
        lock_it(&lock).map_err(|error| match error {
            TryLockError::WouldBlock => RecordError::Busy {
                path: dir.to_path_buf(),
            },
            TryLockError::Error(source) => fail(source),
        })?;
        Ok(Self {
            dir: dir.to_path_buf(),
            current: None,
            _lock: lock,
        })
    }
}

impl Storage for Files {
    fn start(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.dir.join(file_name(number, Packing::Plain));
        let mut file = options().create_new(true).open(&path)?;
        let begun = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            // The name must survive a crash as well as the bytes.
            .and_then(|()| File::open(&self.dir)?.sync_all());
        if let Err(error) = begun {
            // Nothing in it was acknowledged; left there, it would look like the work of a crash.
            fs::remove_file(&path).ok();
            return Err(error);
        }
        self.current = Some(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current
            .as_mut()
            .ok_or(io::ErrorKind::NotFound)?
            .write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.current
            .as_mut()
            .ok_or(io::ErrorKind::NotFound)?
            .sync_data()
    }

    fn free(&mut self) -> io::Result<u64> {
        let found = nix::sys::statvfs::statvfs(&self.dir)?;
        Ok(found
            .blocks_available()
            .saturating_mul(found.fragment_size()))
    }

    fn note(&mut self, head: &Head) -> io::Result<()> {
        head::write(&self.dir, head)
    }
}

fn lock_it(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            locked => return locked,
        }
    }
    lock.try_lock()
}

/// Never follows a link: the directory is ours, and stays so if someone gets a link into it.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW);
    options
}
