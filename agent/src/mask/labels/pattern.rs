//! Patterns of column names: `[account.]database.schema.table.column`.
//!
//! A part without quotes fits a name in any case: tools that quote names write `"pan"` for what
//! people call `PAN`, and a label too many is safer than one too few. A quoted part is that name
//! and no other, asterisks and all.

use std::borrow::Cow;

use crate::sql::ObjectName;

/// In characters: five names of 255, quoted.
const PATTERN_CHARS_MAX: usize = 1300;

/// Columns that carry a label.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    account: Option<Part>,
    /// Database, schema and table.
    table: [Part; 3],
    pub(super) column: Part,
    pub(super) label: String,
    /// As it was written.
    pub(super) text: String,
    /// The shipped pack that it is from.
    pub(super) pack: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Of a quoted name: itself.
    Quoted(String),
    /// Of a name in any case: in upper case.
    Plain(String),
    /// What stands between the asterisks, in upper case; at least two.
    Glob(Vec<String>),
}

impl Pattern {
    /// Reads `[account.]database.schema.table.column`.
    pub(super) fn parse(text: &str, label: &str, pack: Option<&'static str>) -> Option<Self> {
        if text.chars().count() > PATTERN_CHARS_MAX {
            return None;
        }
        let mut parts = split(text)?;
        let account = match parts.as_slice() {
            [_, _, _, _, _] => Some(Part::parse(parts.remove(0), true)?),
            [_, _, _, _] => None,
            [..] => return None,
        };
        let parts = parts.into_iter().map(|part| Part::parse(part, false));
        let parts: Vec<Part> = parts.collect::<Option<_>>()?;
        let [database, schema, table, column] = <[Part; 4]>::try_from(parts).ok()?;
        Some(Self {
            account,
            table: [database, schema, table],
            column,
            label: label.to_owned(),
            text: text.to_owned(),
            pack,
        })
    }

    pub(super) fn fits_account(&self, account: &str) -> bool {
        self.account.as_ref().is_none_or(|it| it.fits(account))
    }

    /// Whether it names columns of this table. From the right: parts that the name does not have
    /// could be any.
    pub(super) fn fits_table(&self, table: &ObjectName) -> bool {
        let mut parts = self.table.iter().rev().zip(table.parts().iter().rev());
        parts.all(|(part, name)| part.fits(name))
    }

    pub(super) fn fits(&self, account: &str, table: &ObjectName) -> bool {
        self.fits_account(account) && self.fits_table(table)
    }
}

impl Part {
    fn parse(text: &str, is_account: bool) -> Option<Self> {
        if let Some(body) = text.strip_prefix('"') {
            let body = body.strip_suffix('"')?;
            let fits = !body.is_empty() && !body.replace("\"\"", "").contains('"');
            return fits.then(|| Self::Quoted(body.replace("\"\"", "\"")));
        }
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '*');
        let fits = |c: char| plain(c) || (is_account && c == '-');
        if text.is_empty() || !text.chars().all(fits) {
            return None;
        }
        let name = text.to_uppercase();
        if !name.contains('*') {
            return Some(Self::Plain(name));
        }
        Some(Self::Glob(name.split('*').map(str::to_owned).collect()))
    }

    pub(super) fn fits(&self, name: &str) -> bool {
        match self {
            Self::Quoted(exact) => exact == name,
            Self::Plain(plain) => *plain == upper(name),
            Self::Glob(pieces) => glob(pieces, &upper(name)),
        }
    }

    /// Whether the name is this one in any case.
    pub(super) fn fits_loosely(&self, name: &str) -> bool {
        match self {
            Self::Quoted(exact) => upper(exact) == upper(name),
            Self::Plain(_) | Self::Glob(_) => self.fits(name),
        }
    }

    /// True if every name fits.
    pub(super) fn is_any(&self) -> bool {
        match self {
            Self::Glob(pieces) => pieces.iter().all(String::is_empty),
            Self::Quoted(_) | Self::Plain(_) => false,
        }
    }
}

/// A name in upper case, which is how patterns are looked up.
pub(super) fn upper(name: &str) -> Cow<'_, str> {
    let folded = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "_$".contains(c);
    if name.chars().all(folded) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_uppercase())
    }
}

/// Whether `pieces` with anything between them are the name.
fn glob(pieces: &[String], name: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return false;
    };
    let rest = name.strip_prefix(first.as_str());
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(last.as_str())) else {
        return false;
    };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece.as_str()) else {
            return false;
        };
        rest = after;
    }
    true
}

/// Splits at the dots that are not in quotes.
pub(super) fn split(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => {
                parts.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!quoted).then_some(parts)
}
