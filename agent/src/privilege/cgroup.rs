//! Stops and ends what runs in a cgroup, and only in one that we may touch.
//!
//! The path is opened below the cgroup2 mount without any symbolic link, and everything is done
//! through the open directory: what was checked is what is frozen, also when a workload that owns
//! its subtree renames and replaces cgroups meanwhile.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// Why a cgroup is left alone.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    #[error("cannot open the cgroup2 mount")]
    Mount(#[source] io::Error),
    #[error("cannot open the cgroup `{path}`")]
    Open {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("the cgroup `{path}` is not strictly inside a scope, or we are in it ourselves")]
    Outside { path: String },
    #[error("the cgroup at `{path}` is another one than before")]
    Another { path: String },
    #[error("cannot use `{file}` of the cgroup `{path}`")]
    Control {
        path: String,
        file: &'static str,
        #[source]
        source: io::Error,
    },
}

/// The cgroups that may be touched: those strictly inside a scope, without us in them.
#[derive(Debug)]
pub struct Cgroups {
    mount: File,
    scopes: Vec<String>,
    own: String,
}

/// One cgroup, open.
#[derive(Debug)]
pub struct Cgroup {
    directory: OwnedFd,
    path: String,
    id: u64,
}

impl Cgroups {
    /// `scopes` and `own` are paths below the mount.
    ///
    /// # Errors
    /// The mount cannot be opened.
    pub fn open(mount: &Path, scopes: Vec<String>, own: String) -> Result<Self, CgroupError> {
        let mount = File::open(mount).map_err(CgroupError::Mount)?;
        Ok(Self { mount, scopes, own })
    }

    /// Opens a cgroup by its path below the mount, if it may be touched.
    ///
    /// # Errors
    /// It may not, or is not there.
    pub fn cgroup(&self, path: &str) -> Result<Cgroup, CgroupError> {
        let open = |source| CgroupError::Open {
            path: path.to_owned(),
            source,
        };
        if !may_touch(path, &self.scopes, &self.own) {
            return Err(CgroupError::Outside {
                path: path.to_owned(),
            });
        }
        let directory = below(
            &self.mount,
            path.trim_start_matches('/'),
            OFlag::O_RDONLY | OFlag::O_DIRECTORY,
        )
        .map_err(open)?;
        let file = File::from(directory);
        let id = file.metadata().map_err(open)?.ino();
        Ok(Cgroup {
            directory: file.into(),
            path: path.to_owned(),
            id,
        })
    }
}

impl Cgroup {
    /// The kernel's id of it, which no other cgroup gets.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether someone wants it frozen.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn is_frozen(&self) -> Result<bool, CgroupError> {
        let mut text = String::new();
        below(&self.directory, FREEZE, OFlag::O_RDONLY)
            .and_then(|file| File::from(file).take(16).read_to_string(&mut text))
            .map_err(|source| self.control(FREEZE, source))?;
        Ok(text.trim() == "1")
    }

    /// Stops everything in it, or lets it run again. The kernel does it shortly after.
    ///
    /// # Errors
    /// The kernel does not.
    pub fn freeze(&self, frozen: bool) -> Result<(), CgroupError> {
        self.write(FREEZE, if frozen { b"1" } else { b"0" })
    }

    /// Ends everything in it.
    ///
    /// # Errors
    /// The kernel does not: before 5.14 it could not.
    pub fn kill(&self) -> Result<(), CgroupError> {
        self.write("cgroup.kill", b"1")
    }

    fn write(&self, file: &'static str, value: &[u8]) -> Result<(), CgroupError> {
        below(&self.directory, file, OFlag::O_WRONLY)
            .and_then(|opened| File::from(opened).write_all(value))
            .map_err(|source| self.control(file, source))
    }

    fn control(&self, file: &'static str, source: io::Error) -> CgroupError {
        CgroupError::Control {
            path: self.path.clone(),
            file,
            source,
        }
    }
}

/// Opens something below a directory, through no link and no mount point.
fn below(directory: impl std::os::fd::AsFd, path: &str, flags: OFlag) -> io::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    openat2(directory, path, how).map_err(Errno::into)
}

/// A cgroup may be touched when it lies strictly inside a scope (a scope itself holds workloads
/// that have nothing to do with this one) and we are not in it.
fn may_touch(path: &str, scopes: &[String], own: &str) -> bool {
    let plain = path.starts_with('/') && path.split('/').skip(1).all(is_plain);
    let inside = |scope: &String| is_within(path, scope) && !is_within(scope, path);
    plain && scopes.iter().any(inside) && !is_within(own, path)
}

fn is_plain(component: &str) -> bool {
    !matches!(component, "" | "." | "..")
}

/// Whether a cgroup is another or below it, by whole components.
fn is_within(path: &str, ancestor: &str) -> bool {
    let names = |path: &str| -> Vec<String> {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    names(path).starts_with(&names(ancestor))
}

const FREEZE: &str = "cgroup.freeze";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, own: &str, expected: bool) {
        let scopes = ["/agents.slice".to_owned(), "/a/b".to_owned()];
        assert_eq!(may_touch(path, &scopes, own), expected, "{path}");
    }

    #[test]
    fn only_what_is_strictly_inside_a_scope_is_touched() {
        check("/agents.slice/x.service", "/system.slice/s", true);
        check("/a/b/c", "/system.slice/s", true);
        check("/agents.slice", "/system.slice/s", false);
        check("/agents.slice/", "/system.slice/s", false);
        check("/agents.slice2/x", "/system.slice/s", false);
        check("/a", "/system.slice/s", false);
        check("/", "/system.slice/s", false);
        check("", "/system.slice/s", false);
        check("agents.slice/x", "/system.slice/s", false);
        check("/agents.slice/x/../../system.slice", "/elsewhere", false);
        check("/agents.slice//x", "/system.slice/s", false);
    }

    #[test]
    fn we_are_never_touched_ourselves() {
        check("/agents.slice/x", "/agents.slice/x", false);
        check("/agents.slice/x", "/agents.slice/x/daemon", false);
        check("/agents.slice/x", "/agents.slice/xy", true);
    }

    #[test]
    fn a_link_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("scope/real")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("scope/link")).unwrap();
        let cgroups =
            Cgroups::open(dir.path(), vec!["/scope".to_owned()], "/daemon".to_owned()).unwrap();
        cgroups.cgroup("/scope/real").unwrap();
        let refused = cgroups.cgroup("/scope/link").unwrap_err();
        assert!(matches!(refused, CgroupError::Open { .. }), "{refused}");
    }
}
