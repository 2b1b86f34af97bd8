//! `snowfence policy test`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::judge::{self, Asker, Caller, session};
use super::sources::{Dir, catalog, read, runtime};
use crate::cli::Misuse;
use crate::cli::output::{Output, Tone};
use crate::policy::{Judgement, PolicySet, Usage};
use crate::sql::{Analyst, Context};

/// A case file is written by people.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// When a case does not say when: its answer must be the same every day.
const MONDAY: &str = "2026-03-02T09:30:00Z";

/// Runs the cases that say what the policies must answer.
#[derive(Debug, Args)]
pub(in crate::cli) struct Test {
    #[command(flatten)]
    dir: Dir,
    /// Files with cases, instead of `cases/*.toml` in the directory
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    /// The files of the directory that the cases are about, when they are not about all.
    files: Option<Vec<String>>,
    /// What names are looked up in, beside this file.
    catalog: Option<PathBuf>,
    case: Vec<Case>,
}

/// A question, and the answer that it must get.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    workload: String,
    /// A statement, or the credential of a login.
    sql: Option<String>,
    login: Option<String>,
    user: Option<String>,
    email: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    /// Roles that grants give.
    #[serde(default)]
    roles: Vec<String>,
    account: Option<String>,
    at: Option<Timestamp>,
    #[serde(default)]
    client: String,
    #[serde(default)]
    approved: bool,
    database: Option<String>,
    schema: Option<String>,
    /// The role inside Snowflake.
    snowflake_role: Option<String>,
    #[serde(default)]
    usage: Used,

    verdict: String,
    /// Those that decided; not looked at when absent.
    policies: Option<Vec<String>>,
    /// What the client must be told.
    message: Option<String>,
    /// Groups of which one must say yes.
    approvers: Option<Vec<String>>,
    max_rows: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Used {
    queries_hour: u64,
    queries_day: u64,
    rows_hour: u64,
    rows_day: u64,
    bytes_hour: u64,
    bytes_day: u64,
    running: u64,
}

/// How one case went.
#[derive(Debug, Serialize)]
struct Outcome {
    file: String,
    name: String,
    /// What is otherwise than the case says.
    problems: Vec<String>,
}

impl Test {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let dir = self.dir.find()?;
        let files = if self.files.is_empty() {
            case_files(&dir)?
        } else {
            self.files
        };
        let analyst = Analyst::new().context("starting the analysis")?;
        let runtime = runtime()?;
        let mut outcomes = Vec::new();
        for file in &files {
            outcomes.extend(run_file(file, &dir, &analyst, &runtime)?);
        }
        let failed = outcomes.iter().filter(|it| !it.problems.is_empty()).count();
        if self.json {
            output.json(&outcomes)?;
        } else {
            print(&outcomes, output)?;
        }
        match failed {
            0 => Ok(()),
            failed => bail!("{failed} of {} cases failed", outcomes.len()),
        }
    }
}

fn case_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let cases = dir.join("cases");
    let mut files = Vec::new();
    let entries = std::fs::read_dir(&cases);
    for entry in entries.with_context(|| format!("cannot list `{}`", cases.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "toml") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("there is no `*.toml` file in `{}`", cases.display());
    }
    files.sort();
    Ok(files)
}

fn run_file(
    path: &Path,
    dir: &Path,
    analyst: &Analyst,
    runtime: &tokio::runtime::Runtime,
) -> Result<Vec<Outcome>> {
    let text = read(path, FILE_BYTES_MAX)?;
    let file: CaseFile =
        toml::from_str(&text).map_err(|error| Misuse(format!("{}: {error}", path.display())))?;
    let policies = match &file.files {
        None => PolicySet::read_unchecked(dir)?,
        Some(names) => only(dir, names)?,
    };
    let mut context = Context::default();
    if let Some(name) = &file.catalog {
        let beside = path.with_file_name(name);
        context.catalog = Arc::new(catalog(&beside)?);
    }
    let outcomes = file.case.into_iter().map(|case| {
        let name = case.name.clone();
        let judged = runtime.block_on(answer(&case, &policies, analyst, &context))?;
        Ok(Outcome {
            file: path.display().to_string(),
            problems: case.compare(&judged),
            name,
        })
    });
    outcomes.collect()
}

/// Some policies of a directory, as if there were no others.
fn only(dir: &Path, names: &[String]) -> Result<PolicySet> {
    let texts = names.iter().map(|name| {
        let path = dir.join(name);
        Ok((name.as_str(), read(&path, FILE_BYTES_MAX)?))
    });
    let texts: Vec<(&str, String)> = texts.collect::<Result<_>>()?;
    let files = texts.iter().map(|(name, text)| (*name, text.as_str()));
    Ok(PolicySet::parse(&files.collect::<Vec<_>>())?)
}

async fn answer(
    case: &Case,
    policies: &PolicySet,
    analyst: &Analyst,
    context: &Context,
) -> Result<Arc<Judgement>> {
    let asker = case.asker();
    match (&case.sql, &case.login) {
        (Some(sql), None) => {
            let context = Context {
                session: Arc::new(session(
                    case.database.as_deref(),
                    case.schema.as_deref(),
                    case.snowflake_role.as_deref(),
                )),
                ..context.clone()
            };
            let facts = analyst.facts(sql, &context).await;
            Ok(asker.statement(policies, facts.as_ref(), &context.session))
        }
        (None, Some(credential)) => Ok(asker.login(policies, credential)),
        _ => bail!(Misuse(format!(
            "case `{}`: one of `sql` and `login`",
            case.name
        ))),
    }
}

impl Case {
    fn asker(&self) -> Asker {
        let mut asker = Asker::from(Caller {
            workload: self.workload.clone(),
            user: self.user.clone(),
            email: self.email.clone(),
            group: self.groups.clone(),
            roles: self.roles.clone(),
            account: self.account.clone().unwrap_or_else(|| "account".to_owned()),
            at: self.at.or_else(|| MONDAY.parse().ok()),
            approved: self.approved,
            client: self.client.clone(),
        });
        let Used {
            queries_hour,
            queries_day,
            rows_hour,
            rows_day,
            bytes_hour,
            bytes_day,
            running,
        } = self.usage;
        asker.usage = Usage {
            queries_hour,
            queries_day,
            rows_hour,
            rows_day,
            bytes_hour,
            bytes_day,
            running,
        };
        asker
    }

    /// Everything in which the answer is another one.
    fn compare(&self, judged: &Judgement) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |what: &str, expected: String, found: String| {
            if expected != found {
                problems.push(format!("{what} must be {expected}, is {found}"));
            }
        };
        check("verdict", self.verdict.clone(), judged.name().to_owned());
        let list = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            format!("[{}]", names.join(", "))
        };
        if let Some(policies) = &self.policies {
            check("policies", list(policies), list(judged.policies()));
        }
        if let Some(approvers) = &self.approvers {
            let terms = judge::terms(judged)
                .into_iter()
                .flat_map(|terms| terms.approvers.clone());
            check(
                "approvers",
                list(approvers),
                list(&terms.collect::<Vec<_>>()),
            );
        }
        if let Some(rows) = self.max_rows {
            let found = judge::limits(judged).max_rows;
            let found = found.map_or_else(|| "without limit".to_owned(), |it| it.to_string());
            check("max_rows", rows.to_string(), found);
        }
        let message = judge::message(judged).unwrap_or_default();
        let expected = self.message.as_deref().unwrap_or_default();
        if !message.contains(expected) {
            problems.push(format!("the message must tell `{expected}`"));
        }
        if !problems.is_empty() && !message.is_empty() {
            problems.push(format!("it says: {message}"));
        }
        problems
    }
}

fn print(outcomes: &[Outcome], output: &mut Output<'_>) -> Result<()> {
    let mut file = "";
    for outcome in outcomes {
        if file != outcome.file {
            file = &outcome.file;
            let of_file = outcomes.iter().filter(|it| it.file == file);
            output.line(&format!("{file}: {} cases", of_file.count()))?;
        }
        if !outcome.problems.is_empty() {
            let failed = output.paint(Tone::Bad, "FAILED");
            output.line(&format!("  {failed} {}", outcome.name))?;
            for problem in &outcome.problems {
                output.line(&format!("    {problem}"))?;
            }
        }
    }
    let passed = outcomes.iter().filter(|it| it.problems.is_empty()).count();
    output.line(&format!("{passed} of {} cases passed", outcomes.len()))
}
