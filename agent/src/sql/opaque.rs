//! Why a text is not understood, in words for the person or the model that wrote it.

use super::facts::Facts;
use super::lexer::Token;
use super::limits::{
    CHAIN_TOKENS_MAX, NESTING_MAX, SET_OPERATORS_MAX, TEXT_BYTES_MAX, TEXTS_NESTED_MAX, TOKENS_MAX,
};

/// Why a text or a statement is not understood, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Obscurity {
    #[error("at line {line}, column {column} stands {what}")]
    Ambiguous {
        what: &'static str,
        line: usize,
        column: usize,
    },
    #[error("the text is longer than {TEXT_BYTES_MAX} bytes; send it in parts")]
    TooLong,
    #[error("the text has more than {TOKENS_MAX} words and symbols; send it in parts")]
    TooManyTokens,
    #[error("the text has more than {SET_OPERATORS_MAX} of UNION and its kin; send it in parts")]
    TooManySetOperators,
    #[error("an expression has more than {CHAIN_TOKENS_MAX} words and symbols; make it shorter")]
    TooChained,
    #[error("brackets are nested more than {NESTING_MAX} deep; nest them less")]
    TooNested,
    #[error("statements hold statements more than {TEXTS_NESTED_MAX} deep; send the inner one")]
    TooDeep,
    #[error("the text holds no statement")]
    Empty,
    #[error("`{0}` begins no statement that Snowfence knows")]
    UnknownVerb(String),
    #[error("`{0}` is followed by no kind of object that Snowfence knows")]
    UnknownType(String),
    #[error("a name is missing, or is none, in {0}")]
    NoName(String),
    #[error("a name is computed while the statement runs; write the name itself")]
    DynamicName,
    #[error(
        "a part of it has a computed name or a form that Snowfence does not know; write it plainly"
    )]
    Part,
    #[error("text is put together and run; send the statement itself")]
    DynamicText,
    #[error("a string that is run has an escape other than \\\\, \\', \\n and \\t; use $$ … $$")]
    Escapes,
    #[error("{0} is in a form that Snowfence does not know")]
    Form(String),
    #[error("`{0}` stands where a statement may begin; send it as a statement of its own")]
    HiddenVerb(String),
    #[error("the block has no end that fits its beginning; check BEGIN and END")]
    OpenBlock,
    #[error("two readings of its words and strings differ; write it more plainly")]
    Readings,
    #[error("the parser takes it for {0}, its words say {1}")]
    Disagreement(String, String),
    #[error("it names a result by something other than the id itself; write the id")]
    HiddenResult,
    #[error(
        "its quoted names mean one thing or another by QUOTED_IDENTIFIERS_IGNORE_CASE, which a \
         statement before it may change; send them apart"
    )]
    Quoting,
    #[error("it names more than {0} things that may be tables; name fewer")]
    TooManyNames(usize),
}

/// What is known of a text that is not understood: its first word, and why.
pub(super) fn facts(tokens: &[Token<'_>], obscurity: &Obscurity) -> Facts {
    Facts::opaque(kind(tokens), format!("not understood: {obscurity}"))
}

/// `OPAQUE(DECLARE)`.
pub(super) fn kind(tokens: &[Token<'_>]) -> String {
    let word = tokens.iter().find_map(Token::word);
    word.map_or_else(
        || "OPAQUE".to_owned(),
        |word| format!("OPAQUE({})", clip(word)),
    )
}

/// A word for a message or a kind: upper case, and no longer than words of SQL are.
pub(super) fn clip(word: &str) -> String {
    word.get(..word.len().min(32))
        .unwrap_or_default()
        .to_ascii_uppercase()
}
