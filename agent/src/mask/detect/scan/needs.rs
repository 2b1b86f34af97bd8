//! What every match of a pattern must have, read from the pattern itself.
//!
//! A value without it cannot match, and counting bytes is cheaper than running an automaton. All
//! numbers are lower bounds: where a pattern is too complex to say, they are 0.

use std::ops::RangeInclusive;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The least that a match has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) length: usize,
    pub(super) digits: usize,
    pub(super) letters: usize,
    /// ASCII bytes that each match has, one bit each.
    pub(super) bytes: u128,
    /// Each match ends with a letter or digit.
    pub(super) ends_in_word: bool,
    /// There is no white space in any match.
    pub(super) is_unbroken: bool,
}

impl Needs {
    pub(super) fn of(hir: &Hir) -> Self {
        Self {
            ends_in_word: end(hir) == End::Word,
            is_unbroken: !has_space(hir),
            ..count(hir)
        }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            length: self.length.saturating_add(other.length),
            digits: self.digits.saturating_add(other.digits),
            letters: self.letters.saturating_add(other.letters),
            bytes: self.bytes | other.bytes,
            ..self
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            length: self.length.min(other.length),
            digits: self.digits.min(other.digits),
            letters: self.letters.min(other.letters),
            bytes: self.bytes & other.bytes,
            ..self
        }
    }

    fn times(self, count: u32) -> Self {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            length: self.length.saturating_mul(count),
            digits: self.digits.saturating_mul(count),
            letters: self.letters.saturating_mul(count),
            bytes: if count == 0 { 0 } else { self.bytes },
            ..self
        }
    }

    fn one_of(ranges: &[RangeInclusive<u8>]) -> Self {
        let all = |fits: fn(&u8) -> bool| ranges.iter().cloned().flatten().all(|byte| fits(&byte));
        let only = match ranges {
            [range] if range.start() == range.end() => bit(*range.start()),
            [..] => 0,
        };
        Self {
            length: 1,
            digits: usize::from(all(u8::is_ascii_digit)),
            letters: usize::from(all(u8::is_ascii_alphabetic)),
            bytes: only,
            ..Self::default()
        }
    }
}

/// Reads a pattern as the scanner compiles it.
pub(super) fn read(pattern: &str) -> Option<Hir> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    parser.parse(pattern).ok()
}

/// The bit of an ASCII byte.
pub(super) fn bit(byte: u8) -> u128 {
    1_u128.checked_shl(u32::from(byte)).unwrap_or(0)
}

fn count(hir: &Hir) -> Needs {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Needs::default(),
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter();
            bytes.fold(Needs::default(), |sum, byte| {
                sum.and(Needs::one_of(&[*byte..=*byte]))
            })
        }
        HirKind::Class(class) => Needs::one_of(&ranges(class)),
        HirKind::Repetition(repetition) => count(&repetition.sub).times(repetition.min),
        HirKind::Capture(capture) => count(&capture.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .fold(Needs::default(), |sum, part| sum.and(count(part))),
        HirKind::Alternation(parts) => {
            let parts = parts.iter().map(count);
            parts.reduce(Needs::or).unwrap_or_default()
        }
    }
}

/// Whether white space can be part of a match.
fn has_space(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.iter().any(u8::is_ascii_whitespace),
        HirKind::Class(class) => {
            let mut bytes = ranges(class).into_iter().flatten();
            bytes.any(|byte| byte.is_ascii_whitespace())
        }
        HirKind::Repetition(repetition) => has_space(&repetition.sub),
        HirKind::Capture(capture) => has_space(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_space),
    }
}

/// The bytes of a class. One of characters beyond ASCII is read as any byte.
pub(super) fn ranges(class: &Class) -> Vec<RangeInclusive<u8>> {
    match class {
        Class::Bytes(bytes) => {
            let ranges = bytes.iter();
            ranges.map(|range| range.start()..=range.end()).collect()
        }
        Class::Unicode(characters) => {
            let ranges = characters.iter();
            let ranges = ranges
                .map(|it| Some(u8::try_from(it.start()).ok()?..=u8::try_from(it.end()).ok()?));
            ranges
                .collect::<Option<_>>()
                .unwrap_or_else(|| vec![0..=u8::MAX])
        }
    }
}

/// What stands at the end of every match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A letter or digit.
    Word,
    /// A letter or digit, unless this part of the pattern matches nothing.
    WordOrNothing,
    Nothing,
    Unknown,
}

fn end(hir: &Hir) -> End {
    let word = |is_word: bool| if is_word { End::Word } else { End::Unknown };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => End::Nothing,
        HirKind::Literal(literal) => word(literal.0.last().is_some_and(u8::is_ascii_alphanumeric)),
        HirKind::Class(class) => {
            let mut bytes = ranges(class).into_iter().flatten();
            word(bytes.all(|byte| byte.is_ascii_alphanumeric()))
        }
        HirKind::Repetition(repetition) => match end(&repetition.sub) {
            End::Word if repetition.min == 0 => End::WordOrNothing,
            last @ (End::Word | End::WordOrNothing | End::Nothing | End::Unknown) => last,
        },
        HirKind::Capture(capture) => end(&capture.sub),
        HirKind::Concat(parts) => {
            let mut last = End::Nothing;
            for part in parts.iter().rev() {
                last = match (last, end(part)) {
                    (_, End::Word) => return End::Word,
                    (_, End::Unknown) => return End::Unknown,
                    (End::Nothing, End::Nothing) => End::Nothing,
                    (_, End::Nothing | End::WordOrNothing) => End::WordOrNothing,
                };
            }
            last
        }
        HirKind::Alternation(parts) => {
            let ends = parts.iter().map(end);
            let both = ends.reduce(|one, other| match (one, other) {
                (End::Unknown, _) | (_, End::Unknown) => End::Unknown,
                (End::Word, End::Word) => End::Word,
                (End::Nothing, End::Nothing) => End::Nothing,
                (End::Word | End::WordOrNothing | End::Nothing, _) => End::WordOrNothing,
            });
            both.unwrap_or(End::Nothing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(pattern: &str) -> Needs {
        Needs::of(&read(pattern).unwrap())
    }

    #[test]
    fn counts_are_those_of_the_shortest_match() {
        let needs = needs(r"(?:\d{3}-\d{2}-\d{4}|\d{9})");
        assert_eq!((needs.length, needs.digits, needs.letters), (9, 9, 0));
        assert_eq!(needs.bytes, 0, "one alternative has no hyphen");
    }

    #[test]
    fn bytes_of_every_match_are_told() {
        let needs = needs(r"[a-z0-9.]+@[a-z]+\.[a-z]{2,}");
        assert_eq!((needs.length, needs.letters), (6, 3));
        assert_eq!(needs.bytes, bit(b'@') | bit(b'.'));
        assert!(needs.ends_in_word);
    }

    #[test]
    fn case_makes_a_letter_but_no_byte() {
        let needs = needs("(?i)bc1");
        assert_eq!((needs.letters, needs.digits), (2, 1));
        assert_eq!(needs.bytes, bit(b'1'));
    }

    #[test]
    fn what_may_be_absent_is_not_needed() {
        assert_eq!(needs(r"(?:\+1)?[ -]?").length, 0);
        assert!(needs(r"\d{2}(?:[A-Z]{2})?").ends_in_word);
        assert!(needs(r"(?:\d|[a-z]+)\b").ends_in_word);
        assert!(
            needs(r"\d(?:(?:[.]\d)?|[a-z])").ends_in_word,
            "as one that is factored"
        );
        assert!(!needs(r"\d+-?").ends_in_word);
        assert!(!needs(r"\d*").ends_in_word);
    }

    #[test]
    fn white_space_is_seen_where_it_may_stand() {
        for pattern in ["a b", "a[^b]", r"a\s?", "(?:a|b[ ]c)", "a.b"] {
            assert!(!needs(pattern).is_unbroken, "{pattern}");
        }
        assert!(needs("a+[b-z]{2}(?:[.]|-)").is_unbroken);
    }

    #[test]
    fn a_broken_pattern_has_none() {
        assert!(read("(").is_none());
    }
}
