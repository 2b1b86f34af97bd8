//! The bundles that Python's `certifi` brings into every virtual environment.
//!
//! They lie in directories of users whom we do not trust, and we may be root. So a bundle is read
//! and replaced through the descriptor of its directory, never through a path that could come to
//! lead elsewhere; a link in the bundle's place is left alone; and what is written is what was read
//! there plus a certificate, with the owner and mode that were there.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod, fstatat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat};

use super::bundle::{self, BUNDLE_BYTES_MAX};
use super::{Authority, Effect, TrustError};

/// Where Python installations usually are: the distribution's, pip's, and everyone's own, which
/// covers virtual environments, conda and pyenv.
pub(super) fn usual_directories(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for library in ["usr/lib", "usr/lib64"] {
        let Ok(entries) = std::fs::read_dir(root.join(library)) else {
            continue;
        };
        let pythons = entries.filter_map(Result::ok).filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with("python3"))
        });
        found.extend(pythons.map(|entry| entry.path()));
    }
    found.sort();
    found.extend(["usr/local/lib", "opt", "home", "root", "srv"].map(|path| root.join(path)));
    found
}

/// Finds every `certifi/cacert.pem`, except the copies that pip keeps for itself.
///
/// Links to directories are not followed: what they lead to is found where it is, and a user's link
/// must not send us around the host. Directories that cannot be read are passed over.
pub(super) fn find(directories: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open: Vec<(PathBuf, usize)> =
        directories.iter().map(|path| (path.clone(), 0)).collect();
    let mut entries_left = ENTRIES_MAX;
    while let Some((directory, depth)) = open.pop() {
        if directory.file_name() == Some(OsStr::new("certifi")) {
            let bundle = directory.join(BUNDLE);
            if std::fs::symlink_metadata(&bundle).is_ok() {
                found.insert(bundle);
            }
        }
        if depth == DEPTH_MAX || PSEUDO.iter().any(|path| directory == Path::new(path)) {
            continue;
        }
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            if entries_left == 0 {
                tracing::warn!(limit = ENTRIES_MAX, "the search for certifi ended early");
                return found;
            }
            entries_left -= 1;
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    found
}

pub(super) fn install(authority: &Authority, path: &Path) -> Result<Effect, TrustError> {
    change(path, |bundle| bundle::with_block(bundle, authority))
}

pub(super) fn remove(path: &Path) -> Result<Effect, TrustError> {
    change(path, bundle::without_block)
}

pub(super) fn status(authority: &Authority, path: &Path) -> Result<Effect, TrustError> {
    match Bundle::open(path)? {
        Ok(bundle) => bundle::state(&bundle.read()?, authority),
        Err(reason) => Ok(Effect::Skipped { reason }),
    }
}

fn change(
    path: &Path,
    edit: impl FnOnce(&[u8]) -> Result<(Effect, Vec<u8>), TrustError>,
) -> Result<Effect, TrustError> {
    let bundle = match Bundle::open(path)? {
        Ok(bundle) => bundle,
        Err(reason) => return Ok(Effect::Skipped { reason }),
    };
    let before = bundle.read()?;
    if !before
        .windows(CERTIFICATE.len())
        .any(|window| window == CERTIFICATE)
    {
        return Ok(Effect::Skipped {
            reason: "there is no certificate in it",
        });
    }
    let (effect, after) = edit(&before)?;
    if matches!(effect, Effect::Added | Effect::Replaced | Effect::Removed) {
        bundle.replace(&after)?;
    }
    Ok(effect)
}

/// A bundle in its directory.
struct Bundle {
    directory: OwnedFd,
    file: File,
}

impl Bundle {
    /// Opens a bundle, or tells why it is left alone.
    fn open(path: &Path) -> Result<Result<Self, &'static str>, TrustError> {
        let parent = path.parent().unwrap_or_else(|| Path::new("/"));
        let directory = nix::fcntl::open(
            parent,
            OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| cannot("open the directory", errno))?;
        let kind = fstatat(&directory, BUNDLE, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| cannot("look at the bundle", errno))?;
        if kind.st_mode & libc::S_IFMT == libc::S_IFLNK {
            return Ok(Err(
                "it is a link, as distributions make to the system's store",
            ));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(&directory, BUNDLE, flags, Mode::empty())
            .map(File::from)
            .map_err(|errno| cannot("open the bundle", errno))?;
        let metadata = file
            .metadata()
            .map_err(|source| failed("look at the bundle", source))?;
        if !metadata.is_file() {
            return Ok(Err("it is not a regular file"));
        }
        Ok(Ok(Self { directory, file }))
    }

    fn read(&self) -> Result<Vec<u8>, TrustError> {
        let mut bytes = Vec::new();
        (&self.file)
            .take(BUNDLE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| failed("read the bundle", source))?;
        if bytes.len() as u64 > BUNDLE_BYTES_MAX {
            return Err(TrustError::TooLong);
        }
        Ok(bytes)
    }

    /// Puts another file in the bundle's place in one step. That also parts it from its hard links:
    /// uv links one copy into every environment and into its cache.
    fn replace(&self, bytes: &[u8]) -> Result<(), TrustError> {
        match unlinkat(&self.directory, STAGED, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(nix::errno::Errno::ENOENT) => {}
            Err(errno) => return Err(cannot("remove what an earlier run left", errno)),
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mut staged = openat(
            &self.directory,
            STAGED,
            flags,
            Mode::S_IRUSR | Mode::S_IWUSR,
        )
        .map(File::from)
        .map_err(|errno| cannot("write beside the bundle", errno))?;
        let written = self.write(&mut staged, bytes).and_then(|()| {
            renameat(&self.directory, STAGED, &self.directory, BUNDLE)
                .map_err(|errno| cannot("replace the bundle", errno))
        });
        if written.is_err() {
            // The first error is the one to tell; a leftover is removed by the next run.
            let _leftover = unlinkat(&self.directory, STAGED, UnlinkatFlags::NoRemoveDir);
        }
        written
    }

    fn write(&self, staged: &mut File, bytes: &[u8]) -> Result<(), TrustError> {
        staged
            .write_all(bytes)
            .map_err(|source| failed("write beside the bundle", source))?;
        let metadata = self
            .file
            .metadata()
            .map_err(|source| failed("look at the bundle", source))?;
        let (uid, gid) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
        // Owner first: a change of owner clears bits of the mode.
        fchown(&*staged, Some(uid), Some(gid))
            .map_err(|errno| cannot("give the bundle its owner", errno))?;
        fchmod(&*staged, Mode::from_bits_truncate(metadata.mode() & 0o777))
            .map_err(|errno| cannot("give the bundle its mode", errno))?;
        staged
            .sync_all()
            .map_err(|source| failed("write beside the bundle", source))
    }
}

fn cannot(what: &'static str, errno: nix::errno::Errno) -> TrustError {
    failed(what, errno.into())
}

const fn failed(what: &'static str, source: io::Error) -> TrustError {
    TrustError::Io { what, source }
}

const BUNDLE: &str = "cacert.pem";
const STAGED: &str = ".cacert.pem.snowfence";
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Nothing of ours is below these, and they are large. `_vendor` is pip's own copy.
const SKIPPED: [&str; 3] = ["_vendor", ".git", "node_modules"];
const PSEUDO: [&str; 3] = ["/dev", "/proc", "/sys"];

/// `/home/user/projects/group/name/.venv/lib/python3.12/site-packages/certifi` is 9 below `/home`.
const DEPTH_MAX: usize = 16;

/// A full search of a developer's machine sees about a million; beyond this something is wrong.
const ENTRIES_MAX: usize = 10_000_000;
