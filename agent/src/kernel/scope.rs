//! Which cgroups are enforced: paths of the configuration ↔ ids of the kernel.

use std::ffi::c_int;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use agent_ebpf::{SCOPE_LEVEL_MAX, SCOPE_PATH_BYTES, SCOPES_MAX, ScopePath};

use crate::config;

/// Something about the cgroups stands against enforcement.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("no cgroup v2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup")]
    NotMounted,
    #[error("cannot open the cgroup `{path}`")]
    Open {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("the scope `{scope}` is not below `{attach}`, where the programs are attached")]
    OutsideAttach { scope: String, attach: String },
    #[error("our own cgroup `{own}` is inside the scope `{scope}`: run the daemon outside of it")]
    OwnCgroup { own: String, scope: String },
    #[error("the scope `{scope}` is more than {SCOPE_LEVEL_MAX} levels deep")]
    TooDeep { scope: String },
    #[error("the path of the scope `{scope}` is too long for the kernel programs")]
    TooLong { scope: String },
    #[error("there are more than {SCOPES_MAX} scopes")]
    TooMany,
    #[error("no cgroup has the id {id}")]
    UnknownId {
        id: u64,
        #[source]
        source: io::Error,
    },
}

/// The cgroup v2 tree of this machine.
#[derive(Debug)]
pub(super) struct Tree {
    mount: PathBuf,
    /// What ids are opened relative to.
    root: File,
}

impl Tree {
    /// Finds the mount: it is not at the same place everywhere.
    pub(super) fn discover() -> Result<Self, ScopeError> {
        let path = Path::new("/proc/self/mountinfo");
        let mounts = fs::read_to_string(path).map_err(|source| ScopeError::Read {
            path: path.into(),
            source,
        })?;
        let mount = mount_point(&mounts).ok_or(ScopeError::NotMounted)?;
        let root = File::open(&mount).map_err(|source| ScopeError::Read {
            path: mount.clone(),
            source,
        })?;
        Ok(Self { mount, root })
    }

    pub(super) fn open(&self, path: &str) -> Result<File, ScopeError> {
        let error = |source| ScopeError::Open {
            path: path.to_owned(),
            source,
        };
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY)
            .open(self.mount.join(path.trim_start_matches('/')))
            .map_err(error)
    }

    /// The id of a cgroup, which is the inode number of its directory.
    pub(super) fn id(&self, path: &str) -> Result<u64, ScopeError> {
        let directory = self.open(path)?;
        let metadata = directory.metadata().map_err(|source| ScopeError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(metadata.ino())
    }

    /// The path of a cgroup, relative to the mount, with a leading `/`.
    pub(super) fn path(&self, id: u64) -> Result<String, ScopeError> {
        let unknown = |source| ScopeError::UnknownId { id, source };
        let directory = open_by_id(&self.root, id).map_err(unknown)?;
        let path =
            fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).map_err(unknown)?;
        let relative = path
            .strip_prefix(&self.mount)
            .map_err(|error| unknown(io::Error::other(error)))?;
        Ok(format!("/{}", relative.to_string_lossy()))
    }

    /// The cgroup of this process.
    pub(super) fn own(&self) -> Result<(String, u64), ScopeError> {
        let path = Path::new("/proc/self/cgroup");
        let text = fs::read_to_string(path).map_err(|source| ScopeError::Read {
            path: path.into(),
            source,
        })?;
        let own = text
            .lines()
            .find_map(|line| line.strip_prefix("0::"))
            .ok_or(ScopeError::NotMounted)?;
        Ok((own.to_owned(), self.id(own)?))
    }

    /// The id of a cgroup, if there is one at this path.
    pub(super) fn id_if_exists(&self, path: &str) -> Result<Option<u64>, ScopeError> {
        match self.id(path) {
            Ok(id) => Ok(Some(id)),
            Err(ScopeError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether no cgroup has this id any more. Ids are not given out again.
    pub(super) fn is_gone(&self, id: u64) -> bool {
        open_by_id(&self.root, id).is_err_and(|error| error.raw_os_error() == Some(libc::ESTALE))
    }

    /// Whether the mount shows the tree from its real root, as the kernel programs see it.
    ///
    /// In a container with a cgroup namespace it does not, and paths differ.
    pub(super) fn is_whole(&self) -> bool {
        /// The kernel numbers the cgroups of a hierarchy from here.
        const ROOT: u64 = 1;
        self.root
            .metadata()
            .is_ok_and(|metadata| metadata.ino() == ROOT)
    }

    /// Refuses scopes that would not be enforced, or would enforce us.
    pub(super) fn check(&self, scopes: &[config::Scope], attach: &str) -> Result<(), ScopeError> {
        let (own, _) = self.own()?;
        check(scopes, attach, &own)
    }
}

/// The path of a cgroup by the id that a flow carries, relative to the mount, with a leading `/`.
///
/// # Errors
///
/// The cgroup is gone; ids are not given out again.
pub fn cgroup_path(id: u64) -> Result<String, ScopeError> {
    Tree::discover()?.path(id)
}

/// Where the cgroup v2 tree is mounted, and the path of our own cgroup in it.
///
/// # Errors
///
/// There is no such mount, or we are in none of its cgroups.
pub fn cgroup_mount() -> Result<(PathBuf, String), ScopeError> {
    let tree = Tree::discover()?;
    let (own, _) = tree.own()?;
    Ok((tree.mount, own))
}

/// The deepest of these that a cgroup is in.
pub(super) fn deepest(scopes: &[String], path: &str) -> Option<usize> {
    scopes
        .iter()
        .enumerate()
        .filter(|(_, scope)| is_within(path, scope))
        .max_by_key(|(_, scope)| level(scope))
        .map(|(index, _)| index)
}

/// Whether two paths are of the same cgroup.
pub(super) fn is_same(path: &str, other: &str) -> bool {
    names(path).eq(names(other))
}

/// A path as the kernel programs see it; `None` when it does not fit.
pub(super) fn key(path: &str) -> Option<ScopePath> {
    let text: String = names(path).flat_map(|name| ["/", name]).collect();
    let text = if text.is_empty() { "/" } else { &text };
    let mut bytes = [0; SCOPE_PATH_BYTES];
    bytes
        .get_mut(..text.len())?
        .copy_from_slice(text.as_bytes());
    // A cut off path is all path but for its last byte: with one more zero none is equal to it.
    let is_shorter = text.len() < SCOPE_PATH_BYTES - 1;
    is_shorter.then_some(ScopePath { bytes })
}

fn check(scopes: &[config::Scope], attach: &str, own: &str) -> Result<(), ScopeError> {
    if scopes.len() > SCOPES_MAX {
        return Err(ScopeError::TooMany);
    }
    for scope in scopes.iter().map(|scope| &scope.cgroup) {
        if !is_within(scope, attach) {
            let attach = attach.to_owned();
            return Err(ScopeError::OutsideAttach {
                scope: scope.clone(),
                attach,
            });
        }
        if is_within(own, scope) {
            return Err(ScopeError::OwnCgroup {
                own: own.to_owned(),
                scope: scope.clone(),
            });
        }
        if key(scope).is_none() {
            return Err(ScopeError::TooLong {
                scope: scope.clone(),
            });
        }
        if level(scope) > SCOPE_LEVEL_MAX as usize {
            return Err(ScopeError::TooDeep {
                scope: scope.clone(),
            });
        }
    }
    Ok(())
}

/// Whether a cgroup is another or below it, by whole components.
#[must_use]
pub fn is_within(path: &str, ancestor: &str) -> bool {
    let mut components = names(path);
    names(ancestor).all(|name| components.next() == Some(name))
}

fn level(path: &str) -> usize {
    names(path).count()
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

/// The mount point of a cgroup v2 file system: one of the whole tree, if there is one.
fn mount_point(mounts: &str) -> Option<PathBuf> {
    let points: Vec<_> = mounts
        .lines()
        .filter_map(|line| {
            let (mount, file_system) = line.split_once(" - ")?;
            let mut fields = mount.split(' ').skip(3);
            let point = (fields.next()?, fields.next()?);
            file_system.starts_with("cgroup2 ").then_some(point)
        })
        .collect();
    let (_, point) = points
        .iter()
        .find(|(root, _)| *root == "/")
        .or_else(|| points.first())?;
    Some(PathBuf::from(point.replace("\\040", " ")))
}

fn open_by_id(root: &File, id: u64) -> io::Result<OwnedFd> {
    /// The kind of handle that a kernfs inode has: its 64-bit id and nothing else.
    const FILEID_KERNFS: c_int = 0xfe;
    #[repr(C)]
    struct Handle {
        bytes: libc::c_uint,
        kind: c_int,
        id: [u8; 8],
    }
    let mut handle = Handle {
        bytes: 8,
        kind: FILEID_KERNFS,
        id: id.to_ne_bytes(),
    };
    // SAFETY: the handle has the layout of `file_handle` with eight bytes, as it says itself.
    let fd = unsafe {
        libc::open_by_handle_at(
            root.as_raw_fd(),
            (&raw mut handle).cast(),
            libc::O_PATH | libc::O_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel returned a descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(cgroup: &str) -> config::Scope {
        config::Scope {
            mode: crate::policy::Mode::Enforce,
            cgroup: cgroup.to_owned(),
            other_tls: config::OtherTls::Deny,
            unnamed: config::Unnamed::Deny,
            unnamed_networks: Vec::new(),
        }
    }

    #[track_caller]
    fn refused(scopes: &[&str], attach: &str, own: &str) -> ScopeError {
        let scopes: Vec<_> = scopes.iter().map(|path| scope(path)).collect();
        check(&scopes, attach, own).unwrap_err()
    }

    #[test]
    fn the_mount_is_found_wherever_it_is() {
        let mounts = "24 1 0:22 / /proc rw - proc proc rw\n\
                      31 24 0:27 / /sys/fs/cgroup rw - tmpfs cgroup2 rw\n\
                      35 31 0:30 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 none rw\n";
        assert_eq!(
            mount_point(mounts),
            Some(PathBuf::from("/sys/fs/cgroup/unified"))
        );
        assert_eq!(
            mount_point("31 24 0:27 / /sys/fs/cgroup rw - tmpfs cgroup2 rw\n"),
            None
        );
    }

    #[test]
    fn a_scope_must_be_where_the_programs_see_it() {
        assert!(matches!(
            refused(&["/agents.slice"], "/agents.slice/inner", "/"),
            ScopeError::OutsideAttach { .. }
        ));
        assert!(matches!(
            refused(&["/ab"], "/a", "/"),
            ScopeError::OutsideAttach { .. }
        ));
    }

    #[test]
    fn the_daemon_must_not_enforce_itself() {
        assert!(matches!(
            refused(&["/system.slice"], "/", "/system.slice/snowfence.service"),
            ScopeError::OwnCgroup { .. }
        ));
        assert!(matches!(
            refused(&["/"], "/", "/"),
            ScopeError::OwnCgroup { .. }
        ));
        let others = [scope("/system.slice/snowfence.service2")];
        check(&others, "/", "/system.slice/snowfence.service").unwrap();
    }

    #[test]
    fn a_scope_must_not_be_deeper_than_the_programs_look() {
        let levels = SCOPE_LEVEL_MAX as usize;
        check(&[scope(&"/a".repeat(levels))], "/", "/b").unwrap();
        assert!(matches!(
            refused(&[&"/a".repeat(levels + 1)], "/", "/b"),
            ScopeError::TooDeep { .. }
        ));
    }

    #[test]
    fn the_deepest_scope_wins() {
        let scopes = ["/a", "/a/b", "/c"].map(str::to_owned);
        assert_eq!(deepest(&scopes, "/a/b/c"), Some(1));
        assert_eq!(deepest(&scopes, "/a/bc"), Some(0));
        assert_eq!(deepest(&scopes, "/d"), None);
    }

    #[test]
    fn a_path_is_written_as_the_kernel_writes_it() {
        for (path, expected) in [
            ("/", "/"),
            ("/agents.slice", "/agents.slice"),
            ("/a//b/", "/a/b"),
        ] {
            let key = key(path).unwrap();
            let (text, padding) = key.bytes.split_at(expected.len());
            assert_eq!(text, expected.as_bytes());
            assert!(padding.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn no_path_is_like_a_longer_one_that_the_programs_cut_off() {
        let longest = format!("/{}", "a".repeat(SCOPE_PATH_BYTES - 3));
        check(&[scope(&longest)], "/", "/b").unwrap();
        assert!(matches!(
            refused(&[&format!("{longest}a")], "/", "/b"),
            ScopeError::TooLong { .. }
        ));
    }
}
