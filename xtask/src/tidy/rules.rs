//! Rules that look at one Rust file.

use super::{Problem, SourceFile};

/// Gives what breaks a rule in this file.
pub(super) fn check(file: &SourceFile) -> Vec<Problem> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut found = Found {
        file,
        problems: Vec::new(),
    };
    if !file.text.starts_with("//!") {
        found.add(1, "a module starts with `//!` and one sentence of purpose");
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        found.add(0, format!("{lines} lines; split it before {LINES_MAX}"));
    }
    let mut in_tests = is_test(&file.path);
    for (index, line) in file.text.lines().enumerate() {
        in_tests |= line.trim() == "#[cfg(test)]";
        found.check_line(index + 1, line, in_tests);
    }
    found.problems
}

struct Found<'a> {
    file: &'a SourceFile,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, line: usize, what: impl Into<String>) {
        self.problems.push(Problem {
            path: self.file.path.clone(),
            line,
            what: what.into(),
        });
    }

    fn check_line(&mut self, number: usize, line: &str, in_tests: bool) {
        let path = self.file.path.as_str();
        // The rules name what they ban.
        if path.starts_with("xtask/src/tidy/") {
            return;
        }
        if has_loose_todo(line) {
            self.add(number, "a TODO names its issue: `TODO(#12): …`");
        }
        let limits: &[(&str, &str)] = if in_tests { &[] } else { &LIMITLESS };
        for (banned, instead) in BANNED.iter().chain(limits) {
            if line.contains(banned) {
                self.add(number, format!("`{banned}` is banned: {instead}"));
            }
        }
        let code = line.split("//").next().unwrap_or_default();
        if in_tests && code.contains("sleep(") && !may_sleep(path) {
            self.add(
                number,
                "no sleep in a test: wait for what is to happen, or pause the clock",
            );
        }
        if UNSAFE.iter().any(|word| code.contains(word)) && !under(path, &UNSAFE_ALLOWED) {
            self.add(
                number,
                "`unsafe` belongs to kernel/, privilege/ and agent-ebpf/",
            );
        }
        if !in_tests && under(path, &PURE) {
            for (impure, why) in IMPURE {
                if code.contains(impure) {
                    self.add(
                        number,
                        format!("a pure module does not use `{impure}`: {why}"),
                    );
                }
            }
        }
    }
}

/// True for files that hold nothing but tests, or what only tests use.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn may_sleep(path: &str) -> bool {
    MAY_SLEEP
        .iter()
        .any(|(allowed, _)| path.starts_with(allowed))
}

fn under(path: &str, roots: &[&str]) -> bool {
    roots.iter().any(|root| path.starts_with(root))
}

fn has_loose_todo(line: &str) -> bool {
    line.match_indices("TODO").any(|(at, word)| {
        let after = line.get(at + word.len()..).unwrap_or_default();
        let number = after
            .strip_prefix("(#")
            .and_then(|rest| rest.split_once("):"));
        number.is_none_or(|(number, _)| number.parse::<u32>().is_err())
    })
}

/// The best code bases of this kind have nine files of ten below 400 lines.
const LINES_MAX: usize = 600;

/// What no lint catches, and what to write instead.
const BANNED: [(&str, &str); 5] = [
    ("FIXME", "fix it, or write `TODO(#12): …`"),
    ("#[ignore]", "write `#[ignore = \"why\"]`"),
    ("#[should_panic", "look at the error itself"),
    (
        "#[allow(",
        "write `#[expect(lint, reason = \"…\")]`, which ends when it is no longer needed",
    ),
    ("lazy_static!", "write `std::sync::LazyLock`"),
];

/// Queues without a limit: fine for a test that counts what it is told, nowhere else.
const LIMITLESS: [(&str, &str); 2] = [
    (
        "unbounded_channel",
        "every queue has a limit: `mpsc::channel` with a constant and its reason",
    ),
    (
        "std::sync::mpsc::channel",
        "every queue has a limit: `sync_channel`",
    ),
];

/// Files whose tests or harness may let time pass, and why.
/// Path prefixes, and why.
const MAY_SLEEP: [(&str, &str); 2] = [
    (
        "tests/src/wait.rs",
        "waits for other processes, which have no clock that we can pause",
    ),
    (
        "tests/conformance/suites/",
        "an application that cancels lets its statement run first",
    ),
];

const UNSAFE: [&str; 6] = [
    "unsafe {",
    "unsafe fn",
    "unsafe impl",
    "unsafe extern",
    "unsafe trait",
    "#[unsafe(",
];

const UNSAFE_ALLOWED: [&str; 3] = ["agent/src/kernel/", "agent/src/privilege/", "agent-ebpf/"];

/// Modules that decide and never act.
const PURE: [&str; 5] = [
    "agent/src/mask/",
    "agent/src/policy/evaluate",
    "agent/src/record/chain",
    "agent/src/snowflake/",
    "agent/src/sql/",
];

const IMPURE: [(&str, &str); 7] = [
    ("std::fs", "the caller reads files"),
    ("std::env", "the caller reads the configuration"),
    ("tokio::net", "the caller talks to the network"),
    ("std::net::Tcp", "the caller talks to the network"),
    ("SystemTime::", "the caller passes the time"),
    ("Instant::now", "the caller passes the time"),
    ("tracing", "the caller logs what the result says"),
];
