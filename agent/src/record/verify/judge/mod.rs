//! Holds segments against each other, once each has been walked. Pure.

mod order;

use std::collections::{BTreeMap, HashMap};
use std::mem;

use super::problem::{Finding, PROBLEMS_MAX, Problem, Problems};
use super::report::{Broken, Count, Head, Note, Report, Stretch};
use super::statement::Statement;
use super::walk::{Extent, Run, Walked};

/// Listed of a recording; the others are counted.
const NOTES_MAX: usize = 1_000;

/// One file of a recording.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) number: u64,
    /// The name of the file.
    pub(super) file: String,
    pub(super) contents: Contents,
    /// Size and SHA-256 of a file that is packed.
    pub(super) archived: Option<(u64, String)>,
    /// It became longer while it was read.
    pub(super) has_grown: bool,
}

/// What could be read of a file.
#[derive(Debug)]
pub(super) enum Contents {
    Walked(Box<Walked>),
    /// Encrypted to others.
    Sealed,
    Failed(String),
}

impl Item {
    const fn walked(&self) -> Option<&Walked> {
        match &self.contents {
            Contents::Walked(walked) => Some(walked),
            Contents::Sealed | Contents::Failed(_) => None,
        }
    }

    const fn walked_mut(&mut self) -> Option<&mut Walked> {
        match &mut self.contents {
            Contents::Walked(walked) => Some(walked),
            Contents::Sealed | Contents::Failed(_) => None,
        }
    }

    fn last_run(&self) -> Option<&Run> {
        let walked = self.walked()?;
        walked.runs.last().filter(|_run| walked.is_whole)
    }
}

/// What the proven frames say about the recording.
#[derive(Debug, Default)]
struct Said {
    pruned: Vec<(u64, u64)>,
    archived: HashMap<String, Vec<(u64, String)>>,
}

struct Judge {
    report: Report,
    problems: Problems,
    said: Said,
    /// All segments of a directory are here, not one alone.
    is_all: bool,
    /// Segments without a seal, before others that ended while they were begun.
    unexplained: Vec<u64>,
}

/// Judges the files of a recording, in the order of their numbers and of each the least packed
/// first.
pub(super) fn judge(items: Vec<Item>, is_all: bool, head: Option<Head>) -> Report {
    let mut judge = Judge {
        report: Report::default(),
        problems: Problems::default(),
        said: Said::default(),
        is_all,
        unexplained: Vec::new(),
    };
    let (mut segments, mut copies) = (BTreeMap::new(), Vec::new());
    for item in items {
        match segments.contains_key(&item.number) {
            true => copies.push(item),
            false => drop(segments.insert(item.number, item)),
        }
    }
    let mut segments: Vec<Item> = segments.into_values().collect();
    if segments.is_empty() {
        judge.problem(0, None, Finding::Nothing);
    }
    prove(&mut segments);
    judge.find_copied(&mut segments);
    judge.listen(&segments);
    judge.order(&segments);
    for item in &mut segments {
        judge.segment(item);
    }
    judge.numbers(&mut segments);
    for copy in &copies {
        let first = segments.iter().find(|item| item.number == copy.number);
        judge.copy(copy, first);
    }
    judge.count(&segments);
    judge.end(&segments, head);
    judge.finish()
}

/// From the last segment to the first: a header that is proven covers the end of the segment before.
fn prove(segments: &mut [Item]) {
    let mut next: Option<(u64, crate::record::chain::Digest)> = None;
    for item in segments.iter_mut().rev() {
        let number = item.number;
        let covered = next.filter(|(after, _digest)| *after == number + 1);
        next = None;
        let Some(walked) = item.walked_mut() else {
            continue;
        };
        let is_misplaced = walked.header.as_ref().is_some_and(|it| it.number != number);
        if is_misplaced {
            for run in &mut walked.runs {
                run.proven = None;
            }
            continue;
        }
        let is_whole = walked.is_whole;
        if let Some((_number, digest)) = covered
            && let Some(run) = walked.runs.last_mut()
            && is_whole
            && run.linked.digest == digest
        {
            run.proven = Some(run.linked);
        }
        let first = walked.runs.first();
        let is_proven = first.is_some_and(|run| run.is_first && run.proven.is_some());
        next = walked
            .header
            .as_ref()
            .filter(|_header| is_proven)
            .map(|header| (number, header.previous));
    }
}

impl Judge {
    /// A run that was copied to where a segment is damaged brings its checkpoints with it.
    fn find_copied(&mut self, segments: &mut [Item]) {
        let walked = segments.iter().filter_map(Item::walked);
        let is_damaged = |it: &Walked| it.runs.iter().any(|run| !run.is_first);
        if !walked.clone().any(is_damaged) {
            return;
        }
        let mut genuine: HashMap<u64, (u64, u64)> = HashMap::new();
        for is_first in [true, false] {
            for item in segments.iter_mut() {
                let (number, file) = (item.number, item.file.clone());
                let Some(walked) = item.walked_mut() else {
                    continue;
                };
                for (name, offset) in &walked.checkpoints {
                    let place = walked.runs.partition_point(|run| run.from <= *offset);
                    let Some(run) = walked.runs.get_mut(place.saturating_sub(1)) else {
                        continue;
                    };
                    if run.is_first != is_first {
                        continue;
                    }
                    let (segment, byte) = *genuine.entry(*name).or_insert((number, *offset));
                    if (segment, byte) != (number, *offset) {
                        run.proven = None;
                        let finding = Finding::Copied { segment, byte };
                        self.problem_at(number, &file, *offset, finding);
                    }
                }
            }
        }
    }

    /// Hears what proven frames say.
    fn listen(&mut self, segments: &[Item]) {
        for item in segments {
            let Some(walked) = item.walked() else {
                continue;
            };
            for (run, offset, statement) in walked.statements.iter() {
                let proven = walked.runs.get(run).and_then(|run| run.proven);
                if proven.is_none_or(|extent| extent.to <= offset) {
                    continue;
                }
                match statement.clone() {
                    Statement::Gap { reason } => self.note(Note::Gap {
                        segment: item.number,
                        offset,
                        reason,
                    }),
                    Statement::Pruned { first, last } => self.said.pruned.push((first, last)),
                    Statement::Archived {
                        file,
                        bytes,
                        sha256,
                    } => {
                        let of = self.said.archived.entry(file).or_default();
                        of.push((bytes, sha256));
                    }
                }
            }
        }
        self.said.pruned.sort_unstable();
    }

    /// What the segment itself and its file say.
    fn segment(&mut self, item: &mut Item) {
        self.report.segments += 1;
        let file = item.file.clone();
        let (number, has_grown) = (item.number, item.has_grown);
        match &mut item.contents {
            Contents::Walked(walked) => {
                self.problems.more += walked.problems.more;
                for problem in mem::take(&mut walked.problems.kept) {
                    if has_grown && matches!(problem.finding, Finding::Torn { .. }) {
                        self.note(Note::Growing { segment: number });
                        continue;
                    }
                    let file = Some(file.clone());
                    self.problems
                        .push(Problem { file, ..problem }, PROBLEMS_MAX);
                }
            }
            Contents::Failed(message) => {
                let message = mem::take(message);
                self.of(item, Finding::Unreadable { message });
            }
            Contents::Sealed => {}
        }
        self.archive(item);
    }

    /// Holds a packed file against what was archived.
    fn archive(&mut self, item: &Item) {
        let is_sealed = matches!(item.contents, Contents::Sealed);
        let said = self.said.archived.get(&item.file);
        match (&item.archived, said) {
            (Some(found), Some(said)) if said.contains(found) => {
                if is_sealed {
                    self.report.proven_as_files += 1;
                    let segment = item.number;
                    self.note(Note::AsFile { segment });
                }
            }
            (Some(_found), Some(_other)) => self.of(item, Finding::Archived),
            (None, _) | (_, None) if is_sealed => self.of(item, Finding::Encrypted),
            (None, _) | (_, None) => {}
        }
    }

    fn count(&mut self, segments: &[Item]) {
        let last = segments.last().map(|item| item.number);
        for item in segments {
            let Some(walked) = item.walked() else {
                continue;
            };
            self.report.bytes += walked.bytes;
            let Broken { places, bytes } = &mut self.report.broken;
            *places += walked.broken_places;
            *bytes += walked.broken_bytes;
            for (at, run) in walked.runs.iter().enumerate() {
                let is_last = at + 1 == walked.runs.len() && Some(item.number) == last;
                let is_end = is_last && run.proven.is_some() && !walked.is_sealed;
                self.run(item, run, is_end);
            }
        }
    }

    fn run(&mut self, item: &Item, run: &Run, is_end: bool) {
        let of = |extent: Extent| Count {
            frames: extent.frames,
            entries: extent.entries,
        };
        let proven = run.proven.map(of).unwrap_or_default();
        let linked = of(run.linked);
        let count = Count {
            frames: linked.frames.saturating_sub(proven.frames),
            entries: linked.entries.saturating_sub(proven.entries),
        };
        self.report.proven.frames += proven.frames;
        self.report.proven.entries += proven.entries;
        self.report.unproven.frames += count.frames;
        self.report.unproven.entries += count.entries;
        let from = run.proven.map_or(run.from, |extent| extent.to);
        let is_unproven = from < run.linked.to;
        if !is_unproven {
            return;
        }
        if self.report.unproven_places.len() < NOTES_MAX {
            self.report.unproven_places.push(Stretch {
                segment: item.number,
                from,
                to: run.linked.to,
                count,
                is_end,
            });
        }
        let has_problem = |it: &Problem| it.segment == item.number;
        if !is_end && !self.problems.kept.iter().any(has_problem) {
            self.problem_at(item.number, &item.file, from, Finding::Unsigned);
        }
    }

    /// Where the recording ends, and whether a head that is known from elsewhere is in it.
    fn end(&mut self, segments: &[Item], head: Option<Head>) {
        let runs = segments.iter().rev().filter_map(|item| {
            let runs = &item.walked()?.runs;
            Some((item.number, runs.iter().rev().find_map(|run| run.proven)?))
        });
        self.report.head = runs.clone().next().map(|(segment, extent)| Head {
            segment,
            digest: extent.digest,
        });
        self.report.up_to = runs.clone().find_map(|(_segment, extent)| extent.last);
        if let Some(last) = segments.last()
            && last.walked().is_some_and(|it| !it.is_sealed)
            && self.is_all
        {
            let (segment, up_to) = (last.number, self.report.up_to);
            self.note(Note::Open { segment, up_to });
        }
        let Some(head) = head else {
            return;
        };
        let item = segments.iter().find(|item| item.number == head.segment);
        match item.and_then(Item::walked) {
            Some(walked) if walked.has_head => self.note(Note::Head),
            Some(_) | None => self.problem(
                head.segment,
                item.map(|item| item.file.clone()),
                Finding::Head,
            ),
        }
    }

    fn finish(mut self) -> Report {
        let place = |it: &Problem| (it.segment, it.offset);
        self.problems.kept.sort_by_key(place);
        self.report.problems = self.problems.kept;
        self.report.problems_more = self.problems.more;
        self.report
    }

    fn note(&mut self, note: Note) {
        if self.report.notes.len() < NOTES_MAX {
            self.report.notes.push(note);
        } else {
            self.report.notes_more += 1;
        }
    }

    fn of(&mut self, item: &Item, finding: Finding) {
        self.problem(item.number, Some(item.file.clone()), finding);
    }

    fn problem_at(&mut self, segment: u64, file: &str, offset: u64, finding: Finding) {
        let problem = Problem {
            offset: Some(offset),
            ..place(segment, Some(file.to_owned()), finding)
        };
        self.problems.push(problem, PROBLEMS_MAX);
    }

    fn problem(&mut self, segment: u64, file: Option<String>, finding: Finding) {
        self.problems
            .push(place(segment, file, finding), PROBLEMS_MAX);
    }
}

const fn place(segment: u64, file: Option<String>, finding: Finding) -> Problem {
    Problem {
        segment,
        file,
        offset: None,
        frame: None,
        after: None,
        before: None,
        finding,
    }
}
