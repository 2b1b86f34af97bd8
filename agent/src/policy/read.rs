//! Policy files on disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::problem::{FILE_BYTES_MAX, LoadError};

/// The file that gives labels to columns, beside the policies.
pub(super) const LABELS_FILE: &str = "labels.toml";

/// Whose files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those that only root or we can change: they steer the daemon.
    Owners,
    /// Any: what they say is only looked at.
    Anyone,
}

/// Reads every `*.cedar` file of a directory, and its `labels.toml` if there is one: name and text.
/// What lies in subdirectories is not in force.
pub(super) fn directory(dir: &Path, trust: Trust) -> Result<Vec<(String, String)>, LoadError> {
    let fail = |source| LoadError::Read {
        path: dir.to_path_buf(),
        source,
    };
    // Looking at a link's target is fine where nothing depends on it.
    let metadata = match trust {
        Trust::Owners => fs::symlink_metadata(dir).map_err(fail)?,
        Trust::Anyone => fs::metadata(dir).map_err(fail)?,
    };
    if !metadata.is_dir() {
        return Err(fail(io::ErrorKind::NotADirectory.into()));
    }
    if trust == Trust::Owners {
        check_owner(dir, &metadata)?;
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_directory = entry.file_type().map_err(fail)?.is_dir();
        if !is_directory && (name.ends_with(".cedar") || name == LABELS_FILE) {
            files.push((name, read(&entry.path(), trust)?));
        }
    }
    if !files.iter().any(|(name, _)| name != LABELS_FILE) {
        return Err(LoadError::Empty {
            path: dir.to_path_buf(),
        });
    }
    Ok(files)
}

fn read(path: &Path, trust: Trust) -> Result<String, LoadError> {
    let fail = |source| LoadError::Read {
        path: path.to_path_buf(),
        source,
    };
    // A link could lead to a file that others can change after it was checked.
    let flags = match trust {
        Trust::Owners => libc::O_NOFOLLOW | libc::O_NONBLOCK,
        Trust::Anyone => libc::O_NONBLOCK,
    };
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(fail(io::ErrorKind::InvalidInput.into()));
    }
    if trust == Trust::Owners {
        check_owner(path, &metadata)?;
    }
    let mut text = String::new();
    let read = file
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(fail)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(LoadError::Large {
            path: path.to_path_buf(),
        });
    }
    Ok(text)
}

fn check_owner(path: &Path, metadata: &fs::Metadata) -> Result<(), LoadError> {
    let ours = metadata.uid() == 0 || metadata.uid() == nix::unistd::geteuid().as_raw();
    if ours && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(LoadError::Exposed {
        path: path.to_path_buf(),
    })
}
