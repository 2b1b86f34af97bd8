//! Our own lexer.

use agent::sql::spans;

/// Reads any bytes that are text.
pub fn lexer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some(found) = spans(text) else {
        return;
    };
    let mut end = 0;
    let mut pieces = Vec::new();
    for span in found {
        assert!(
            end <= span.start && span.start < span.end,
            "{span:?} after {end}"
        );
        end = span.end;
        pieces.push(text.get(span).expect("whole characters"));
    }
    // Nothing but white space and comments was left out, or the pieces would not be all there is.
    let joined: String = pieces.iter().flat_map(|piece| [*piece, "\n"]).collect();
    let again = spans(&joined).expect("pieces of a clear text are clear");
    let again: Vec<&str> = again
        .into_iter()
        .filter_map(|span| joined.get(span))
        .collect();
    assert_eq!(
        again, pieces,
        "what means something means the same without the rest"
    );
}
