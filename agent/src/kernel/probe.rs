//! What the running kernel can do, one sentence for each thing that it cannot.
//!
//! Asked of the kernel itself, never guessed from its version: distributions add and remove.

use std::fs;
use std::io;
use std::path::Path;

use aya::programs::ProgramType;

use super::{KernelError, destroy, follow, netns, scope};
use crate::config;

/// One thing that the daemon asks of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub state: FeatureState,
}

/// Whether it is there, and what follows when it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeatureState {
    Present,
    /// The daemon runs, with less.
    Degraded(String),
    /// The daemon does not start.
    Missing(String),
}

/// Asks for everything, whether or not what came before is there.
#[must_use]
pub fn features(config: &config::Kernel) -> Vec<Feature> {
    use FeatureState::{Degraded, Missing};
    vec![
        feature("cgroup v2", scope::Tree::discover(), Missing),
        feature("bpf file system", require_bpffs(&config.pin_dir), Missing),
        feature("network namespace cookies", netns::own(), |error| {
            Missing(format!(
                "sockets have no network namespace cookie (Linux 5.14): {error}"
            ))
        }),
        program("sock_addr programs", ProgramType::CgroupSockAddr),
        program("cgroup socket programs", ProgramType::CgroupSock),
        program("cgroup packet programs", ProgramType::CgroupSkb),
        program("sock_ops programs", ProgramType::SockOps),
        feature("destroying sockets", destroy_supported(), Missing),
        feature(
            "kernel type information",
            fs::metadata("/sys/kernel/btf/vmlinux"),
            |error| {
                Degraded(format!(
                    "start time and executable of a process are unknown without \
                 /sys/kernel/btf/vmlinux: {error}"
                ))
            },
        ),
        feature("following cgroups", followed(), |reason| {
            Degraded(format!(
                "a scope must exist when the daemon starts, and is no longer enforced once its \
                 cgroup is removed and made again: {reason}"
            ))
        }),
    ]
}

/// Refuses a directory for pins that is not on bpffs: the first pin would fail with a riddle.
pub(super) fn require_bpffs(pin_dir: &Path) -> Result<(), KernelError> {
    let missing = || KernelError::NoBpffs {
        path: pin_dir.into(),
    };
    let existing = pin_dir
        .ancestors()
        .find(|path| path.exists())
        .ok_or_else(missing)?;
    let status = nix::sys::statfs::statfs(existing).map_err(|_errno| missing())?;
    if status.filesystem_type() == nix::sys::statfs::BPF_FS_MAGIC {
        Ok(())
    } else {
        Err(missing())
    }
}

fn followed() -> Result<(), String> {
    let tree = scope::Tree::discover().map_err(|error| error.to_string())?;
    follow::probe(&tree).map_err(|reason| reason.to_string())
}

fn destroy_supported() -> io::Result<()> {
    if destroy::is_supported()? {
        return Ok(());
    }
    Err(io::Error::other(
        "the kernel cannot destroy sockets (CONFIG_INET_DIAG_DESTROY)",
    ))
}

fn program(name: &'static str, kind: ProgramType) -> Feature {
    let result = match aya::sys::is_program_supported(kind) {
        Ok(true) => Ok(()),
        Ok(false) => Err("the kernel does not know this type of program".to_owned()),
        Err(error) => Err(format!("the kernel did not say, are we root? {error}")),
    };
    feature(name, result, FeatureState::Missing)
}

fn feature<T, E: ToString>(
    name: &'static str,
    result: Result<T, E>,
    otherwise: impl FnOnce(String) -> FeatureState,
) -> Feature {
    let state = match result {
        Ok(_) => FeatureState::Present,
        Err(error) => otherwise(error.to_string()),
    };
    Feature { name, state }
}
