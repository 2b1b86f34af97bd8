//! Segments as files: plain, compressed, encrypted.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use age::Identity;
use age::x25519;

use crate::record::format::{Packing, parse_file_name};

/// Why the bytes of a segment cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot list the recording at `{}`", path.display())]
    List {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is encrypted, and no identity given can open it (`--identity FILE`)", path.display())]
    Encrypted { path: PathBuf },
    #[error("`{}` is not an encrypted segment", path.display())]
    NotAge { path: PathBuf },
    #[error("`{}` is not a file of age identities (`AGE-SECRET-KEY-1…`)", path.display())]
    Identity { path: PathBuf },
}

/// A segment on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    pub number: u64,
    pub packing: Packing,
    pub path: PathBuf,
}

/// What opens encrypted segments.
#[derive(Clone, Default)]
pub struct Identities(Vec<x25519::Identity>);

impl std::fmt::Debug for Identities {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("Identities")
            .field(&self.0.len())
            .finish()
    }
}

impl Identities {
    /// Reads files as `age-keygen` writes them: one identity a line, `#` begins a comment.
    ///
    /// # Errors
    /// A file cannot be read, or has something else in it.
    pub fn read(paths: &[PathBuf]) -> Result<Self, SourceError> {
        let mut identities = Vec::new();
        for path in paths {
            let text = fs::read_to_string(path).map_err(|source| SourceError::Read {
                path: path.clone(),
                source,
            })?;
            let wrong = || SourceError::Identity { path: path.clone() };
            let lines = text.lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
            let before = identities.len();
            for line in lines {
                identities.push(line.parse().map_err(|_text: &str| wrong())?);
            }
            if identities.len() == before {
                return Err(wrong());
            }
        }
        Ok(Self(identities))
    }
}

/// Lists the segments of a recording in order, one file for each number: of a segment that is there
/// twice, because packing it was interrupted, the least packed, which is the one that was whole first.
///
/// # Errors
/// The directory cannot be read.
pub fn list(dir: &Path) -> Result<Vec<SegmentFile>, SourceError> {
    let failed = |source| SourceError::List {
        path: dir.to_path_buf(),
        source,
    };
    let mut found: BTreeMap<u64, SegmentFile> = BTreeMap::new();
    for file in fs::read_dir(dir).map_err(failed)? {
        let file = file.map_err(failed)?;
        let Some((number, packing)) = file.file_name().to_str().and_then(parse_file_name) else {
            continue;
        };
        let other = found.get(&number);
        if other.is_none_or(|other| packing < other.packing) {
            let path = file.path();
            found.insert(
                number,
                SegmentFile {
                    number,
                    packing,
                    path,
                },
            );
        }
    }
    Ok(found.into_values().collect())
}

/// Opens a segment; what comes out are the bytes of [`crate::record::format`].
///
/// # Errors
/// The file cannot be read, or is encrypted to others.
pub fn open(
    segment: &SegmentFile,
    identities: &Identities,
) -> Result<Box<dyn Read + Send>, SourceError> {
    let failed = |source| SourceError::Read {
        path: segment.path.clone(),
        source,
    };
    let file = BufReader::new(open_file(&segment.path).map_err(failed)?);
    match segment.packing {
        Packing::Plain => Ok(Box::new(file)),
        Packing::Zstd => {
            let decoder = zstd::Decoder::with_buffer(file).map_err(failed)?;
            Ok(Box::new(BufReader::new(Bounded::new(decoder))))
        }
        Packing::Age => {
            let path = || segment.path.clone();
            let decryptor = age::Decryptor::new_buffered(file);
            let decryptor = decryptor.map_err(|_error| SourceError::NotAge { path: path() })?;
            let keys = identities.0.iter().map(|key| key as &dyn Identity);
            let stream = decryptor.decrypt(keys);
            let stream = stream.map_err(|_error| SourceError::Encrypted { path: path() })?;
            let decoder = zstd::Decoder::new(stream).map_err(failed)?;
            Ok(Box::new(BufReader::new(Bounded::new(decoder))))
        }
    }
}

/// Opens a regular file, through a link too. Of a pipe or a device, which a recording that somebody
/// hands in may hold, there is no end to wait for.
pub(in crate::record) fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Of one segment, unpacked: above what `segment_bytes_max` can be, and the batch that is written
/// when it is reached.
const UNPACKED_BYTES_MAX: u64 = if cfg!(test) { 64 << 20 } else { 5 << 30 };

/// Fails past what a segment can be: some kilobytes of zstd unpack to more than any disk holds.
struct Bounded<R> {
    input: R,
    left: u64,
}

impl<R: Read> Bounded<R> {
    const fn new(input: R) -> Self {
        Self {
            input,
            left: UNPACKED_BYTES_MAX,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more than any segment has"))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_without_end_is_not_read_to_its_end() {
        let read = |bytes: u64, left| {
            let input = io::repeat(0).take(bytes);
            io::copy(&mut Bounded { input, left }, &mut io::sink())
        };
        assert_eq!(read(100_000, 100_000).unwrap(), 100_000);
        let error = read(100_001, 100_000).unwrap_err();
        assert_eq!(error.to_string(), "it unpacks to more than any segment has");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0000000000000001.sfr.zst");
        let mut bomb = zstd::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
        let zeros = io::repeat(0).take(UNPACKED_BYTES_MAX + 1);
        io::copy(&mut BufReader::with_capacity(1 << 20, zeros), &mut bomb).unwrap();
        bomb.finish().unwrap();
        let segment = SegmentFile {
            number: 1,
            packing: Packing::Zstd,
            path,
        };
        let mut input = open(&segment, &Identities::default()).unwrap();
        io::copy(&mut input, &mut io::sink()).unwrap_err();
    }
}
