//! Each rule against a file that breaks it and one that does not.

use super::*;

const HEAD: &str = "//! Purpose.\n";

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

/// Checks one Rust file; `expected` is `line: beginning of the message`, one for each problem.
#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let problems = rules::check(&file(path, text));
    let told: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.line, problem.what))
        .collect();
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told} / {expected}");
    }
}

#[track_caller]
fn check_code(path: &str, code: &str, expected: &[&str]) {
    check(path, &format!("{HEAD}{code}"), expected);
}

#[test]
fn a_module_says_what_it_is_for() {
    check("agent/src/a.rs", "//! Purpose.\nfn a() {}\n", &[]);
    check(
        "agent/src/a.rs",
        "use std::fmt;\n//! Purpose.\n",
        &["1: a module starts"],
    );
    check("agent/src/a.rs", "", &["1: a module starts"]);
}

#[test]
fn a_file_of_600_lines_is_the_longest() {
    check_code("agent/src/a.rs", &"\n".repeat(599), &[]);
    check_code("agent/src/a.rs", &"\n".repeat(600), &["0: 601 lines"]);
}

#[test]
fn a_todo_names_its_issue() {
    check_code("agent/src/a.rs", "// TODO(#12): later\n", &[]);
    check_code("agent/src/a.rs", "// TODO: later\n", &["2: a TODO names"]);
    check_code(
        "agent/src/a.rs",
        "// TODO(me): later\n",
        &["2: a TODO names"],
    );
    check_code("agent/src/a.rs", "// FIXME\n", &["2: `FIXME` is banned"]);
}

#[test]
fn banned_words_come_with_what_to_write_instead() {
    check_code(
        "agent/src/a.rs",
        "#[ignore]\n",
        &["2: `#[ignore]` is banned: write"],
    );
    check_code("agent/src/a.rs", "#[ignore = \"why\"]\n", &[]);
    check_code(
        "agent/src/a.rs",
        "let q = mpsc::unbounded_channel();\n",
        &["2: `unbounded_channel`"],
    );
}

#[test]
fn tests_do_not_sleep() {
    check_code("agent/src/a.rs", "tokio::time::sleep(pause).await;\n", &[]);
    check_code(
        "agent/src/a.rs",
        "#[cfg(test)]\nmod tests { sleep(pause); }\n",
        &["3: no sleep"],
    );
    check_code("agent/src/a/tests.rs", "sleep(pause);\n", &["2: no sleep"]);
    check_code("tests/it/a.rs", "thread::sleep(pause);\n", &["2: no sleep"]);
    check_code("tests/src/wait.rs", "thread::sleep(pause);\n", &[]);
}

#[test]
fn unsafe_code_is_in_three_places_only() {
    check_code("agent/src/kernel/a.rs", "unsafe { call() }\n", &[]);
    check_code("agent-ebpf/src/main.rs", "unsafe { call() }\n", &[]);
    check_code(
        "agent/src/proxy/a.rs",
        "unsafe { call() }\n",
        &["2: `unsafe` belongs"],
    );
    check_code(
        "agent/src/kernels/a.rs",
        "unsafe impl Send for A {}\n",
        &["2: `unsafe` belongs"],
    );
    check_code(
        "agent/src/proxy/a.rs",
        "#![forbid(unsafe_code)]\n// unsafe { }\n",
        &[],
    );
}

#[test]
fn pure_modules_do_no_io_read_no_clock_and_do_not_log() {
    check_code(
        "agent/src/sql/a.rs",
        "use std::fs;\n",
        &["2: a pure module"],
    );
    check_code(
        "agent/src/snowflake/a.rs",
        "tracing::info!(\"x\");\n",
        &["2: a pure module"],
    );
    check_code(
        "agent/src/policy/evaluate.rs",
        "SystemTime::now();\n",
        &["2: a pure module"],
    );
    check_code("agent/src/policy/load.rs", "use std::fs;\n", &[]);
    check_code(
        "agent/src/record/chain.rs",
        "use tokio::net::TcpStream;\n",
        &["2: a pure module"],
    );
    check_code(
        "agent/src/sql/a.rs",
        "#[cfg(test)]\nmod tests { use std::fs; }\n",
        &[],
    );
}

#[track_caller]
fn check_attacks(row: &str, expected: &[&str]) {
    let table = format!("| # | Way | Closed by | Shown by |\n|---|---|---|---|\n{row}\n");
    let files = [
        file("agent/docs/attacks.md", &table),
        file(
            "tests/attacks/a.rs",
            "#[test]\nfn raw_sockets_are_refused() {}\n",
        ),
    ];
    let told: Vec<String> = attacks::check(&files)
        .into_iter()
        .map(|found| found.what)
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn every_attack_names_a_test_that_exists_or_is_a_stated_limit() {
    check_attacks(
        "| A1 | raw socket | hook | `raw_sockets_are_refused` |",
        &[],
    );
    check_attacks(
        "| A1 | raw socket | hook | `no_such_test` |",
        &["there is no test `no_such_test`"],
    );
    check_attacks(
        "| A1 | raw socket | hook | |",
        &["name a test, or say `stated limit`"],
    );
    check_attacks("| A2 | relay | nothing | stated limit |", &[]);
}

#[test]
fn a_missing_table_of_attacks_is_a_problem() {
    assert_eq!(attacks::check(&[]).len(), 1);
}
