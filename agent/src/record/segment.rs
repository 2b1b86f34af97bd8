//! Encodes headers and frames, and keeps them in files.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::chain::{Digest, link};
use super::checkpoint::{checkpoint_message, header_message};
use super::error::RecordError;
use super::format::{
    CHECKPOINT_FIXED_BYTES, DIGEST_BYTES, FRAME_FIXED_BYTES, FRAME_LENGTH_MAX, HOST_BYTES_MAX,
    Kind, LENGTH_BYTES, MAGIC, Packing, SIGNATURE_BYTES, VERSION, file_name,
};
use super::key::HostKey;
use super::read::{ReadError, Reader, segments};

/// More than one batch is never unsynced, so what a crash tears is not longer than this. A longer
/// bad tail is damage that someone must look at.
const TORN_BYTES_MAX: u64 = (super::thread::BATCH_BYTES_MAX + FRAME_LENGTH_MAX) as u64;

/// Where segments go. Every method either does all of it or fails; after a failure nothing may be
/// assumed of the last bytes.
pub(super) trait Storage: Send {
    /// Starts the segment `number` with `header`, durable when it returns.
    fn start(&mut self, number: u64, header: &[u8]) -> io::Result<()>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
}

/// Segments as files below one directory.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    current: Option<File>,
    /// Held as long as we write: a second writer would fork the chain.
    _lock: File,
}

/// Where an existing recording ends.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) segment: u64,
    pub(super) digest: Digest,
    pub(super) next_entry: u64,
    pub(super) torn_bytes: u64,
}

impl Files {
    /// Opens the directory, which must be ours alone, and finds the end of what is in it.
    pub(super) fn open(dir: &Path) -> Result<(Self, Tail), RecordError> {
        let fail = |source| RecordError::Open {
            path: dir.to_path_buf(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(fail)?;
        let metadata = dir.symlink_metadata().map_err(fail)?;
        if !metadata.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        if metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Err(RecordError::Foreign {
                path: dir.to_path_buf(),
                uid: metadata.uid(),
            });
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(RecordError::Exposed {
                path: dir.to_path_buf(),
                mode,
            });
        }
        let lock = options()
            .create(true)
            .open(dir.join("lock"))
            .map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(RecordError::Busy {
                    path: dir.to_path_buf(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let tail = recover(dir)?;
        Ok((
            Self {
                dir: dir.to_path_buf(),
                current: None,
                _lock: lock,
            },
            tail,
        ))
    }
}

impl Storage for Files {
    fn start(&mut self, number: u64, header: &[u8]) -> io::Result<()> {
        let mut file = options()
            .create_new(true)
            .open(self.dir.join(file_name(number, Packing::Plain)))?;
        file.write_all(header)?;
        file.sync_all()?;
        // The name must survive a crash as well as the bytes.
        File::open(&self.dir)?.sync_all()?;
        self.current = Some(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current
            .as_mut()
            .ok_or(io::ErrorKind::NotFound)?
            .write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.current
            .as_mut()
            .ok_or(io::ErrorKind::NotFound)?
            .sync_data()
    }
}

/// When and on which boot something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clocks {
    /// Microseconds since 1970 (UTC).
    pub(super) time: i64,
    /// Microseconds since the boot, sleep included.
    pub(super) uptime: u64,
}

impl Clocks {
    pub(super) fn read() -> Self {
        Self {
            time: crate::clock::now().as_microsecond(),
            uptime: crate::clock::uptime(),
        }
    }
}

/// What a segment begins with.
#[derive(Clone, Debug)]
pub(super) struct Beginning<'a> {
    pub(super) number: u64,
    pub(super) next_entry: u64,
    pub(super) previous: Digest,
    pub(super) host: &'a str,
    pub(super) boot: [u8; 16],
    pub(super) clocks: Clocks,
}

/// Writes the header of a segment; returns its bytes and the digest that its frames continue.
pub(super) fn encode_header(beginning: &Beginning<'_>, key: &HostKey) -> (Vec<u8>, Digest) {
    let host = beginning.host;
    let host = host
        .get(..host.floor_char_boundary(HOST_BYTES_MAX))
        .unwrap_or_default();
    let host_bytes = u16::try_from(host.len()).unwrap_or_default();
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&host_bytes.to_le_bytes());
    bytes.extend_from_slice(&beginning.number.to_le_bytes());
    bytes.extend_from_slice(&beginning.next_entry.to_le_bytes());
    bytes.extend_from_slice(&beginning.previous.0);
    bytes.extend_from_slice(&key.id().0);
    bytes.extend_from_slice(&beginning.boot);
    bytes.extend_from_slice(&beginning.clocks.time.to_le_bytes());
    bytes.extend_from_slice(&beginning.clocks.uptime.to_le_bytes());
    bytes.extend_from_slice(host.as_bytes());
    let digest = link(beginning.previous, &bytes);
    bytes.extend_from_slice(&digest.0);
    bytes.extend_from_slice(&key.sign(&header_message(digest)));
    (bytes, digest)
}

/// Appends a checkpoint; returns the new end of the chain.
pub(super) fn write_checkpoint(
    next_entry: u64,
    clocks: Clocks,
    sealed: bool,
    (previous, key): (Digest, &HostKey),
    batch: &mut Vec<u8>,
) -> Digest {
    const PAYLOAD: usize = CHECKPOINT_FIXED_BYTES + SIGNATURE_BYTES;
    const LENGTH: usize = FRAME_FIXED_BYTES - LENGTH_BYTES + PAYLOAD + DIGEST_BYTES;
    let mut bytes = Vec::with_capacity(FRAME_FIXED_BYTES + PAYLOAD);
    let length = u32::try_from(LENGTH).unwrap_or_default();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.push(Kind::Checkpoint.to_byte());
    bytes.extend_from_slice(&next_entry.to_le_bytes());
    bytes.extend_from_slice(&clocks.time.to_le_bytes());
    bytes.extend_from_slice(&clocks.uptime.to_le_bytes());
    bytes.push(u8::from(sealed));
    if let Some(unsigned) = bytes.first_chunk() {
        let signature = key.sign(&checkpoint_message(previous, unsigned));
        bytes.extend_from_slice(&signature);
    }
    let digest = link(previous, &bytes);
    batch.extend_from_slice(&bytes);
    batch.extend_from_slice(&digest.0);
    digest
}

/// A frame that has no place in the chain yet.
#[derive(Debug)]
pub(super) struct Draft {
    bytes: Vec<u8>,
}

impl Draft {
    /// Lays out a frame up to its digest.
    pub(super) fn new(
        kind: Kind,
        entry: u64,
        time: jiff::Timestamp,
        payload: &[u8],
    ) -> Result<Self, RecordError> {
        let length = FRAME_FIXED_BYTES - LENGTH_BYTES + payload.len() + DIGEST_BYTES;
        if length > FRAME_LENGTH_MAX {
            return Err(RecordError::Large);
        }
        let mut bytes = Vec::with_capacity(LENGTH_BYTES + length);
        bytes.extend_from_slice(
            &u32::try_from(length)
                .or(Err(RecordError::Large))?
                .to_le_bytes(),
        );
        bytes.push(kind.to_byte());
        bytes.extend_from_slice(&entry.to_le_bytes());
        bytes.extend_from_slice(&time.as_microsecond().to_le_bytes());
        bytes.extend_from_slice(payload);
        Ok(Self { bytes })
    }

    /// Bytes of the whole frame.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len() + DIGEST_BYTES
    }

    /// Appends the frame to a batch; returns the new end of the chain.
    pub(super) fn write(&self, previous: Digest, batch: &mut Vec<u8>) -> Digest {
        let digest = link(previous, &self.bytes);
        batch.extend_from_slice(&self.bytes);
        batch.extend_from_slice(&digest.0);
        digest
    }
}

/// Finds the end of the recording; sets a torn tail aside.
fn recover(dir: &Path) -> Result<Tail, RecordError> {
    let fail = |source| RecordError::Open {
        path: dir.to_path_buf(),
        source,
    };
    let mut torn_bytes = 0;
    let mut files = segments(dir).map_err(fail)?;
    while let Some((number, path)) = files.pop() {
        let damaged = |source| RecordError::Damaged {
            path: path.clone(),
            source,
        };
        let file = options().open(&path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        let mut reader = match Reader::open(BufReader::new(&file)) {
            Ok(reader) => reader,
            // The crash came before the header was durable, so nothing in it was acknowledged.
            Err(ReadError::Torn { .. }) => {
                std::fs::rename(&path, path.with_extension("torn")).map_err(fail)?;
                torn_bytes += length;
                continue;
            }
            Err(source) => return Err(damaged(source)),
        };
        let mut next_entry = reader.header().next_entry;
        let stopped = loop {
            match reader.next_frame() {
                Ok(Some(frame)) => next_entry = next_entry.max(frame.entry.saturating_add(1)),
                Ok(None) => break None,
                Err(source) => break Some(source),
            }
        };
        let (digest, end) = (reader.digest(), reader.offset());
        match stopped {
            None => {}
            Some(ReadError::Torn { .. } | ReadError::Broken { .. })
                if length - end <= TORN_BYTES_MAX =>
            {
                set_aside(&file, end, &path.with_extension("torn")).map_err(fail)?;
                torn_bytes += length - end;
            }
            Some(source) => return Err(damaged(source)),
        }
        return Ok(Tail {
            segment: number,
            digest,
            next_entry,
            torn_bytes,
        });
    }
    Ok(Tail {
        segment: 0,
        digest: Digest::ZERO,
        next_entry: 1,
        torn_bytes,
    })
}

/// Copies what follows `end` to `aside`, then cuts it off.
fn set_aside(mut file: &File, end: u64, aside: &Path) -> io::Result<()> {
    file.seek(SeekFrom::Start(end))?;
    let mut kept = options().create(true).append(true).open(aside)?;
    io::copy(&mut file, &mut kept)?;
    kept.sync_all()?;
    file.set_len(end)?;
    file.sync_all()
}

/// Never follows a link: the directory is ours, and stays so if someone gets a link into it.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW);
    options
}
