//! One segment, opened where the index stopped, and what keeps it from being read on.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

use crate::record::chain::Digest;
use crate::record::format::{DIGEST_BYTES, Packing};
use crate::record::index::error::IndexError;
use crate::record::index::position::{Position, State};
use crate::record::index::take::Batch;
use crate::record::read::{Identities, ReadError, Reader, SegmentFile, SourceError, open};

pub(super) type Input = Reader<Box<dyn Read + Send>>;

/// Opens a segment behind what was read of it.
pub(super) fn open_at(
    file: &SegmentFile,
    from: Option<&Position>,
    identities: &Identities,
) -> Result<Input, Obstacle> {
    let from = from.filter(|it| it.offset > 0);
    if let (Some(from), Packing::Plain) = (from, file.packing) {
        return resume(file, from);
    }
    let input = open(file, identities).map_err(refused)?;
    let mut reader = begin(input, file)?;
    let Some(from) = from else {
        return Ok(reader);
    };
    while reader.offset() < from.offset {
        match reader.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Err(Obstacle::Unfit),
        }
    }
    let fits = (reader.offset(), reader.digest()) == (from.offset, from.digest);
    if fits {
        Ok(reader)
    } else {
        Err(Obstacle::Unfit)
    }
}

fn begin<R: Read>(input: R, file: &SegmentFile) -> Result<Reader<R>, Obstacle> {
    let reader = Reader::open(input).map_err(|error| match error {
        ReadError::Torn { .. } => Obstacle::Empty,
        ReadError::Header | ReadError::Version { .. } | ReadError::Broken { .. } => {
            Obstacle::Damaged
        }
        ReadError::Io { source } => refused(SourceError::Read {
            path: file.path.clone(),
            source,
        }),
    })?;
    let is_it = reader.header().number == file.number;
    if is_it {
        Ok(reader)
    } else {
        Err(Obstacle::Damaged)
    }
}

/// Opens a plain segment behind what was read: its last digest must be there.
fn resume(file: &SegmentFile, from: &Position) -> Result<Input, Obstacle> {
    let failed = |source| {
        refused(SourceError::Read {
            path: file.path.clone(),
            source,
        })
    };
    let mut input = File::open(&file.path).map_err(failed)?;
    let start = begin(BufReader::new(&input), file)?;
    let (header, begins, first) = (start.header().clone(), start.offset(), start.digest());
    let digest = if from.offset == begins {
        first
    } else {
        let mut bytes = [0; DIGEST_BYTES];
        let at = from.offset.saturating_sub(DIGEST_BYTES as u64);
        match input.read_exact_at(&mut bytes, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Obstacle::Unfit);
            }
            done => done.map_err(failed)?,
        }
        Digest(bytes)
    };
    if digest != from.digest {
        return Err(Obstacle::Unfit);
    }
    input.seek(SeekFrom::Start(from.offset)).map_err(failed)?;
    let input: Box<dyn Read + Send> = Box::new(BufReader::new(input));
    Ok(Reader::resume(input, header, digest, from.offset))
}

fn refused(error: SourceError) -> Obstacle {
    match error {
        SourceError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Obstacle::Gone
        }
        SourceError::Encrypted { .. } => Obstacle::Closed(error),
        SourceError::NotAge { .. } => Obstacle::Damaged,
        SourceError::List { .. } | SourceError::Read { .. } | SourceError::Identity { .. } => {
            Obstacle::Failed(error)
        }
    }
}

/// Why a batch is over.
pub(super) enum Ended {
    Full,
    End,
    /// In the last segment: the writer is at it.
    Torn,
    Broken,
}

impl Ended {
    pub(super) const fn state(&self, is_last: bool) -> State {
        match self {
            Self::Full => State::Reading,
            // What a crash left at the end is cut off when the daemon starts again.
            Self::End | Self::Torn | Self::Broken if is_last => State::Reading,
            Self::End => State::Whole,
            Self::Torn | Self::Broken => State::Damaged,
        }
    }
}

pub(super) fn read(reader: &mut Input, batch: &mut Batch) -> Result<Ended, Obstacle> {
    while !batch.is_full() {
        match reader.next_frame() {
            Ok(Some(frame)) => batch.add(&frame),
            Ok(None) => return Ok(Ended::End),
            Err(ReadError::Torn { .. }) => return Ok(Ended::Torn),
            // Of a packed segment this is what damage looks like.
            Err(ReadError::Broken { .. } | ReadError::Io { .. }) => return Ok(Ended::Broken),
            Err(ReadError::Header | ReadError::Version { .. }) => return Err(Obstacle::Damaged),
        }
    }
    Ok(Ended::Full)
}

/// Why a segment cannot be read on.
pub(super) enum Obstacle {
    Unfit,
    /// It was packed or deleted since the directory was listed.
    Gone,
    /// The header is not there yet.
    Empty,
    Closed(SourceError),
    Damaged,
    Failed(SourceError),
}

impl Obstacle {
    /// What is kept of it; `None` if the directory must be listed again.
    pub(super) fn state(self, is_last: bool) -> Result<Option<State>, IndexError> {
        match self {
            Self::Empty | Self::Damaged if is_last => Ok(Some(State::Reading)),
            Self::Empty | Self::Damaged => Ok(Some(State::Damaged)),
            Self::Gone => Ok(None),
            Self::Unfit => Err(IndexError::Unfit),
            Self::Closed(source) => {
                tracing::warn!(error = %source, "a segment is not in the index");
                Ok(Some(State::Closed))
            }
            Self::Failed(source) => Err(IndexError::Record { source }),
        }
    }
}
