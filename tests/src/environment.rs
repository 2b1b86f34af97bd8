//! Everything that a test needs to be alone on the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use tempfile::{Builder, TempDir};

use crate::address::Block;
use crate::cgroup::{self, Place, Tree};
use crate::client::Client;
use crate::mounts::Mounts;
use crate::pins::{self, Pins};
use crate::trust;

/// The host name that clients use for the stand-in's account.
pub const ACCOUNT_HOST: &str = "testorg-testacct.snowflakecomputing.com";

/// The account's name, as policies and drivers use it.
pub const ACCOUNT: &str = "testorg-testacct";

/// The host name of the stand-in's chunk storage.
pub const STORAGE_HOST: &str = "sfc-stage.s3.test.amazonaws.com";

/// A host that has nothing to do with Snowflake.
pub const STRANGER_HOST: &str = "example.com";

/// A cgroup tree, pins, addresses, a mount namespace and a directory.
///
/// The fields are dropped in this order: first whatever still runs is killed, then the programs
/// detach, then the rest goes.
#[derive(Debug)]
pub struct Environment {
    tree: Tree,
    pins: Pins,
    mounts: Mounts,
    addresses: Block,
    dir: TempDir,
}

impl Environment {
    /// Makes an environment; `name` shows up in the names of its cgroup and its pins.
    ///
    /// # Errors
    /// Without root, cgroup v2 or bpffs.
    pub fn new(name: &str) -> Result<Self> {
        cgroup::sweep(PREFIX).context("removing what dead test runs left")?;
        pins::sweep(PREFIX).context("removing what dead test runs left")?;
        sweep_dir(Path::new(DIRS), PREFIX).context("removing what dead test runs left")?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{name}-{number}-{}", process::id());
        let tree = Tree::new(&name)?;
        let pins = Pins::new(&name)?;
        let addresses = Block::claim()?;
        let dir = Builder::new()
            .prefix(&name)
            .rand_bytes(0)
            .tempdir_in(DIRS)
            .with_context(|| format!("cannot make a directory in {DIRS}"))?;
        let hosts = [
            (addresses.account(), ACCOUNT_HOST),
            (addresses.storage(), STORAGE_HOST),
            (addresses.stranger(), STRANGER_HOST),
        ];
        let mounts = Mounts::new(dir.path(), &hosts)?;
        Ok(Self {
            tree,
            pins,
            mounts,
            addresses,
            dir,
        })
    }

    /// A program that is to run in the enforced scope.
    #[must_use]
    pub fn inside(&self, program: impl AsRef<Path>) -> Client {
        self.client(Place::Agents, program.as_ref())
    }

    /// A program that is to run beside the enforced scope.
    #[must_use]
    pub fn outside(&self, program: impl AsRef<Path>) -> Client {
        self.client(Place::Free, program.as_ref())
    }

    pub(crate) fn client(&self, place: Place, program: &Path) -> Client {
        Client::new(&self.tree, place, &self.mounts, self.dir.path(), program)
    }

    /// Makes clients trust a further authority: the system's bundle, and certifi in `venvs`.
    ///
    /// # Errors
    /// When a bundle cannot be written.
    pub fn trust(&mut self, certificate: &Path, venvs: &[PathBuf]) -> Result<()> {
        trust::system(&self.mounts, certificate)?;
        for venv in venvs {
            trust::certifi(&mut self.mounts, venv, certificate)?;
        }
        Ok(())
    }

    /// The cgroups.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The pins.
    #[must_use]
    pub const fn pins(&self) -> &Pins {
        &self.pins
    }

    /// The addresses.
    #[must_use]
    pub const fn addresses(&self) -> &Block {
        &self.addresses
    }

    /// A directory for files of the test.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes the directories in `parent` that an environment made whose process has ended.
pub(crate) fn sweep_dir(parent: &Path, prefix: &str) -> Result<()> {
    let list = || format!("cannot list {}", parent.display());
    for entry in fs::read_dir(parent).with_context(list)? {
        let entry = entry.with_context(list)?;
        if is_orphan(&entry.file_name().to_string_lossy(), prefix) {
            fs::remove_dir_all(entry.path())
                .with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// True for a name that an environment made whose process has ended: `<prefix>…-<pid>`.
pub(crate) fn is_orphan(name: &str, prefix: &str) -> bool {
    let Some((_, maker)) = name
        .strip_prefix(prefix)
        .and_then(|rest| rest.rsplit_once('-'))
    else {
        return false;
    };
    maker
        .parse::<u32>()
        .is_ok_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

/// Only root can write there, so the daemon takes secrets from below it.
const DIRS: &str = "/run";

/// Nobody else names anything like this: what starts with it and ends with a dead pid is removed.
const PREFIX: &str = "snowfence-harness-";

/// One process may make several environments, one after the other or side by side.
static NEXT: AtomicUsize = AtomicUsize::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: bool) {
        assert_eq!(is_orphan(name, PREFIX), expected, "{name}");
    }

    #[test]
    fn only_what_a_dead_test_made_is_swept() {
        // Process ids end at 4194304.
        check("snowfence-harness-demo-0-4194305", true);
        check(
            &format!("snowfence-harness-demo-0-{}", process::id()),
            false,
        );
        check("snowfence-harness-demo-0-x", false);
        check("snowfence-4194305", false);
        check("snowfence-test-1-4194305", false);
        check("system.slice", false);
    }
}
