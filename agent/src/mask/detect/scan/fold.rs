//! Characters that only look like ASCII, read as what they look like.
//!
//! Patterns are ASCII, so `４１１１ …` in full-width digits, groups parted by no-break spaces, or
//! typographic hyphens would walk past them; word processors write the last two by themselves. What
//! is folded: full-width forms (U+FF01-FF5E), the decimal digits of the scripts listed below, Unicode
//! spaces and hyphens. Invisible characters are left out: a zero-width space between two digits hides
//! nothing. What is not: letters of other scripts that look Latin, digits in circles or superscript,
//! and numbers written as words.

use std::ops::Range;

/// A text in ASCII look-alikes' stead, with the way back.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) text: String,
    /// Where the two texts drift apart: offsets in the folded text and in the original. At most one
    /// for each folded character, so that all this takes no more than three times the value.
    drifts: Vec<(u32, u32)>,
}

/// `None`: the text can be taken as it is. So it is where nothing is folded, and beyond 4 GiB.
pub(super) fn fold(value: &str) -> Option<Folded> {
    if value.is_ascii() || !value.chars().any(|c| ascii(c) != Ascii::Other) {
        return None;
    }
    u32::try_from(value.len()).ok()?;
    let (mut text, mut drifts) = (String::with_capacity(value.len()), Vec::new());
    let mut drift = 0;
    for (at, c) in value.char_indices() {
        let c = match ascii(c) {
            Ascii::Char(folded) => folded,
            Ascii::Nothing => continue,
            Ascii::Other => c,
        };
        if at - text.len() != drift {
            drift = at - text.len();
            drifts.push((u32::try_from(text.len()).ok()?, u32::try_from(at).ok()?));
        }
        text.push(c);
    }
    Some(Folded { text, drifts })
}

impl Folded {
    /// The bytes of the original that a range of the folded text stands for.
    pub(super) fn original(&self, range: &Range<usize>, value: &str) -> Range<usize> {
        let start = self.offset(range.start);
        // From the last character, not to the next: what was left out between them stays.
        let last = self
            .text
            .get(range.clone())
            .and_then(|it| it.chars().next_back());
        let last = range.end.saturating_sub(last.map_or(0, char::len_utf8));
        let last = self.offset(last);
        let rest = value.get(last..).unwrap_or_default();
        start..last + rest.chars().next().map_or(0, char::len_utf8)
    }

    fn offset(&self, at: usize) -> usize {
        let before = |(folded, _): &(u32, u32)| usize::try_from(*folded).is_ok_and(|it| it <= at);
        let index = self.drifts.partition_point(before);
        let drift = index.checked_sub(1).and_then(|it| self.drifts.get(it));
        let (folded, original) = drift.copied().unwrap_or((0, 0));
        let widen = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
        at - widen(folded) + widen(original)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ascii {
    Char(char),
    Nothing,
    Other,
}

/// What a character looks like.
fn ascii(c: char) -> Ascii {
    let code = u32::from(c);
    if c.is_ascii() {
        return Ascii::Other;
    }
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(code - 0xfee0).map_or(Ascii::Other, Ascii::Char),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Ascii::Char(' ')
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Ascii::Char('-'),
        '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => Ascii::Nothing,
        _ => {
            let zero = ZEROS
                .iter()
                .find(|zero| (**zero..**zero + 10).contains(&code));
            let digit = zero.and_then(|zero| char::from_digit(code - zero, 10));
            digit.map_or(Ascii::Other, Ascii::Char)
        }
    }
}

/// The zeros of decimal digits (Unicode, `Nd`) of scripts that people write numbers in, and of the
/// five styles of mathematical digits; nine digits follow each.
const ZEROS: [u32; 19] = [
    0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0,
    0x17e0, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn look_alikes_become_ascii() {
        let folded = |text| fold(text).map(|it| it.text);
        assert_eq!(folded("４１１１＠").as_deref(), Some("4111@"));
        assert_eq!(folded("12\u{2011}34\u{a0}5").as_deref(), Some("12-34 5"));
        assert_eq!(folded("٣٤۵६𝟗").as_deref(), Some("34569"));
        assert_eq!(folded("1\u{200b}2\u{ad}3").as_deref(), Some("123"));
        assert_eq!(folded("Straße 12"), None, "nothing to fold");
        assert_eq!(folded("plain"), None);
    }

    #[test]
    fn ranges_find_back() {
        let value = "№ ４１\u{200b}１１\u{200b} é";
        let folded = fold(value).unwrap();
        let start = folded.text.find("4111").unwrap();
        let range = folded.original(&(start..start + 4), value);
        assert_eq!(value.get(range), Some("４１\u{200b}１１"));
        let whole = folded.original(&(0..folded.text.len()), value);
        assert_eq!(whole, 0..value.len());
    }

    proptest! {
        #[test]
        fn every_character_finds_back(value in "[a1 é４\u{200b}\u{a0}𝟗]{0,12}", any in any::<String>()) {
            for value in [value, any] {
                let Some(folded) = fold(&value) else { continue };
                let mut last = 0;
                for (at, c) in folded.text.char_indices() {
                    let range = folded.original(&(at..at + c.len_utf8()), &value);
                    prop_assert!(range.start >= last);
                    last = range.end;
                    let original = value.get(range).unwrap().chars().collect::<Vec<_>>();
                    let [original] = original[..] else {
                        panic!("not one character");
                    };
                    let expected = match ascii(original) {
                        Ascii::Char(it) => it,
                        Ascii::Nothing | Ascii::Other => original,
                    };
                    prop_assert_eq!(c, expected);
                }
            }
        }
    }
}
