//! `partial`: the first and last characters stay, the rest is four asterisks, so the length does not
//! show.
//!
//! At least half of the letters and digits, and at least [`HIDDEN_MIN`] of them, are hidden; a value
//! for which that cannot be is none for this method. Punctuation and spaces do not count as hidden:
//! they say nothing.

use crate::mask::marker::STARS;

/// Returns whether the value is long enough; nothing is written if not.
pub(super) fn write(value: &str, first: u8, last: u8, output: &mut String) -> bool {
    let Some((start, rest)) = split_after(value, first) else {
        return false;
    };
    let Some((hidden, end)) = split_before(rest, last) else {
        return false;
    };
    let count = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let (is_hidden, is_shown) = (count(hidden), count(start) + count(end));
    if is_hidden < HIDDEN_MIN || is_hidden < is_shown {
        return false;
    }
    // Space beside the asterisks would make a marker that is not recognised.
    output.push_str(start.trim_end());
    output.push_str(STARS);
    output.push_str(end.trim_start());
    true
}

fn split_after(text: &str, count: u8) -> Option<(&str, &str)> {
    let mut rest = text.chars();
    for _ in 0..count {
        rest.next()?;
    }
    let rest = rest.as_str();
    text.split_at_checked(text.len() - rest.len())
}

fn split_before(text: &str, count: u8) -> Option<(&str, &str)> {
    let mut rest = text.chars();
    for _ in 0..count {
        rest.next_back()?;
    }
    text.split_at_checked(rest.as_str().len())
}

const HIDDEN_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_is_hidden_or_nothing_is_shown() {
        let cases: [(&str, u8, u8, Option<&str>); 14] = [
            ("4111111111111111", 0, 4, Some("****1111")),
            ("4111 1111 1111 1111", 0, 5, Some("****1111")),
            ("4111111111111111", 4, 4, Some("4111****1111")),
            ("4111111111111111", 6, 4, None),
            ("123-45-6789", 0, 4, Some("****6789")),
            ("12345678", 0, 4, Some("****5678")),
            ("1234567", 0, 4, None),
            ("1234567", 0, 3, Some("****567")),
            ("123", 0, 0, None),
            ("1234", 0, 0, Some("****")),
            ("", 0, 4, None),
            ("ab", 255, 255, None),
            ("😀😀😀😀😀😀😀😀😀", 1, 1, None),
            ("Åsa Öberg-Świętek", 1, 1, Some("Å****k")),
        ];
        for (value, first, last, expected) in cases {
            let mut output = String::new();
            let written = write(value, first, last, &mut output);
            let output = written.then_some(output.as_str());
            assert_eq!(output, expected, "{value} {first} {last}");
        }
    }
}
