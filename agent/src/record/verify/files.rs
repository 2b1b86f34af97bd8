//! The files of a recording, each walked on whichever core is free.

use std::fs;
use std::io::{self, Read as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use ring::digest::{Context, SHA256};

use super::judge::{Contents, Item};
use super::report::Head;
use super::walk::{Expected, walk};
use crate::record::checkpoint::HostId;
use crate::record::format::{Packing, parse_file_name};
use crate::record::read::{Identities, SegmentFile, SourceError, open, open_file};

/// Read at once when a file is hashed.
const PIECE_BYTES: usize = 256 << 10;

/// Why nothing can be said about a recording.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("cannot read the recording at `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is not named like a segment, as 0000000000000001.sfr", path.display())]
    Name { path: PathBuf },
}

/// Finds the segments, in the order of their numbers and of each the least packed first; tells
/// whether they are a directory's.
pub(super) fn list(path: &Path) -> Result<(Vec<SegmentFile>, bool), VerifyError> {
    let failed = |source| VerifyError::Read {
        path: path.to_owned(),
        source,
    };
    let segment = |path: PathBuf| {
        let (number, packing) = path.file_name()?.to_str().and_then(parse_file_name)?;
        Some(SegmentFile {
            number,
            packing,
            path,
        })
    };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        let wrong = || VerifyError::Name {
            path: path.to_owned(),
        };
        return Ok((vec![segment(path.to_owned()).ok_or_else(wrong)?], false));
    }
    let mut found = Vec::new();
    for file in fs::read_dir(path).map_err(failed)? {
        found.extend(segment(file.map_err(failed)?.path()));
    }
    found.sort_unstable_by_key(|it| (it.number, it.packing));
    Ok((found, true))
}

/// Walks all files. Nothing is shared between the threads but the list of what is left to do.
pub(super) fn walk_all(
    files: &[SegmentFile],
    host: HostId,
    identities: &Identities,
    head: Option<Head>,
) -> Vec<Item> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((at, file)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            files.get(at).map(|file| (at, file))
        } {
            let expected = Expected {
                host,
                number: file.number,
                head: head
                    .filter(|it| it.segment == file.number)
                    .map(|it| it.digest),
            };
            let item = item(file, identities, expected);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((at, item));
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 1..cores.min(files.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _item)| *at);
    done.into_iter().map(|(_at, item)| item).collect()
}

fn item(file: &SegmentFile, identities: &Identities, expected: Expected) -> Item {
    let contents = match open(file, identities) {
        Ok(input) => Contents::Walked(Box::new(walk(input, expected))),
        Err(SourceError::Encrypted { .. }) => Contents::Sealed,
        Err(error) => {
            let cause = std::error::Error::source(&error);
            Contents::Failed(cause.map_or_else(|| error.to_string(), ToString::to_string))
        }
    };
    let (archived, has_grown) = match (file.packing, &contents) {
        (Packing::Plain, Contents::Walked(walked)) => {
            let length = fs::metadata(&file.path).map(|it| it.len());
            (None, length.is_ok_and(|length| length > walked.bytes))
        }
        (Packing::Plain, Contents::Sealed | Contents::Failed(_)) => (None, false),
        (Packing::Zstd | Packing::Age, _) => (sha256(&file.path).ok(), false),
    };
    let name = file.path.file_name().unwrap_or_default();
    Item {
        number: file.number,
        file: name.to_string_lossy().into_owned(),
        contents,
        archived,
        has_grown,
    }
}

/// Size and digest of a file.
fn sha256(path: &Path) -> io::Result<(u64, String)> {
    let mut file = open_file(path)?;
    let (mut context, mut length) = (Context::new(&SHA256), 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        context.update(piece.get(..read).unwrap_or_default());
        length += read as u64;
    }
    let digest = context.finish();
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    Ok((length, digits.collect()))
}
