//! Reads one segment for what recovery must know of it.

use std::collections::BTreeSet;
use std::io::Read;

use crate::record::chain::Digest;
use crate::record::format::{CHECKPOINT_FIXED_BYTES, Kind};
use crate::record::head::Head;
use crate::record::read::{Frame, Header, ReadError, Reader};
use crate::record::told::Told;

/// What a segment says.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) header: Header,
    pub(super) digest: Digest,
    /// Where the last whole frame ends.
    pub(super) end: u64,
    pub(super) next_entry: u64,
    /// It ends with a seal.
    pub(super) sealed: bool,
    /// Frames after the last checkpoint.
    pub(super) unsigned: u64,
    /// Open at its end.
    pub(super) sessions: BTreeSet<String>,
    pub(super) closed: BTreeSet<String>,
    /// The files that its gaps say torn pieces are kept in.
    pub(super) told_torn: BTreeSet<String>,
    /// The digest where the head says it is.
    pub(super) at_head: Option<Digest>,
    /// Why it could not be read on.
    pub(super) stopped: Option<ReadError>,
    carried: bool,
}

impl Scanned {
    /// True if what was open before it is known: version 1 had no sessions.
    pub(super) const fn tells_sessions(&self) -> bool {
        self.carried || self.header.signed.is_none()
    }

    fn take(&mut self, frame: &Frame) {
        let used = u64::from(frame.kind.uses_number());
        let next = frame.entry.saturating_add(used);
        self.next_entry = self.next_entry.max(next);
        self.unsigned += 1;
        self.sealed = false;
        if frame.kind == Kind::Checkpoint {
            self.unsigned = 0;
            self.sealed = frame.payload.get(CHECKPOINT_FIXED_BYTES - 1) == Some(&1);
        } else if matches!(
            frame.kind,
            Kind::Carried | Kind::Opened | Kind::Closed | Kind::Gap
        ) {
            // The chain vouches that the writer wrote it, and it writes nothing unreadable.
            let told = Told::read(frame.kind, &frame.payload).unwrap_or_default();
            self.take_told(frame.kind, told);
        }
    }

    fn take_told(&mut self, kind: Kind, told: Told) {
        if kind == Kind::Carried {
            self.carried = true;
            self.sessions.extend(told.sessions);
        } else if kind == Kind::Gap {
            let kept = told.detail.as_ref().and_then(|it| it.get("kept_in"));
            let kept = kept.and_then(serde_json::Value::as_str);
            self.told_torn.extend(kept.map(str::to_owned));
        } else if let Some(session) = told.session {
            if kind == Kind::Opened {
                self.sessions.insert(session);
            } else {
                self.sessions.remove(&session);
                self.closed.insert(session);
            }
        }
    }
}

/// Reads as far as the segment is whole.
///
/// # Errors
/// Its header is not.
pub(super) fn scan(input: impl Read, head: Option<&Head>) -> Result<Scanned, ReadError> {
    let mut reader = Reader::open(input)?;
    let header = reader.header().clone();
    let mut scanned = Scanned {
        digest: reader.digest(),
        end: reader.offset(),
        next_entry: header.next_entry,
        sealed: false,
        unsigned: 0,
        sessions: BTreeSet::new(),
        closed: BTreeSet::new(),
        told_torn: BTreeSet::new(),
        at_head: None,
        stopped: None,
        carried: false,
        header,
    };
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => scanned.take(&frame),
            Ok(None) => break,
            Err(source) => {
                scanned.stopped = Some(source);
                break;
            }
        }
        if head.is_some_and(|head| head.offset == reader.offset()) {
            scanned.at_head = Some(reader.digest());
        }
    }
    scanned.digest = reader.digest();
    scanned.end = reader.offset();
    Ok(scanned)
}
