//! Finds at the start where the recording ends, and what it must say about that.
//!
//! A crash leaves a last segment without a seal, perhaps with a torn frame, and with sessions whose
//! end was never written. What is torn is cut off and kept in a file of its own, `<number>.torn`; the
//! next segment says so in a gap, and closes the sessions. Every step can be cut short by another
//! crash: what is not yet said then is found again.

mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use self::scan::Scanned;
use super::chain::Digest;
use super::checkpoint::HostId;
use super::error::RecordError;
use super::files::options;
use super::format::{FRAME_LENGTH_MAX, Packing};
use super::head::{self, Head, HeadError};
use super::read::{Identities, ReadError, SegmentFile, SourceError, list};
use super::thread::BATCH_BYTES_MAX;
use crate::telemetry::ErrorChain;

/// What a crash tears is what was not synced: less than a batch, and the one that made it more. A
/// longer bad tail is damage that someone must look at.
const TORN_BYTES_MAX: u64 = (2 * BATCH_BYTES_MAX + FRAME_LENGTH_MAX) as u64;

/// Where an existing recording ends.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) segment: u64,
    pub(super) digest: Digest,
    pub(super) next_entry: u64,
    pub(super) torn_bytes: u64,
    /// Sessions that nobody closed.
    pub(super) sessions: BTreeSet<String>,
    /// What the next segment says first.
    pub(super) gaps: Vec<Gap>,
}

/// The payload of a gap.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Gap {
    pub(super) reason: &'static str,
    pub(super) detail: Value,
}

/// Finds the end of the recording of `host` in `dir`; sets a torn tail aside.
pub(super) fn recover(dir: &Path, host: HostId) -> Result<Tail, RecordError> {
    let head = head::read(dir, host);
    let noted = head.as_ref().ok().and_then(Option::as_ref);
    let mut files = list(dir).map_err(|error| source_error(dir, error))?;
    let (mut tail, scanned) = loop {
        let Some(file) = files.pop() else {
            break (Tail::nothing(), None);
        };
        match last(&file, host, noted)? {
            Last::Found(scanned) => {
                let tail = Tail::of(&file, &scanned, &mut files);
                break (tail, Some(scanned));
            }
            Last::Encrypted(tail) => break (tail, None),
            Last::Torn => {}
        }
    };
    tail.report_torn(dir, scanned.as_deref())?;
    if let Some(scanned) = &scanned {
        tail.report_unclean(scanned);
    }
    match &head {
        Ok(Some(head)) => tail.compare(head, scanned.as_deref()),
        Ok(None) => {}
        Err(error) => tail.disbelieve(error),
    }
    Ok(tail)
}

/// What a file turned out to be.
enum Last {
    Found(Box<Scanned>),
    /// Only the head knows how it ends.
    Encrypted(Tail),
    /// It had no whole header, and is set aside.
    Torn,
}

fn last(file: &SegmentFile, host: HostId, head: Option<&Head>) -> Result<Last, RecordError> {
    let at = head.filter(|head| head.segment == file.number);
    let damaged = |source| RecordError::Damaged {
        path: file.path.clone(),
        source,
    };
    match file.packing {
        Packing::Plain => last_plain(file, host, at),
        Packing::Zstd => {
            let unpacked = super::read::open(file, &Identities::default());
            let unpacked = unpacked.map_err(|error| source_error(&file.path, error))?;
            let mut scanned = scan::scan(unpacked, at).map_err(damaged)?;
            check_host(file, &scanned, host)?;
            match scanned.stopped.take() {
                Some(source) => Err(damaged(source)),
                None => Ok(Last::Found(Box::new(scanned))),
            }
        }
        Packing::Age => encrypted(file, at).map(Last::Encrypted),
    }
}

fn last_plain(file: &SegmentFile, host: HostId, at: Option<&Head>) -> Result<Last, RecordError> {
    let fail = |source| RecordError::Open {
        path: file.path.clone(),
        source,
    };
    let damaged = |source| RecordError::Damaged {
        path: file.path.clone(),
        source,
    };
    let plain = options().open(&file.path).map_err(fail)?;
    let length = plain.metadata().map_err(fail)?.len();
    let mut scanned = match scan::scan(BufReader::new(&plain), at) {
        Ok(scanned) => scanned,
        // The crash came before the header was durable, so nothing in it was acknowledged.
        Err(ReadError::Torn { .. }) => {
            fs::rename(&file.path, aside(&file.path)).map_err(fail)?;
            return Ok(Last::Torn);
        }
        Err(source) => return Err(damaged(source)),
    };
    check_host(file, &scanned, host)?;
    match scanned.stopped.take() {
        None => {}
        Some(ReadError::Torn { .. } | ReadError::Broken { .. })
            if length.saturating_sub(scanned.end) <= TORN_BYTES_MAX =>
        {
            set_aside(&plain, scanned.end, &aside(&file.path)).map_err(fail)?;
        }
        Some(source) => return Err(damaged(source)),
    }
    Ok(Last::Found(Box::new(scanned)))
}

/// Another host's recording is not continued, nor cut; version 1 does not say whose it is.
fn check_host(file: &SegmentFile, scanned: &Scanned, host: HostId) -> Result<(), RecordError> {
    match scanned.header.signed.as_ref().map(|signed| signed.host) {
        Some(found) if found != host => Err(RecordError::OtherHost {
            path: file.path.clone(),
            found: head::host_text(found),
            expected: head::host_text(host),
        }),
        Some(_) | None => Ok(()),
    }
}

/// The end of an encrypted segment, as the head has it.
fn encrypted(file: &SegmentFile, head: Option<&Head>) -> Result<Tail, RecordError> {
    let end = head.filter(|head| head.sealed);
    let Some((head, digest)) = end.and_then(|head| Some((head, head.digest()?))) else {
        return Err(RecordError::Encrypted {
            path: file.path.clone(),
        });
    };
    let mut tail = Tail {
        segment: file.number,
        digest,
        next_entry: head.next_entry,
        ..Tail::nothing()
    };
    if head.sessions > 0 {
        tail.gaps
            .push(unread(file.number, "the segment is encrypted"));
    }
    Ok(tail)
}

impl Tail {
    /// Where a recording begins.
    pub(super) const fn nothing() -> Self {
        Self {
            segment: 0,
            digest: Digest::ZERO,
            next_entry: 1,
            torn_bytes: 0,
            sessions: BTreeSet::new(),
            gaps: Vec::new(),
        }
    }

    fn of(file: &SegmentFile, scanned: &Scanned, before: &mut Vec<SegmentFile>) -> Self {
        let mut tail = Self {
            segment: file.number,
            digest: scanned.digest,
            next_entry: scanned.next_entry,
            ..Self::nothing()
        };
        tail.sessions = tail.open_sessions(scanned, before);
        tail
    }

    /// A crash can leave a segment with nothing behind its header; what was open stands in the
    /// segment before it then.
    fn open_sessions(&mut self, last: &Scanned, before: &mut Vec<SegmentFile>) -> BTreeSet<String> {
        let mut open = last.sessions.clone();
        let mut is_whole = last.tells_sessions();
        while !is_whole && let Some(file) = before.pop() {
            let read = super::read::open(&file, &Identities::default())
                .map_err(|error| error.to_string())
                .and_then(|input| scan::scan(input, None).map_err(|error| error.to_string()));
            match read {
                Ok(scanned) => {
                    open.extend(scanned.sessions.difference(&last.closed).cloned());
                    is_whole = scanned.tells_sessions();
                }
                Err(why) => {
                    self.gaps.push(unread(file.number, &why));
                    is_whole = true;
                }
            }
        }
        open
    }

    /// Tells of what was set aside and not yet told: the last segment's gaps name what was.
    fn report_torn(&mut self, dir: &Path, last: Option<&Scanned>) -> Result<(), RecordError> {
        let fail = |source| RecordError::Open {
            path: dir.to_path_buf(),
            source,
        };
        // The last segment may itself have been cut, unless only its head could be read.
        let first = self.segment + u64::from(last.is_none());
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_told = last.is_some_and(|last| last.told_torn.contains(&name));
            if torn_number(&name).is_some_and(|number| number >= first) && !is_told {
                found.insert(name, entry.metadata().map_err(fail)?.len());
            }
        }
        for (name, bytes) in found {
            self.torn_bytes += bytes;
            self.gaps.push(Gap {
                reason: "torn",
                detail: json!({"segment": torn_number(&name), "bytes": bytes, "kept_in": name}),
            });
        }
        Ok(())
    }

    /// Version 1 had no seals, so nothing can be said of its end.
    fn report_unclean(&mut self, last: &Scanned) {
        let is_torn = self.gaps.iter().any(|gap| gap.reason == "torn");
        if last.header.signed.is_some() && !last.sealed && !is_torn {
            self.gaps.push(Gap {
                reason: "unclean_end",
                detail: json!({"segment": self.segment, "bytes": last.end,
                    "unsigned_frames": last.unsigned}),
            });
        }
    }

    /// Finds what was durable once and is gone.
    fn compare(&mut self, head: &Head, last: Option<&Scanned>) {
        let end = last.map(|last| last.end);
        let is_short = head.segment == self.segment && end.is_some_and(|end| end < head.offset);
        if head.segment > self.segment || is_short {
            self.next_entry = self.next_entry.max(head.next_entry);
            self.gaps.push(Gap {
                reason: "missing",
                detail: json!({"head": head, "segment": self.segment, "bytes": end}),
            });
        } else if let Some(last) = last
            && head.segment == self.segment
            && last.at_head != head.digest()
        {
            self.disbelieve(&HeadError::OtherDigest);
        }
    }

    fn disbelieve(&mut self, error: &HeadError) {
        self.gaps.push(Gap {
            reason: "head",
            detail: json!({"message": ErrorChain(error).to_string()}),
        });
    }
}

/// What the sessions of a segment are, nobody here can read.
fn unread(segment: u64, message: &str) -> Gap {
    Gap {
        reason: "unread",
        detail: json!({"segment": segment, "message": message}),
    }
}

const TORN: &str = ".torn";

/// The number of the segment that a torn piece is of.
fn torn_number(name: &str) -> Option<u64> {
    let (digits, rest) = name.split_at_checked(16)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && rest.starts_with('.') && rest.ends_with(TORN)).then(|| digits.parse().ok())?
}

/// A name that is free, for what is cut off a segment.
fn aside(segment: &Path) -> PathBuf {
    let mut path = segment.with_extension("torn");
    let mut number = 2_u32;
    while path.symlink_metadata().is_ok() {
        path = segment.with_extension(format!("{number}.torn"));
        number += 1;
    }
    path
}

/// Copies what follows `end` to `aside`, then cuts it off.
fn set_aside(mut file: &File, end: u64, aside: &Path) -> io::Result<()> {
    file.seek(SeekFrom::Start(end))?;
    let mut kept = options().create_new(true).open(aside)?;
    io::copy(&mut file, &mut kept)?;
    kept.sync_all()?;
    file.set_len(end)?;
    file.sync_all()
}

fn source_error(path: &Path, error: SourceError) -> RecordError {
    let path = path.to_path_buf();
    match error {
        SourceError::List { source, .. } | SourceError::Read { source, .. } => {
            RecordError::Open { path, source }
        }
        SourceError::Encrypted { .. }
        | SourceError::NotAge { .. }
        | SourceError::Identity { .. } => RecordError::Encrypted { path },
    }
}
