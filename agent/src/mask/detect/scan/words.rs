//! Detectors that find nothing without a certain word, passed by where the value has none.
//!
//! Their patterns are so wide that they begin at nearly every word or number. One automaton over the
//! words reads a value in a fraction of the time that these attempts take.

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::engine::Engine;
use super::gate::{POSITIONS_MAX, Positions};

/// Their check believes nothing without one of their context words.
const BY_CONTEXT: [&str; 6] = [
    "aws-secret-access-key",
    "date-of-birth",
    "icd10",
    "mrn",
    "us-driver-license",
    "us-passport",
];

/// Each match of the pattern has one of these, in letters of either case.
const BY_PATTERN: [(&str, &[&str]); 2] = [
    (
        "keyed-secret",
        &["key", "token", "secret", "credential", "sid"],
    ),
    (
        "password",
        &[
            "passw",
            "passphrase",
            "passcode",
            "pwd",
            "kennwort",
            "contrase",
            "senha",
            "wachtwoord",
            "mot de passe",
        ],
    ),
];

/// Which words make which detectors worth trying.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    set: Option<RegexSet>,
    /// The positions of the patterns of the set, in its order.
    positions: Vec<usize>,
    by_context: Positions,
    by_pattern: Positions,
}

impl Words {
    pub(super) fn new(engines: &[Engine]) -> Self {
        let mut words = Self::default();
        let mut patterns = Vec::new();
        for (position, engine) in (0..POSITIONS_MAX).zip(engines) {
            let name = engine.detector.name;
            let by_pattern = BY_PATTERN.iter().find(|it| it.0 == name);
            if let Some((_, literals)) = by_pattern {
                patterns.push(literals.join("|"));
                words.by_pattern |= 1 << position;
            } else if BY_CONTEXT.contains(&name) {
                patterns.push(any_phrase(engine.detector.context));
                words.by_context |= 1 << position;
            } else {
                continue;
            }
            words.positions.push(position);
        }
        // The words are ours: that the set compiles is a test.
        let mut builder = RegexSetBuilder::new(&patterns);
        words.set = builder.unicode(false).case_insensitive(true).build().ok();
        words
    }

    /// The positions among the open ones that the words of a text leave open.
    pub(super) fn pass(&self, text: &str, open: Positions, likely: Positions) -> Positions {
        let by_context = self.by_context & open & !likely;
        let asked = by_context | self.by_pattern & open;
        let Some(set) = self.set.as_ref().filter(|_| asked != 0) else {
            return open;
        };
        let has_letter = text
            .bytes()
            .any(|it| it.is_ascii_alphabetic() || !it.is_ascii());
        if !has_letter {
            return open & !asked;
        }
        let found = set.matches(text.as_bytes()).into_iter();
        let found = found.filter_map(|it| self.positions.get(it));
        let mut found = found.fold(0, |sum: Positions, at| sum | (1 << at));
        if !text.is_ascii() {
            // Words beyond ASCII are compared letter by letter, not here.
            found |= by_context;
        }
        open & (found | !asked)
    }
}

/// Phrases whose words are run together or parted by anything but letters and digits.
fn any_phrase(phrases: &[&str]) -> String {
    let phrases = phrases.iter().filter(|phrase| phrase.is_ascii());
    let phrases = phrases.map(|phrase| {
        let words = phrase.split(|c: char| !c.is_ascii_alphanumeric());
        words.collect::<Vec<_>>().join("[^0-9a-z]*")
    });
    phrases.collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::*;
    use crate::mask::detect::testing::patterned;
    use crate::mask::detect::{Candidate, Detector, by_name, secret};

    fn engines() -> Vec<Engine> {
        let names = BY_CONTEXT.into_iter().chain(BY_PATTERN.map(|it| it.0));
        let detectors = names.map(|name| by_name(name).unwrap());
        detectors.map(|it| Engine::new(it).unwrap()).collect()
    }

    #[test]
    fn a_text_without_the_words_is_passed_by() {
        let words = Words::new(&engines());
        assert!(words.set.is_some());
        assert_eq!(words.by_context.count_ones(), 6);
        assert_eq!(words.pass("the late order 12345", 0xff, 0), 0);
        assert_eq!(words.pass("12345", 0xff, 0), 0);
        assert_eq!(
            words.pass("the late order 12345", 0xff, 0b100),
            0b100,
            "likely"
        );
        assert_eq!(words.pass("my PASSWORD", 0xff, 0), 0b1000_0000);
        assert_eq!(words.pass("né", 0xff, 0), 0b11_1111, "not ASCII");
    }

    #[test]
    fn none_of_them_believes_anything_without_context() {
        for name in BY_CONTEXT {
            let detector: &'static Detector = by_name(name).unwrap();
            for text in ["1985-12-10", "E11.9", "123456789", "C03005988", "19851210"] {
                let candidate = Candidate {
                    text,
                    before: "",
                    after: "",
                    in_context: false,
                };
                assert_eq!((detector.check)(&candidate), None, "{name}: {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_phrase_in_any_writing_keeps_its_detector(
            at in 0..BY_CONTEXT.len(),
            index in select((0..64_usize).collect::<Vec<_>>()),
            joint in select(vec!["", " ", "_", "-", ". ", " / "]),
            upper in prop::bool::ANY,
        ) {
            let words = Words::new(&engines());
            let context = by_name(BY_CONTEXT[at]).unwrap().context;
            let phrase = context[index % context.len()].replace(' ', joint);
            let phrase = if upper { phrase.to_uppercase() } else { phrase };
            prop_assert_eq!(words.pass(&format!("x {phrase}: 1"), 1 << at, 0), 1 << at);
        }

        #[test]
        fn what_a_pattern_matches_keeps_its_detector(text in patterned(secret::ALL)) {
            let words = Words::new(&engines());
            for (at, engine) in engines().iter().enumerate().skip(BY_CONTEXT.len()) {
                let mut places = text.char_indices().map(|it| &text.as_bytes()[it.0..]);
                let matches = places.any(|bytes| engine.end(bytes).is_some());
                prop_assert!(!matches || words.pass(&text, 1 << at, 0) != 0);
            }
        }
    }
}
