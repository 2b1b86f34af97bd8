//! Follows the cgroups of scopes: programs at the tracepoints of their making and their end.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use super::KernelError;
use super::links::{self, Attached};
use super::scope::Tree;
use super::{btf, sys};

/// Cgroups cannot be followed: a scope must exist before the start, and is lost when it is removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfollowed {
    #[error("the kernel does not describe its cgroups in /sys/kernel/btf/vmlinux")]
    NoTypes,
    #[error("the kernel has no tracepoint `{name}`")]
    NoTracepoint { name: &'static str },
    #[error("cgroup v2 is not mounted from its root, so paths are not those of the kernel")]
    PartialTree,
}

/// The links to the tracepoints, from the start until they are pinned.
#[derive(Debug)]
pub(super) struct Follower {
    links: Vec<(&'static str, OwnedFd)>,
}

/// What this kernel lacks, asked without attaching anything.
pub(super) fn probe(tree: &Tree) -> Result<(), Unfollowed> {
    check(tree, btf::describe_cgroups(&btf::offsets()))?;
    match links::TRACEPOINTS
        .into_iter()
        .find(|name| !btf::has_tracepoint(name))
    {
        Some(name) => Err(Unfollowed::NoTracepoint { name }),
        None => Ok(()),
    }
}

pub(super) fn check(tree: &Tree, knows_cgroups: bool) -> Result<(), Unfollowed> {
    if !knows_cgroups {
        return Err(Unfollowed::NoTypes);
    }
    if !tree.is_whole() {
        return Err(Unfollowed::PartialTree);
    }
    Ok(())
}

impl Follower {
    /// Attaches the programs; without [`Self::keep`] they go with this process.
    pub(super) fn start<'a>(
        program: impl Fn(&'static str) -> Result<BorrowedFd<'a>, KernelError>,
    ) -> Result<Self, KernelError> {
        let links = links::TRACEPOINTS.into_iter().map(|name| {
            let link = sys::tracepoint_open(program(name)?, name);
            let error = |source| KernelError::Attach {
                program: name,
                source,
            };
            Ok((name, link.map_err(error)?))
        });
        Ok(Self {
            links: links.collect::<Result<_, KernelError>>()?,
        })
    }

    /// Pins the links, and closes them: from now on the pins are all that holds them.
    pub(super) fn keep(self, directory: &Path) -> Result<Vec<Attached>, KernelError> {
        self.links
            .iter()
            .map(|(name, link)| links::keep(name, link.as_fd(), directory))
            .collect()
    }
}
