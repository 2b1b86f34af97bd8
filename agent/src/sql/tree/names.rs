//! Which object a name in a tree means.

use std::borrow::Cow;
use std::rc::Rc;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, ObjectName as AstName, ObjectNamePart, Value,
};

use super::Walker;
use super::names::Part::{Known, Unknown};
use super::scope::{Scope, cte};
use crate::sql::context::Lookup;
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::name::ObjectName;

/// What stands where the name of a relation can.
#[derive(Debug)]
pub(super) enum Named {
    /// Could be any of these; never empty.
    Objects(Vec<ObjectName>),
    /// `@…`: a stage, or a table's.
    Stage(Vec<ObjectName>),
    /// `@~`: the user's own, which is in no schema, so that rights on it are rights on the account.
    OwnStage,
    /// A file by its address.
    Location,
    /// A common table expression that is in scope.
    Cte(Rc<str>),
    /// Only known when the statement is run.
    Dynamic,
}

/// Some parts of a name.
enum Part {
    Known(Vec<String>),
    Unknown,
}

impl Walker<'_> {
    /// Finds what an object's name means; a name without a schema is looked for along the search
    /// path.
    pub(super) fn named(&self, name: &AstName) -> Named {
        if let [ObjectNamePart::Identifier(ident), ..] = name.0.as_slice() {
            let literal = ident.quote_style == Some('\'');
            if ident.value.starts_with('@') && (literal || ident.quote_style.is_none()) {
                return self.stage(&written(name));
            }
            if literal {
                return Named::Location;
            }
        }
        match self.parts(name) {
            Some(parts) => self.candidates(parts),
            None => Named::Dynamic,
        }
    }

    /// Finds what a name in a query means: common table expressions hide tables.
    pub(super) fn named_in(&self, name: &AstName, scope: &Scope<'_>) -> Named {
        if let Some([name]) = self.parts(name).as_deref()
            && cte(&scope.ctes, name).is_some()
        {
            return Named::Cte(name.as_str().into());
        }
        self.named(name)
    }

    /// The one object that a statement makes or changes by this name, which no search path finds.
    pub(super) fn target(&self, name: &AstName) -> Option<ObjectName> {
        let name = ObjectName::new(self.parts(name)?)?;
        Some(name.resolve(ObjectKind::Table.depth(), &self.session))
    }

    /// Takes the access to everything that a name can mean.
    pub(super) fn access_named(&mut self, effect: Effect, kind: ObjectKind, named: &Named) {
        match named {
            Named::Objects(names) => {
                for name in names {
                    self.access(effect, kind, name.clone());
                }
            }
            Named::Stage(names) => {
                for name in names {
                    self.access(effect, ObjectKind::Stage, name.clone());
                }
            }
            Named::OwnStage | Named::Location => self.access_account(effect),
            Named::Cte(_) => {}
            Named::Dynamic => {
                self.access_account(effect);
                self.access_account(Effect::Opaque);
            }
        }
    }

    /// The folded parts of a name; `None` if they are only known when the statement is run.
    pub(super) fn parts(&self, name: &AstName) -> Option<Vec<String>> {
        let mut parts = Vec::with_capacity(name.0.len());
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) if ident.quote_style == Some('\'') => {
                    parts.extend(self.spelt(&ident.value)?);
                }
                ObjectNamePart::Identifier(ident) => parts.push(self.fold(ident).to_string()),
                ObjectNamePart::Function(function) => {
                    if !function.name.value.eq_ignore_ascii_case("identifier") {
                        return None;
                    }
                    match self.identifier_call(&function.args) {
                        Known(known) => parts.extend(known),
                        Unknown => return None,
                    }
                }
            }
        }
        Some(parts)
    }

    /// What the text of a name literal says, as in `IDENTIFIER('…')` and `TABLE('…')`.
    pub(super) fn spelt(&self, text: &str) -> Option<Vec<String>> {
        // An escape in it would have to be undone first.
        if text.contains(['\\', '\'']) {
            return None;
        }
        let parts = ObjectName::parse(text)?.parts().to_vec();
        Some(if self.session.quoted_identifiers_ignore_case {
            parts.iter().map(|part| part.to_uppercase()).collect()
        } else {
            parts
        })
    }

    /// The text of a literal, or of a session variable whose value is known.
    pub(super) fn literal<'a>(&'a self, expr: &'a Expr) -> Option<Cow<'a, str>> {
        let Expr::Value(value) = expr else {
            return None;
        };
        match &value.value {
            Value::SingleQuotedString(text) => Some(Cow::Borrowed(text)),
            Value::DollarQuotedString(text) if text.tag.is_none() => {
                Some(Cow::Borrowed(&text.value))
            }
            Value::Placeholder(name) => {
                let name = name.strip_prefix('$')?.to_uppercase();
                let value = self.session.variables.get(&name)?.as_deref()?;
                Some(Cow::Borrowed(value))
            }
            Value::DollarQuotedString(_)
            | Value::Number(..)
            | Value::TripleSingleQuotedString(_)
            | Value::TripleDoubleQuotedString(_)
            | Value::EscapedStringLiteral(_)
            | Value::UnicodeStringLiteral(_)
            | Value::SingleQuotedByteStringLiteral(_)
            | Value::DoubleQuotedByteStringLiteral(_)
            | Value::TripleSingleQuotedByteStringLiteral(_)
            | Value::TripleDoubleQuotedByteStringLiteral(_)
            | Value::SingleQuotedRawStringLiteral(_)
            | Value::DoubleQuotedRawStringLiteral(_)
            | Value::TripleSingleQuotedRawStringLiteral(_)
            | Value::TripleDoubleQuotedRawStringLiteral(_)
            | Value::NationalStringLiteral(_)
            | Value::QuoteDelimitedStringLiteral(_)
            | Value::NationalQuoteDelimitedStringLiteral(_)
            | Value::HexStringLiteral(_)
            | Value::DoubleQuotedString(_)
            | Value::Boolean(_)
            | Value::Null => None,
        }
    }

    /// The name in the argument of `IDENTIFIER(…)`, if it is known.
    pub(super) fn identifier_argument(&self, args: &[FunctionArg]) -> Option<Vec<Rc<str>>> {
        match self.identifier_call(args) {
            Known(parts) => Some(parts.into_iter().map(Rc::from).collect()),
            Unknown => None,
        }
    }

    fn identifier_call(&self, args: &[FunctionArg]) -> Part {
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = args else {
            return Unknown;
        };
        let text = self.literal(argument);
        let parts = text.and_then(|text| self.spelt(&text));
        parts.map_or(Unknown, Known)
    }

    /// Everything that these parts can mean.
    pub(super) fn candidates(&self, mut parts: Vec<String>) -> Named {
        // `db..t` is in the schema PUBLIC.
        if let [database, schema, _] = parts.as_mut_slice()
            && schema.is_empty()
            && !database.is_empty()
        {
            "PUBLIC".clone_into(schema);
        }
        let Some(name) = ObjectName::new(parts) else {
            return Named::Dynamic;
        };
        Named::Objects(name.candidates(&self.session))
    }

    /// Leaves out the candidates that another, known one comes before, and those that do not exist.
    pub(super) fn existing(&self, names: Vec<ObjectName>) -> Vec<ObjectName> {
        if names.len() < 2 {
            return names;
        }
        let mut left = Vec::new();
        for name in &names {
            match self.context.catalog.relation(name) {
                Lookup::Known(_) => {
                    left.push(name.clone());
                    break;
                }
                Lookup::Absent => {}
                Lookup::Unknown => left.push(name.clone()),
            }
        }
        if left.is_empty() { names } else { left }
    }

    /// Reads `@db.schema.stage/path`, `@~/path`, `@%table/path`.
    pub(super) fn stage(&self, text: &str) -> Named {
        let body = text.strip_prefix('@').unwrap_or(text);
        let name = stage_name(body);
        if name == "~" {
            return Named::OwnStage;
        }
        let (prefix, last) = name.rsplit_once('.').unwrap_or(("", name));
        let table = last.strip_prefix('%');
        let plain = match (prefix, table) {
            (_, None) => Cow::Borrowed(name),
            ("", Some(table)) => Cow::Borrowed(table),
            (prefix, Some(table)) => Cow::Owned(format!("{prefix}.{table}")),
        };
        let Some(mut parts) = self.spelt(&plain) else {
            return Named::Dynamic;
        };
        if table.is_some()
            && let Some(last) = parts.last_mut()
        {
            last.insert(0, '%');
        }
        match self.candidates(parts) {
            Named::Objects(names) | Named::Stage(names) => Named::Stage(names),
            other @ (Named::OwnStage | Named::Location) => other,
            Named::Cte(_) | Named::Dynamic => Named::Dynamic,
        }
    }
}

/// The text of a stage as the parser took it apart: its dots cut paths, too.
fn written(name: &AstName) -> String {
    let mut text = String::new();
    for (at, part) in name.0.iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        match part {
            ObjectNamePart::Identifier(ident) if ident.quote_style == Some('"') => {
                text.push('"');
                text.push_str(&ident.value);
                text.push('"');
            }
            ObjectNamePart::Identifier(ident) => text.push_str(&ident.value),
            // No stage is written like this: makes the text one that names nothing.
            ObjectNamePart::Function(_) => text.push('('),
        }
    }
    text
}

/// The part of a stage's text before its path.
fn stage_name(body: &str) -> &str {
    let mut quoted = false;
    for (at, c) in body.char_indices() {
        quoted ^= c == '"';
        if c == '/' && !quoted {
            return body.get(..at).unwrap_or(body);
        }
    }
    body
}
