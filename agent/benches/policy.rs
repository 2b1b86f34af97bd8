//! How long a statement waits for its facts and for its verdict.
//!
//! `cargo xtask bench policy [CORPUS.jsonl…]` runs this. A line of a corpus is a JSON object with
//! `sql`; any other file is one statement, a directory is all of its files.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use agent::identity::{Principal, Workload};
use agent::policy::{Mode, PolicySet, Question, Usage, Verdict, evaluate};
use agent::snowflake::{Operation, Query, RequestId};
use agent::sql::{Analyst, Context, Facts, SessionState};
use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

/// Each statement is analysed so often, and its fastest run counts: the machine is shared.
const RUNS: usize = 3;

const POLICIES: [usize; 3] = [25, 100, 1000];

/// Statements that the target for analysis speaks of, in bytes.
const TYPICAL: std::ops::Range<usize> = 1024..3072;

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let paths = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let (mut every, mut typical) = (Vec::new(), Vec::new());
    println!("parse and facts, µs, the way to the analyst's threads and back included");
    head("corpus");
    for path in paths {
        let path = Path::new(&path);
        let statements = read(path)?;
        let (times, facts) = analyse(&statements)?;
        let sized = statements.iter().zip(&times);
        typical.extend(
            sized
                .filter(|(text, _)| TYPICAL.contains(&text.len()))
                .map(|(_, time)| *time),
        );
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        print(&name, times);
        every.extend(facts);
    }
    if every.is_empty() {
        bail!("no corpus was given");
    }
    print("all of 1 to 3 kB", typical);
    println!();
    println!("decision, µs, over all of these statements");
    head("policies");
    for count in POLICIES {
        decisions(&format!("{count}"), &scoped(count)?, &every)?;
    }
    println!();
    println!("decision, µs, by policies without a scope, each with a condition");
    head("policies");
    for count in POLICIES {
        decisions(&format!("{count}"), &unscoped(count)?, &every)?;
    }
    Ok(())
}

/// Measures the verdicts of a set: for statements that it never saw, for the same again in other
/// circumstances, and for the same again in the same circumstances.
fn decisions(name: &str, text: &str, every: &[Facts]) -> Result<()> {
    let set = PolicySet::parse(&[("bench.cedar", text)])?;
    let agent = principal("agent-0");
    let (mut allowed, mut refused) = (Vec::new(), Vec::new());
    let (mut other, mut again) = (Vec::new(), Vec::new());
    for (at, facts) in every.iter().enumerate() {
        // A count that policies look at differs each time, so no verdict that was kept fits.
        let queries = u64::try_from(at)?;
        let (time, is_allowed) = decide(&set, &agent, queries, facts);
        if is_allowed {
            allowed.push(time);
        } else {
            refused.push(time);
        }
        other.push(decide(&set, &agent, queries + 100_000, facts).0);
        again.push(decide(&set, &agent, queries + 100_000, facts).0);
    }
    print(&format!("{name}, new, allowed"), allowed);
    print(&format!("{name}, new, refused"), refused);
    print(&format!("{name}, new circumstances"), other);
    print(&format!("{name}, asked before"), again);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<String>> {
    if path.is_dir() {
        let mut statements = Vec::new();
        for file in fs::read_dir(path)? {
            let bytes = fs::read(file?.path())?;
            statements.extend(String::from_utf8(bytes));
        }
        return Ok(statements);
    }
    let text = fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    if path.extension().is_none_or(|it| it != "jsonl") {
        return Ok(vec![text]);
    }
    let lines = text.lines().map(|line| {
        let json: serde_json::Value = serde_json::from_str(line)?;
        let sql = json.get("sql").and_then(serde_json::Value::as_str);
        Ok(sql.context("a line without `sql`")?.to_owned())
    });
    lines.collect()
}

fn analyse(statements: &[String]) -> Result<(Vec<Duration>, Vec<Facts>)> {
    let analyst = Analyst::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let context = Context {
        session: SessionState {
            database: Some("SALES".to_owned()),
            schema: Some("PUBLIC".to_owned()),
            ..SessionState::default()
        }
        .into(),
        ..Context::default()
    };
    let (mut times, mut found) = (Vec::new(), Vec::new());
    for statement in statements {
        let mut best = Duration::MAX;
        for run in 0..RUNS {
            let start = Instant::now();
            let facts = runtime.block_on(analyst.facts(statement, &context));
            best = best.min(start.elapsed());
            if run == 0 {
                found.push(facts.context("a statement without facts")?);
            }
        }
        times.push(best);
    }
    Ok((times, found))
}

/// Policies as an organisation writes them: for each of its agents a schema to read, its session,
/// a role to write that may be asked for, and labels that nobody sees without approval.
fn scoped(count: usize) -> Result<String> {
    let mut text = String::new();
    for at in 0..count {
        let team = at / 5;
        // The schema that the statements of the corpora resolve to is the first team's.
        let schema = match team {
            0 => "SALES.PUBLIC".to_owned(),
            _ => format!("SALES.TEAM_{team}"),
        };
        writeln!(text, "@id(\"policy-{at}\")")?;
        match at % 5 {
            0 => writeln!(
                text,
                "permit (principal == Workload::\"agent-{team}\", action in Action::\"observe\", \
                 resource in Schema::\"{schema}\") \
                 when {{ context.now < datetime(\"2030-01-01\") }};"
            )?,
            1 => writeln!(
                text,
                "permit (principal == Workload::\"agent-{team}\", \
                 action in [Action::\"control\", Action::\"read\"], \
                 resource == Account::\"acme\");"
            )?,
            2 => writeln!(
                text,
                "permit (principal in Role::\"writer-{team}\", action in Action::\"write\", \
                 resource in Schema::\"{schema}\") when {{ context.queries_hour < 1000000 }};"
            )?,
            3 => writeln!(
                text,
                "permit (principal == Workload::\"agent-{team}\", action == Action::\"ask\", \
                 resource == Role::\"writer-{team}\");"
            )?,
            _ => writeln!(
                text,
                "forbid (principal == Workload::\"agent-{team}\", \
                 action in [Action::\"egress\", Action::\"read\"], resource) \
                 when {{ context.labels.contains(\"pci\") }} \
                 unless {{ context.approved }};"
            )?,
        }
    }
    Ok(text)
}

/// The worst that policies can do: every one speaks to every question.
fn unscoped(count: usize) -> Result<String> {
    let mut text = String::new();
    for at in 0..count {
        writeln!(
            text,
            "@id(\"policy-{at}\") {} (principal, action, resource) \
             when {{ context.queries_hour {} {} }};",
            if at == 0 { "permit" } else { "forbid" },
            if at == 0 { "<" } else { ">" },
            1_000_000 + at,
        )?;
    }
    Ok(text)
}

fn decide(
    policies: &PolicySet,
    principal: &Principal,
    queries: u64,
    facts: &Facts,
) -> (Duration, bool) {
    let session = SessionState::default();
    let question = Question {
        principal,
        account: "acme",
        credential: None,
        client: "bench",
        facts: Some(facts),
        session: &session,
        roles: &[],
        usage: Usage {
            queries_hour: queries,
            ..Usage::default()
        },
        approved: false,
        mode: Mode::Enforce,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let operation = operation();
    let start = Instant::now();
    let verdict = evaluate(policies, &question, operation);
    let taken = start.elapsed();
    (taken, matches!(verdict, Verdict::Allow(_)))
}

fn operation() -> Operation {
    let request = RequestId("bench".to_owned());
    Operation::Query(Box::new(Query::restated(request)))
}

fn principal(name: &str) -> Principal {
    Principal {
        workload: Workload {
            name: name.to_owned(),
            ..Workload::default()
        },
        user: None,
        netns_cookie: 0,
    }
}

fn head(what: &str) {
    println!(
        "{what:28} {:>8} {:>9} {:>9} {:>9}",
        "n", "p50", "p99", "max"
    );
}

fn print(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |hundredths: usize| {
        let index = times.len().saturating_sub(1) * hundredths / 100;
        let time = times.get(index).copied().unwrap_or_default();
        format!("{:.1}", time.as_secs_f64() * 1e6)
    };
    println!(
        "{name:28} {:>8} {:>9} {:>9} {:>9}",
        times.len(),
        at(50),
        at(99),
        at(100)
    );
}
