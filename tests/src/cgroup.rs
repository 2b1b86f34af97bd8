//! A cgroup tree of our own: `<root>/{daemon,agents,free}`.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::wait;

/// The tree. Dropping it kills what is left in it and removes it.
#[derive(Debug)]
pub struct Tree {
    mount: PathBuf,
    root: PathBuf,
}

/// The three cgroups of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The daemon itself, which its own programs exempt.
    Daemon,
    /// The enforced scope.
    Agents,
    /// Beside the scope: nothing is intercepted here.
    Free,
}

impl Place {
    const ALL: [Self; 3] = [Self::Daemon, Self::Agents, Self::Free];

    const fn name(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Agents => "agents",
            Self::Free => "free",
        }
    }
}

impl Tree {
    /// Makes the tree directly below the cgroup v2 mount.
    ///
    /// # Errors
    /// When there is no cgroup v2, or no right to make a cgroup.
    pub fn new(name: &str) -> Result<Self> {
        let mount = mount()?;
        let root = mount.join(name);
        make(&root)?;
        // From here on, dropping the tree removes what was made.
        let tree = Self { mount, root };
        for place in Place::ALL {
            make(&tree.path(place))?;
        }
        Ok(tree)
    }

    /// Where a cgroup of the tree is in the file system.
    #[must_use]
    pub fn path(&self, place: Place) -> PathBuf {
        self.root.join(place.name())
    }

    /// A cgroup as the configuration names it: relative to the mount, with a leading `/`.
    #[must_use]
    pub fn name(&self, place: Place) -> String {
        self.relative(&self.path(place))
    }

    /// The ancestor of all three, where the daemon attaches.
    #[must_use]
    pub fn root_name(&self) -> String {
        self.relative(&self.root)
    }

    fn relative(&self, path: &Path) -> String {
        format!(
            "/{}",
            path.strip_prefix(&self.mount).unwrap_or(path).display()
        )
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        report(remove(&self.root));
    }
}

/// The cgroup v2 mount. It is not always `/sys/fs/cgroup`: hybrid hosts mount it below.
///
/// # Errors
/// When the host has none.
pub fn mount() -> Result<PathBuf> {
    let table =
        fs::read_to_string("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
    find_mount(&table).ok_or_else(|| anyhow!("this host has no cgroup v2 mount"))
}

/// Removes trees whose name starts with `prefix` and whose maker, named at the end, is dead.
///
/// # Errors
/// When the cgroup mount cannot be read.
pub fn sweep(prefix: &str) -> Result<()> {
    let mount = mount()?;
    for entry in fs::read_dir(&mount).context("cannot list the cgroup mount")? {
        let entry = entry.context("cannot list the cgroup mount")?;
        if crate::environment::is_orphan(&entry.file_name().to_string_lossy(), prefix) {
            report(remove(&entry.path()));
        }
    }
    Ok(())
}

/// Kills everything below `root` and removes the cgroups, deepest first.
fn remove(root: &Path) -> Result<()> {
    if !root.exists() {
        return Ok(());
    }
    // One write reaches every process below, also one that is being forked.
    fs::write(root.join("cgroup.kill"), "1")
        .with_context(|| format!("cannot kill what runs in {}", root.display()))?;
    wait::regardless("the cgroups to be empty", EMPTY_LIMIT, || {
        Ok(remove_once(root)?.then_some(()))
    })
}

/// Tries to remove the tree; false while a dying process is still in it.
fn remove_once(path: &Path) -> Result<bool> {
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", path.display()))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !remove_once(&entry.path())? {
            return Ok(false);
        }
    }
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::ResourceBusy => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
    }
}

fn make(path: &Path) -> Result<()> {
    fs::create_dir(path)
        .map_err(hint)
        .with_context(|| format!("cannot make {}", path.display()))
}

fn hint(error: Error) -> anyhow::Error {
    let denied = error.kind() == ErrorKind::PermissionDenied;
    let error = anyhow::Error::from(error);
    if denied {
        error.context("this needs root: run it with sudo")
    } else {
        error
    }
}

#[expect(clippy::print_stderr, reason = "a drop cannot return its error")]
fn report(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("clean-up: {error:#}");
    }
}

/// Finds the mount point in the text of `/proc/self/mountinfo`: `… root point options - type …`.
fn find_mount(table: &str) -> Option<PathBuf> {
    table.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?;
        (right.split(' ').next()? == "cgroup2").then(|| PathBuf::from(point))
    })
}

/// A killed process is gone within milliseconds, unless it hangs in the kernel.
const EMPTY_LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(table: &str, expected: Option<&str>) {
        assert_eq!(find_mount(table), expected.map(PathBuf::from));
    }

    #[test]
    fn the_mount_is_found_by_its_type() {
        check(
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw",
            Some("/sys/fs/cgroup"),
        );
        check(
            "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
            Some("/sys/fs/cgroup/unified"),
        );
        check(
            "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
            None,
        );
    }
}
