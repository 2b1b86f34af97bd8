//! What the workspace may depend on: `.deny.toml`, through cargo-deny where it is installed.
//!
//! Building cargo-deny takes longer than all of our own checks together, so a machine without it
//! checks the same file here: licences, bans and registries. Only advisories are left out, which
//! need a database from elsewhere.

use std::collections::BTreeSet;
use std::fs;

use ::tests::layout;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use toml::Table;

use crate::shell;

/// Fails if a dependency breaks a rule.
pub(crate) fn run() -> Result<()> {
    if shell::find("cargo-deny").is_some() {
        let mut deny = shell::cargo();
        deny.args(["deny", "--all-features", "check", "--config", ".deny.toml"]);
        return shell::run(deny.args(["bans", "licenses", "sources"]));
    }
    let mut cargo = shell::cargo();
    cargo.args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--all-features",
    ]);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let metadata = shell::output(&mut cargo)?;
    let metadata = serde_json::from_str(&metadata).context("cargo's metadata is not JSON")?;
    let path = layout::root().join(".deny.toml");
    let rules = fs::read_to_string(path).context("cannot read .deny.toml")?;
    let rules: Rules = Rules::parse(&rules)?;
    let problems = rules.check(&metadata);
    for problem in &problems {
        println!("deny: {problem}");
    }
    if !problems.is_empty() {
        bail!(
            "{} dependencies break the rules of .deny.toml",
            problems.len()
        );
    }
    Ok(())
}

/// The part of `.deny.toml` that is checked here.
struct Rules {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().context(".deny.toml is not TOML")?;
        let list = |section: &str, key: &str| {
            table
                .get(section)
                .and_then(|section| section.get(key))
                .and_then(toml::Value::as_array)
                .with_context(|| format!(".deny.toml has no list {section}.{key}"))
        };
        let licences = list("licenses", "allow")?.iter();
        let banned = list("bans", "deny")?.iter();
        Ok(Self {
            licences: licences
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect(),
            banned: banned
                .filter_map(|ban| Some(ban.get("crate")?.as_str()?.to_owned()))
                .collect(),
        })
    }

    fn check(&self, metadata: &Value) -> Vec<String> {
        let packages = metadata.get("packages").and_then(Value::as_array);
        let used = used(metadata);
        let mut problems = Vec::new();
        for package in packages.into_iter().flatten() {
            let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
            // Cargo also lists what only other platforms would use.
            if !used.contains(text("id")) {
                continue;
            }
            let name = text("name");
            if self.banned.contains(name) {
                problems.push(format!("{name} is banned"));
            }
            if !self.allows(text("license")) {
                problems.push(format!("{name} has the licence `{}`", text("license")));
            }
            let source = text("source");
            if !source.is_empty() && source != CRATES_IO {
                problems.push(format!("{name} comes from `{source}`"));
            }
        }
        problems
    }

    /// True if the licence expression can be satisfied with allowed licences only.
    fn allows(&self, expression: &str) -> bool {
        // `/` is how old manifests write OR.
        let words = expression
            .replace('/', " OR ")
            .replace('(', " ( ")
            .replace(')', " ) ");
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut rest = words.as_slice();
        self.any(&mut rest) && rest.is_empty()
    }

    fn any(&self, words: &mut &[&str]) -> bool {
        let mut allowed = self.all(words);
        while let Some(("OR", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
            *words = rest;
            allowed |= self.all(words);
        }
        allowed
    }

    fn all(&self, words: &mut &[&str]) -> bool {
        let mut allowed = self.one(words);
        while let Some(("AND", rest)) = words.split_first().map(|(word, rest)| (*word, rest)) {
            *words = rest;
            allowed &= self.one(words);
        }
        allowed
    }

    fn one(&self, words: &mut &[&str]) -> bool {
        let Some((word, rest)) = words.split_first() else {
            return false;
        };
        *words = rest;
        if *word == "(" {
            let allowed = self.any(words);
            let closed = words.first() == Some(&")");
            *words = words.get(1..).unwrap_or_default();
            return allowed && closed;
        }
        // An exception only takes conditions away.
        if let ["WITH", _, rest @ ..] = words {
            *words = rest;
        }
        self.licences.contains(*word)
    }
}

/// The ids of the packages that a build for this platform uses.
fn used(metadata: &Value) -> BTreeSet<&str> {
    let nodes = metadata.pointer("/resolve/nodes").and_then(Value::as_array);
    nodes
        .into_iter()
        .flatten()
        .filter_map(|node| node.get("id")?.as_str())
        .collect()
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: bool) {
        let rules = Rules {
            licences: ["MIT", "Apache-2.0", "ISC"].map(str::to_owned).into(),
            banned: BTreeSet::new(),
        };
        assert_eq!(rules.allows(expression), expected, "{expression}");
    }

    #[test]
    fn one_allowed_alternative_is_enough() {
        check("MIT", true);
        check("GPL-3.0", false);
        check("GPL-3.0 OR MIT", true);
        check("MIT/Apache-2.0", true);
        check("(GPL-3.0 OR MIT) AND ISC", true);
    }

    #[test]
    fn every_condition_must_be_allowed() {
        check("MIT AND GPL-3.0", false);
        check("(MIT OR Apache-2.0) AND GPL-3.0", false);
        check("Apache-2.0 WITH LLVM-exception", true);
    }

    #[test]
    fn what_is_not_an_expression_is_not_allowed() {
        check("", false);
        check("MIT MIT", false);
        check("(MIT", false);
        check("MIT OR", true);
    }
}
