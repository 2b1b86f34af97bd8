//! Walks one segment from its first byte to its last, finds the frames that fit the chain, and what
//! of them a signature covers.

use std::io::Read;

use super::ledger::{Conflict, Ledger, Use};
use super::parse::{self, Frame, Header, HeaderFlaw};
use super::problem::{Finding, Near, PER_SEGMENT_MAX, Problem, Problems, Says};
use super::statement::{Statement, Statements};
use super::window::Window;
use crate::record::chain::Digest;
use crate::record::checkpoint::{HostId, checkpoint_message};
use crate::record::format::{CHECKPOINT_FRAMES_MAX, FRAME_FIXED_BYTES, Kind, SIGNATURE_BYTES, v1};

/// Hashed and passed over while a way out of damage is searched: a file that is made to look like
/// frames at every byte, or that unpacks to more than any disk holds, costs seconds, not a day.
const SEARCH_BYTES_MAX: u64 = if cfg!(test) { 1 << 20 } else { 1 << 30 };
/// Stretches between damage that are kept of one segment; past it, the rest is not searched.
const RUNS_MAX: usize = 10_000;
/// Read at once of what is only counted.
const PIECE_BYTES: usize = 64 << 10;
/// Kept of one segment; a checkpoint is written about once a second.
const CHECKPOINTS_MAX: usize = 1 << 20;

/// What a segment is held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) host: HostId,
    /// The number in the file's name.
    pub(super) number: u64,
    /// A digest that this segment must have, known from elsewhere.
    pub(super) head: Option<Digest>,
}

/// Frames that follow each other in the chain without a break.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) from: u64,
    pub(super) is_first: bool,
    pub(super) linked: Extent,
    /// What of it a signature covers.
    pub(super) proven: Option<Extent>,
    since_checkpoint: u64,
}

/// How far something reaches from the beginning of its run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) to: u64,
    pub(super) frames: u64,
    pub(super) entries: u64,
    pub(super) digest: Digest,
    pub(super) last: Option<Near>,
}

/// What was found in a segment.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) header: Option<Header>,
    pub(super) runs: Vec<Run>,
    pub(super) problems: Problems,
    pub(super) ledger: Ledger,
    pub(super) statements: Statements,
    /// Of each checkpoint that the host signed: how its digest begins, and its offset.
    pub(super) checkpoints: Vec<(u64, u64)>,
    pub(super) bytes: u64,
    pub(super) broken_places: u64,
    pub(super) broken_bytes: u64,
    pub(super) is_sealed: bool,
    /// The last run reaches the last byte.
    pub(super) is_whole: bool,
    pub(super) is_torn: bool,
    pub(super) has_head: bool,
    /// A gap stands before anything that happened.
    pub(super) begins_with_gap: bool,
}

struct Walker<R> {
    window: Window<R>,
    expected: Expected,
    out: Walked,
    digest: Digest,
    frames: u64,
    last: Option<Near>,
    /// The number that a checkpoint must at least say.
    next_entry: u64,
    searched: u64,
    is_other_key: bool,
    has_happened: bool,
}

/// Walks the bytes of a segment.
pub(super) fn walk<R: Read>(input: R, expected: Expected) -> Walked {
    let mut walker = Walker {
        window: Window::new(input),
        expected,
        out: Walked::default(),
        digest: Digest::ZERO,
        frames: 0,
        last: None,
        next_entry: 0,
        searched: 0,
        is_other_key: false,
        has_happened: false,
    };
    let mut goes_on = walker.header();
    while goes_on && !walker.window.ahead(1).is_empty() {
        goes_on = match parse::frame(&mut walker.window, walker.digest) {
            Some(frame) => {
                walker.accept(&frame);
                true
            }
            None => walker.search(0),
        };
    }
    walker.finish()
}

impl<R: Read> Walker<R> {
    /// False if nothing in the segment can be read.
    fn header(&mut self) -> bool {
        match parse::header(&mut self.window) {
            Ok(header) => {
                self.begin(header);
                true
            }
            Err(HeaderFlaw::Cut) => {
                self.problem(Finding::HeaderCut);
                let rest = self.rest();
                self.lose(rest);
                false
            }
            Err(flaw) => {
                self.problem(match flaw {
                    HeaderFlaw::Foreign => Finding::Foreign,
                    HeaderFlaw::Version(found) => Finding::Version { found },
                    HeaderFlaw::Changed | HeaderFlaw::Cut => Finding::HeaderChanged,
                });
                // Behind the header's digest stands its signature, in version 2.
                self.search(SIGNATURE_BYTES)
            }
        }
    }

    fn begin(&mut self, header: Header) {
        if header.number != self.expected.number {
            let says = header.number;
            self.problem(Finding::Number { says });
        }
        let is_signed = match header.signed {
            Some((id, _signed)) if id != self.expected.host => {
                self.is_other_key = true;
                let key = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
                self.problem(Finding::OtherKey { key });
                false
            }
            Some((_id, true)) => true,
            Some((_id, false)) => {
                self.problem(Finding::HeaderSignature);
                false
            }
            None => false,
        };
        self.window.advance(header.bytes);
        self.digest = header.digest;
        self.next_entry = header.next_entry;
        self.start(0, true);
        let is_head = self.expected.head == Some(header.digest);
        self.out.has_head |= is_head;
        self.out.header = Some(header);
        if is_signed || is_head {
            self.prove();
        }
    }

    fn start(&mut self, from: u64, is_first: bool) {
        let linked = Extent {
            to: self.window.offset(),
            frames: 0,
            entries: 0,
            digest: self.digest,
            last: None,
        };
        self.out.runs.push(Run {
            from,
            is_first,
            linked,
            proven: None,
            since_checkpoint: 0,
        });
    }

    /// A signature, or a head that is known from elsewhere, covers the run up to here.
    fn prove(&mut self) {
        if let Some(run) = self.out.runs.last_mut() {
            run.proven = Some(run.linked);
        }
    }

    /// Takes a frame that fits the chain.
    fn accept(&mut self, frame: &Frame) {
        self.frames += 1;
        if self.out.is_sealed {
            self.problem(Finding::AfterSeal);
            self.out.is_sealed = false;
        }
        let kind = Kind::from_byte(frame.kind);
        let is_signed = match kind {
            Some(kind) => self.take(kind, frame),
            None => {
                self.problem(Finding::Kind { says: frame.kind });
                false
            }
        };
        let is_new_entry = kind
            .and_then(Use::of)
            .is_some_and(|used| self.note(frame.entry, used));
        self.last = Some(near(frame));
        self.window.advance(frame.bytes);
        self.digest = frame.digest;
        let is_head = self.expected.head == Some(frame.digest);
        self.out.has_head |= is_head;
        let (to, last) = (self.window.offset(), self.last);
        let mut is_far = false;
        if let Some(run) = self.out.runs.last_mut() {
            let linked = &mut run.linked;
            linked.to = to;
            linked.frames += 1;
            linked.entries += u64::from(is_new_entry);
            linked.digest = frame.digest;
            linked.last = last;
            run.since_checkpoint += 1;
            is_far = run.since_checkpoint == CHECKPOINT_FRAMES_MAX + 1;
            if kind == Some(Kind::Checkpoint) {
                (run.since_checkpoint, is_far) = (0, false);
            }
        }
        let is_version_1 = self.is_version_1();
        if is_far && !is_version_1 {
            self.problem(Finding::Far);
        }
        if is_signed || is_head {
            self.prove();
        }
    }

    /// Looks into a frame; true if it is a checkpoint that the host signed.
    fn take(&mut self, kind: Kind, frame: &Frame) -> bool {
        if self.is_version_1() && !matches!(kind, Kind::Decided | Kind::Ended) {
            let kind = kind.name();
            self.problem(Finding::KindOfVersion { kind });
        }
        if kind == Kind::Checkpoint {
            return self.checkpoint(frame);
        }
        let payload = parse::payload(&mut self.window, frame);
        let is_object = payload.first() == Some(&b'{') && payload.last() == Some(&b'}');
        let statement = Statement::read(kind, payload);
        if !is_object {
            self.problem(Finding::Payload);
        }
        let explains = matches!(kind, Kind::Gap | Kind::Carried);
        self.out.begins_with_gap |= kind == Kind::Gap && !self.has_happened;
        self.has_happened |= !explains;
        if let Some(statement) = statement {
            let place = (self.out.runs.len(), self.window.offset());
            self.out.statements.push(place, statement);
        }
        false
    }

    fn checkpoint(&mut self, frame: &Frame) -> bool {
        let found = parse::checkpoint(&mut self.window, frame);
        let Some(checkpoint) = found.filter(|it| it.sealed <= 1) else {
            self.problem(Finding::Checkpoint);
            return false;
        };
        let least = self.next_entry;
        if frame.entry < least {
            let says = frame.entry;
            self.problem(Finding::CheckpointNumber { says, least });
        }
        self.next_entry = least.max(frame.entry);
        let message = checkpoint_message(self.digest, &checkpoint.unsigned);
        let host = self.expected.host;
        if !host.has_signed(&message, &checkpoint.signature) {
            if !self.is_other_key {
                self.problem(Finding::Signature);
            }
            return false;
        }
        self.out.is_sealed = checkpoint.sealed == 1;
        if self.out.checkpoints.len() < CHECKPOINTS_MAX
            && let Some(name) = frame.digest.0.first_chunk()
        {
            let name = u64::from_le_bytes(*name);
            self.out.checkpoints.push((name, self.window.offset()));
        }
        true
    }

    /// Enters a number; true if it is that of an entry that was not seen in this segment.
    fn note(&mut self, number: u64, used: Use) -> bool {
        let (is_new, conflict) = self.out.ledger.add(number, used);
        self.next_entry = self.next_entry.max(number.saturating_add(1));
        if let Some(conflict) = conflict {
            self.problem(breach(number, conflict));
        }
        is_new && used != Use::Own
    }

    /// Searches for the next frame that fits what stands before it: after a change, the digest that
    /// the next frame continues is still there. `gap` is what may stand between the two.
    /// False if the segment ends first.
    fn search(&mut self, gap: usize) -> bool {
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

    fn finish(mut self) -> Walked {
        if let Some(error) = self.window.take_error() {
            let message = error.to_string();
            self.problem(Finding::Unreadable { message });
            self.out.is_torn = false;
        }
        self.out.bytes = self.window.offset();
        let last = self.out.runs.last();
        self.out.is_whole = last.is_some_and(|run| run.linked.to == self.out.bytes);
        self.out
    }

    /// Bytes that are left; reads them all.
    fn rest(&mut self) -> u64 {
        let from = self.window.offset();
        loop {
            let bytes = self.window.ahead(PIECE_BYTES).len();
            if bytes == 0 {
                return self.window.offset() - from;
            }
            self.window.advance(bytes);
        }
    }

    const fn lose(&mut self, bytes: u64) {
        self.out.broken_places += 1;
        self.out.broken_bytes += bytes;
    }

    fn is_version_1(&self) -> bool {
        let header = self.out.header.as_ref();
        header.is_some_and(|it| it.version == v1::VERSION)
    }

    fn place(&self, finding: Finding) -> Problem {
        Problem {
            segment: self.expected.number,
            file: None,
            offset: Some(self.window.offset()),
            frame: None,
            after: None,
            before: None,
            finding,
        }
    }

    fn problem(&mut self, finding: Finding) {
        let problem = Problem {
            frame: (self.frames > 0).then_some(self.frames),
            after: self.last,
            ..self.place(finding)
        };
        self.at(problem);
    }

    fn at(&mut self, problem: Problem) {
        self.out.problems.push(problem, PER_SEGMENT_MAX);
    }
}

/// The frame as a place: what has the number that the next entry has, stands behind the one before.
fn near(frame: &Frame) -> Near {
    let is_own = Kind::from_byte(frame.kind).is_none_or(|kind| Use::of(kind).is_some());
    Near {
        entry: frame.entry.saturating_sub(u64::from(!is_own)),
        time: frame.time,
    }
}

/// How a broken rule is told.
pub(super) const fn breach(entry: u64, conflict: Conflict) -> Finding {
    match conflict {
        Conflict::DecidedTwice => Finding::DecidedTwice { entry },
        Conflict::DecidedAfterEnd => Finding::DecidedAfterEnd { entry },
        Conflict::EndedTwice => Finding::EndedTwice { entry },
        Conflict::Shared => Finding::Shared { entry },
    }
}
