//! Which patterns could match a value at all, told by counting its bytes.
//!
//! Most values of most columns have too few digits, or lack the `@` or the colon that a pattern
//! needs; for them this is all the work there is.

use super::needs::{Needs, bit};

/// Detectors by position, one bit each.
pub(super) type Positions = u128;

/// As many positions as [`Positions`] holds.
pub(super) const POSITIONS_MAX: usize = 128;

/// From this many on, more of a kind make no difference.
const COUNT_MAX: usize = 64;

/// Bits of a byte's kind that are taken by digit, letter and white space.
const DIGIT: u32 = 1;
const LETTER: u32 = 1 << 1;
const SPACE: u32 = 1 << 2;
const OWN: u32 = 3;

/// What a value must have for each position.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    /// The kind of each byte: digit, letter, or one that some patterns need.
    kinds: [u32; 256],
    by_length: [Positions; COUNT_MAX + 1],
    /// By the longest piece between white space, which prose has none of that a key or token fits in.
    by_piece: [Positions; COUNT_MAX + 1],
    by_digits: [Positions; COUNT_MAX + 1],
    by_letters: [Positions; COUNT_MAX + 1],
    /// A bit of `kinds`, and who needs it.
    by_byte: Vec<(u32, Positions)>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Gate {
    pub(super) fn new(needs: &[Needs]) -> Self {
        let mut gate = Self {
            kinds: [0; 256],
            by_length: [0; COUNT_MAX + 1],
            by_piece: [0; COUNT_MAX + 1],
            by_digits: [0; COUNT_MAX + 1],
            by_letters: [0; COUNT_MAX + 1],
            by_byte: Vec::new(),
        };
        let positions = |fits: &dyn Fn(&Needs) -> bool| {
            let all = needs.iter().zip(0..POSITIONS_MAX);
            let all = all.filter(|(needs, _)| fits(needs));
            all.fold(0, |sum, (_, at)| sum | (1 << at))
        };
        for (byte, kind) in (0..=u8::MAX).zip(&mut gate.kinds) {
            *kind = match byte {
                b'0'..=b'9' => DIGIT,
                b'A'..=b'Z' | b'a'..=b'z' => LETTER,
                _ if byte.is_ascii_whitespace() => SPACE,
                _ => 0,
            };
            let needing = positions(&|needs| needs.bytes & bit(byte) != 0);
            // ASCII has punctuation before letters, which tells more: the first ones get a bit.
            let own = 1_u32.checked_shl(
                OWN.saturating_add(u32::try_from(gate.by_byte.len()).unwrap_or(u32::MAX)),
            );
            if let Some(own) = own.filter(|_| needing != 0) {
                *kind |= own;
                gate.by_byte.push((own, needing));
            }
        }
        let tables = (0..=COUNT_MAX)
            .zip(gate.by_length.iter_mut().zip(&mut gate.by_piece))
            .zip(gate.by_digits.iter_mut().zip(&mut gate.by_letters));
        for ((count, (by_length, by_piece)), (by_digits, by_letters)) in tables {
            let is_long = |needs: &Needs| needs.length.min(COUNT_MAX) <= count;
            *by_length = positions(&is_long);
            *by_piece = positions(&|needs| !needs.is_unbroken || is_long(needs));
            *by_digits = positions(&|needs| needs.digits.min(COUNT_MAX) <= count);
            *by_letters = positions(&|needs| needs.letters.min(COUNT_MAX) <= count);
        }
        gate
    }

    /// The positions whose pattern could match.
    pub(super) fn pass(&self, value: &[u8], among: Positions) -> Positions {
        let mut open = among & at(&self.by_length, value.len());
        if open == 0 {
            return 0;
        }
        let (mut seen, mut digits, mut letters) = (0, 0_usize, 0_usize);
        let (mut piece, mut longest) = (0_usize, 0_usize);
        for byte in value {
            let kind = self.kinds.get(usize::from(*byte)).copied().unwrap_or(0);
            seen |= kind;
            digits += usize::from(kind & DIGIT != 0);
            letters += usize::from(kind & LETTER != 0);
            piece = if kind & SPACE == 0 { piece + 1 } else { 0 };
            longest = longest.max(piece);
        }
        open &= at(&self.by_digits, digits) & at(&self.by_letters, letters);
        open &= at(&self.by_piece, longest);
        for (own, needing) in &self.by_byte {
            if open == 0 {
                break;
            }
            if seen & own == 0 {
                open &= !needing;
            }
        }
        open
    }
}

fn at(table: &[Positions; COUNT_MAX + 1], count: usize) -> Positions {
    table.get(count.min(COUNT_MAX)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};
    use regex::bytes::RegexBuilder;

    use super::*;
    use crate::mask::detect::scan::needs;

    const PATTERNS: [&str; 5] = [
        r"\d{3}-\d{2}-\d{4}",
        r"[a-z0-9.]+@[a-z]+\.[a-z]{2,}",
        "(?i)bc1[a-z0-9]{6,9}",
        r"\d(?:[ -]?\d){5,7}",
        "[A-Z][0-9]{2}(?:[.][0-9])?",
    ];

    fn gate() -> Gate {
        Gate::new(&PATTERNS.map(|it| Needs::of(&needs::read(it).unwrap())))
    }

    #[test]
    fn words_and_short_numbers_pass_no_detector() {
        for value in ["", "shipped", "1234", "a.b", "12:30"] {
            assert_eq!(gate().pass(value.as_bytes(), u128::MAX), 0, "{value}");
        }
        assert_eq!(gate().pass(b"123-45-6789", u128::MAX), 0b1001);
        assert_eq!(gate().pass(b"123-45-6789", 0b0001), 0b0001);
        assert_eq!(gate().pass(b"me@here.org", u128::MAX), 0b0010);
        assert_eq!(gate().pass(b"me @ here . org", u128::MAX), 0);
    }

    proptest! {
        /// What is kept out could not have matched.
        #[test]
        fn nothing_that_matches_is_kept_out(value in "[A-Zbc1-9@. -]{0,24}|[a-c]{1,3}@[a-c]{1,2}[.]org|bc1[0-9a-z]{7}|[A-Z][0-9]{2}[.]?[0-9]?") {
            let open = gate().pass(value.as_bytes(), u128::MAX);
            for (at, pattern) in PATTERNS.iter().enumerate() {
                let regex = RegexBuilder::new(pattern).unicode(false).build().unwrap();
                prop_assert!(!regex.is_match(value.as_bytes()) || open & (1 << at) != 0, "{pattern}");
            }
        }
    }
}
