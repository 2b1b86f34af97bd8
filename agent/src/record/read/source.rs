//! Segments as files: plain, compressed, encrypted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
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
    let file = BufReader::new(File::open(&segment.path).map_err(failed)?);
    match segment.packing {
        Packing::Plain => Ok(Box::new(file)),
        Packing::Zstd => {
            let decoder = zstd::Decoder::with_buffer(file).map_err(failed)?;
            Ok(Box::new(BufReader::new(decoder)))
        }
        Packing::Age => {
            let path = || segment.path.clone();
            let decryptor = age::Decryptor::new_buffered(file);
            let decryptor = decryptor.map_err(|_error| SourceError::NotAge { path: path() })?;
            let keys = identities.0.iter().map(|key| key as &dyn Identity);
            let stream = decryptor.decrypt(keys);
            let stream = stream.map_err(|_error| SourceError::Encrypted { path: path() })?;
            let decoder = zstd::Decoder::new(stream).map_err(failed)?;
            Ok(Box::new(BufReader::new(decoder)))
        }
    }
}
