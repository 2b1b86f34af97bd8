//! What `/proc` tells about the process that connected, if it still is that process.
//!
//! Between `connect` and our look the process may have ended and its number gone to another one, or
//! it may have replaced its program. The directory `/proc/PID` is opened once: it belongs to one
//! process for good, like a pidfd, and reads through it fail when that process is gone. Start time
//! and executable are compared with what the kernel remembered at `connect`, before and after.
//! Whatever does not match leaves only the facts of the kernel.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use super::Ancestor;
use super::digest::Digests;
use super::mounts::{self, Mount};

/// What the kernel remembered of the process at `connect`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    pub tgid: u32,
    pub uid: u32,
    pub gid: u32,
    pub comm: String,
    /// The thread group leader's `start_boottime`.
    pub start_time_ns: Option<u64>,
    /// `exe_file->f_inode->i_ino`. Without it a program that replaces itself right after `connect`
    /// passes for the one that connected.
    pub exe_inode: Option<u64>,
    /// `exe_file->f_inode->i_sb->s_dev`: 12 bits of major, 20 bits of minor number.
    pub exe_device: Option<u64>,
}

impl Caller {
    /// The start time as `/proc/PID/stat` has it, in clock ticks since the boot.
    pub(super) fn start_ticks(&self) -> Option<u64> {
        Some(self.start_time_ns? / TICK_NS)
    }
}

/// What is proven about the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessFacts {
    pub exe: Executable,
    /// Parent first.
    pub ancestors: Vec<Ancestor>,
}

/// The program that the process runs. It says which file was executed, not which script an
/// interpreter reads, nor what was loaded into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// As the process's mount namespace names it.
    pub path: PathBuf,
    /// Whether the same file has that name in our mount namespace. If not, whoever made the
    /// process's mount namespace chose the name: a container engine, or the process itself.
    pub is_host_path: bool,
    /// `None` when the file is too large or on a file system that answers as its owner likes.
    pub sha256: Option<String>,
}

/// Why nothing is proven about a process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("process {tgid} is gone")]
    Gone { tgid: u32 },
    #[error("process {tgid} is not the one that connected")]
    Reused { tgid: u32 },
    #[error("process {tgid} replaced its program")]
    ProgramReplaced { tgid: u32 },
    #[error("the kernel did not tell when process {tgid} started")]
    NoStartTime { tgid: u32 },
    #[error("cannot read `/proc/{tgid}/{file}`")]
    Read {
        tgid: u32,
        file: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("cannot make sense of `/proc/{tgid}/{file}`")]
    Format { tgid: u32, file: &'static str },
}

/// Reads the facts. Blocks: executables are hashed.
pub(super) fn read(caller: &Caller, digests: &Digests) -> Result<ProcessFacts, ProcessError> {
    let tgid = caller.tgid;
    let expected = caller.start_ticks();
    let expected = expected.ok_or(ProcessError::NoStartTime { tgid })?;
    let process = Process::open(tgid)?;
    process.expect_start(expected)?;
    let exe = process.executable(caller, digests)?;
    let ancestors = ancestors(process.stat()?.parent);
    // A program that was replaced while we looked at it, or a process that ended meanwhile.
    process.expect_start(expected)?;
    process.check_program(caller)?;
    Ok(ProcessFacts { exe, ancestors })
}

/// One process, by its directory in `/proc`.
pub(super) struct Process {
    tgid: u32,
    directory: OwnedFd,
}

/// Fields of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// In clock ticks since boot.
    start: u64,
}

impl Process {
    pub(super) fn open(tgid: u32) -> Result<Self, ProcessError> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let path = format!("/proc/{tgid}");
        match nix::fcntl::open(path.as_str(), flags, Mode::empty()) {
            Ok(directory) => Ok(Self { tgid, directory }),
            Err(_errno) => Err(ProcessError::Gone { tgid }),
        }
    }

    pub(super) fn read(&self, file: &'static str) -> Result<Vec<u8>, ProcessError> {
        let cannot_read = |source| ProcessError::Read {
            tgid: self.tgid,
            file,
            source,
        };
        let descriptor = openat(
            &self.directory,
            file,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| cannot_read(errno.into()))?;
        let mut bytes = Vec::new();
        File::from(descriptor)
            .take(PROC_FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|source| match source.raw_os_error() {
                Some(libc::ESRCH) => ProcessError::Gone { tgid: self.tgid },
                _ => cannot_read(source),
            })?;
        Ok(bytes)
    }

    fn stat(&self) -> Result<Stat, ProcessError> {
        let bytes = self.read("stat")?;
        parse_stat(&bytes).ok_or(ProcessError::Format {
            tgid: self.tgid,
            file: "stat",
        })
    }

    fn expect_start(&self, ticks: u64) -> Result<(), ProcessError> {
        if self.stat()?.start == ticks {
            Ok(())
        } else {
            Err(ProcessError::Reused { tgid: self.tgid })
        }
    }

    /// A descriptor that only names the executable: nothing of its file system is called yet.
    fn program(&self) -> Result<OwnedFd, ProcessError> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        openat(&self.directory, "exe", flags, Mode::empty()).map_err(|errno| ProcessError::Read {
            tgid: self.tgid,
            file: "exe",
            source: errno.into(),
        })
    }

    fn link(&self) -> Result<OsString, ProcessError> {
        readlinkat(&self.directory, "exe").map_err(|errno| ProcessError::Read {
            tgid: self.tgid,
            file: "exe",
            source: errno.into(),
        })
    }

    fn mount(&self, program: &OwnedFd) -> Result<Mount, ProcessError> {
        let cannot_read = |file, source| ProcessError::Read {
            tgid: self.tgid,
            file,
            source,
        };
        let position = mounts::position(program).map_err(|error| cannot_read("exe", error))?;
        mounts::find(&self.read("mountinfo")?, position).ok_or(ProcessError::Format {
            tgid: self.tgid,
            file: "mountinfo",
        })
    }

    /// Compares the program with the one that the kernel saw, in the kernel's own numbers: what
    /// `stat` gives differs from them on overlayfs and btrfs.
    fn matching_program(&self, caller: &Caller) -> Result<(OwnedFd, Mount), ProcessError> {
        let program = self.program()?;
        let mount = self.mount(&program)?;
        let same_inode = caller.exe_inode.is_none_or(|inode| inode == mount.inode);
        let same_device = caller
            .exe_device
            .is_none_or(|device| device == mount.device);
        if same_inode && same_device {
            Ok((program, mount))
        } else {
            Err(ProcessError::ProgramReplaced { tgid: self.tgid })
        }
    }

    fn check_program(&self, caller: &Caller) -> Result<(), ProcessError> {
        self.matching_program(caller).map(|_program| ())
    }

    fn executable(&self, caller: &Caller, digests: &Digests) -> Result<Executable, ProcessError> {
        let (program, mount) = self.matching_program(caller)?;
        let link = self.link()?;
        // A file system in user space answers each read as it likes, and may never answer.
        if mount.is_user_space() {
            return Ok(Executable {
                path: PathBuf::from(link),
                is_host_path: false,
                sha256: None,
            });
        }
        let path = PathBuf::from(link);
        let sha256 = digests.of(&program).map_err(|source| ProcessError::Read {
            tgid: self.tgid,
            file: "exe",
            source,
        })?;
        Ok(Executable {
            is_host_path: is_host_path(&path, &program),
            path,
            sha256,
        })
    }
}

/// Whether our mount namespace has this very file under this name.
fn is_host_path(path: &Path, program: &OwnedFd) -> bool {
    let Ok(theirs) = nix::sys::stat::fstat(program) else {
        return false;
    };
    // A symbolic link here would be ours to follow, but the kernel's paths have none.
    let Ok(ours) = std::fs::symlink_metadata(path) else {
        return false;
    };
    ours.dev() == theirs.st_dev && ours.ino() == theirs.st_ino
}

/// Walks up. Parents are claims about a moment, for the record and for people: a parent that ends
/// is replaced by init, so nothing that widens access may hang on them.
fn ancestors(mut pid: u32) -> Vec<Ancestor> {
    let mut found = Vec::new();
    while pid != 0 && found.len() < ANCESTORS_MAX {
        let Ok(process) = Process::open(pid) else {
            break;
        };
        let exe = process.link().ok().map(PathBuf::from);
        found.push(Ancestor { pid, exe });
        let Ok(stat) = process.stat() else { break };
        pid = stat.parent;
    }
    found
}

/// Fields 4 (parent) and 22 (start time). The name in field 2 is the process's own choice and may
/// hold blanks and parentheses, so fields are counted from the last `)`.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let end = bytes.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(bytes.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some(Stat { parent, start })
}

/// `USER_HZ` is 100 on every architecture that we support.
const TICK_NS: u64 = 10_000_000;

const ANCESTORS_MAX: usize = 8;

/// `mountinfo` of a host with a thousand containers takes about 1 MiB. A cut file lacks the mount
/// that is looked for, and the facts are not proven.
const PROC_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
