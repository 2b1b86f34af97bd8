//! What recorded text looks like on a terminal: nothing in it steers the terminal or hides.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::cli::output::is_unseen;

/// Says that a value was masked, without colour too.
pub(super) const MASKED: char = '▒';
/// Stands for NULL. In a clear value these characters are written as escapes.
pub(super) const NULL: &str = "⟨null⟩";

/// Colours, where they are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

/// Text with every character visible: what a terminal obeys, and what turns or hides the text around
/// it, is written as an escape.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// The same for the value of a cell, which cannot be taken for one of our signs.
pub(super) fn value(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let is_sign = character == MASKED || NULL.starts_with(character);
        if is_sign || is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Also the tags beyond U+10000, which spell text that nobody sees, and blank letters.
fn is_hidden(character: char) -> bool {
    is_unseen(character)
        || matches!(
            character,
            '\u{e0000}'..='\u{e0fff}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        )
}

/// Columns on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts text to so many columns; `…` says so.
pub(super) fn clip(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut taken = 0;
    let mut shown = String::new();
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken >= columns {
            break;
        }
        shown.push(character);
    }
    shown.push('…');
    Cow::Owned(shown)
}

/// Breaks text into lines of so many columns at most; its own line breaks stay.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    for line in text.replace("\r\n", "\n").split('\n') {
        let line = line.replace('\t', "    ");
        let line = visible(&line);
        let mut taken = 0;
        let mut current = String::new();
        for character in line.chars() {
            let more = character.width().unwrap_or(0);
            if taken + more > columns {
                lines.push(std::mem::take(&mut current));
                taken = 0;
            }
            taken += more;
            current.push(character);
        }
        lines.push(current);
    }
    lines
}

/// `3125` as `3,125`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Microseconds as a person says them.
pub(super) fn span(microseconds: u64) -> String {
    let seconds = microseconds / 1_000_000;
    match seconds {
        0 if microseconds < 1000 => format!("{microseconds} µs"),
        0 => format!("{}.{} ms", microseconds / 1000, microseconds % 1000 / 100),
        1..60 => format!("{seconds}.{:02} s", microseconds % 1_000_000 / 10_000),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
