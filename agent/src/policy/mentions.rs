//! Which attributes policies look at: what nobody looks at need not be told, nor told apart.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use serde_json::Value;

/// The names of attributes that policies could look at. More than what they do, never less: every
/// way to an attribute in Cedar spells its name, except that a record can be used as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Mentions {
    names: BTreeSet<String>,
    everything: bool,
}

impl Mentions {
    pub(super) fn of(policy: &Policy) -> Self {
        let mut mentions = Self::default();
        match policy.to_json() {
            Ok(policy) => mentions.walk(&policy, false),
            Err(_) => mentions.everything = true,
        }
        mentions
    }

    #[cfg(test)]
    pub(super) fn all() -> Self {
        Self {
            names: BTreeSet::new(),
            everything: true,
        }
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.names.extend(other.names.iter().cloned());
        self.everything |= other.everything;
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.everything || self.names.contains(name)
    }

    fn walk(&mut self, value: &Value, is_accessed: bool) {
        match value {
            Value::Object(fields) => {
                let accesses = fields.contains_key("attr");
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("attr", value) => self.name(value),
                        ("Var", Value::String(name)) => {
                            self.everything |= name == "context" && !is_accessed;
                        }
                        (key, value) => self.walk(value, accesses && key == "left"),
                    }
                }
            }
            Value::Array(elements) => {
                for element in elements {
                    self.walk(element, false);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// `has a.b` is one node with a list of names.
    fn name(&mut self, value: &Value) {
        match value {
            Value::String(name) => {
                self.names.insert(name.clone());
            }
            Value::Array(names) => names.iter().for_each(|name| self.name(name)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                self.everything = true;
            }
        }
    }
}
