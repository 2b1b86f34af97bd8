//! Reads the segments into the index, from where it stopped.

mod open;

use std::path::PathBuf;

use self::open::{Ended, Input, Obstacle, open_at, read};
use super::error::IndexError;
use super::file::Index;
use super::position::{Position, State};
use super::take::Batch;
use crate::record::chain::Digest;
use crate::record::format::Packing;
use crate::record::read::{Identities, SegmentFile, list};

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// This many frames were read, and there may be more.
    Read(u64),
    /// Everything that is on disk is in the index.
    UpToDate,
}

/// A segment that is packed or deleted has another name, or none, when it is listed again; a link to
/// nowhere has not.
const GONE_MAX: u32 = 8;

/// Reads a recording from where an index of it stopped.
pub struct Follower {
    dir: PathBuf,
    identities: Identities,
    files: Vec<SegmentFile>,
    open: Option<(u64, Input)>,
    /// What older segments said is not in the index.
    oldest: Option<u64>,
    /// How often in a row a segment was listed and then not there.
    gone: u32,
    /// The end of what the index has was found where it should be.
    fits: bool,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Follower")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl Follower {
    #[must_use]
    pub const fn new(dir: PathBuf, identities: Identities) -> Self {
        Self {
            dir,
            identities,
            files: Vec::new(),
            open: None,
            oldest: None,
            gone: 0,
            fits: false,
        }
    }

    /// Reads everything that is there.
    ///
    /// # Errors
    /// As for [`Follower::step`].
    pub async fn catch_up(&mut self, index: &mut Index) -> Result<u64, IndexError> {
        let mut frames = 0;
        loop {
            match self.step(index).await? {
                Progress::Read(more) => frames += more,
                Progress::UpToDate => return Ok(frames),
            }
        }
    }

    /// Reads one batch. After an error the index must be opened again.
    ///
    /// # Errors
    /// The recording cannot be read, the index cannot be written, or it is of another recording.
    pub async fn step(&mut self, index: &mut Index) -> Result<Progress, IndexError> {
        if self.open.is_none() {
            self.refresh()?;
        }
        let last = Position::last(&mut index.connection).await?;
        self.check(last.as_ref())?;
        self.prune(index).await?;
        let Some((file, from)) = self.next(last.as_ref())? else {
            self.refresh()?;
            return Ok(Progress::UpToDate);
        };
        let is_last = self.files.last().is_none_or(|it| it.number <= file.number);
        let mut position = from.clone().unwrap_or(Position {
            segment: file.number,
            state: State::Reading,
            offset: 0,
            digest: Digest::ZERO,
        });
        let mut batch = Batch::default();
        let outcome = match self.reader(&file, from.as_ref()) {
            Ok(reader) => {
                let outcome = read(reader, &mut batch);
                (position.offset, position.digest) = (reader.offset(), reader.digest());
                outcome
            }
            Err(obstacle) => Err(obstacle),
        };
        let keeps_place = matches!(outcome, Ok(Ended::Full | Ended::End));
        let state = match outcome {
            Ok(ended) => Some(ended.state(is_last)),
            Err(obstacle) => obstacle.state(is_last)?,
        };
        let state = match state {
            Some(state) => state,
            None if self.gone < GONE_MAX => {
                self.gone += 1;
                self.refresh()?;
                return Ok(Progress::Read(0));
            }
            None => State::Damaged,
        };
        self.gone = 0;
        position.state = state;
        if state == State::Damaged {
            tracing::warn!(
                path = %file.path.display(),
                offset = position.offset,
                "a segment is damaged: what follows in it is not in the index"
            );
        }
        // A reader that met half a frame has lost its place.
        if state != State::Reading || !keeps_place {
            self.open = None;
        }
        if from.as_ref() != Some(&position)
            && (position.offset > 0 || position.state != State::Reading)
        {
            index.write(&batch, &position).await?;
            return Ok(Progress::Read(batch.frames));
        }
        let known = self.files.len();
        self.refresh()?;
        match self.files.len() > known && is_last {
            true => Ok(Progress::Read(0)),
            false => Ok(Progress::UpToDate),
        }
    }

    /// Has the index forget segments that are gone.
    async fn prune(&mut self, index: &mut Index) -> Result<(), IndexError> {
        let oldest = self.files.first().map(|it| it.number);
        if oldest == self.oldest {
            return Ok(());
        }
        // A file that is renamed while a directory is listed can be missing from the list: what is
        // gone is missing twice.
        self.refresh()?;
        let again = self.files.first().map(|it| it.number);
        if let (Some(oldest), true) = (oldest, oldest == again) {
            index.prune(oldest).await?;
            self.oldest = Some(oldest);
        }
        Ok(())
    }

    /// Bytes of segments that are not in the index yet, packed ones as they are packed.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn behind(&mut self, index: &mut Index) -> Result<u64, IndexError> {
        let files = list(&self.dir).map_err(|source| IndexError::Record { source })?;
        let last = Position::last(&mut index.connection).await?;
        let length = |file: &SegmentFile| file.path.metadata().map_or(0, |it| it.len());
        let behind = files.iter().map(|file| match &last {
            Some(last) if file.number < last.segment => 0,
            Some(last) if file.number == last.segment => match (last.state, file.packing) {
                (State::Reading, Packing::Plain) => length(file).saturating_sub(last.offset),
                (State::Reading, Packing::Zstd | Packing::Age)
                | (State::Whole | State::Damaged | State::Closed, _) => 0,
            },
            Some(_) | None => length(file),
        });
        Ok(behind.sum())
    }

    fn refresh(&mut self) -> Result<(), IndexError> {
        let files = list(&self.dir).map_err(|source| IndexError::Record { source })?;
        self.files = files;
        Ok(())
    }

    /// Makes sure, once, that what the index has is of this recording.
    fn check(&mut self, last: Option<&Position>) -> Result<(), IndexError> {
        if self.fits {
            return Ok(());
        }
        if let Some(last) = last {
            let file = self.files.iter().find(|it| it.number == last.segment);
            let newest = self.files.last().map_or(0, |it| it.number);
            match file {
                Some(file) if last.offset > 0 => {
                    match open_at(file, Some(last), &self.identities) {
                        Ok(_) | Err(Obstacle::Closed(_) | Obstacle::Gone) => {}
                        Err(Obstacle::Failed(source)) => return Err(IndexError::Record { source }),
                        Err(Obstacle::Unfit | Obstacle::Empty | Obstacle::Damaged) => {
                            return Err(IndexError::Unfit);
                        }
                    }
                }
                Some(_) => {}
                None if newest < last.segment => return Err(IndexError::Unfit),
                None => {}
            }
        }
        self.fits = true;
        Ok(())
    }

    /// The segment to read on, and from where.
    fn next(
        &self,
        last: Option<&Position>,
    ) -> Result<Option<(SegmentFile, Option<Position>)>, IndexError> {
        let Some(last) = last else {
            return Ok(self.files.first().cloned().map(|file| (file, None)));
        };
        let newest = self.files.last().map_or(0, |it| it.number);
        if newest < last.segment {
            return Err(IndexError::Unfit);
        }
        let same = self.files.iter().find(|it| it.number == last.segment);
        let later = self.files.iter().find(|it| it.number > last.segment);
        let found = match (last.state, same) {
            (State::Reading, Some(file)) => Some((file.clone(), Some(last.clone()))),
            (State::Reading, None) | (State::Whole | State::Damaged | State::Closed, _) => {
                later.map(|file| (file.clone(), None))
            }
        };
        Ok(found)
    }

    fn reader(
        &mut self,
        file: &SegmentFile,
        from: Option<&Position>,
    ) -> Result<&mut Input, Obstacle> {
        let reader = match self.open.take() {
            Some((number, reader)) if number == file.number => reader,
            Some(_) | None => open_at(file, from, &self.identities)?,
        };
        let (_number, reader) = self.open.insert((file.number, reader));
        Ok(reader)
    }
}
