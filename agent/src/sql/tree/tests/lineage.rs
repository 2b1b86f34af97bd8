//! Adversarial queries: where each output comes from.
//!
//! `lineage.sql` says by hand which outputs carry secrets; the snapshot beside it says in full what
//! was found.

use super::{SECRET, found, short};
use crate::sql::facts::{Lineage, Sources};

/// What a person wrote about a query's outputs.
#[derive(Debug, Default)]
struct Expected {
    /// Every output must be masked, or the whole is unknown.
    all: bool,
    /// These, counted from 1, must be masked.
    secret: Vec<usize>,
    /// These may be masked, although they need not.
    tolerated: Vec<usize>,
}

fn cases() -> Vec<(Expected, String)> {
    let mut cases = Vec::new();
    let mut expected = Expected::default();
    for line in include_str!("lineage.sql").lines() {
        if let Some(words) = line.strip_prefix("-- ") {
            expected = Expected::default();
            for word in words.split(' ') {
                match word.strip_prefix('~') {
                    Some(number) => expected.tolerated.push(number.parse().unwrap()),
                    None if word == "all" => expected.all = true,
                    None if word == "none" => {}
                    None => expected.secret.push(word.parse().unwrap()),
                }
            }
        } else if let Some(text) = line.strip_suffix(';') {
            cases.push((std::mem::take(&mut expected), text.to_owned()));
        }
    }
    cases
}

/// Whether a result with these sources must be masked.
fn is_masked(sources: &Sources) -> bool {
    match sources {
        Sources::Unknown(_) => true,
        Sources::Known(columns) => columns.iter().any(|column| {
            let column = column.column.as_deref();
            column.is_none_or(|column| SECRET.contains(&column))
        }),
    }
}

#[test]
fn no_secret_reaches_an_output_unseen_and_clean_ones_are_proven_clean() {
    let mut failures = Vec::new();
    for (expected, text) in cases() {
        let lineage = found(&text).lineage;
        let outputs = match &lineage {
            Lineage::Unknown(_) => {
                if !expected.all {
                    failures.push(format!("{text}\n  is unknown: {lineage:?}"));
                }
                continue;
            }
            Lineage::NoData => {
                failures.push(format!("{text}\n  has no data"));
                continue;
            }
            Lineage::Columns(outputs) => outputs,
        };
        for (at, output) in outputs.iter().enumerate() {
            let at = at + 1;
            let masked = is_masked(&output.sources);
            let must = expected.all || expected.secret.contains(&at);
            if masked != must && !(masked && expected.tolerated.contains(&at)) {
                failures.push(format!("{text}\n  {at}: {:?}", output.sources));
            }
        }
        if expected.secret.iter().any(|at| *at > outputs.len()) {
            failures.push(format!("{text}\n  has {} outputs", outputs.len()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn there_are_cases_for_every_family() {
    assert!(cases().len() >= 150, "{}", cases().len());
}

#[test]
fn lineage_is_told_in_full() {
    let mut text = String::new();
    for (_, statement) in cases() {
        text.push_str(&statement);
        text.push('\n');
        match found(&statement).lineage {
            Lineage::NoData => text.push_str("    no data\n"),
            Lineage::Unknown(reason) => text.push_str(&format!("    unknown: {reason}\n")),
            Lineage::Columns(outputs) => {
                for output in outputs {
                    let name = output.name.as_deref().unwrap_or("?");
                    let sources = match output.sources {
                        Sources::Unknown(reason) => format!("unknown: {reason}"),
                        Sources::Known(columns) if columns.is_empty() => "nothing".to_owned(),
                        Sources::Known(columns) => short(columns),
                    };
                    text.push_str(&format!("    {name} <- {sources}\n"));
                }
            }
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}
