//! `cargo xtask tidy`: the rules of the source that no compiler and no lint checks.
//!
//! [`rules`] holds those that look at one file, [`tree`] those that look at all of them.

mod attacks;
mod rules;
#[cfg(test)]
mod tests;
mod tree;

use std::fs;
use std::path::Path;

use ::tests::layout;
use anyhow::{Context as _, Result, bail};

/// A text file of the tree; the path is relative to the top and written with `/`.
struct SourceFile {
    path: String,
    text: String,
}

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    /// Counted from 1; 0 is the file as a whole.
    line: usize,
    what: String,
}

/// Prints every problem, and fails if there is any.
pub(crate) fn run() -> Result<()> {
    let root = layout::root();
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    let mut problems: Vec<Problem> = files.iter().flat_map(rules::check).collect();
    problems.extend(attacks::check(&files));
    problems.extend(tree::check(&root)?);
    problems.sort();
    for Problem { path, line, what } in &problems {
        println!("{path}:{line}: {what}");
    }
    if !problems.is_empty() {
        bail!("{} problems", problems.len());
    }
    println!("tidy: {} files are in order", files.len());
    Ok(())
}

/// Reads the Rust and Markdown files below `dir`.
fn collect(root: &Path, dir: &Path, files: &mut Vec<SourceFile>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", dir.display()))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry
            .file_type()
            .context("cannot ask for the kind of a file")?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(root, &path, files)?;
        } else if kind.is_file() && (name.ends_with(".rs") || name.ends_with(".md")) {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let path = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            files.push(SourceFile { path, text });
        }
    }
    Ok(())
}

/// What is made by tools and belongs to nobody.
const SKIPPED: [&str; 4] = [".git", "target", "node_modules", "__pycache__"];
