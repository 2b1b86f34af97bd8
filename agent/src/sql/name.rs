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

impl ObjectName {
    /// Every object of a schema that a name in a query can mean: one without a schema is looked for
    /// along the search path. A name that stays short is one whose schema is not known.
    #[must_use]
    pub fn candidates(&self, session: &SessionState) -> Vec<Self> {
        if self.0.len() > 1 {
            return vec![self.resolve(3, session)];
        }
        let mut found = Vec::new();
        for schema in search_path(session) {
            let mut parts = schema.map_or_else(Vec::new, |schema| schema.0);
            parts.extend(self.0.iter().cloned());
            let candidate = Self::new(parts).unwrap_or_else(|| self.clone());
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
        found
    }
}

/// The schemas in which a name without one is looked for; `None` is one that is not known.
fn search_path(session: &SessionState) -> Vec<Option<ObjectName>> {
    let in_database = |schema: &str| {
        let database = session.database.clone()?;
        ObjectName::new(vec![database, schema.to_owned()])
    };
    let current = || session.schema.as_deref().and_then(in_database);
    let Some(path) = &session.search_path else {
        let current = current();
        // Which schema is current is not known: adding another would not make it known.
        let public = current.is_some().then(|| in_database("PUBLIC"));
        return std::iter::once(current).chain(public).collect();
    };
    let entries = path.iter().map(|entry| {
        let entry = entry.trim();
        if entry.eq_ignore_ascii_case("$current") {
            return current();
        }
        if entry.eq_ignore_ascii_case("$public") {
            return in_database("PUBLIC");
        }
        let name = ObjectName::parse(entry)?.resolve(2, session);
        (name.0.len() == 2).then_some(name)
    });
    let entries: Vec<_> = entries.collect();
    if entries.is_empty() {
        vec![None]
    } else {
        entries
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
