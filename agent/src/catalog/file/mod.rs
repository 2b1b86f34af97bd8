//! A catalog from a file, for judging statements offline.
//!
//! ```json
//! { "tables": { "DB.SCHEMA.T": ["ID", "EMAIL"] },
//!   "views":  { "DB.SCHEMA.V": { "columns": ["EMAIL"], "sql": "select email from t" } } }
//! ```
//!
//! or the same as lists: `{"tables": [{"name": "DB.SCHEMA.T", "columns": ["ID"]}], "views":
//! [{"name": "DB.SCHEMA.V", "definition": "select …"}]}`. A column is a name, or an object with a
//! `name`. Names are written as in SQL: those that are not plain upper case are quoted.
//!
//! The file is complete for every database that it mentions: what it does not list there does not
//! exist. Of other databases nothing is known.

mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use self::node::Node;
use crate::sql::context::{Catalog, Lookup, Relation};
use crate::sql::name::ObjectName;

/// Problems that are told; a file that is no catalog at all has one for every line.
const PROBLEMS_MAX: usize = 100;

/// Tables and views by their whole names.
#[derive(Debug, Default)]
pub struct CatalogFile {
    relations: BTreeMap<ObjectName, Arc<Relation>>,
    databases: BTreeSet<String>,
}

/// Why a text is no catalog.
#[derive(Debug, Error)]
pub enum CatalogError {
    #[error("is not JSON")]
    Syntax { source: serde_json::Error },
    #[error("is not valid:{}", lines(problems))]
    Invalid { problems: Vec<String> },
}

fn lines(problems: &[String]) -> String {
    let shown = problems.iter().take(PROBLEMS_MAX);
    let mut text: String = shown.map(|problem| format!("\n  {problem}")).collect();
    if let Some(more @ 1..) = problems.len().checked_sub(PROBLEMS_MAX) {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

impl CatalogFile {
    /// Reads a catalog.
    ///
    /// # Errors
    /// With everything that is wrong with it, at once.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let node = serde_json::from_str(text).map_err(|source| CatalogError::Syntax { source })?;
        let mut reader = Reader::default();
        reader.file(node);
        if reader.problems.is_empty() {
            Ok(reader.catalog)
        } else {
            let problems = reader.problems;
            Err(CatalogError::Invalid { problems })
        }
    }

    /// Number of tables and views.
    #[must_use]
    pub fn len(&self) -> usize {
        self.relations.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty()
    }
}

impl Catalog for CatalogFile {
    fn relation(&self, name: &ObjectName) -> Lookup {
        if let Some(relation) = self.relations.get(name) {
            return Lookup::Known(Arc::clone(relation));
        }
        match name.parts() {
            // Every database has one, and no export lists what is in it.
            [_, schema, _] if schema == "INFORMATION_SCHEMA" => Lookup::Unknown,
            [database, _, _] if self.databases.contains(database) => Lookup::Absent,
            _ => Lookup::Unknown,
        }
    }
}

#[derive(Default)]
struct Reader {
    catalog: CatalogFile,
    problems: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    View,
}

impl Reader {
    fn wrong(&mut self, place: &str, what: &str) {
        self.problems.push(format!("{place}: {what}"));
    }

    fn file(&mut self, node: Node) {
        let Node::Object(entries) = node else {
            return self.wrong("file", "must be an object with `tables` and `views`");
        };
        let mut seen = BTreeSet::new();
        for (key, value) in entries {
            if !seen.insert(key.clone()) {
                self.wrong(&key, "stands here twice");
            }
            match key.as_str() {
                "tables" => self.listing(&key, Kind::Table, value),
                "views" => self.listing(&key, Kind::View, value),
                _ => self.wrong(&key, "unknown key: known are `tables` and `views`"),
            }
        }
    }

    fn listing(&mut self, place: &str, kind: Kind, node: Node) {
        match node {
            Node::Object(entries) => {
                for (name, value) in entries {
                    self.relation(&format!("{place}.{name}"), kind, Some(name), value);
                }
            }
            Node::Array(items) => {
                for (at, value) in items.into_iter().enumerate() {
                    self.relation(&format!("{place}[{at}]"), kind, None, value);
                }
            }
            Node::Text(_) | Node::Null | Node::Other => {
                self.wrong(place, "must be an object by name, or a list");
            }
        }
    }

    fn relation(&mut self, place: &str, kind: Kind, mut name: Option<String>, node: Node) {
        let keyed = name.is_some();
        let (mut columns, mut definition) = (None, None);
        match node {
            Node::Array(items) if keyed && kind == Kind::Table => {
                columns = Some(self.columns(place, items));
            }
            Node::Text(text) if keyed && kind == Kind::View => definition = Some(text),
            Node::Object(entries) => {
                let mut seen = BTreeSet::new();
                for (key, value) in entries {
                    // Two keys with one meaning are one key.
                    let meaning = if key == "sql" { "definition" } else { &key };
                    if !seen.insert(meaning.to_owned()) {
                        self.wrong(place, &format!("`{key}` is given twice"));
                    }
                    match (meaning, value) {
                        ("columns", Node::Array(items)) => {
                            columns = Some(self.columns(place, items));
                        }
                        ("columns", Node::Null) => {}
                        ("definition", Node::Text(text)) if kind == Kind::View => {
                            definition = Some(text);
                        }
                        ("name", Node::Text(text)) if !keyed => name = Some(text),
                        ("name" | "columns" | "definition", _) => {
                            self.wrong(place, &format!("`{key}` does not fit here"));
                        }
                        _ => self.wrong(place, &format!("unknown key `{key}`")),
                    }
                }
            }
            Node::Array(_) | Node::Text(_) | Node::Null | Node::Other => {
                return self.wrong(place, "must be an object with `columns`");
            }
        }
        match kind {
            Kind::Table if columns.is_none() => self.wrong(place, "a table needs `columns`"),
            Kind::View if definition.is_none() => {
                self.wrong(place, "a view needs its `sql`, the `SELECT` alone");
            }
            Kind::Table | Kind::View => {}
        }
        let relation = Relation {
            columns: columns.unwrap_or_default(),
            definition,
        };
        match name {
            Some(name) => self.add(place, &name, relation),
            None => self.wrong(place, "has no `name`"),
        }
    }

    fn columns(&mut self, place: &str, items: Vec<Node>) -> Vec<String> {
        let mut columns: Vec<String> = Vec::with_capacity(items.len());
        let mut seen = BTreeSet::new();
        for (at, item) in items.into_iter().enumerate() {
            let name = match item {
                Node::Text(name) => Some(name),
                // Everything else about a column, its type say, changes nothing here.
                Node::Object(entries) => entries.into_iter().find_map(|(key, value)| match value {
                    Node::Text(name) if key == "name" => Some(name),
                    Node::Text(_) | Node::Object(_) | Node::Array(_) | Node::Null | Node::Other => {
                        None
                    }
                }),
                Node::Array(_) | Node::Null | Node::Other => None,
            };
            match name.as_deref().map(folded) {
                Some(name) if !name.is_empty() => {
                    if !seen.insert(name.clone()) {
                        self.wrong(place, &format!("column {} is there twice", at + 1));
                    }
                    columns.push(name);
                }
                _ => self.wrong(place, &format!("column {} has no name", at + 1)),
            }
        }
        columns
    }

    fn add(&mut self, place: &str, name: &str, relation: Relation) {
        let Some(name) = ObjectName::parse(name).filter(|name| name.parts().len() == 3) else {
            return self.wrong(place, "the name must be `DATABASE.SCHEMA.NAME`");
        };
        self.catalog.databases.extend(name.parts().first().cloned());
        let shown = name.to_string();
        let before = self.catalog.relations.insert(name, Arc::new(relation));
        if before.is_some() {
            self.wrong(place, &format!("`{shown}` is there twice"));
        }
    }
}

/// A column's name; what is no name in SQL is taken as it stands.
fn folded(name: &str) -> String {
    match ObjectName::parse(name).as_ref().map(ObjectName::parts) {
        Some([part]) => part.clone(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
