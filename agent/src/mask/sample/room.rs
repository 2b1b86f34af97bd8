//! What fits: cells and tables are cut, and say so.

use std::borrow::Cow;
use std::io;

use serde::Serialize;

/// The most bytes of a cell's text. What is recorded of a longer one is longer than this by its mark,
/// and nothing else is: no cell can look as if it were cut.
pub(super) const CELL_BYTES_MAX: usize = 1 << 10;

/// Cuts a text between two characters. What is left is filled up to the limit, so that with the mark it
/// is longer than any text that is whole.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= CELL_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let (kept, left) = text
        .split_at_checked(text.floor_char_boundary(CELL_BYTES_MAX))
        .unwrap_or((text, ""));
    Cow::Owned(format!("{kept}…[{} more bytes]", left.len()))
}

/// Room for so many bytes of JSON.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
}

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// Takes what a value and its comma need, if there is that much.
    pub(super) fn takes(&mut self, value: &impl Serialize) -> bool {
        let mut counter = Counter(1);
        let left = match serde_json::to_writer(&mut counter, value) {
            Ok(()) => self.left.checked_sub(counter.0),
            Err(_) => None,
        };
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
