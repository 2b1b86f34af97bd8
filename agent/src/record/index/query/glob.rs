//! Patterns over names: `*` is any run of characters, `?` one of them.

use crate::record::index::IndexError;
use crate::sql::ObjectName;

/// A pattern over a name, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        Self(pattern.chars().collect())
    }

    /// In time of the product of the lengths, at worst.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        // Which beginnings of the pattern fit what is read of the name.
        let mut fitting = vec![false; self.0.len() + 1];
        if let Some(first) = fitting.first_mut() {
            *first = true;
        }
        self.skip_stars(&mut fitting);
        for character in name.chars() {
            let mut next = vec![false; self.0.len() + 1];
            for (at, wanted) in self.0.iter().enumerate() {
                if fitting.get(at) != Some(&true) {
                    continue;
                }
                let to = if *wanted == '*' { at } else { at + 1 };
                let fits = *wanted == '*' || *wanted == '?' || *wanted == character;
                if let (true, Some(slot)) = (fits, next.get_mut(to)) {
                    *slot = true;
                }
            }
            self.skip_stars(&mut next);
            fitting = next;
        }
        fitting.last() == Some(&true)
    }

    fn skip_stars(&self, fitting: &mut [bool]) {
        for (at, wanted) in self.0.iter().enumerate() {
            if *wanted == '*'
                && fitting.get(at) == Some(&true)
                && let Some(slot) = fitting.get_mut(at + 1)
            {
                *slot = true;
            }
        }
    }
}

/// A pattern over tables: one to three parts, of which the last ones of a name are compared.
/// Unquoted parts are folded as Snowflake folds them; `*` and `?` in quotes are themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Exact(String),
    Like(Glob),
}

impl TablePattern {
    /// Reads `DB.*.orders`, `"my table"`.
    ///
    /// # Errors
    /// More than three parts, or a part that is no name.
    pub fn parse(pattern: &str) -> Result<Self, IndexError> {
        let wrong = || IndexError::TablePattern {
            pattern: pattern.to_owned(),
        };
        let parts: Option<Vec<Part>> = split(pattern)
            .into_iter()
            .map(|part| {
                let plain = part.replace(['*', '?'], "_");
                let name = match part.starts_with('"') {
                    true => ObjectName::parse(&part)?,
                    false => ObjectName::parse(&plain)?,
                };
                let is_glob = plain != part && !part.starts_with('"');
                Some(match is_glob {
                    true => Part::Like(Glob::new(&part.to_uppercase())),
                    false => Part::Exact(name.last().to_owned()),
                })
            })
            .collect();
        let parts = parts.ok_or_else(wrong)?;
        match (1..=3).contains(&parts.len()) {
            true => Ok(Self(parts)),
            false => Err(wrong()),
        }
    }

    /// True for a recorded name of which the last parts fit.
    #[must_use]
    pub fn fits(&self, recorded: &str) -> bool {
        let Some(name) = ObjectName::parse(recorded) else {
            return false;
        };
        let parts = name.parts();
        parts.len() >= self.0.len()
            && self
                .0
                .iter()
                .rev()
                .zip(parts.iter().rev())
                .all(|(wanted, part)| match wanted {
                    Part::Exact(wanted) => wanted == part,
                    Part::Like(glob) => glob.fits(part),
                })
    }
}

/// Splits at dots that are not in quotes.
fn split(pattern: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for character in pattern.trim().chars() {
        quoted ^= character == '"';
        if character == '.' && !quoted {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        for (pattern, name, fits) in [
            ("etl", "etl", true),
            ("etl", "etl2", false),
            ("*", "", true),
            ("e*l", "el", true),
            ("e*l*", "etl-nightly", true),
            ("e?l", "etl", true),
            ("e?l", "el", false),
            ("", "x", false),
            ("[a]*", "[a]b", true),
            ("*a*a*a*a*a*a*b", &"a".repeat(500), false),
        ] {
            assert_eq!(Glob::new(pattern).fits(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn tables_are_folded_as_snowflake_does() {
        for (pattern, name, fits) in [
            ("shop.public.users", "SHOP.PUBLIC.USERS", true),
            ("users", "SHOP.PUBLIC.USERS", true),
            ("\"users\"", "SHOP.PUBLIC.USERS", false),
            ("\"users\"", "SHOP.PUBLIC.\"users\"", true),
            ("shop.*.*", "SHOP.PUBLIC.\"a.b\"", true),
            ("shop.*", "SHOP.PUBLIC.USERS", false),
            ("other.*.*", "SHOP.PUBLIC.USERS", false),
            ("a.b.c", "C", false),
            ("public.u*", "SHOP.PUBLIC.USERS", true),
            ("\"*\"", "SHOP.PUBLIC.USERS", false),
        ] {
            let found = TablePattern::parse(pattern).unwrap().fits(name);
            assert_eq!(found, fits, "{pattern} {name}");
        }
        for wrong in ["", "a.b.c.d", "a b", "a..b", "\"a", "a'b"] {
            let error = TablePattern::parse(wrong).unwrap_err();
            assert!(matches!(error, IndexError::TablePattern { .. }), "{wrong}");
        }
    }
}
