//! Where a command finds labels.

use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::cli::policy::sources::read;
use crate::mask::labels::{Finding, Labels};
use crate::policy::Problem;

/// The file beside the policies.
pub(super) const FILE: &str = "labels.toml";

/// As much as labels in force may be.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The labels of a file are wrong.
#[derive(Debug, thiserror::Error)]
pub(super) struct Invalid(pub(super) Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the labels are not valid:")?;
        let mut problems = self.0.iter();
        problems.try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

/// Reads a file of labels, or those of every shipped pack.
pub(super) fn labels(file: Option<&Path>) -> Result<Labels> {
    let Some(path) = file else {
        let shipped = Labels::shipped();
        let problems = |findings| Invalid(problems(("packs", ""), findings));
        return Ok(shipped.map_err(problems)?);
    };
    let text = read(path, FILE_BYTES_MAX)?;
    Ok(parse(&path.display().to_string(), &text)?)
}

pub(super) fn parse(name: &str, text: &str) -> Result<Labels, Invalid> {
    Labels::parse(text).map_err(|findings| Invalid(problems((name, text), findings)))
}

fn problems(file: (&str, &str), findings: Vec<Finding>) -> Vec<Problem> {
    let findings = findings.into_iter();
    findings
        .map(|it| Problem::at(file, it.offset, it.message))
        .collect()
}

/// Reads the file that a command was given, or the one in the directory that it was given.
pub(super) fn text(path: &Path) -> Result<(String, String)> {
    let path = if path.is_dir() {
        path.join(FILE)
    } else {
        path.to_path_buf()
    };
    Ok((path.display().to_string(), read(&path, FILE_BYTES_MAX)?))
}
