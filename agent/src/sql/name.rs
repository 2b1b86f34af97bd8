//! Names of objects, in the one spelling in which they are compared.
//!
//! Snowflake folds unquoted identifiers to upper case and compares exactly
//! (docs: "Identifier requirements"). Policies, labels, catalog and facts all come through here.

use std::fmt;

use super::context::SessionState;

/// An object's name: one to three parts, each folded as Snowflake folds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName(Vec<String>);

/// Folds one identifier: quoted ones keep their case unless the session ignores it
/// (`QUOTED_IDENTIFIERS_IGNORE_CASE`).
#[must_use]
pub fn fold(identifier: &str, quoted: bool, session: &SessionState) -> String {
    if quoted && !session.quoted_identifiers_ignore_case {
        identifier.replace("\"\"", "\"")
    } else if quoted {
        identifier.replace("\"\"", "\"").to_uppercase()
    } else {
        identifier.to_uppercase()
    }
}

impl ObjectName {
    /// A name of folded parts; `None` unless there are one to three, and none is empty.
    #[must_use]
    pub fn new(parts: Vec<String>) -> Option<Self> {
        let fits = (1..=3).contains(&parts.len()) && parts.iter().all(|part| !part.is_empty());
        fits.then_some(Self(parts))
    }

    /// Reads `db.schema."Table x"` as an operator or a file writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, after) = if let Some(body) = rest.strip_prefix('"') {
                let mut end = body.find('"')?;
                while body.get(end + 1..)?.starts_with('"') {
                    end += 2 + body.get(end + 2..)?.find('"')?;
                }
                (body.get(..end)?.replace("\"\"", "\""), body.get(end + 1..)?)
            } else {
                let end = rest.find('.').unwrap_or(rest.len());
                let part = rest.get(..end)?;
                let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                if !part.chars().all(plain) {
                    return None;
                }
                (part.to_uppercase(), rest.get(end..)?)
            };
            parts.push(part);
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => return Self::new(parts),
                None => return None,
            }
        }
    }

    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The last part.
    #[must_use]
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The name without its last part.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Self::new(parent.to_vec())
    }

    /// The name with what the session's current database and schema add to reach `depth` parts:
    /// 3 for what lives in a schema, 2 for a schema. Shorter than `depth` when the session has none.
    #[must_use]
    pub fn resolve(&self, depth: usize, session: &SessionState) -> Self {
        let database = session.database.as_ref();
        let schema = session.schema.as_ref();
        let prefix: Option<Vec<&String>> = match (depth.saturating_sub(self.0.len()), depth) {
            (0, _) => Some(Vec::new()),
            (1, 2 | 3) => database.map(|database| vec![database]),
            (2, 3) => database
                .zip(schema)
                .map(|(database, schema)| vec![database, schema]),
            _ => None,
        };
        let mut parts: Vec<String> = prefix.unwrap_or_default().into_iter().cloned().collect();
        parts.extend(self.0.iter().cloned());
        Self(parts)
    }
}

/// Parts joined by dots; a part that would not survive folding is quoted.
impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            if at > 0 {
                formatter.write_str(".")?;
            }
            if is_plain(part) {
                formatter.write_str(part)?;
            } else {
                write!(formatter, "\"{}\"", part.replace('"', "\"\""))?;
            }
        }
        Ok(())
    }
}

fn is_plain(part: &str) -> bool {
    let mut chars = part.chars();
    let starts = chars
        .next()
        .is_some_and(|c| c.is_ascii_uppercase() || c == '_');
    starts && chars.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '$')
}
