//! Least privilege as Cedar text.
//!
//! One policy for each object, with every action that was seen on it. A schema of which many tables
//! were seen becomes one policy: nobody reviews a list of a hundred tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

use super::seen::{Seen, Workload};
use crate::policy::PolicySet;
use crate::sql::Effect;
use crate::sql::facts::{Object, ObjectKind};

/// Tables of one schema that are listed one by one.
const TABLES_MAX: usize = 10;

/// What one policy permits, and how often it was seen.
type Rules = BTreeMap<(String, Scope), BTreeMap<Effect, u64>>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    One(Object),
    /// Every table of a schema, and how many of them were seen.
    Tables(String, usize),
}

/// The suggestion for everything that was seen.
pub(super) fn policy(seen: &Seen) -> String {
    let mut text = format!(
        "// Suggested from {} frames of a recording. Read every policy before it is in force.\n",
        seen.frames
    );
    if seen.torn {
        text.push_str("// The last segment is still being written: its end is not in here.\n");
    }
    let mut ids = Ids::default();
    for (name, workload) in &seen.workloads {
        add_workload(name, workload, &mut ids, &mut text);
    }
    text
}

fn add_workload(name: &str, workload: &Workload, ids: &mut Ids, text: &mut String) {
    let heading = comment(name);
    text.push_str(&format!(
        "\n// Workload `{heading}`: statements seen {}.\n",
        times(workload.statements)
    ));
    for (what, (count, entry)) in &workload.refused {
        text.push_str(&format!(
            "// Not permitted, seen {} from entry {entry} on: {}\n",
            times(*count),
            comment(what)
        ));
    }
    if workload.refused_more > 0 {
        let more = workload.refused_more;
        text.push_str(&format!("// Not permitted: {more} statements more.\n"));
    }
    let principal = uid("Workload", name);
    for ((account, credential), count) in &workload.logins {
        let permit = Permit {
            seen: format!("seen {}", times(*count)),
            id: ids.unique(&format!("{name}-login-{credential}")),
            principal: &principal,
            actions: "== Action::\"login\"".to_owned(),
            resource: format!("== {}", uid("Credential", credential)),
            account: Some(account),
        };
        permit.write(text);
    }
    for ((account, scope), actions) in rules(workload) {
        let counts: Vec<String> = actions
            .iter()
            .map(|(effect, count)| format!("{} {}", effect.name(), times(*count)))
            .collect();
        let (resource, subject, seen) = match &scope {
            Scope::One(object) => {
                let name = object
                    .name
                    .as_ref()
                    .map_or_else(|| account.clone(), ToString::to_string);
                (
                    format!("== {}", uid(object.kind.entity(), &name)),
                    name,
                    String::new(),
                )
            }
            Scope::Tables(schema, tables) => (
                format!("is Table in {}", uid("Schema", schema)),
                schema.clone(),
                format!(", on {tables} tables of the schema"),
            ),
        };
        let is_account = matches!(&scope, Scope::One(object) if object.kind == ObjectKind::Account);
        let permit = Permit {
            seen: format!("seen: {}{seen}", counts.join(", ")),
            id: ids.unique(&format!("{name}-{subject}")),
            principal: &principal,
            actions: any_of(actions.keys().copied()),
            resource,
            account: (!is_account).then_some(&account),
        };
        permit.write(text);
    }
}

/// Gathers actions by object, and tables by schema where there are many.
fn rules(workload: &Workload) -> Rules {
    let mut tables: BTreeMap<(&str, String), BTreeSet<&Object>> = BTreeMap::new();
    for (account, access) in workload.accesses.keys() {
        if let Some(schema) = schema(&access.object) {
            let of_schema = tables.entry((account, schema)).or_default();
            of_schema.insert(&access.object);
        }
    }
    let mut rules = Rules::new();
    for ((account, access), count) in &workload.accesses {
        // Only actions that were themselves seen on many tables are widened to the schema.
        let many = schema(&access.object).and_then(|schema| {
            let same = |object: &&&Object| {
                let key = (
                    account.clone(),
                    crate::sql::Access {
                        effect: access.effect,
                        object: (**object).clone(),
                    },
                );
                workload.accesses.contains_key(&key)
            };
            let of_schema = tables.get(&(account.as_str(), schema.clone()))?;
            let seen = of_schema.iter().filter(same).count();
            (seen > TABLES_MAX).then_some(Scope::Tables(schema, seen))
        });
        let scope = many.unwrap_or_else(|| Scope::One(access.object.clone()));
        let actions = rules.entry((account.clone(), scope)).or_default();
        *actions.entry(access.effect).or_default() += count;
    }
    rules
}

/// The schema of a table; nothing else is widened.
fn schema(object: &Object) -> Option<String> {
    let name = object
        .name
        .as_ref()
        .filter(|_| object.kind == ObjectKind::Table)?;
    Some(name.parent()?.to_string())
}

struct Permit<'a> {
    seen: String,
    id: String,
    principal: &'a str,
    actions: String,
    resource: String,
    /// The account that the resource must be in, unless it is the account.
    account: Option<&'a String>,
}

impl Permit<'_> {
    /// Writes the policy as Cedar's own formatter would.
    fn write(&self, text: &mut String) {
        let Self {
            seen,
            id,
            principal,
            actions,
            resource,
            account,
        } = self;
        let condition =
            account.map(|account| format!("\nwhen\n{{ resource in {} }}", uid("Account", account)));
        let condition = condition.unwrap_or_default();
        let policy = format!(
            "// {seen}\n@id(\"{id}\")\npermit (\n    principal == {principal},\n    \
             action {actions},\n    resource {resource}\n){condition};\n"
        );
        // Cedar refuses ids that look like others, and a recording holds whatever clients send.
        match PolicySet::parse(&[("suggested.cedar", &policy)]) {
            Ok(_) => text.push_str(&format!("\n{policy}")),
            Err(_) => text.push_str(&format!(
                "// Not permitted, a policy cannot name it: {}, {seen}\n",
                comment(resource)
            )),
        }
    }
}

fn any_of(actions: impl Iterator<Item = Effect>) -> String {
    let actions: Vec<String> = actions
        .map(|it| format!("Action::\"{}\"", it.name()))
        .collect();
    match actions.as_slice() {
        [one] => format!("== {one}"),
        several => format!("in\n        [{}]", several.join(",\n         ")),
    }
}

/// An entity as policies write it. Ids come from recorded statements: Cedar escapes them.
fn uid(kind: &str, id: &str) -> String {
    let kind = kind.parse::<EntityTypeName>();
    kind.map_or_else(
        |_| String::new(),
        |kind| EntityUid::from_type_name_and_id(kind, EntityId::new(id)).to_string(),
    )
}

/// Policy ids of plain characters, each used once.
#[derive(Debug, Default)]
struct Ids(BTreeSet<String>);

impl Ids {
    fn unique(&mut self, wish: &str) -> String {
        let mut base = String::new();
        for c in wish.to_lowercase().chars() {
            match c {
                'a'..='z' | '0'..='9' | '_' => base.push(c),
                _ if base.ends_with('-') => {}
                _ => base.push('-'),
            }
        }
        let mut id = base.trim_matches('-').to_owned();
        let mut number = 2;
        while id.is_empty() || !self.0.insert(id.clone()) {
            id.clear();
            // Writing to a string does not fail.
            write!(id, "{base}-{number}").unwrap_or_default();
            number += 1;
        }
        id
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// Keeps a comment on its line, whatever a name holds: what follows a line's end would be policy.
fn comment(text: &str) -> String {
    let kept = text.chars().take(200);
    kept.map(|c| {
        if c.is_ascii_graphic() || c.is_alphanumeric() {
            c
        } else {
            ' '
        }
    })
    .collect()
}
