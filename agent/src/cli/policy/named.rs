//! The principals, roles and objects that policies name, read from the policies themselves.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use cedar_policy::Policy;
use serde_json::Value;

use crate::policy::PolicySet;

/// Entities by type and id, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named(BTreeSet<(String, String)>);

impl Named {
    /// Finds them in every policy of a set.
    pub(super) fn of(policies: &PolicySet) -> Result<Self> {
        let mut named = Self::default();
        for rule in policies.rules() {
            let policy = Policy::parse(None, &rule.text).map_err(|error| anyhow!("{error}"))?;
            let json = policy.to_json().map_err(|error| anyhow!("{error}"))?;
            named.walk(&json);
        }
        Ok(named)
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
    pub(super) fn all(&self, kind: &str) -> Vec<&str> {
        let same = self.0.iter().filter(|(named, _)| named == kind);
        same.map(|(_, id)| id.as_str()).collect()
    }
}
