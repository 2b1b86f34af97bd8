//! The way out of damage: the next frame of a segment that fits what stands before it.

use std::io::Read;

use super::{Walker, near};
use crate::record::chain::Digest;
use crate::record::format::FRAME_FIXED_BYTES;
use crate::record::verify::parse;
use crate::record::verify::problem::{Finding, Near, Problem, Says};

/// Hashed and passed over while a way out of damage is searched: a file that is made to look like
/// frames at every byte, or that unpacks to more than any disk holds, costs seconds, not a day.
const SEARCH_BYTES_MAX: u64 = if cfg!(test) { 1 << 20 } else { 1 << 30 };
/// Stretches between damage that are kept of one segment; past it, the rest is not searched.
const RUNS_MAX: usize = 10_000;
/// Read at once of what is only counted.
const PIECE_BYTES: usize = 64 << 10;

impl<R: Read> Walker<R> {
    /// Searches for the next frame that fits what stands before it: after a change, the digest that
    /// the next frame continues is still there. `gap` is what may stand between the two.
    /// False if the segment ends first.
    pub(super) fn search(&mut self, gap: usize) -> bool {
        let from = self.window.offset();
        let seen = parse::look(&mut self.window);
        let is_cut = parse::is_cut(&mut self.window);
        let (frame, after) = (self.frames + 1, self.last);
        self.window.advance(1);
        let found = loop {
            if self.window.ahead(FRAME_FIXED_BYTES).is_empty() {
                break None;
            }
            if self.searched > SEARCH_BYTES_MAX || self.out.runs.len() >= RUNS_MAX {
                let bytes = self.rest();
                self.problem(Finding::Unsearched { bytes });
                break None;
            }
            if let Some(found) = self.candidate(gap) {
                break Some(found);
            }
            self.window.advance(1);
            self.searched += 1;
        };
        let bytes = self.window.offset() - from;
        let before = found.map(|(_digest, near)| near);
        if gap == 0 {
            self.out.is_torn = found.is_none() && is_cut;
            let says = seen.and_then(|it| Says::new(it.kind, it.entry, it.time));
            let finding = match self.out.is_torn {
                true => Finding::Torn { bytes },
                false => Finding::Broken { bytes, says },
            };
            self.at(Problem {
                offset: Some(from),
                frame: Some(frame),
                after,
                before,
                ..self.place(finding)
            });
        }
        self.lose(bytes);
        self.out.is_sealed = false;
        let Some((digest, _near)) = found else {
            return false;
        };
        self.digest = digest;
        self.start(self.window.offset(), false);
        true
    }

    /// The digest before the frame at the window, if one stands there that this frame continues.
    fn candidate(&mut self, gap: usize) -> Option<(Digest, Near)> {
        if !parse::is_plausible(&mut self.window) {
            return None;
        }
        let gaps: &[usize] = if gap == 0 { &[0] } else { &[0, gap] };
        for gap in gaps {
            let seen = parse::look(&mut self.window)?;
            let Some(before) = self.window.behind(*gap) else {
                continue;
            };
            self.searched += seen.bytes as u64;
            if let Some(frame) = parse::frame(&mut self.window, before) {
                return Some((before, near(&frame)));
            }
        }
        None
    }

    /// Bytes that are left; reads them all.
    pub(super) fn rest(&mut self) -> u64 {
        let from = self.window.offset();
        loop {
            let bytes = self.window.ahead(PIECE_BYTES).len();
            if bytes == 0 {
                return self.window.offset() - from;
            }
            self.window.advance(bytes);
        }
    }
}
