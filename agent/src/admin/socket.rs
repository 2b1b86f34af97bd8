//! The Unix socket: at most one daemon has it, and only root and the daemon's own user get through.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, geteuid};

use super::AdminError;

/// The bound socket, and the lock that says that it is ours.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Held while we live, and let go by the kernel however we die.
    lock: File,
}

impl Socket {
    /// Binds the socket, in place of one that a dead daemon left.
    ///
    /// The lock decides between two daemons that start at once: without it both could find the old
    /// socket dead, and the second would remove what the first has just bound.
    pub(super) fn bind(path: &Path) -> Result<Self, AdminError> {
        let failed = |source| AdminError::Bind {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(failed)?;
        }
        let lock = lock(path)?;
        remove_dead(path)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Between bind and this others could connect, if the directory lets them: the peer is
        // checked at accept, so they get nothing.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            lock,
        })
    }

    /// Takes the socket apart: the listener, and what removes the path when the service ends.
    pub(super) fn split(self) -> (UnixListener, Remove) {
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
pub(super) struct Remove {
    path: PathBuf,
    _lock: File,
}

impl Drop for Remove {
    fn drop(&mut self) {
        // One that stays is found dead by the next daemon.
        drop(fs::remove_file(&self.path));
    }
}

/// Takes the lock beside the socket. The file stays: removing it would let two daemons lock two
/// files of one name.
fn lock(path: &Path) -> Result<File, AdminError> {
    let failed = |source| AdminError::Bind {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(path.with_extension("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(AdminError::Running {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn remove_dead(path: &Path) -> Result<(), AdminError> {
    let failed = |source| AdminError::Bind {
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
        Ok(_) => Err(AdminError::Running {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whether the user of a peer may operate the daemon.
pub(super) fn is_operator(peer: u32) -> bool {
    let peer = Uid::from_raw(peer);
    peer.is_root() || peer == geteuid()
}

#[cfg(test)]
mod tests {
    use nix::unistd::geteuid;

    use super::is_operator;

    #[test]
    fn only_root_and_our_own_user_operate() {
        assert!(is_operator(0));
        assert!(is_operator(geteuid().as_raw()));
        assert!(!is_operator(65_534));
        assert!(!is_operator(u32::MAX));
    }
}
