//! The directory on bpffs where a daemon under test pins its programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::environment::sweep_dir;
use crate::process;

/// A pin directory of our own. Dropping it unpins, and with the last pin the programs detach.
#[derive(Debug)]
pub struct Pins {
    path: PathBuf,
}

impl Pins {
    /// Makes the directory; mounts bpffs first where the host has not.
    ///
    /// # Errors
    /// When bpffs cannot be mounted or written.
    pub fn new(name: &str) -> Result<Self> {
        mount()?;
        let path = Path::new(BPFFS).join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    /// What the configuration calls `pin_dir`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes every pin: nothing is enforced any more.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn clear(&self) -> Result<()> {
        for entry in fs::read_dir(&self.path).context("cannot list the pins")? {
            let entry = entry.context("cannot list the pins")?;
            fs::remove_dir_all(entry.path()).context("cannot remove a pin")?;
        }
        Ok(())
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Removes directories whose name starts with `prefix` and whose maker is dead.
///
/// # Errors
/// When bpffs cannot be mounted or listed.
pub fn sweep(prefix: &str) -> Result<()> {
    mount()?;
    sweep_dir(Path::new(BPFFS), prefix)
}

fn mount() -> Result<()> {
    let table = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let mounted = table.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == Some(BPFFS) && fields.next() == Some("bpf")
    });
    if mounted {
        return Ok(());
    }
    process::run(Command::new("mount").args(["-t", "bpf", "bpf", BPFFS]))
        .context("cannot mount bpffs")
}

const BPFFS: &str = "/sys/fs/bpf";
