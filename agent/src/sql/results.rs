//! Which results of earlier statements a text names.
//!
//! Snowflake gives a result to every session of its user, and all our sessions may share one: who
//! owns a result is for us to check, so no name of one may be missed.

use std::collections::BTreeSet;

use super::context::Context;
use super::lexer::{Lexeme, Token, lex};
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

/// Finds every result that a text of so many statements names.
pub(super) fn named(tokens: &[Token<'_>], context: &Context, statements: usize) -> Named {
    let mut named = Named::default();
    for (at, token) in tokens.iter().enumerate() {
        let after = tokens.get(at + 1..).unwrap_or_default();
        if let Lexeme::Text(body) | Lexeme::Dollar(body) = token.lexeme {
            named.ids.extend(id(body));
        }
        let Some(name) = token.name() else { continue };
        let name = name.to_ascii_uppercase();
        if name == "LAST_QUERY_ID" {
            named.last_query_id = true;
            // Of several statements, an earlier one may be the one that is named.
            let alone = (statements == 1).then_some(()).and_then(|()| offset(after));
            let last = alone.and_then(|offset| context.results.last(offset));
            named.ids.extend(last.map(|id| id.as_str().to_owned()));
        }
        let is_function = TAKE_QUERY_ID.contains(&name.as_str());
        let is_describe = matches!(name.as_str(), "DESC" | "DESCRIBE");
        let argument = match after {
            [open, argument @ ..] if is_function && open.is_symbol('(') => argument,
            [result, argument @ ..] if is_describe && result.is("RESULT") => argument,
            _ => continue,
        };
        match variable(argument, context).filter(|_| statements == 1) {
            Some(body) => named.ids.extend(id(&body)),
            None => named.hidden |= !is_plain(argument),
        }
    }
    named
}

fn id(text: &str) -> Option<String> {
    QueryId::parse(text).map(|id| id.as_str().to_owned())
}

/// The offset in `LAST_QUERY_ID( … )`: without one it is the last, -1.
fn offset(after: &[Token<'_>]) -> Option<i64> {
    let lexemes: Vec<Lexeme<'_>> = after.iter().take(4).map(|token| token.lexeme).collect();
    match lexemes.as_slice() {
        [Lexeme::Symbol('('), Lexeme::Symbol(')'), ..] => Some(-1),
        [
            Lexeme::Symbol('('),
            Lexeme::Number(number),
            Lexeme::Symbol(')'),
            ..,
        ] => number.parse().ok(),
        [
            Lexeme::Symbol('('),
            Lexeme::Symbol('-'),
            Lexeme::Number(number),
            Lexeme::Symbol(')'),
        ] => number.parse().ok().map(|offset: i64| -offset),
        _ => None,
    }
}

/// The id that a session variable holds, if the argument is one of which that is known.
fn variable(argument: &[Token<'_>], context: &Context) -> Option<String> {
    let [variable, rest @ ..] = argument else {
        return None;
    };
    let Lexeme::Variable(name) = variable.lexeme else {
        return None;
    };
    let ends = rest
        .first()
        .is_none_or(|next| [')', ',', ';'].iter().any(|it| next.is_symbol(*it)));
    let value = context
        .session
        .variables
        .get(&name.to_ascii_uppercase())?
        .as_ref()?;
    (ends && QueryId::parse(value).is_some()).then(|| value.clone())
}

/// Finds what may name a result in a text that is not understood or that runs strings, wherever it
/// stands, besides what it is known to name. `tokens` is `None` when they are not all that is in
/// the text.
///
/// A string that such a text puts together and runs can still name anything: whoever is permitted
/// `opaque` statements is trusted with that.
pub(super) fn suspected(text: &str, tokens: Option<&Vec<Token<'_>>>, known: Named) -> Named {
    let runs = text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    let mut ids: Vec<String> = runs.filter_map(id).collect();
    let found: BTreeSet<String> = ids.iter().cloned().collect();
    ids.extend(known.ids.into_iter().filter(|id| !found.contains(id)));
    Named {
        ids,
        last_query_id: text.to_ascii_uppercase().contains("LAST_QUERY_ID"),
        hidden: tokens.map_or_else(
            || mentions(text),
            |tokens| known.hidden || is_hidden_in(tokens),
        ),
    }
}

/// Whether a string of the text, which may be run, names a result by more than a literal: the
/// argument of `EXECUTE IMMEDIATE`, the body of a block.
fn is_hidden_in(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| {
        let (Lexeme::Text(body) | Lexeme::Dollar(body)) = token.lexeme else {
            return false;
        };
        if !mentions(body) {
            return false;
        }
        let body = body.replace("''", "'");
        let mut inner = Vec::new();
        // Several statements: what a variable or an offset names there is not known here.
        lex(&body, &mut inner).is_err() || named(&inner, &Context::default(), 2).hidden
    })
}

fn mentions(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    TAKE_QUERY_ID.iter().any(|name| text.contains(name))
}

/// True for one literal id or a call of `LAST_QUERY_ID`, and nothing around it that could change it.
fn is_plain(argument: &[Token<'_>]) -> bool {
    let lexemes: Vec<Lexeme<'_>> = argument.iter().take(7).map(|token| token.lexeme).collect();
    match lexemes.as_slice() {
        [Lexeme::Text(body), rest @ ..] => {
            let ends = matches!(
                rest,
                [] | [Lexeme::Symbol(')' | ',' | ';') | Lexeme::Flow, ..]
            );
            QueryId::parse(body).is_some() && ends
        }
        [Lexeme::Word(function), Lexeme::Symbol('('), rest @ ..] => {
            let rest = match rest {
                [Lexeme::Symbol('-'), Lexeme::Number(_), rest @ ..]
                | [Lexeme::Number(_), rest @ ..] => rest,
                rest => rest,
            };
            let ends = matches!(
                rest,
                [Lexeme::Symbol(')')]
                    | [
                        Lexeme::Symbol(')'),
                        Lexeme::Symbol(')' | ',' | ';') | Lexeme::Flow,
                        ..
                    ]
            );
            function.eq_ignore_ascii_case("LAST_QUERY_ID") && ends
        }
        _ => false,
    }
}
