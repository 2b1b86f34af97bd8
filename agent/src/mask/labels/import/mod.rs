//! Snowflake's own classification becomes labels: rows of `TAG_REFERENCES` to `[[label]]` tables.
//!
//! The view is `SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES`; classification sets the system tags
//! `SNOWFLAKE.CORE.SEMANTIC_CATEGORY` and `PRIVACY_CATEGORY` on columns (docs: "Data
//! classification"). Tags of one's own are taken where they are named; set on a table, a schema or
//! a database, they are inherited by every column below it (docs: "Tag inheritance").

mod category;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Labels;
use crate::sql::ObjectName;

pub use rows::{Header, RowsError, Tags, read};

/// One tag on one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Database, schema and name of the tag.
    pub tag: [String; 3],
    pub value: String,
    pub place: Place,
}

/// What a tag is set on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Database(String),
    Schema([String; 2]),
    Table([String; 3]),
    Column([String; 4]),
}

/// What was made of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// `[[label]]` tables; empty if there are none.
    pub text: String,
    /// The packs that the file must name for it.
    pub packs: BTreeSet<&'static str>,
    pub labels: usize,
    pub patterns: usize,
}

/// The statement whose rows are read. It needs a role with the privilege to read
/// `SNOWFLAKE.ACCOUNT_USAGE`, such as the database role `GOVERNANCE_VIEWER`.
#[must_use]
pub fn query(tags: &[ObjectName]) -> String {
    let mut sql = "SELECT TAG_DATABASE, TAG_SCHEMA, TAG_NAME, TAG_VALUE, DOMAIN, OBJECT_DATABASE, \
                   OBJECT_SCHEMA, OBJECT_NAME, COLUMN_NAME\n\
                   FROM SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES\n\
                   WHERE OBJECT_DELETED IS NULL\n  \
                   AND ((TAG_DATABASE = 'SNOWFLAKE' AND TAG_SCHEMA = 'CORE'\n    \
                   AND TAG_NAME IN ('SEMANTIC_CATEGORY', 'PRIVACY_CATEGORY'))"
        .to_owned();
    for tag in tags {
        let columns = ["TAG_NAME", "TAG_SCHEMA", "TAG_DATABASE"].into_iter();
        let parts = columns.zip(tag.parts().iter().rev());
        let parts = parts.map(|(column, part)| {
            let literal = part.replace('\\', "\\\\").replace('\'', "''");
            format!("{column} = '{literal}'")
        });
        let parts: Vec<String> = parts.collect();
        write!(sql, "\n    OR ({})", parts.join(" AND ")).ok();
    }
    sql.push_str(")\nORDER BY ALL");
    sql
}

/// Makes labels of tags: those of classification, and those of one's own that are named.
#[must_use]
pub fn labels(account: &str, references: &[Reference], tags: &[ObjectName]) -> Imported {
    let mut by_label: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, label) in labelled(references, tags) {
        let pattern = pattern(account, place);
        by_label.entry(label).or_default().insert(pattern);
    }
    // A pack that cannot be read has no labels to extend.
    let shipped = Labels::shipped().unwrap_or_default();
    let mut imported = Imported::default();
    for (name, patterns) in by_label {
        let pack = shipped.iter().find(|(shipped, _)| *shipped == name);
        let pack = pack.and_then(|(_, label)| label.pack);
        imported.packs.extend(pack);
        imported.labels += 1;
        imported.patterns += patterns.len();
        imported.text.push_str("\n[[label]]\n");
        writeln!(imported.text, "name = {}", string(&name)).ok();
        match pack {
            Some(_) => imported.text.push_str("extend = true\n"),
            None => {
                let rank = category::rank(&name);
                writeln!(imported.text, "rank = {rank}\nmethod = \"redact\"").ok();
            }
        }
        imported.text.push_str("columns = [\n");
        for pattern in patterns {
            writeln!(imported.text, "    {},", string(&pattern)).ok();
        }
        imported.text.push_str("]\n");
    }
    imported
}

/// The labels of places. What is a category tells more than how private it is, which counts where
/// nothing else does.
fn labelled<'r>(references: &'r [Reference], tags: &[ObjectName]) -> Vec<(&'r Place, String)> {
    let mut found = Vec::new();
    let mut known: BTreeSet<&Place> = BTreeSet::new();
    let system = |reference: &&Reference, name: &str| {
        reference.tag == ["SNOWFLAKE", "CORE", name] && matches!(reference.place, Place::Column(_))
    };
    let semantic = references
        .iter()
        .filter(|it| system(it, "SEMANTIC_CATEGORY"));
    for reference in semantic {
        if let Some(label) = category::semantic(&reference.value) {
            known.insert(&reference.place);
            found.push((&reference.place, label));
        }
    }
    let privacy = references
        .iter()
        .filter(|it| system(it, "PRIVACY_CATEGORY"));
    for reference in privacy.filter(|it| !known.contains(&it.place)) {
        let label = category::privacy(&reference.value);
        found.extend(label.map(|label| (&reference.place, label)));
    }
    for reference in references {
        let [database, schema, name] = &reference.tag;
        let named = |tag: &&ObjectName| {
            let parts = [name, schema, database];
            tag.parts()
                .iter()
                .rev()
                .zip(parts)
                .all(|(one, it)| one == it)
        };
        if let Some(tag) = tags.iter().find(named) {
            let label = category::own(tag.last(), &reference.value);
            found.push((&reference.place, label));
        }
    }
    found
}

/// The pattern of an object's columns: names stand as Snowflake knows them.
fn pattern(account: &str, place: &Place) -> String {
    let names: &[String] = match place {
        Place::Database(name) => std::slice::from_ref(name),
        Place::Schema(names) => names,
        Place::Table(names) => names,
        Place::Column(names) => names,
    };
    let mut parts = vec![account_part(account)];
    parts.extend(names.iter().map(|name| part(name)));
    parts.resize(5, "*".to_owned());
    parts.join(".")
}

fn part(name: &str) -> String {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '$';
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    quoted(name)
}

fn account_part(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    quoted(name)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A TOML string.
fn string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
