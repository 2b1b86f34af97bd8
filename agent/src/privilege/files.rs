//! Files that steer the daemon: opened only if nobody else could have written them.
//!
//! The path is walked from `/` one component at a time, each opened relative to the one before and
//! never through a symbolic link, and judged on the open descriptor. What was judged is therefore
//! what is read, whatever is renamed meanwhile.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::unistd::geteuid;
use thiserror::Error;
use zeroize::Zeroizing;

/// How much of a file's mode is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Steers us: group and others must not write it.
    Steering,
    /// Is a secret: group and others must not read it either.
    Secret,
}

/// Why a file was not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("cannot open `{path}`")]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{path}` is a symbolic link; give the path that it points to")]
    Symlink { path: PathBuf },
    #[error("`{path}` contains `..`; give the path without it")]
    Parent { path: PathBuf },
    #[error("`{path}` is not a regular file")]
    NotRegular { path: PathBuf },
    #[error("`{path}` belongs to uid {uid}; it must belong to root: `chown root {path}`")]
    Owner { path: PathBuf, uid: u32 },
    #[error("`{path}` can be written by others (mode {mode:04o}): `chmod go-w {path}`")]
    Writable { path: PathBuf, mode: u32 },
    #[error("`{path}` is a secret that others can read (mode {mode:04o}): `chmod go= {path}`")]
    Readable { path: PathBuf, mode: u32 },
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{path}` is larger than {bytes_max} bytes")]
    TooLarge { path: PathBuf, bytes_max: usize },
}

/// Opens a file for reading if it, and every directory above it, belongs to root or to ourselves
/// and cannot be written by anyone else.
///
/// # Errors
///
/// When the file cannot be opened, or someone else could have written it or put it there.
pub fn secure_open(path: &Path, class: Class) -> Result<File, OpenError> {
    let path = std::path::absolute(path).map_err(|source| OpenError::Open {
        path: path.to_owned(),
        source,
    })?;
    let mut walked = PathBuf::from("/");
    let mut directory = open_root()?;
    let mut names = path
        .components()
        .filter(|part| *part != Component::RootDir)
        .peekable();
    while let Some(part) = names.next() {
        let Component::Normal(name) = part else {
            return Err(OpenError::Parent { path });
        };
        walked.push(name);
        let last = names.peek().is_none();
        // O_NONBLOCK: a fifo in place of the file must not stop the daemon in open(2).
        let flags = if last {
            OFlag::O_RDONLY | OFlag::O_NONBLOCK
        } else {
            OFlag::O_PATH | OFlag::O_DIRECTORY
        };
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = openat(&directory, name, flags, Mode::empty())
            .map_err(|errno| open_error(&directory, name, &walked, errno))?;
        let stat = fstat(&opened).map_err(|errno| failed(&walked, errno))?;
        if last {
            check_file(&walked, &stat, class)?;
            return Ok(File::from(opened));
        }
        check_directory(&walked, &stat)?;
        directory = opened;
    }
    Err(OpenError::NotRegular { path })
}

/// Reads a whole file that [`secure_open`] accepts.
///
/// # Errors
///
/// As [`secure_open`], or when the file is larger than `bytes_max`.
pub fn secure_read(
    path: &Path,
    class: Class,
    bytes_max: usize,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let file = secure_open(path, class)?;
    // All of it at once: a buffer that grows would leave pieces of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max.saturating_add(1)));
    let limit = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source| OpenError::Read {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() > bytes_max {
        return Err(OpenError::TooLarge {
            path: path.to_owned(),
            bytes_max,
        });
    }
    Ok(bytes)
}

fn open_root() -> Result<OwnedFd, OpenError> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    nix::fcntl::open("/", flags, Mode::empty()).map_err(|errno| failed(Path::new("/"), errno))
}

fn failed(path: &Path, errno: Errno) -> OpenError {
    OpenError::Open {
        path: path.to_owned(),
        source: errno.into(),
    }
}

/// With `O_NOFOLLOW` a symbolic link fails as `ELOOP`, and with `O_DIRECTORY` as `ENOTDIR`.
fn open_error(
    directory: &OwnedFd,
    name: &std::ffi::OsStr,
    walked: &Path,
    errno: Errno,
) -> OpenError {
    let link = nix::sys::stat::fstatat(directory, name, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| kind(&stat) == SFlag::S_IFLNK);
    if link {
        OpenError::Symlink {
            path: walked.to_owned(),
        }
    } else {
        failed(walked, errno)
    }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

fn check_directory(path: &Path, stat: &FileStat) -> Result<(), OpenError> {
    check_owner(path, stat)?;
    // In a sticky directory others can add names but not replace ours, and the next component must
    // belong to us.
    let sticky = stat.st_mode & Mode::S_ISVTX.bits() != 0;
    if stat.st_mode & 0o022 != 0 && !sticky {
        return Err(OpenError::Writable {
            path: path.to_owned(),
            mode: stat.st_mode & 0o7777,
        });
    }
    Ok(())
}

fn check_file(path: &Path, stat: &FileStat, class: Class) -> Result<(), OpenError> {
    if kind(stat) != SFlag::S_IFREG {
        return Err(OpenError::NotRegular {
            path: path.to_owned(),
        });
    }
    check_owner(path, stat)?;
    let mode = stat.st_mode & 0o7777;
    if mode & 0o022 != 0 {
        return Err(OpenError::Writable {
            path: path.to_owned(),
            mode,
        });
    }
    if class == Class::Secret && mode & 0o044 != 0 {
        return Err(OpenError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Our own uid counts as root: who can act as us needs no file to steer us.
fn check_owner(path: &Path, stat: &FileStat) -> Result<(), OpenError> {
    if stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
        return Err(OpenError::Owner {
            path: path.to_owned(),
            uid: stat.st_uid,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    /// A directory `d` of mode 0700 with a file `f` in it.
    fn place(file_mode: u32, directory_mode: u32) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("d");
        fs::create_dir(&directory).unwrap();
        let file = directory.join("f");
        fs::write(&file, "content").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(file_mode)).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(directory_mode)).unwrap();
        (root, file)
    }

    #[track_caller]
    fn check(file_mode: u32, directory_mode: u32, class: Class, expected: &str) {
        let (root, file) = place(file_mode, directory_mode);
        let answer = match secure_read(&file, class, 64) {
            Ok(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Err(error) => error.to_string().replace(root.path().to_str().unwrap(), ""),
        };
        assert!(answer.starts_with(expected), "{answer}");
    }

    #[test]
    fn modes_decide_who_could_have_written_or_read_it() {
        check(0o600, 0o700, Class::Secret, "content");
        check(0o400, 0o755, Class::Secret, "content");
        check(0o644, 0o755, Class::Steering, "content");
        check(0o644, 0o1777, Class::Steering, "content");
        check(
            0o644,
            0o700,
            Class::Secret,
            "`/d/f` is a secret that others can read (mode 0644)",
        );
        check(
            0o640,
            0o700,
            Class::Secret,
            "`/d/f` is a secret that others can read (mode 0640)",
        );
        check(
            0o620,
            0o700,
            Class::Secret,
            "`/d/f` can be written by others (mode 0620)",
        );
        check(
            0o664,
            0o700,
            Class::Steering,
            "`/d/f` can be written by others (mode 0664)",
        );
        check(
            0o602,
            0o700,
            Class::Steering,
            "`/d/f` can be written by others (mode 0602)",
        );
        check(
            0o600,
            0o770,
            Class::Secret,
            "`/d` can be written by others (mode 0770)",
        );
        check(
            0o600,
            0o777,
            Class::Steering,
            "`/d` can be written by others (mode 0777)",
        );
    }

    #[test]
    fn a_symbolic_link_is_refused_at_every_place_of_the_path() {
        let (root, file) = place(0o600, 0o700);
        let link = root.path().join("link");
        symlink(&file, &link).unwrap();
        let directory_link = root.path().join("directory-link");
        symlink(file.parent().unwrap(), &directory_link).unwrap();

        for path in [link, directory_link.join("f")] {
            let error = secure_open(&path, Class::Secret).unwrap_err();
            assert!(matches!(error, OpenError::Symlink { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_not_a_file_is_refused_without_waiting() {
        let (root, file) = place(0o600, 0o700);
        let fifo = root.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRUSR).unwrap();
        for path in [fifo.as_path(), file.parent().unwrap(), Path::new("/")] {
            let error = secure_open(path, Class::Steering).unwrap_err();
            assert!(matches!(error, OpenError::NotRegular { .. }), "{error}");
        }
        let dotted = file.parent().unwrap().join("../d/f");
        let error = secure_open(&dotted, Class::Steering).unwrap_err();
        assert!(matches!(error, OpenError::Parent { .. }), "{error}");
        let missing = secure_open(&root.path().join("nothing"), Class::Steering).unwrap_err();
        assert!(matches!(missing, OpenError::Open { .. }), "{missing}");
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let (_root, file) = place(0o600, 0o700);
        assert_eq!(
            secure_read(&file, Class::Secret, 7).unwrap().as_slice(),
            b"content"
        );
        let error = secure_read(&file, Class::Secret, 6).unwrap_err();
        assert!(
            matches!(error, OpenError::TooLarge { bytes_max: 6, .. }),
            "{error}"
        );
    }

    #[test]
    fn another_users_file_or_directory_is_refused() {
        if !geteuid().is_root() {
            // Only root can give a file away.
            return;
        }
        let (_root, file) = place(0o600, 0o700);
        chown(&file, Some(65_534), None).unwrap();
        let error = secure_open(&file, Class::Secret).unwrap_err();
        assert!(
            matches!(error, OpenError::Owner { uid: 65_534, .. }),
            "{error}"
        );

        let (_root, file) = place(0o600, 0o755);
        chown(file.parent().unwrap(), Some(65_534), None).unwrap();
        let error = secure_open(&file, Class::Secret).unwrap_err();
        assert!(
            matches!(error, OpenError::Owner { uid: 65_534, .. }),
            "{error}"
        );
    }
}
