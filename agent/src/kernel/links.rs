//! The links that hold the programs to the cgroup, pinned so that they outlive us.
//!
//! ```text
//!   no pin ──────────────► create, pin
//!   pin, same cgroup ────► replace the program in place: no moment without one
//!   pin, cgroup is gone ─► create, pin over the old one
//!   pin, other cgroup ───► the same: the old link holds until the new one is pinned
//! ```
//!
//! The links to tracepoints belong to no cgroup, and the kernel replaces no program in them: the new
//! one runs beside the old one until it is pinned over it, which does no harm.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use super::KernelError;
use super::sys;

/// Every program with its attach type (`enum bpf_attach_type`), in the order of attachment.
///
/// The tags come first and the backstop last: a connection that is made meanwhile is either not
/// redirected and dropped, or redirected with a flow.
pub(super) const PROGRAMS: [(&str, u32); 9] = [
    ("sock_create", 2),
    ("sock_ops", 3),
    ("getpeername4", 29),
    ("getpeername6", 30),
    ("sendmsg4", 14),
    ("sendmsg6", 15),
    ("connect4", 10),
    ("connect6", 11),
    ("egress", 1),
];

/// The programs that follow the cgroups of scopes, named as their tracepoints.
///
/// The one that puts ids into the map comes last: it never does so with nobody to remove them.
pub(super) const TRACEPOINTS: [&str; 2] = ["cgroup_rmdir", "cgroup_mkdir"];

/// What became of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attached {
    Created,
    Updated,
}

/// The cgroup to attach to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) cgroup: BorrowedFd<'a>,
    pub(super) id: u64,
}

/// Puts a program in place, whatever is there.
pub(super) fn attach(
    name: &'static str,
    program: BorrowedFd<'_>,
    attach_type: u32,
    target: Target<'_>,
    directory: &Path,
) -> Result<Attached, KernelError> {
    let path = directory.join(name);
    let error = |source| KernelError::Attach {
        program: name,
        source,
    };
    if let Some(link) = existing(&path).map_err(error)?
        && sys::link_cgroup(link.as_fd()).map_err(error)? == target.id
    {
        match sys::link_update(link.as_fd(), program) {
            Ok(()) => return Ok(Attached::Updated),
            // The cgroup died: the link holds nothing any more.
            Err(error) if error.raw_os_error() == Some(libc::ENOLINK) => {}
            Err(source) => return Err(error(source)),
        }
    }
    let link = sys::link_create(program, target.cgroup, attach_type).map_err(error)?;
    pin(link.as_fd(), &path).map_err(error)?;
    Ok(Attached::Created)
}

/// Makes the link to a tracepoint outlive us, in place of the one that an earlier start left.
pub(super) fn keep(
    name: &'static str,
    link: BorrowedFd<'_>,
    directory: &Path,
) -> Result<Attached, KernelError> {
    let path = directory.join(name);
    let was_pinned = path.exists();
    pin(link, &path).map_err(|source| KernelError::Attach {
        program: name,
        source,
    })?;
    Ok(if was_pinned {
        Attached::Updated
    } else {
        Attached::Created
    })
}

/// Every link that there can be, in the order of attachment to cgroups; the tracepoints come last.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS
        .into_iter()
        .map(|(name, _)| name)
        .chain(TRACEPOINTS)
}

/// Whether an earlier start left a link to a cgroup: whether anything is enforced.
pub(super) fn any(directory: &Path) -> bool {
    PROGRAMS
        .iter()
        .any(|(name, _)| directory.join(name).exists())
}

/// Whether every program is held to the cgroup by a link that outlives us.
pub(super) fn are_attached(directory: &Path) -> bool {
    PROGRAMS
        .iter()
        .all(|(name, _)| directory.join(name).exists())
}

/// Whether the cgroups of scopes are followed by links that outlive us.
pub(super) fn is_following(directory: &Path) -> bool {
    TRACEPOINTS.iter().all(|name| directory.join(name).exists())
}

/// Removes links, and says how many there were.
pub(super) fn remove(directory: &Path) -> io::Result<usize> {
    let mut removed = 0;
    // Backstop last here too: while the others go, nothing gets out.
    for name in names() {
        match fs::remove_file(directory.join(name)) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

fn existing(path: &Path) -> io::Result<Option<std::os::fd::OwnedFd>> {
    match sys::open_pinned(path) {
        Ok(link) => Ok(Some(link)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Pins under another name first: what is pinned already stays until it is replaced, in one step.
fn pin(link: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let mut staged: PathBuf = path.to_owned();
    // The kernel accepts no dot in the name of a pin.
    staged.as_mut_os_string().push("-staged");
    match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    sys::pin(link, &staged)?;
    fs::rename(&staged, path)
}
