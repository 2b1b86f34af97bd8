//! Who is at the other end of a Unix socket.
//!
//! The kernel keeps the process and the user of the moment of `connect`, whatever becomes of the
//! socket later. What else we want to know is in `/proc`, by a number that another process may have
//! got meanwhile: an agent could connect, end, and wait until a person's process has its number.
//!
//! ```text
//! SO_PEERCRED  ─► number, user        /proc/NUMBER opened: one process for good
//! SO_PEERPIDFD ─► the process itself  is it still NUMBER? then both are the same process
//! ```
//!
//! Kernels before 6.5 have no `SO_PEERPIDFD`. There the process must at least have the user that
//! connected, which tells agents from people as long as agents have users of their own.
//!
//! The program that the peer runs is not asked for: between `connect` and our look it may have been
//! replaced by one that passes for another workload, while somebody else holds the socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};

use super::process::{Process, ProcessError};

/// The process that connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub tgid: u32,
    /// Its effective user at `connect`.
    pub uid: u32,
    pub gid: u32,
    pub comm: String,
    /// Relative to the cgroup v2 mount, with a leading `/`.
    pub cgroup: String,
    /// The user that logged in to this session, kept by the kernel's audit through `sudo` and `su`.
    /// A process for which it is not set can set it to any user.
    pub login_uid: Option<u32>,
}

/// Why a peer is not known. It gets nothing.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error("the kernel does not tell who is at the other end")]
    Unknown(#[source] Errno),
    #[error("the process at the other end is of another process namespace")]
    Hidden,
    #[error("process {tgid} at the other end is gone")]
    Gone { tgid: u32 },
    #[error("cannot tell whether process {tgid} is still there")]
    Handle {
        tgid: u32,
        #[source]
        source: io::Error,
    },
    #[error("process {tgid} is not of the user that connected")]
    OtherUser { tgid: u32 },
    #[error("cannot read about the process at the other end")]
    Process(#[source] ProcessError),
    #[error("process {tgid} is in no cgroup that can be named")]
    Cgroup { tgid: u32 },
}

/// Reads who connected.
///
/// # Errors
/// The process has ended, or cannot be proven to be the one that connected.
pub fn peer(socket: &impl AsFd) -> Result<Peer, PeerError> {
    let credentials = getsockopt(socket, sockopt::PeerCredentials).map_err(PeerError::Unknown)?;
    let tgid = u32::try_from(credentials.pid())
        .ok()
        .filter(|tgid| *tgid != 0);
    let tgid = tgid.ok_or(PeerError::Hidden)?;
    let process = Process::open(tgid).map_err(PeerError::Process)?;
    match getsockopt(socket, sockopt::PeerPidfd) {
        Ok(handle) => expect_number(&handle, tgid)?,
        Err(Errno::ENOPROTOOPT) => expect_user(&process, tgid, credentials.uid())?,
        Err(_gone) => return Err(PeerError::Gone { tgid }),
    }
    let cgroup = process.read("cgroup").map_err(PeerError::Process)?;
    let comm = process.read("comm").map_err(PeerError::Process)?;
    Ok(Peer {
        tgid,
        uid: credentials.uid(),
        gid: credentials.gid(),
        comm: String::from_utf8_lossy(&comm).trim_end().to_owned(),
        cgroup: unified_cgroup(&cgroup).ok_or(PeerError::Cgroup { tgid })?,
        login_uid: process.read("loginuid").ok().as_deref().and_then(login_uid),
    })
}

/// A process keeps its number until it is reaped; afterwards its handle has none.
fn expect_number(handle: &OwnedFd, tgid: u32) -> Result<(), PeerError> {
    let path = format!("/proc/self/fdinfo/{}", handle.as_raw_fd());
    let text =
        std::fs::read_to_string(path).map_err(|source| PeerError::Handle { tgid, source })?;
    let number = text.lines().find_map(|line| line.strip_prefix("Pid:"));
    let number = number.and_then(|number| number.trim().parse().ok());
    if number == Some(tgid) {
        Ok(())
    } else {
        Err(PeerError::Gone { tgid })
    }
}

fn expect_user(process: &Process, tgid: u32, uid: u32) -> Result<(), PeerError> {
    let status = process.read("status").map_err(PeerError::Process)?;
    if effective_uid(&status) == Some(uid) {
        Ok(())
    } else {
        Err(PeerError::OtherUser { tgid })
    }
}

/// The second of real, effective, saved and file system user.
fn effective_uid(status: &[u8]) -> Option<u32> {
    let status = String::from_utf8_lossy(status);
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    users.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The path in the one hierarchy of cgroup v2, `0::/path`.
fn unified_cgroup(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(path.to_owned())
}

/// The kernel writes `(uid_t)-1` when nobody has logged in; a kernel without audit has no file.
fn login_uid(text: &[u8]) -> Option<u32> {
    let uid = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    (uid != u32::MAX).then_some(uid)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Command, Stdio};

    use nix::unistd::{getegid, geteuid};
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_peer_is_who_the_kernel_says() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let found = peer(&ours).unwrap();
        assert_eq!(found.tgid, std::process::id());
        assert_eq!(found.uid, geteuid().as_raw());
        assert_eq!(found.gid, getegid().as_raw());
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        assert!(own.contains(&format!("0::{}\n", found.cgroup)), "{own}");
    }

    /// The socket outlives the process that connected it, and its number goes to the next one.
    #[test]
    fn a_peer_that_has_ended_is_nobody() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let connect = "import os, socket, sys\n\
                       s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n\
                       os.fork() or s.recv(1)\n";
        // The child of the child keeps the socket open, until we close our end.
        let mut child = Command::new("python3")
            .args(["-c", connect])
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (stream, _) = listener.accept().unwrap();
        child.wait().unwrap();
        let found = peer(&stream);
        assert!(
            matches!(
                found,
                Err(PeerError::Gone { .. } | PeerError::Process(ProcessError::Gone { .. }))
            ),
            "{found:?}"
        );
        drop(listener);
    }

    #[test]
    fn a_handle_of_another_process_is_no_proof() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let handle = getsockopt(&ours, sockopt::PeerPidfd).unwrap();
        expect_number(&handle, std::process::id()).unwrap();
        assert!(matches!(
            expect_number(&handle, 1),
            Err(PeerError::Gone { tgid: 1 })
        ));
    }

    #[test]
    fn the_fields_of_proc_are_found() {
        assert_eq!(
            effective_uid(b"Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\n"),
            Some(2)
        );
        assert_eq!(effective_uid(b"Name:\tUid:\n"), None);
        assert_eq!(
            unified_cgroup(b"1:name=systemd:/a\n0::/b c\n").as_deref(),
            Some("/b c")
        );
        assert_eq!(unified_cgroup(b"1:name=systemd:/a\n"), None);
        assert_eq!(login_uid(b"1000"), Some(1000));
        assert_eq!(login_uid(b"4294967295"), None);
    }
}
