//! `cargo xtask detect-report`: how much detectors find, and how much of it is right.
//!
//! The sets in `tests/golden/detect` have one JSON object a line: a text, the column that it stands
//! in if any, and the bytes that are the detector's to find; none in a text that only looks like
//! it. A find that covers more than half of one of these bytes' spans is right.

mod entities;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ::tests::layout;
use agent::mask::detect::{self, Detector, Scanner};
use agent::mask::labels::Detection;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::presidio::{Finds, Presidio};

/// What to report on.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Installs Presidio first, to show it side by side; without this it is shown where installed
    #[arg(long)]
    presidio: bool,
    /// Prints every text with a find too many or too few
    #[arg(long)]
    every: bool,
    /// Sets, called by their detector; those of the project if none is given
    #[arg(value_name = "DETECTOR.jsonl")]
    files: Vec<PathBuf>,
}

/// One line of a set.
#[derive(Debug)]
struct Sample {
    text: String,
    column: Option<String>,
    spans: Vec<Range<usize>>,
}

/// What a finder came to on one set.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    right: usize,
    wrong: usize,
    missed: usize,
}

/// Reports on every set.
pub(crate) fn run(options: &Options) -> Result<()> {
    let presidio = match options.presidio {
        true => Some(Presidio::install()?),
        false => Presidio::installed(),
    };
    let files = match options.files.is_empty() {
        true => sets()?,
        false => options.files.clone(),
    };
    let scanner = Scanner::new(detect::all());
    println!(
        "{:<22} {:>5} {:>5}  {:>9} {:>6}   {:>9} {:>6}",
        "detector", "spans", "other", "precision", "recall", "Presidio", "recall"
    );
    let mut sums = (Tally::default(), Tally::default(), Tally::default());
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let Some(detector) = detect::by_name(&name) else {
            bail!("{}: there is no detector `{name}`", file.display());
        };
        let samples = read(file)?;
        let ours = ours(&scanner, detector, &samples, options.every);
        sums.0.add(ours);
        let entities = entities::of(&name);
        let theirs = match (&presidio, entities) {
            (None, _) | (_, []) => None,
            (Some(presidio), entities) => Some(theirs(presidio, entities, &samples)?),
        };
        if let Some(theirs) = theirs {
            sums.1.add(ours);
            sums.2.add(theirs);
        }
        print_row(&name, &samples, ours, theirs);
    }
    println!("all: {}", sums.0.line());
    if presidio.is_some() {
        let (ours, theirs) = (sums.1.line(), sums.2.line());
        println!("where Presidio has a recognizer: {ours}; Presidio {theirs}");
    } else {
        println!("Presidio is not installed: `cargo xtask detect-report --presidio` installs it");
    }
    Ok(())
}

fn print_row(name: &str, samples: &[Sample], ours: Tally, theirs: Option<Tally>) {
    let spans: usize = samples.iter().map(|sample| sample.spans.len()).sum();
    let others = samples.iter().filter(|sample| sample.spans.is_empty());
    let (precision, recall) = (ours.precision(), ours.recall());
    print!(
        "{name:<22} {spans:>5} {:>5}  {precision:>9.3} {recall:>6.3}",
        others.count()
    );
    match theirs {
        Some(theirs) => println!("   {:>9.3} {:>6.3}", theirs.precision(), theirs.recall()),
        None => println!("   {:>9} {:>6}", "-", "-"),
    }
}

/// The sets of the project, by name.
fn sets() -> Result<Vec<PathBuf>> {
    let dir = layout::tests().join("golden/detect");
    let entries = fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<Sample>> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let lines = text.lines().enumerate();
    let samples = lines.map(|(index, line)| {
        sample(line).with_context(|| format!("{}:{}", file.display(), index + 1))
    });
    samples.collect()
}

fn sample(line: &str) -> Result<Sample> {
    let value: Value = serde_json::from_str(line)?;
    let text = value.get("text").and_then(Value::as_str);
    let column = value.get("column").and_then(Value::as_str);
    let spans = value.get("spans").context("no `spans`")?;
    let spans: Vec<(usize, usize)> = serde_json::from_value(spans.clone())?;
    Ok(Sample {
        text: text.context("no `text`")?.to_owned(),
        column: column.map(str::to_owned),
        spans: spans.into_iter().map(|(start, end)| start..end).collect(),
    })
}

fn ours(scanner: &Scanner, detector: &Detector, samples: &[Sample], every: bool) -> Tally {
    let least = Detection::default().confidence;
    let (mut tally, mut hits) = (Tally::default(), Vec::new());
    for sample in samples {
        let hint = scanner.hint(sample.column.as_deref().unwrap_or_default());
        scanner.scan(&sample.text, &hint, least, &mut hits);
        let found = hits.iter().filter(|hit| hit.detector.name == detector.name);
        let found: Vec<Range<usize>> = found.map(|hit| hit.range.clone()).collect();
        let counted = Tally::of(&sample.spans, &found);
        if every && (counted.wrong > 0 || counted.missed > 0) {
            println!("  {}: {found:?} for {:?}", sample.text, sample.spans);
        }
        tally.add(counted);
    }
    tally
}

fn theirs(presidio: &Presidio, entities: &[&str], samples: &[Sample]) -> Result<Tally> {
    let texts = samples.iter();
    let texts = texts.map(|sample| (sample.text.as_str(), sample.column.as_deref()));
    let Finds { of, .. } = presidio.analyze(&texts.collect::<Vec<_>>())?;
    let mut tally = Tally::default();
    for (sample, finds) in samples.iter().zip(of) {
        let found = finds.into_iter();
        let found = found.filter(|find| entities.contains(&find.entity.as_str()));
        let found: Vec<Range<usize>> = found.map(|find| find.range).collect();
        tally.add(Tally::of(&sample.spans, &found));
    }
    Ok(tally)
}

impl Tally {
    fn of(spans: &[Range<usize>], found: &[Range<usize>]) -> Self {
        let fits = |span: &Range<usize>, find: &Range<usize>| {
            let shared = span
                .end
                .min(find.end)
                .saturating_sub(span.start.max(find.start));
            shared * 2 > span.len()
        };
        let seen = |span: &&Range<usize>| found.iter().any(|find| fits(span, find));
        let meant = |find: &&Range<usize>| spans.iter().any(|span| fits(span, find));
        let right = spans.iter().filter(seen).count();
        Self {
            right,
            wrong: found.iter().filter(|find| !meant(find)).count(),
            missed: spans.len() - right,
        }
    }

    const fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }

    fn precision(self) -> f64 {
        share(self.right, self.right + self.wrong)
    }

    fn recall(self) -> f64 {
        share(self.right, self.right + self.missed)
    }

    fn line(self) -> String {
        let (precision, recall) = (self.precision(), self.recall());
        format!("precision {precision:.3}, recall {recall:.3}")
    }
}

/// Of nothing, all.
#[expect(clippy::cast_precision_loss, reason = "sets have some hundred lines")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 1.0;
    }
    part as f64 / whole as f64
}
