//! What words tell wherever they stand, where no tree tells it.

use crate::sql::facts::Effect;
use crate::sql::functions::{self, Class};
use crate::sql::lexer::{Lexeme, Token};

/// The effects that words tell wherever they stand in a query.
pub(in crate::sql) fn by_words(tokens: &[Token<'_>]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let after = tokens.get(at + 1..).unwrap_or_default();
        let opens = after.first().is_some_and(|next| next.is_symbol('('));
        let is_qualified = before.is_some_and(|before| before.is_symbol('.'));
        if let (true, [verb, name, ..]) = (token.is_symbol('('), after)
            && name.name().is_some()
        {
            effects.extend(write_effect(verb));
        }
        let Some(name) = token.name() else { continue };
        match name.as_str() {
            "SELECT" => effects.push(Effect::Read),
            "CORTEX" if after.first().is_some_and(|next| next.is_symbol('.')) => {
                effects.push(Effect::Ai);
            }
            "TABLE" if opens => {
                let path = after.get(1..).unwrap_or_default();
                effects.extend(runs_code(path).then_some(Effect::Execute));
            }
            name if opens && !is_qualified => {
                effects.extend(functions::class(name).and_then(Class::effect));
            }
            _ => {}
        }
    }
    effects
}

/// A write in parentheses, which Snowflake does not have: if it gets it, it is not a read.
fn write_effect(verb: &Token<'_>) -> Option<Effect> {
    let verbs = [
        ("DELETE", Effect::Delete),
        ("INSERT", Effect::Insert),
        ("MERGE", Effect::Merge),
        ("UPDATE", Effect::Update),
    ];
    verbs
        .into_iter()
        .find(|(word, _)| verb.is(word))
        .map(|(_, effect)| effect)
}

/// True if `name.name(…` is a call of something that is not built in.
fn runs_code(path: &[Token<'_>]) -> bool {
    let mut names = Vec::new();
    for token in path {
        match token.lexeme {
            Lexeme::Symbol('.') => {}
            Lexeme::Symbol('(') => break,
            Lexeme::Word(_) | Lexeme::Quoted(_) => names.extend(token.name()),
            // A table literal, a variable or a bracket is no call.
            Lexeme::Text(_)
            | Lexeme::Dollar(_)
            | Lexeme::Variable(_)
            | Lexeme::Number(_)
            | Lexeme::Url(_)
            | Lexeme::Flow
            | Lexeme::Symbol(_) => return false,
        }
    }
    !is_built_in(&names)
}

/// True for functions that Snowflake has, and that run nobody's code. A name that only looks like
/// one of them, by its `AI_`, may be a user's.
pub(in crate::sql) fn is_built_in(parts: &[String]) -> bool {
    match parts {
        [name] => functions::is_listed(name) || name.starts_with("SYSTEM$"),
        [schema, _] | [_, schema, _] if schema == "INFORMATION_SCHEMA" => true,
        [database, schema, _] => database == "SNOWFLAKE" && schema == "CORTEX",
        _ => false,
    }
}
