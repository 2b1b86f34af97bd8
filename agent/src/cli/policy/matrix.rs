//! `snowfence policy matrix`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::judge::Asker;
use super::named::Named;
use super::sources::Dir;
use crate::cli::Misuse;
use crate::cli::output::Output;
use crate::policy::PolicySet;
use crate::policy::matrix::{Row, matrix};
use crate::sql::context::NO_SESSION;
use crate::sql::facts::{Object, ObjectKind};
use crate::sql::name::ObjectName;

/// Stands for every workload that no policy names.
const OTHER: &str = "(any other)";

/// Stands for every object that no policy names; no identifier needs quotes to be like it.
const ANY: &str = "(any other)";

/// The workload of a process that no matcher of the configuration fits.
const UNKNOWN: &str = "unknown";

/// Shows who may do what to which objects.
#[derive(Debug, Args)]
pub(in crate::cli) struct Matrix {
    #[command(flatten)]
    dir: Dir,
    /// Workloads beside those that the policies name; can be given more than once
    #[arg(long, value_name = "NAME")]
    workload: Vec<String>,
    /// Objects beside those that the policies name, as `Table:DB.SCHEMA.T`; can be given more than once
    #[arg(long, value_name = "TYPE:NAME")]
    object: Vec<String>,
    /// The time of the questions, RFC 3339; now if it is not given
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Shows also what is denied because no policy speaks of it
    #[arg(long)]
    all: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// One answer.
#[derive(Clone, Debug, Serialize)]
struct Cell {
    principal: String,
    action: &'static str,
    object: String,
    verdict: &'static str,
    policies: Vec<String>,
}

impl Matrix {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let dir = self.dir.find()?;
        let policies = PolicySet::read_unchecked(&dir)?;
        let named = Named::of(&policies)?;
        let objects: Vec<Object> = objects(&named, &self.object)?.into_iter().collect();
        let mut cells = Vec::new();
        for (principal, asker) in principals(&policies, &named, &self.workload, self.at) {
            let mut add = |row: Row| {
                cells.push(Cell {
                    principal: principal.clone(),
                    action: row.action,
                    object: shown(&row),
                    verdict: row.verdict,
                    policies: row.policies,
                });
            };
            for credential in named.all("Credential").into_iter().chain([ANY]) {
                let judgement = asker.login(&policies, credential);
                add(Row {
                    action: "login",
                    object: format!("credential {credential}"),
                    label: None,
                    verdict: judgement.name(),
                    policies: judgement.policies().to_vec(),
                });
            }
            let question = asker.question(None, &NO_SESSION);
            matrix(&policies, &question, &objects)
                .into_iter()
                .for_each(add);
        }
        if self.json {
            return output.json(&cells);
        }
        print(&cells, self.all, output)
    }
}

/// What the matrix is about, by the name that it has there: workloads, and one with each role.
fn principals(
    policies: &PolicySet,
    named: &Named,
    more: &[String],
    at: Option<Timestamp>,
) -> BTreeMap<String, Asker> {
    let now = at.unwrap_or_else(Timestamp::now);
    let workloads = named.all("Workload").into_iter().map(str::to_owned);
    let workloads = workloads.chain(more.iter().cloned());
    let workloads = workloads.chain([UNKNOWN, OTHER].map(str::to_owned));
    let mut principals: BTreeMap<String, Asker> = workloads
        .map(|name| (name.clone(), Asker::workload(&name, now)))
        .collect();
    for role in policies.roles() {
        let asker = Asker::workload(OTHER, now).with_role(role);
        principals.insert(format!("{OTHER} as {role}"), asker);
    }
    principals
}

/// The objects that policies name, those that were given, and one of each kind that nobody names.
fn objects(named: &Named, more: &[String]) -> Result<BTreeSet<Object>> {
    let mut objects = BTreeSet::new();
    for kind in ObjectKind::ALL {
        let given = more.iter().filter_map(|it| it.split_once(':'));
        let given = given.filter(|(entity, _)| *entity == kind.entity());
        let names = named.all(kind.entity()).into_iter();
        for text in names.chain(given.map(|(_, name)| name)) {
            let name = ObjectName::parse(text);
            let fits = name.filter(|name| name.parts().len() == kind.depth());
            objects.extend(fits.map(|name| Object {
                kind,
                name: Some(name),
            }));
        }
        objects.insert(Object {
            kind,
            name: ObjectName::new(vec![ANY.to_owned(); kind.depth()]),
        });
    }
    for text in more {
        let known = text.split_once(':').is_some_and(|(entity, name)| {
            let kind = ObjectKind::ALL
                .into_iter()
                .find(|kind| kind.entity() == entity);
            let name = ObjectName::parse(name);
            kind.zip(name)
                .is_some_and(|(kind, name)| name.parts().len() == kind.depth())
        });
        if !known {
            let entities: Vec<&str> = ObjectKind::ALL.iter().map(|kind| kind.entity()).collect();
            let entities = entities.join(", ");
            anyhow::bail!(Misuse(format!(
                "`--object {text}`: write `Table:DB.SCHEMA.T`, a type of {entities} and its whole name"
            )));
        }
    }
    Ok(objects)
}

/// Names of objects that stand for all others are not shown part by part.
fn shown(row: &Row) -> String {
    let from = row.object.find('"').or_else(|| row.object.find(ANY));
    let kind = from.and_then(|at| row.object.get(..at)).unwrap_or_default();
    let object = match (row.object.contains(ANY), kind) {
        (false, _) => row.object.clone(),
        // Tables are what a name without a kind is.
        (true, "") => format!("table {ANY}"),
        (true, kind) => format!("{kind}{ANY}"),
    };
    match &row.label {
        Some(label) => format!("{object} [{label}]"),
        None => object,
    }
}

/// Objects and then actions with the same answer share a line.
fn print(cells: &[Cell], denied_too: bool, output: &mut Output<'_>) -> Result<()> {
    let mut answers: BTreeMap<(&str, &str, &str, &[String]), BTreeSet<&str>> = BTreeMap::new();
    let mut objects: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for cell in cells {
        let Cell {
            principal,
            action,
            object,
            verdict,
            policies,
        } = cell;
        objects.entry(action).or_default().insert(object);
        if denied_too || *verdict != "deny" || !policies.is_empty() {
            let answer = (principal.as_str(), *action, *verdict, policies.as_slice());
            answers.entry(answer).or_default().insert(object);
        }
    }
    let mut lines: BTreeMap<[String; 4], BTreeSet<&str>> = BTreeMap::new();
    for ((principal, action, verdict, policies), of_answer) in answers {
        let of_answer = if objects.get(action) == Some(&of_answer) {
            "all".to_owned()
        } else {
            of_answer.into_iter().collect::<Vec<_>>().join(", ")
        };
        let (principal, verdict) = (principal.to_owned(), verdict.to_owned());
        let line = [principal, verdict, policies.join(", "), of_answer];
        lines.entry(line).or_default().insert(action);
    }
    let titles = ["principal", "verdict", "policies", "actions", "objects"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for ([principal, verdict, policies, of_answer], actions) in lines {
        let actions = if actions.iter().eq(objects.keys()) {
            "all".to_owned()
        } else {
            actions.into_iter().collect::<Vec<_>>().join(", ")
        };
        rows.push(vec![principal, verdict, policies, actions, of_answer]);
    }
    output.table(&rows)
}
