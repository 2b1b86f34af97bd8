//! The top of the tree: a newcomer's first page, so nothing gets there by accident.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Problem;

/// Gives what lies at the top and does not belong there.
pub(super) fn check(root: &Path) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for entry in fs::read_dir(root).context("cannot list the top of the tree")? {
        let entry = entry.context("cannot list the top of the tree")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !ALLOWED.contains(&name.as_str()) {
            let what = "does not belong at the top of the tree".to_owned();
            problems.push(Problem {
                path: name,
                line: 0,
                what,
            });
        }
    }
    Ok(problems)
}

const ALLOWED: [&str; 20] = [
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".deny.toml",
    ".git",
    ".gitignore",
    ".rustfmt.toml",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "agent",
    "agent-ebpf",
    "policies",
    "rust-toolchain.toml",
    "target",
    "tests",
    "xtask",
    // Where git keeps it when the tree is a linked one.
    ".gitattributes",
];
