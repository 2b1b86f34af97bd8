//! Every frame of a recording, in order, and every place where the recording is damaged.
//!
//! What is damaged in one segment does not keep the others from being read: the walk says where it
//! stopped, and goes on with the next segment.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chain::Digest;
use super::format::Packing;
use super::read::{Frame, Identities, ReadError, Reader, SegmentFile, SourceError, list, open};

/// What comes next in a recording.
#[derive(Debug)]
pub enum Step {
    Frame(Placed),
    Damage(Damage),
}

/// A frame with its place.
#[derive(Clone, Debug)]
pub struct Placed {
    pub segment: u64,
    /// The name of the host that wrote it.
    pub host: Arc<str>,
    /// Of the chain up to this frame.
    pub digest: Digest,
    pub frame: Frame,
}

/// Something that is not as it was written.
#[derive(Debug)]
pub struct Damage {
    pub segment: u64,
    pub path: PathBuf,
    /// The last segment ends within a frame: it is being written, or the host stopped in between.
    pub is_tail: bool,
    pub error: DamageError,
}

/// What is wrong with a segment.
#[derive(Debug, thiserror::Error)]
pub enum DamageError {
    #[error("cannot open the segment")]
    Source(#[source] SourceError),
    #[error("cannot read the segment on")]
    Read(#[source] ReadError),
    #[error("the segment does not follow the one before it")]
    Link,
    #[error("the file is named as segment {named} and says that it is segment {found}")]
    Number { named: u64, found: u64 },
    #[error("segments {first} to {last} are not there")]
    Missing { first: u64, last: u64 },
}

/// Goes through the segments of a directory.
#[derive(Debug)]
pub struct Walk<'a> {
    files: std::vec::IntoIter<SegmentFile>,
    identities: &'a Identities,
    current: Option<Current>,
    /// The segment before, and the end of its chain if it was whole.
    before: Option<(u64, Option<Digest>)>,
    /// A segment that is opened only after what is missing before it was told.
    waiting: Option<SegmentFile>,
}

struct Current {
    file: SegmentFile,
    host: Arc<str>,
    reader: Reader<Box<dyn Read + Send>>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Current")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl<'a> Walk<'a> {
    /// Begins at the oldest segment of the directory.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn new(dir: &Path, identities: &'a Identities) -> Result<Self, SourceError> {
        Self::starting_at(dir, identities, 0)
    }

    /// Begins at the segment `first`, or at the first one after it.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn starting_at(
        dir: &Path,
        identities: &'a Identities,
        first: u64,
    ) -> Result<Self, SourceError> {
        let mut files = list(dir)?;
        files.retain(|file| file.number >= first);
        Ok(Self {
            files: files.into_iter(),
            identities,
            current: None,
            before: None,
            waiting: None,
        })
    }

    /// True if there is no segment left, the one that is being read included.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.current.is_none() && self.waiting.is_none() && self.files.len() == 0
    }

    /// Opens a segment. What is told of it first, if there is something.
    fn enter(&mut self, file: SegmentFile) -> Option<Step> {
        let reader = open(&file, self.identities).map_err(DamageError::Source);
        let reader = reader.and_then(|bytes| Reader::open(bytes).map_err(DamageError::Read));
        let reader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                self.before = Some((file.number, None));
                return Some(Step::Damage(self.damage(&file, error)));
            }
        };
        let header = reader.header();
        let found = header.number;
        let follows = match &self.before {
            Some((_, Some(digest))) => header.previous == *digest,
            Some((_, None)) | None => true,
        };
        let wrong = if found != file.number {
            let named = file.number;
            Some(DamageError::Number { named, found })
        } else if follows {
            None
        } else {
            Some(DamageError::Link)
        };
        let told = wrong.map(|error| Step::Damage(self.damage(&file, error)));
        let host = Arc::from(header.host.as_str());
        self.current = Some(Current { file, host, reader });
        told
    }

    fn damage(&self, file: &SegmentFile, error: DamageError) -> Damage {
        let is_torn = matches!(error, DamageError::Read(ReadError::Torn { .. }));
        // Only the segment that is written is neither sealed nor packed.
        let is_last = self.files.len() == 0 && file.packing == Packing::Plain;
        Damage {
            segment: file.number,
            path: file.path.clone(),
            is_tail: is_torn && is_last,
            error,
        }
    }

    /// The next segment, or that some are not there.
    fn advance(&mut self) -> Option<Option<Step>> {
        if let Some(file) = self.waiting.take() {
            return Some(self.enter(file));
        }
        let file = self.files.next()?;
        let expected = self.before.as_ref().map(|(number, _digest)| number + 1);
        match expected {
            Some(first) if first < file.number => {
                let last = file.number - 1;
                let error = DamageError::Missing { first, last };
                let damage = self.damage(&file, error);
                self.before = None;
                self.waiting = Some(file);
                Some(Some(Step::Damage(damage)))
            }
            Some(_) | None => Some(self.enter(file)),
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            let Some(current) = &mut self.current else {
                match self.advance()? {
                    Some(step) => return Some(step),
                    None => continue,
                }
            };
            let segment = current.file.number;
            match current.reader.next_frame() {
                Ok(Some(frame)) => {
                    return Some(Step::Frame(Placed {
                        segment,
                        host: Arc::clone(&current.host),
                        digest: current.reader.digest(),
                        frame,
                    }));
                }
                Ok(None) => {
                    self.before = Some((segment, Some(current.reader.digest())));
                    self.current = None;
                }
                Err(error) => {
                    let file = current.file.clone();
                    self.before = Some((segment, None));
                    self.current = None;
                    let error = DamageError::Read(error);
                    return Some(Step::Damage(self.damage(&file, error)));
                }
            }
        }
    }
}
