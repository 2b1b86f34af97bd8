//! A recording for other programs: every frame as it is, or as events of a public schema.
//!
//! It streams: what is held is what is open, never the recording.

mod filter;
pub mod jsonl;
pub mod ocsf;

use super::told::Told;
use super::walk::Placed;

pub use filter::Filter;

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for each frame, with everything that is in it.
    Jsonl,
    /// A line for each event of the Open Cybersecurity Schema Framework, [`ocsf::SCHEMA`].
    Ocsf,
}

/// A frame fits the chain, and its payload is not what the format says.
#[derive(Debug, thiserror::Error)]
#[error("segment {segment}, entry {entry}: the payload is not one of ours")]
pub struct PayloadError {
    pub segment: u64,
    pub entry: u64,
    #[source]
    source: serde_json::Error,
}

/// Turns frames into lines.
#[derive(Debug)]
pub struct Exporter {
    filter: Filter,
    events: Option<ocsf::Events>,
    lines: u64,
}

impl Exporter {
    #[must_use]
    pub fn new(format: Format, filter: Filter) -> Self {
        let events = match format {
            Format::Jsonl => None,
            Format::Ocsf => Some(ocsf::Events::default()),
        };
        Self {
            filter,
            events,
            lines: 0,
        }
    }

    /// Lines that were written.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Adds the lines of one frame, each with its end.
    ///
    /// # Errors
    /// The payload is not what the format says. What can be told of the frame is added all the same.
    pub fn frame(&mut self, placed: &Placed, out: &mut Vec<u8>) -> Result<(), PayloadError> {
        let failed = |source| PayloadError {
            segment: placed.segment,
            entry: placed.frame.entry,
            source,
        };
        if self.events.is_none() && !self.filter.is_by_who() {
            if !self.filter.is_in_time(placed) {
                return Ok(());
            }
            self.lines += 1;
            return jsonl::line(placed, out).map_err(failed);
        }
        let told = Told::read(placed.frame.kind, &placed.frame.payload).map_err(failed)?;
        if !self.filter.keeps(placed, &told) {
            return Ok(());
        }
        match &mut self.events {
            Some(events) => self.lines += events.frame(placed, told, out).map_err(failed)?,
            None => {
                jsonl::line(placed, out).map_err(failed)?;
                self.lines += 1;
            }
        }
        Ok(())
    }

    /// Adds what was still open where the recording ends.
    ///
    /// # Errors
    /// Never on what this made itself.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        if let Some(events) = &mut self.events {
            self.lines += events.finish(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
