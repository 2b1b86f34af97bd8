//! The labelled values of `tests/golden/detect`, one file per detector.
//!
//! Each line is a text, the name of its column if it has one, and the bytes at which values of that
//! kind stand. They were made by other generators than our code and checked by other validators.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::super::testing::BELIEVED;
use super::super::{Detector, Hint, Scanner, by_name};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    text: String,
    column: Option<String>,
    spans: Vec<(usize, usize)>,
}

#[derive(Debug, Default)]
struct Score {
    right: usize,
    missed: Vec<String>,
    wrong: Vec<String>,
}

impl Score {
    fn recall(&self) -> usize {
        self.right * 1000 / (self.right + self.missed.len()).max(1)
    }

    fn precision(&self) -> usize {
        self.right * 1000 / (self.right + self.wrong.len()).max(1)
    }
}

/// The least recall and precision, in thousandths, that a detector may have: a find counts if it is
/// exactly where it should be.
const LEAST: [(&str, usize, usize); 16] = [
    ("bitcoin", 1000, 1000),
    ("card", 1000, 1000),
    ("dea", 1000, 1000),
    ("ethereum", 1000, 1000),
    ("iban", 1000, 1000),
    ("icd10", 1000, 1000),
    ("mbi", 1000, 1000),
    ("mrn", 1000, 1000),
    ("npi", 1000, 1000),
    ("us-aba", 1000, 1000),
    ("us-driver-license", 1000, 1000),
    ("us-ein", 1000, 1000),
    ("us-itin", 1000, 1000),
    ("us-passport", 1000, 1000),
    ("us-ssn", 1000, 1000),
    ("vin", 1000, 1000),
];

/// For detectors that are not in the table.
const USUAL: (usize, usize) = (850, 900);

fn score(detector: &'static Detector, lines: &str) -> Score {
    let scanner = Scanner::new([detector]);
    let mut score = Score::default();
    let mut hits = Vec::new();
    for line in lines.lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let column = line.column.as_deref();
        let hint = column.map_or_else(Hint::default, |column| scanner.hint(column));
        scanner.scan(&line.text, &hint, BELIEVED, &mut hits);
        let found: Vec<_> = hits
            .iter()
            .map(|it| (it.range.start, it.range.end))
            .collect();
        let shown = || format!("{} ({column:?})", line.text);
        for span in &line.spans {
            if found.contains(span) {
                score.right += 1;
            } else {
                score.missed.push(shown());
            }
        }
        let wrong = found.iter().filter(|it| !line.spans.contains(it));
        score.wrong.extend(wrong.map(|_| shown()));
    }
    score
}

#[test]
fn detectors_are_as_good_as_they_were() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/detect");
    let mut seen = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let detector = by_name(&name).unwrap_or_else(|| panic!("{name} is no detector"));
        let lines = fs::read_to_string(&path).unwrap();
        let positives = lines.lines().filter(|it| !it.contains("\"spans\": []"));
        let (positives, all) = (positives.count(), lines.lines().count());
        assert!(positives >= 60 && all - positives >= 60, "{name}");
        let least = LEAST.iter().find(|it| it.0 == name);
        let (recall, precision) = least.map_or(USUAL, |it| (it.1, it.2));
        let score = score(detector, &lines);
        assert!(
            score.recall() >= recall,
            "{name} misses {:#?}",
            score.missed
        );
        assert!(
            score.precision() >= precision,
            "{name} finds {:#?}",
            score.wrong
        );
        seen.push(name);
    }
    for (name, _, _) in LEAST {
        assert!(seen.iter().any(|it| it == name), "{name} has no values");
    }
}
