//! SHA-256 of executables, remembered while the file does not change.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ring::digest;

/// The digests of files that were read before.
#[derive(Debug, Default)]
pub(super) struct Digests {
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    by_version: HashMap<Version, String>,
    order: VecDeque<Version>,
}

/// One state of one file: any write moves its change time, which nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Version {
    device: u64,
    inode: u64,
    size: u64,
    change_s: i64,
    change_ns: i64,
}

impl Digests {
    /// The digest of the file that a descriptor names, in lower-case hexadecimal. `None` for what
    /// is larger than [`FILE_BYTES_MAX`], and for what is being written.
    pub(super) fn of(&self, descriptor: &OwnedFd) -> io::Result<Option<String>> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))?;
        let version = version(&file)?;
        if version.size > FILE_BYTES_MAX {
            return Ok(None);
        }
        let known = self.lock().by_version.get(&version).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let digest = hash(&mut file)?;
        if self::version(&file)? != version {
            return Ok(None);
        }
        if is_settled(version) {
            self.remember(version, digest.clone());
        }
        Ok(Some(digest))
    }

    fn remember(&self, version: Version, digest: String) {
        let mut remembered = self.lock();
        if remembered.by_version.insert(version, digest).is_some() {
            return;
        }
        remembered.order.push_back(version);
        if remembered.order.len() > DIGESTS_MAX
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.by_version.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        // Whole after every operation, so a panic elsewhere does not spoil it.
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(file: &File) -> io::Result<Version> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    Ok(Version {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        change_s: metadata.ctime(),
        change_ns: metadata.ctime_nsec(),
    })
}

fn hash(file: &mut File) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; READ_BYTES];
    // One more than allowed, so that a file that grows is seen to have grown.
    let mut file = file.take(FILE_BYTES_MAX + 1);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        context.update(buffer.get(..count).unwrap_or_default());
    }
    Ok(hexadecimal(context.finish().as_ref()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string does not fail.
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}

/// Whether a later write must move the change time. It moves in steps of the kernel's tick, so two
/// writes within one step look like one.
fn is_settled(version: Version) -> bool {
    let Ok(seconds) = u64::try_from(version.change_s) else {
        return false;
    };
    let changed = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age > SETTLED_AFTER)
}

/// Node takes about 120 MB, the largest frozen interpreters about 300 MB. Hashing this much takes
/// about a second, once.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

const READ_BYTES: usize = 128 * 1024;

/// A host has tens of programs that talk to Snowflake; an entry takes about 200 bytes.
const DIGESTS_MAX: usize = 1024;

/// Whole seconds are compared, and a tick is 10 ms at most.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn digest_of(digests: &Digests, path: &std::path::Path) -> Option<String> {
        digests.of(&File::open(path).unwrap().into()).unwrap()
    }

    #[test]
    fn the_digest_is_the_one_that_everyone_computes() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        assert_eq!(
            digest_of(&Digests::default(), file.path()).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_file_written_just_now_is_not_remembered() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"first").unwrap();
        let digests = Digests::default();
        let first = digest_of(&digests, file.path());
        assert_eq!(digests.lock().by_version.len(), 0);
        // Same length, and quite possibly the same change time.
        std::fs::write(file.path(), b"other").unwrap();
        assert_ne!(digest_of(&digests, file.path()), first);
    }

    #[test]
    fn a_file_that_rests_is_remembered() {
        let digests = Digests::default();
        // Part of every system that these tests run on, and older than two seconds.
        let first = digest_of(&digests, std::path::Path::new("/bin/sh"));
        assert!(first.is_some());
        assert_eq!(digests.lock().by_version.len(), 1);
        assert_eq!(digest_of(&digests, std::path::Path::new("/bin/sh")), first);
    }

    #[test]
    fn a_file_that_is_too_large_has_no_digest() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert_eq!(digest_of(&Digests::default(), file.path()), None);
    }

    #[test]
    fn the_number_remembered_is_limited() {
        let digests = Digests::default();
        let version = |inode| Version {
            device: 1,
            inode,
            size: 1,
            change_s: 1,
            change_ns: 1,
        };
        for inode in 0..DIGESTS_MAX as u64 + 10 {
            digests.remember(version(inode), "00".to_owned());
        }
        let remembered = digests.lock();
        assert_eq!(remembered.by_version.len(), DIGESTS_MAX);
        assert!(!remembered.by_version.contains_key(&version(0)));
    }

    #[test]
    fn a_directory_has_no_digest() {
        let error = Digests::default()
            .of(&File::open("/").unwrap().into())
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
