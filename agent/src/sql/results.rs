//! Which results of earlier statements a text names.
//!
//! Snowflake gives a result to every session of its user, and all our sessions may share one: who
//! owns a result is for us to check, so no name of one may be missed.

use super::scan::{Lexeme, scan};
use crate::snowflake::QueryId;

/// Functions whose first argument is a query id.
const TAKE_QUERY_ID: [&str; 4] = [
    "GET_QUERY_OPERATOR_STATS",
    "RESULT_SCAN",
    "SYSTEM$CANCEL_QUERY",
    "SYSTEM$ESTIMATE_QUERY_ACCELERATION",
];

/// The results that a text names.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) ids: Vec<String>,
    pub(super) last_query_id: bool,
    /// A result is named by something that cannot be read here: a variable, an expression.
    pub(super) hidden: bool,
}

/// Finds every result that the lexemes name.
pub(super) fn named(lexemes: &[Lexeme<'_>]) -> Named {
    let mut named = Named::default();
    for (at, lexeme) in lexemes.iter().enumerate() {
        let after = lexemes.get(at + 1..).unwrap_or_default();
        if let Lexeme::Text(body) | Lexeme::Dollar(body) = lexeme {
            named
                .ids
                .extend(QueryId::parse(body).map(|id| id.as_str().to_owned()));
        }
        let Some(name) = lexeme.name() else { continue };
        if name == "LAST_QUERY_ID" {
            named.last_query_id = true;
        }
        let argument = match after {
            [Lexeme::Symbol('('), argument @ ..] if TAKE_QUERY_ID.contains(&name.as_str()) => {
                argument
            }
            [Lexeme::Word(_), argument @ ..]
                if matches!(name.as_str(), "DESC" | "DESCRIBE")
                    && at == 0
                    && after.first().is_some_and(|it| it.is("RESULT")) =>
            {
                argument
            }
            _ => continue,
        };
        named.hidden |= !is_plain(argument);
    }
    named
}

/// Finds what may name a result in a text that is not understood, wherever it stands. `lexemes` is
/// `None` when they are not all that is in the text.
///
/// A string that such a text puts together and runs can still name anything: whoever is permitted
/// `opaque` statements is trusted with that.
pub(super) fn suspected(text: &str, lexemes: Option<&Vec<Lexeme<'_>>>) -> Named {
    let runs = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    Named {
        ids: runs
            .filter_map(QueryId::parse)
            .map(|id| id.as_str().to_owned())
            .collect(),
        last_query_id: text.to_ascii_uppercase().contains("LAST_QUERY_ID"),
        hidden: lexemes.map_or_else(|| mentions(text), |lexemes| is_hidden_in(lexemes)),
    }
}

/// Whether a result is named by more than a literal, in the text or in a string of it that may be
/// run: the argument of `EXECUTE IMMEDIATE`, the body of a block.
fn is_hidden_in(lexemes: &[Lexeme<'_>]) -> bool {
    named(lexemes).hidden
        || lexemes.iter().any(|lexeme| {
            let (Lexeme::Text(body) | Lexeme::Dollar(body)) = lexeme else {
                return false;
            };
            if !mentions(body) {
                return false;
            }
            let body = body.replace("''", "'");
            let mut inner = Vec::new();
            scan(&body, &mut inner).is_err() || named(&inner).hidden
        })
}

fn mentions(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    TAKE_QUERY_ID.iter().any(|name| text.contains(name))
}

/// True for one literal id or a call of `LAST_QUERY_ID`, and nothing around it that could change it.
fn is_plain(argument: &[Lexeme<'_>]) -> bool {
    match argument {
        [Lexeme::Text(body), rest @ ..] => {
            let ends = matches!(rest, [] | [Lexeme::Symbol(')' | ',' | ';'), ..]);
            QueryId::parse(body).is_some() && ends
        }
        [function, Lexeme::Symbol('('), rest @ ..] => {
            let rest = match rest {
                [Lexeme::Symbol('-'), Lexeme::Number(_), rest @ ..]
                | [Lexeme::Number(_), rest @ ..] => rest,
                rest => rest,
            };
            let ends = matches!(
                rest,
                [Lexeme::Symbol(')')] | [Lexeme::Symbol(')'), Lexeme::Symbol(')' | ',' | ';'), ..]
            );
            function.is("LAST_QUERY_ID") && ends
        }
        _ => false,
    }
}
