//! Where matches of a pattern can begin, read from the pattern itself.
//!
//! A find begins at the start of a run of letters and digits, or at a byte that is neither. A few
//! look-ups, by the first bytes and by how long that run is, name the few patterns that are worth
//! trying: a run of four digits begins no social security number, and no word an IBAN.

use std::ops::RangeInclusive;

use regex_syntax::hir::{Hir, HirKind};

use super::gate::{POSITIONS_MAX, Positions};
use super::needs::ranges;

/// What a match begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    /// For each of the first places, which bytes may stand there, 64 to a word.
    bytes: [[u64; 4]; PLACES],
    /// How many letters and digits come first, one bit for each number; the last for it and more.
    runs: u64,
}

/// Looking further costs more than it saves.
const PLACES: usize = 8;

/// Runs of so many and more are all alike.
const RUN_MAX: usize = 63;

impl Beginning {
    pub(super) fn of(hir: &Hir) -> Self {
        let mut places = Places::default();
        let ends = places.walk(hir, 1);
        // What stands behind a match that has ended may be anything.
        let ended = (0..PLACES).filter(|place| ends & ((2 << place) - 1) != 0);
        for place in ended {
            places.add(1 << place, &[0..=u8::MAX]);
        }
        let runs = runs(hir);
        Self {
            bytes: places.bytes,
            runs: runs.whole | runs.cut,
        }
    }

    fn has(&self, place: usize, byte: u8) -> bool {
        let words = self.bytes.get(place);
        let word = words.and_then(|it| it.get(usize::from(byte / 64)));
        word.is_some_and(|word| word >> (byte % 64) & 1 == 1)
    }
}

/// Which patterns can begin at a place.
#[derive(Clone, Debug)]
pub(super) struct Starts {
    /// Bytes that no pattern tells apart are one class: a table of those stays in the nearest cache.
    classes: [u8; 256],
    by_class: Vec<[Positions; PLACES]>,
    by_run: Vec<Positions>,
}

impl Default for Starts {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Starts {
    pub(super) fn new(beginnings: &[Beginning]) -> Self {
        let positions = |fits: &dyn Fn(&Beginning) -> bool| {
            let all = beginnings.iter().zip(0..POSITIONS_MAX);
            let all = all.filter(|(beginning, _)| fits(beginning));
            all.fold(0, |sum: Positions, (_, at)| sum | (1 << at))
        };
        let mut classes = [0; 256];
        let mut by_class: Vec<[Positions; PLACES]> = Vec::new();
        for (byte, class) in (0..=u8::MAX).zip(&mut classes) {
            let places = std::array::from_fn(|place| positions(&|it| it.has(place, byte)));
            let known = by_class.iter().position(|it| *it == places);
            if known.is_none() {
                by_class.push(places);
            }
            // There are no more classes than bytes.
            *class = u8::try_from(known.unwrap_or(by_class.len() - 1)).unwrap_or(u8::MAX);
        }
        Self {
            classes,
            by_class,
            by_run: (0..=RUN_MAX)
                .map(|run| positions(&|it| it.runs >> run & 1 == 1))
                .collect(),
        }
    }

    /// The patterns among these that can begin with these bytes.
    pub(super) fn at(&self, bytes: &[u8], among: Positions) -> Positions {
        let mut open = among;
        for (place, byte) in (0..PLACES).zip(bytes) {
            let class = self.classes.get(usize::from(*byte)).copied().unwrap_or(0);
            let places = self.by_class.get(usize::from(class));
            open &= places.and_then(|it| it.get(place)).copied().unwrap_or(0);
            if open == 0 {
                break;
            }
        }
        open
    }

    /// The patterns among these that can begin with a run of so many letters and digits.
    pub(super) fn run(&self, length: usize, among: Positions) -> Positions {
        let positions = self.by_run.get(length.min(RUN_MAX));
        positions.copied().unwrap_or(0) & among
    }
}

#[derive(Default)]
struct Places {
    bytes: [[u64; 4]; PLACES],
}

impl Places {
    /// Adds what a part of a pattern can put into each place, if it begins at one of these (one bit
    /// each, the last for all beyond), and tells where it can end.
    fn walk(&mut self, hir: &Hir, from: u64) -> u64 {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => from,
            HirKind::Literal(literal) => {
                let bytes = literal.0.iter();
                bytes.fold(from, |from, byte| self.add(from, &[*byte..=*byte]))
            }
            HirKind::Class(class) => self.add(from, &ranges(class)),
            HirKind::Repetition(repetition) => {
                // More rounds than places change nothing.
                let rounds =
                    |count: u32| 0..usize::try_from(count).unwrap_or(PLACES).min(PLACES + 1);
                let mut from = from;
                for _ in rounds(repetition.min) {
                    from = self.walk(&repetition.sub, from);
                }
                let more = repetition.max.unwrap_or(u32::MAX) - repetition.min;
                for _ in rounds(more) {
                    from |= self.walk(&repetition.sub, from);
                }
                from
            }
            HirKind::Capture(capture) => self.walk(&capture.sub, from),
            HirKind::Concat(parts) => parts.iter().fold(from, |from, part| self.walk(part, from)),
            HirKind::Alternation(parts) => parts
                .iter()
                .fold(0, |ends, part| ends | self.walk(part, from)),
        }
    }

    fn add(&mut self, from: u64, ranges: &[RangeInclusive<u8>]) -> u64 {
        let places = (0..PLACES).zip(&mut self.bytes);
        for (_, words) in places.filter(|(place, _)| from >> place & 1 == 1) {
            for byte in ranges.iter().cloned().flatten() {
                if let Some(word) = words.get_mut(usize::from(byte / 64)) {
                    *word |= 1 << (byte % 64);
                }
            }
        }
        let beyond = 1 << PLACES;
        (from << 1 & (beyond * 2 - 1)) | (from & beyond)
    }
}

/// How many letters and digits a match begins with, one bit for each number.
#[derive(Clone, Copy, Debug, Default)]
struct Runs {
    /// All of the match is letters and digits.
    whole: u64,
    /// Something else follows them.
    cut: u64,
}

fn runs(hir: &Hir) -> Runs {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Runs { whole: 1, cut: 0 },
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter();
            let bytes = bytes.map(|byte| one(std::iter::once(*byte)));
            bytes.fold(Runs { whole: 1, cut: 0 }, then)
        }
        HirKind::Class(class) => one(ranges(class).into_iter().flatten()),
        HirKind::Repetition(repetition) => {
            let each = runs(&repetition.sub);
            let mut all = Runs { whole: 1, cut: 0 };
            for _ in 0..repetition.min.min(64) {
                all = then(all, each);
            }
            // Optional ones may be fewer; beyond 63 all are alike.
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..most.saturating_sub(repetition.min).min(64) {
                let more = then(all, each);
                all = Runs {
                    whole: all.whole | more.whole,
                    cut: all.cut | more.cut,
                };
            }
            all
        }
        HirKind::Capture(capture) => runs(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(runs).fold(Runs { whole: 1, cut: 0 }, then),
        HirKind::Alternation(parts) => {
            parts
                .iter()
                .map(runs)
                .fold(Runs::default(), |sum, part| Runs {
                    whole: sum.whole | part.whole,
                    cut: sum.cut | part.cut,
                })
        }
    }
}

fn one(bytes: impl Iterator<Item = u8>) -> Runs {
    bytes.fold(Runs::default(), |sum, byte| {
        if byte.is_ascii_alphanumeric() {
            Runs {
                whole: sum.whole | 1 << 1,
                ..sum
            }
        } else {
            Runs {
                cut: sum.cut | 1,
                ..sum
            }
        }
    })
}

fn then(one: Runs, next: Runs) -> Runs {
    Runs {
        whole: sums(one.whole, next.whole),
        cut: one.cut | sums(one.whole, next.cut),
    }
}

/// All sums of a number of the one and a number of the other.
fn sums(one: u64, other: u64) -> u64 {
    (0..=63_u32)
        .filter(|shift| other >> shift & 1 == 1)
        .fold(0, |sums, shift| {
            let wide = u128::from(one) << shift;
            let over = u64::from(wide >> RUN_MAX != 0) << RUN_MAX;
            sums | u64::try_from(wide & u128::from(u64::MAX >> 1)).unwrap_or(0) | over
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};
    use regex::bytes::RegexBuilder;

    use super::*;
    use crate::mask::detect::scan::needs;

    fn beginning(pattern: &str) -> Beginning {
        Beginning::of(&needs::read(pattern).unwrap())
    }

    fn runs(pattern: &str) -> Vec<usize> {
        let runs = beginning(pattern).runs;
        (0..=RUN_MAX).filter(|at| runs >> at & 1 == 1).collect()
    }

    #[test]
    fn runs_are_those_up_to_the_first_separator() {
        assert_eq!(runs("[0-9]{3}-[0-9]{2}"), [3]);
        assert_eq!(runs("[0-9]{3}-?[0-9]{2}"), [3, 5]);
        assert_eq!(runs("[A-Z]{2}(?:[ ]?[0-9]){1,2}"), [2, 3, 4]);
        assert_eq!(runs("a|bc|[.]d"), [0, 1, 2]);
        assert_eq!(runs("[a-z]+@x"), (1..=63).collect::<Vec<_>>());
        assert_eq!(runs("[a-z]{70}"), [63]);
        assert_eq!(runs("[a-z.]{2}"), [0, 1, 2]);
    }

    #[test]
    fn bytes_of_the_first_places_are_told() {
        let it = beginning(r"\+?[0-9]x");
        assert!(it.has(0, b'+') && it.has(0, b'7') && !it.has(0, b'-'));
        assert!(it.has(1, b'x') && it.has(1, b'7') && !it.has(1, b'y'));
        assert!(
            it.has(2, b'x') && it.has(2, b'?') && it.has(7, b'?'),
            "it may have ended"
        );
        assert!(beginning("(?i)bc").has(1, b'C'));
        assert!(beginning("(?:a|b?)c").has(0, b'c'));
        assert!(!beginning("(?:a|b)c").has(0, b'c'));
        let it = beginning("[a-z]{2,6}[0-9]{3}");
        assert!(!it.has(1, b'1') && it.has(2, b'1') && it.has(3, b'z') && !it.has(3, b'-'));
    }

    proptest! {
        /// A match that begins as no pattern may would never be tried.
        #[test]
        fn matches_begin_as_told(value in "[0-9]{1,4}[- ]?[0-9]{0,4}|[a-c]{1,3}[.@]?[a-c]{1,3}") {
            for pattern in ["[0-9]{2,3}(?:[ -]?[0-9]{2}){1,2}", "[a-b.]+@?[a-c]{2}", "[0-9]{4}|a?b?c", "[+-]?[0-9]{3}"] {
                let whole = format!("^(?:{pattern})$");
                let regex = RegexBuilder::new(&whole).unicode(false).build().unwrap();
                let run = value.bytes().take_while(u8::is_ascii_alphanumeric).count();
                let it = beginning(pattern);
                let mut places = value.bytes().zip(0..PLACES);
                let told = places.all(|(byte, place)| it.has(place, byte)) && it.runs >> run & 1 == 1;
                prop_assert!(told || !regex.is_match(value.as_bytes()), "{pattern}");
            }
        }
    }
}
