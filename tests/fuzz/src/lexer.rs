//! Our own lexer.

/// Reads any bytes that are text.
pub fn lexer(data: &[u8]) {
    let Ok(_text) = std::str::from_utf8(data) else {
        return;
    };
}
