//! Binds a socket in place of one that a dead daemon left.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Who may connect. What a peer may do then is decided by who the kernel says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// To the daemon's own user, and to root.
    ToOwner,
    ToEveryone,
}

impl Open {
    const fn mode(self) -> u32 {
        match self {
            Self::ToOwner => 0o600,
            Self::ToEveryone => 0o666,
        }
    }
}

/// Why a socket could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    #[error("cannot open the socket `{}`", path.display())]
    Bind {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("another daemon answers at `{}`", path.display())]
    Running { path: PathBuf },
}

/// The bound socket, and the lock that says that it is ours.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Held while we live, and let go by the kernel however we die.
    lock: File,
}

impl Socket {
    /// Binds the socket, in place of one that a dead daemon left.
    ///
    /// The lock decides between two daemons that start at once: without it both could find the old
    /// socket dead, and the second would remove what the first has just bound.
    pub(crate) fn bind(path: &Path, open: Open) -> Result<Self, BindError> {
        let failed = |source| BindError::Bind {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            make_directory(parent).map_err(failed)?;
        }
        let lock = lock(path)?;
        remove_dead(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Between bind and this others could connect to a socket that is not for them: the peer is
        // checked at accept, so they get nothing.
        fs::set_permissions(path, Permissions::from_mode(open.mode())).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            lock,
        })
    }

    /// Takes the socket apart: the listener, and what removes the path when the service ends.
    pub(crate) fn split(self) -> (UnixListener, Remove) {
        (
            self.listener,
            Remove {
                path: self.path,
                _lock: self.lock,
            },
        )
    }
}

/// Removes the socket when dropped, before the lock is let go.
#[derive(Debug)]
pub(crate) struct Remove {
    path: PathBuf,
    _lock: File,
}

impl Drop for Remove {
    fn drop(&mut self) {
        // One that stays is found dead by the next daemon.
        drop(fs::remove_file(&self.path));
    }
}

/// Makes the directory of sockets as it must be when one of them is for everyone: anyone may go
/// through it, and only its owner sees or changes what is in it. One that is there stays as it is.
fn make_directory(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        let mut parents = DirBuilder::new();
        parents.recursive(true).mode(0o755).create(parent)?;
    }
    match DirBuilder::new().mode(0o711).create(path) {
        Ok(()) => {}
        // Another socket of ours was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    // Not left to the umask.
    fs::set_permissions(path, Permissions::from_mode(0o711))
}

/// Takes the lock beside the socket. The file stays: removing it would let two daemons lock two
/// files of one name.
fn lock(path: &Path) -> Result<File, BindError> {
    let failed = |source| BindError::Bind {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(path.with_extension("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BindError::Running {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn remove_dead(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Bind {
        path: path.to_owned(),
        source,
    };
    let found = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !found.file_type().is_socket() {
        let error = io::Error::new(ErrorKind::AlreadyExists, "something else is there");
        return Err(failed(error));
    }
    // Something that answers without holding the lock is not ours to remove either.
    match UnixStream::connect(path) {
        Ok(_) => Err(BindError::Running {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}
