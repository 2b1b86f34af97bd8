//! Each segment against those before it, and against its own copies.

use std::mem;

use super::{Contents, Item, Judge};
use crate::record::format::v1;
use crate::record::verify::ledger::Ledger;
use crate::record::verify::problem::Finding;
use crate::record::verify::report::Note;
use crate::record::verify::walk::breach;

impl Judge {
    /// Holds every segment against the one before it.
    pub(super) fn order(&mut self, segments: &[Item]) {
        if !self.is_all {
            self.note(Note::Alone);
            return;
        }
        let mut expected = 1;
        let mut before: Option<&Item> = None;
        for item in segments {
            if item.number > expected {
                self.missing(expected, item.number - 1);
                before = None;
            }
            self.follows(item, before);
            self.seals(item, before);
            expected = item.number.saturating_add(1);
            before = Some(item);
        }
        // The last start was cut short before it could say so.
        for segment in mem::take(&mut self.unexplained) {
            self.note(Note::Unsealed { segment });
        }
    }

    fn missing(&mut self, first: u64, last: u64) {
        let mut from = first;
        for (start, end) in &self.said.pruned {
            if *start <= from {
                from = from.max(end.saturating_add(1));
            }
        }
        if from > first {
            let last = last.min(from - 1);
            self.note(Note::Pruned { first, last });
        }
        if from <= last {
            self.problem(from, None, Finding::Missing { first: from, last });
        }
    }

    fn follows(&mut self, item: &Item, before: Option<&Item>) {
        let Some(walked) = item.walked() else {
            return;
        };
        let header = walked.header.as_ref().filter(|it| it.number == item.number);
        if let Some(header) = header
            && item.number == 1
            && header.previous.0 != [0; 32]
        {
            self.of(item, Finding::NotFirst);
        }
        let Some((before, earlier)) = before.and_then(|it| Some((it, it.walked()?))) else {
            return;
        };
        if let (Some(header), Some(run)) = (header, before.last_run())
            && header.previous != run.linked.digest
        {
            let before = before.number;
            self.of(item, Finding::Link { before });
        }
        if let (Some(header), Some(previous)) = (header, earlier.header.as_ref())
            && header.host != previous.host
        {
            self.note(Note::Renamed {
                segment: item.number,
                host: header.host.clone(),
                before: previous.host.clone(),
            });
        }
    }

    /// A segment without a seal is explained by a gap that the next one begins with. Where that one
    /// ended before it said anything, because its start was cut short as well, the one after it says
    /// so: what its header is linked to is still proven.
    fn seals(&mut self, item: &Item, before: Option<&Item>) {
        let Some(walked) = item.walked() else {
            return;
        };
        let Some((before, earlier)) = before.and_then(|it| Some((it, it.walked()?))) else {
            return;
        };
        let is_version_1 = earlier.header.as_ref().map(|it| it.version) == Some(v1::VERSION);
        if earlier.is_sealed || is_version_1 {
            return;
        }
        if !earlier.is_whole {
            return self.of(before, Finding::NoSeal);
        }
        if walked.begins_with_gap {
            self.unexplained.push(before.number);
            for segment in mem::take(&mut self.unexplained) {
                self.note(Note::Unsealed { segment });
            }
        } else if walked.is_bare && !walked.is_sealed {
            self.unexplained.push(before.number);
        } else {
            for segment in mem::take(&mut self.unexplained) {
                self.problem(segment, None, Finding::NoSeal);
            }
            self.of(before, Finding::NoSeal);
        }
    }

    /// The rules for numbers, across all segments.
    pub(super) fn numbers(&mut self, segments: &mut [Item]) {
        let mut all = Ledger::default();
        for item in segments {
            let number = item.number;
            let Some(walked) = item.walked_mut() else {
                continue;
            };
            let says = walked.header.as_ref().filter(|it| it.number == number);
            let says = says.map(|header| header.next_entry);
            let ledger = mem::take(&mut walked.ledger);
            if let (Some(says), Some(reached)) = (says, all.highest())
                && says <= reached
            {
                self.of(item, Finding::NextEntry { says, reached });
            }
            let (known, conflicts) = all.merge(ledger);
            // An entry is counted where its first frame is.
            let run = item.walked_mut().and_then(|it| it.runs.first_mut());
            if let Some(run) = run {
                run.linked.entries = run.linked.entries.saturating_sub(known);
                if let Some(proven) = &mut run.proven {
                    proven.entries = proven.entries.saturating_sub(known);
                }
            }
            for (entry, conflict) in conflicts {
                self.of(item, breach(entry, conflict));
            }
        }
    }

    /// A segment that is there twice: packing it was interrupted.
    pub(super) fn copy(&mut self, copy: &Item, first: Option<&Item>) {
        self.archive(copy);
        let Some(first) = first else {
            return;
        };
        let ends = |item: &Item| {
            let runs = item.walked()?.runs.len();
            let run = item.last_run().filter(|_run| runs == 1)?;
            Some((run.linked.digest, run.linked.to))
        };
        let is_same = ends(copy).is_some() && ends(copy) == ends(first);
        if !is_same && !matches!(copy.contents, Contents::Sealed) {
            let other = first.file.clone();
            self.of(copy, Finding::Differs { other });
        }
    }
}
