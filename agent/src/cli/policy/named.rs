//! The principals, roles and objects that policies name, read from the policies themselves.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr as _;

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::sources::read;

/// As much as the loader takes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Entities by type and id, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named(BTreeSet<(String, String)>);

impl Named {
    /// Reads the policies of a directory, which were found to be good.
    pub(super) fn in_dir(dir: &Path) -> Result<Self> {
        let mut named = Self::default();
        let files = std::fs::read_dir(dir).with_context(|| format!("`{}`", dir.display()))?;
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|it| it == "cedar") {
                named.add(&read(&path, FILE_BYTES_MAX)?)?;
            }
        }
        Ok(named)
    }

    fn add(&mut self, text: &str) -> Result<()> {
        let policies = cedar_policy::PolicySet::from_str(text);
        let policies = policies.map_err(|error| anyhow!("{error}"))?;
        for policy in policies.policies() {
            let json = policy.to_json().map_err(|error| anyhow!("{error}"))?;
            self.walk(&json);
        }
        Ok(())
    }

    /// Entities stand in scopes as `{"entity": {"type", "id"}}`, in conditions as `{"__entity": …}`:
    /// anything with these two texts is one.
    fn walk(&mut self, json: &Value) {
        match json {
            Value::Object(object) => {
                let text = |key| object.get(key).and_then(Value::as_str);
                if let (Some(kind), Some(id), 2) = (text("type"), text("id"), object.len()) {
                    self.0.insert((kind.to_owned(), id.to_owned()));
                }
                object.values().for_each(|value| self.walk(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The ids of a type, sorted.
    pub(super) fn of(&self, kind: &str) -> Vec<&str> {
        let same = self.0.iter().filter(|(named, _)| named == kind);
        same.map(|(_, id)| id.as_str()).collect()
    }
}
