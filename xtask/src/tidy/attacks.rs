//! The table of attacks: every row names the test that shows the way closed, or says it is open.

use std::collections::BTreeSet;

use super::{Problem, SourceFile};

const TABLE: &str = "agent/docs/attacks.md";

/// What the last column of a row may say instead of a test.
const LIMIT: &str = "stated limit";

/// Gives the rows that name no test, or one that does not exist.
pub(super) fn check(files: &[SourceFile]) -> Vec<Problem> {
    let Some(table) = files.iter().find(|file| file.path == TABLE) else {
        return vec![problem(0, "the table of attacks is missing")];
    };
    let tests: BTreeSet<&str> = files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .flat_map(|file| functions(&file.text))
        .collect();
    let mut problems = Vec::new();
    for (index, line) in table.text.lines().enumerate() {
        let Some(proof) = last_column(line) else {
            continue;
        };
        let named: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        if named.is_empty() && !proof.contains(LIMIT) {
            problems.push(problem(
                index + 1,
                &format!("name a test, or say `{LIMIT}`"),
            ));
        }
        for test in named.into_iter().filter(|test| !tests.contains(test)) {
            problems.push(problem(index + 1, &format!("there is no test `{test}`")));
        }
    }
    problems
}

/// The last column of a row that starts with the number of an attack.
fn last_column(line: &str) -> Option<&str> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (number, _) = row.split_once('|')?;
    let number = number.trim().strip_prefix('A')?;
    number.parse::<u32>().ok()?;
    row.rsplit('|').next()
}

fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")?.split(['(', '<']).next()
    })
}

fn problem(line: usize, what: &str) -> Problem {
    Problem {
        path: TABLE.to_owned(),
        line,
        what: what.to_owned(),
    }
}
