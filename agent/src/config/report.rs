//! Everything that is wrong with a configuration, each finding with its place.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::ops::Range;

/// All findings about one file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    file: String,
    problems: Vec<Problem>,
}

/// One thing that is wrong, where it is. Line and column start at 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl Report {
    /// The report of a reader that gave nothing and found nothing: a bug, and still not a pass.
    pub(super) fn incomplete(file: &str) -> Self {
        let message = "the configuration cannot be read".to_owned();
        Self {
            file: file.to_owned(),
            problems: vec![Problem {
                line: 1,
                column: 1,
                message,
            }],
        }
    }

    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            index,
            Problem {
                line,
                column,
                message,
            },
        ) in self.problems.iter().enumerate()
        {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{line}:{column}: {message}", self.file)?;
        }
        Ok(())
    }
}

impl Error for Report {}

/// Collects findings while a file is read, so that one run tells them all.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<(usize, String)>>,
}

impl Problems {
    /// Notes a finding at the start of `span`.
    pub(super) fn at(&self, span: &Range<usize>, message: impl Into<String>) {
        self.found.borrow_mut().push((span.start, message.into()));
    }

    /// Turns byte offsets into lines and columns; `None` if nothing was found.
    pub(super) fn into_report(self, file: &str, text: &str) -> Option<Report> {
        let mut found = self.found.into_inner();
        if found.is_empty() {
            return None;
        }
        found.sort();
        let problems = found
            .into_iter()
            .map(|(offset, message)| {
                let (line, column) = place(text, offset);
                Problem {
                    line,
                    column,
                    message,
                }
            })
            .collect();
        Some(Report {
            file: file.to_owned(),
            problems,
        })
    }
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.char_indices().take_while(|(index, _)| *index < offset);
    before.fold((1, 1), |(line, column), (_, character)| match character {
        '\n' => (line + 1, 1),
        _ => (line, column + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(place("a = 1\nü = 2", 9), (2, 3));
        assert_eq!(place("", 0), (1, 1));
    }
}
