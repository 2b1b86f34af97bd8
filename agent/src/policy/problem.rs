//! What is wrong with policy files, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use miette::Diagnostic;

/// A policy file is written by people; anything larger is a mistake.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read the policies at `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` can be changed by others than root and us", path.display())]
    Exposed { path: PathBuf },
    #[error("the policy file `{}` is larger than {FILE_BYTES_MAX} bytes", path.display())]
    Large { path: PathBuf },
    #[error("there is no `*.cedar` file in `{}`", path.display())]
    Empty { path: PathBuf },
    #[error("the policies are not valid:{}", lines(problems))]
    Invalid { problems: Vec<Problem> },
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
}

impl Problem {
    /// A problem at a byte offset of a file's text.
    pub(crate) fn at((file, text): (&str, &str), offset: usize, message: String) -> Self {
        let (line, column) = place(text, offset);
        Self {
            file: file.to_owned(),
            line,
            column,
            message,
        }
    }
}

impl Problem {
    fn is_at(&self, other: &Self) -> bool {
        (&self.file, self.line, self.column) == (&other.file, other.line, other.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        write!(formatter, "{file}:{line}:{column}: {message}")
    }
}

/// What Cedar found, in our words' form.
pub(super) fn problem((name, text): (&str, &str), error: &impl Diagnostic) -> Problem {
    let label = error.labels().and_then(|mut labels| labels.next());
    let offset = label.as_ref().map_or(0, miette::LabeledSpan::offset);
    let mut message = first_line(&error.to_string());
    if let Some(detail) = label.as_ref().and_then(miette::LabeledSpan::label) {
        message = format!("{message}: {detail}");
    }
    if let Some(help) = error.help() {
        message = format!("{message} ({help})");
    }
    Problem::at((name, text), offset, message)
}

/// Problems in the order of their places. What Cedar says of one place for each action anew is told
/// once, with the number of the others.
pub(super) fn folded(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    let mut folded: Vec<(Problem, String, usize)> = Vec::new();
    for problem in problems {
        let kind = without_actions(&problem.message);
        match folded.last_mut() {
            Some((first, of_first, others))
                if first.is_at(&problem)
                    && *of_first == kind
                    && first.message != problem.message =>
            {
                *others += 1;
            }
            Some(_) | None => folded.push((problem, kind, 0)),
        }
    }
    let told = folded.into_iter().map(|(mut problem, _, others)| {
        if others > 0 {
            problem.message = format!("{} (and for {others} other actions)", problem.message);
        }
        problem
    });
    told.collect()
}

fn without_actions(message: &str) -> String {
    let mut parts = message.split("Action::\"");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    rest.extend(parts.filter_map(|part| part.split_once('"').map(|(_, after)| after)));
    rest
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Line and column of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text
        .get(..text.floor_char_boundary(offset))
        .unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}
