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
use agent::policy::{Mode, PolicySet, Question, Usage, evaluate};
use agent::snowflake::{Operation, Query, RequestId};
use agent::sql::{Analyst, Context, Facts, SessionState};
use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

/// Each statement is analysed so often, and its fastest run counts: the machine is shared.
const RUNS: usize = 3;

const POLICIES: [usize; 3] = [25, 100, 1000];

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let paths = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let mut every = Vec::new();
    println!("parse and facts, µs, the way to the analyst's threads and back included");
    println!(
        "{:28} {:>8} {:>9} {:>9} {:>9}",
        "corpus", "n", "p50", "p99", "max"
    );
    for path in paths {
        let path = Path::new(&path);
        let statements = read(path)?;
        let (times, facts) = analyse(&statements)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        print(&name, times);
        every.extend(facts);
    }
    if every.is_empty() {
        bail!("no corpus was given");
    }
    println!();
    println!("decision, µs, over all of these statements");
    println!(
        "{:28} {:>8} {:>9} {:>9} {:>9}",
        "policies", "n", "p50", "p99", "max"
    );
    for count in POLICIES {
        let text = policies(count)?;
        let set = PolicySet::parse(&[("bench.cedar", &text)])?;
        let known = principal("agent");
        let (mut first, mut other, mut again) = (Vec::new(), Vec::new(), Vec::new());
        for (at, facts) in every.iter().enumerate() {
            // A principal that never asked: nothing that was kept fits.
            first.push(decide(&set, &principal(&format!("agent-{at}")), 0, facts));
            // A count that policies look at differs: the verdict is made anew, for a known kind.
            let queries = u64::try_from(at)?;
            decide(&set, &known, queries, facts);
            other.push(decide(&set, &known, queries + 500, facts));
            again.push(decide(&set, &known, queries + 500, facts));
        }
        print(&format!("{count}, new workload"), first);
        print(&format!("{count}, new circumstances"), other);
        print(&format!("{count}, asked before"), again);
    }
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

/// Policies as an organisation writes them: rights by schema, by table and by role, some with
/// conditions, a few that forbid.
fn policies(count: usize) -> Result<String> {
    let mut text = String::new();
    for at in 0..count {
        writeln!(text, "@id(\"policy-{at}\")")?;
        match at % 5 {
            0 => writeln!(
                text,
                "permit (principal, action == Action::\"read\", \
                 resource in Schema::\"SALES.SCHEMA_{at}\");"
            )?,
            1 => writeln!(
                text,
                "permit (principal == Workload::\"agent-{at}\", action in Action::\"observe\", \
                 resource == Table::\"SALES.PUBLIC.TABLE_{at}\");"
            )?,
            2 => writeln!(
                text,
                "permit (principal in Role::\"role-{at}\", action in Action::\"write\", \
                 resource in Database::\"SALES\") when {{ context.queries_hour < 1000 }};"
            )?,
            3 => writeln!(
                text,
                "forbid (principal == Workload::\"batch-{at}\", action in Action::\"egress\", \
                 resource) unless {{ context.user_present }};"
            )?,
            _ => writeln!(
                text,
                "permit (principal, action in Action::\"observe\", \
                 resource in Database::\"DATABASE_{at}\") \
                 when {{ context.now < datetime(\"2030-01-01\") }};"
            )?,
        }
    }
    Ok(text)
}

fn decide(policies: &PolicySet, principal: &Principal, queries: u64, facts: &Facts) -> Duration {
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
    std::hint::black_box(&verdict);
    taken
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
