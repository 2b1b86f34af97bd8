//! What words tell wherever they stand: what they call may be anywhere in a tree.

use crate::sql::facts::Effect;
use crate::sql::lexer::{Lexeme, Token};

/// `SYSTEM$` functions that only answer. Others change, cancel, wait or reveal.
const HARMLESS_SYSTEM_FUNCTIONS: [&str; 2] = ["SYSTEM$CLIENT_VERSION_INFO", "SYSTEM$TYPEOF"];

/// `SYSTEM$` functions that act on the caller's own queries.
const SESSION_SYSTEM_FUNCTIONS: [&str; 2] = ["SYSTEM$CANCEL_ALL_QUERIES", "SYSTEM$CANCEL_QUERY"];

/// The effects that words tell wherever they stand in a query.
pub(in crate::sql) fn by_words(tokens: &[Token<'_>]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let after = tokens.get(at + 1..).unwrap_or_default();
        let opens = after.first().is_some_and(|next| next.is_symbol('('));
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
            name if name.starts_with("AI_") && opens => effects.push(Effect::Ai),
            name if SESSION_SYSTEM_FUNCTIONS.contains(&name) => effects.push(Effect::Session),
            name if name.starts_with("SYSTEM$") => {
                let acts = !HARMLESS_SYSTEM_FUNCTIONS.contains(&name);
                effects.extend(acts.then_some(Effect::Admin));
            }
            "TABLE" if opens => {
                let path = after.get(1..).unwrap_or_default();
                effects.extend(runs_code(path).then_some(Effect::Execute));
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
    match names.as_slice() {
        [name] => !is_built_in(name),
        [schema, _] | [_, schema, _] if schema == "INFORMATION_SCHEMA" => false,
        [database, _, _] => database != "SNOWFLAKE",
        _ => true,
    }
}

/// True for functions that Snowflake has, and that run nobody's code.
pub(in crate::sql) fn is_built_in(name: &str) -> bool {
    name.starts_with("SYSTEM$") || name.starts_with("AI_") || BUILT_IN.contains(&name)
}

const BUILT_IN: [&str; 60] = [
    "ABS",
    "AVG",
    "COALESCE",
    "CONCAT",
    "COUNT",
    "CURRENT_DATABASE",
    "CURRENT_DATE",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "CURRENT_WAREHOUSE",
    "DATEADD",
    "DATEDIFF",
    "DATE_PART",
    "DATE_TRUNC",
    "DECODE",
    "DENSE_RANK",
    "FLATTEN",
    "GENERATOR",
    "GET",
    "GET_PATH",
    "GET_QUERY_OPERATOR_STATS",
    "GREATEST",
    "IFF",
    "IFNULL",
    "INFER_SCHEMA",
    "LAG",
    "LAST_QUERY_ID",
    "LEAD",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LISTAGG",
    "LOWER",
    "LTRIM",
    "MAX",
    "MIN",
    "NULLIF",
    "NVL",
    "OBJECT_CONSTRUCT",
    "PARSE_JSON",
    "RANK",
    "REPLACE",
    "RESULT_SCAN",
    "RIGHT",
    "ROUND",
    "ROW_NUMBER",
    "RTRIM",
    "SEQ4",
    "SPLIT",
    "SPLIT_TO_TABLE",
    "STRTOK_SPLIT_TO_TABLE",
    "SUBSTR",
    "SUM",
    "TO_DATE",
    "TO_VARCHAR",
    "TRIM",
    "UPPER",
    "VALIDATE",
];
