//! Words that make a find likelier: in a column's name, and near a find in a text.

use super::super::secret::HARMLESS;

/// As far as this before a candidate, a word counts: `social security number of the applicant: `.
const BEFORE_BYTES: usize = 40;

/// After it people write less: `… (SSN)`.
const AFTER_BYTES: usize = 20;

/// What names of columns add to a word: `SSN_NO`, `CARDNUMBER`.
const SUFFIXES: [&str; 7] = ["number", "code", "num", "nbr", "id", "no", "nr"];

/// What follows the name of a secret that is one all the same: `PASSWORD_HASH`.
const ENDINGS: [&str; 13] = [
    "hash",
    "hashed",
    "digest",
    "text",
    "plain",
    "plaintext",
    "value",
    "encrypted",
    "enc",
    "old",
    "new",
    "current",
    "temp",
];

/// Shorter words than this count inside a longer one by accident: `ein` in `BEING`.
const INSIDE_MIN: usize = 4;

/// One context word of a detector, or several that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    words: Vec<&'static str>,
    joined: String,
    letters: u32,
}

impl Phrase {
    pub(super) fn new(text: &'static str) -> Self {
        let words: Vec<_> = words(text).collect();
        let joined = words.concat();
        let letters = letters(&joined);
        Self {
            words,
            joined,
            letters,
        }
    }

    fn is_in(&self, words: &[&str]) -> bool {
        let mut runs = words.windows(self.words.len().max(1));
        runs.any(|run| self.is(run)) || words.iter().any(|word| same(word, &self.joined))
    }

    fn is(&self, words: &[&str]) -> bool {
        let mut pairs = words.iter().zip(&self.words);
        words.len() == self.words.len() && pairs.all(|(one, other)| same(one, other))
    }

    fn ends(&self, words: &[&str]) -> bool {
        let Some(word) = words.last() else {
            return false;
        };
        let runs_on = self.joined.len() > INSIDE_MIN
            && word.len() > self.joined.len()
            && word.to_lowercase().ends_with(&self.joined);
        let last = words.len().checked_sub(self.words.len());
        let last = last.and_then(|at| words.get(at..));
        last.is_some_and(|last| self.is(last)) || same(word, &self.joined) || runs_on
    }
}

/// The name of a column or key, or the words of a statement, taken apart.
#[derive(Debug)]
pub(super) struct Name<'n> {
    words: Vec<&'n str>,
    /// Each of them once, in lower case and in order.
    lower: Vec<String>,
    /// The same without what names add.
    bare: Vec<String>,
    letters: u32,
}

impl<'n> Name<'n> {
    pub(super) fn new(name: &'n str) -> Self {
        let words: Vec<_> = words(name).collect();
        let mut lower: Vec<_> = words.iter().map(|word| word.to_lowercase()).collect();
        lower.sort_unstable();
        lower.dedup();
        let bare = lower.iter().flat_map(|word| {
            let bare = SUFFIXES.iter().filter_map(|it| word.strip_suffix(it));
            bare.map(str::to_owned)
        });
        let mut bare: Vec<_> = bare.collect();
        bare.sort_unstable();
        Self {
            words,
            lower,
            bare,
            letters: letters(name),
        }
    }

    /// True if one of the phrases is in it.
    pub(super) fn has(&self, phrases: &[Phrase]) -> bool {
        self.possible(phrases).any(|phrase| self.has_one(phrase))
    }

    fn has_one(&self, phrase: &Phrase) -> bool {
        let joined = phrase.joined.as_str();
        let is = |word: &String| word.as_str().cmp(joined);
        // In names words are also run together: `CUSTOMERIBAN`, `SSNNO`.
        let is_inside = |word: &String| word.starts_with(joined) || word.ends_with(joined);
        self.lower.binary_search_by(is).is_ok()
            || self.bare.binary_search_by(is).is_ok()
            || (joined.len() >= INSIDE_MIN && self.lower.iter().any(is_inside))
            || (phrase.words.len() > 1 && self.has_words(phrase) && phrase.is_in(&self.words))
    }

    fn has_words(&self, phrase: &Phrase) -> bool {
        let mut words = phrase.words.iter();
        words.all(|word| {
            self.lower
                .binary_search_by(|it| it.as_str().cmp(word))
                .is_ok()
        })
    }

    /// True if it ends with one of the phrases, but for what says little, and is not that of something
    /// harmless.
    pub(super) fn ends_with(&self, phrases: &[Phrase]) -> bool {
        let mut possible = self.possible(phrases).peekable();
        let mut lower = self.lower.iter().map(String::as_str);
        if possible.peek().is_none() || lower.any(|it| HARMLESS.contains(&it)) {
            return false;
        }
        let says = |word: &str| {
            let is_ending = ENDINGS.iter().any(|it| word.eq_ignore_ascii_case(it));
            !is_ending && !word.starts_with(char::is_numeric)
        };
        let said = self.words.iter().rposition(|word| says(word));
        let words = said.and_then(|at| self.words.get(..=at));
        possible.any(|it| words.is_some_and(|words| it.ends(words)))
    }

    fn possible<'p>(&self, phrases: &'p [Phrase]) -> impl Iterator<Item = &'p Phrase> {
        let letters = self.letters;
        phrases.iter().filter(move |it| it.letters & !letters == 0)
    }
}

/// True if one of the phrases stands near what is between these texts.
pub(super) fn is_near(phrases: &[Phrase], before: &str, after: &str) -> bool {
    if phrases.is_empty() {
        return false;
    }
    let has = |text: &str| {
        // Most texts lack a letter of each phrase: parting them into words costs more.
        let letters = letters(text);
        let mut possible = phrases
            .iter()
            .filter(|it| it.letters & !letters == 0)
            .peekable();
        if letters == 0 || possible.peek().is_none() {
            return false;
        }
        let words: Vec<_> = words(text).collect();
        possible.any(|phrase| phrase.is_in(&words))
    };
    has(tail(before)) || has(head(after))
}

/// The ASCII letters of a text, one bit each, and one for whatever is not ASCII.
fn letters(text: &str) -> u32 {
    text.bytes().fold(0, |letters, byte| match byte {
        b'a'..=b'z' => letters | 1 << (byte - b'a'),
        b'A'..=b'Z' => letters | 1 << (byte - b'A'),
        0x80.. => letters | 1 << 26,
        _ => letters,
    })
}

/// The end of a text, without a word that would be cut.
fn tail(text: &str) -> &str {
    let at = text.ceil_char_boundary(text.len().saturating_sub(BEFORE_BYTES));
    let (outside, inside) = text.split_at_checked(at).unwrap_or(("", text));
    if outside.ends_with(char::is_alphanumeric) {
        inside.trim_start_matches(char::is_alphanumeric)
    } else {
        inside
    }
}

/// The start of a text, without a word that would be cut.
fn head(text: &str) -> &str {
    let at = text.floor_char_boundary(AFTER_BYTES);
    let (inside, outside) = text.split_at_checked(at).unwrap_or((text, ""));
    if outside.starts_with(char::is_alphanumeric) {
        inside.trim_end_matches(char::is_alphanumeric)
    } else {
        inside
    }
}

/// Compares a word with one that is in lower case.
fn same(word: &str, lower: &str) -> bool {
    word.eq_ignore_ascii_case(lower)
        || (!word.is_ascii() && word.chars().flat_map(char::to_lowercase).eq(lower.chars()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Other,
}

fn kind(c: char) -> Kind {
    if c.is_uppercase() {
        Kind::Upper
    } else if c.is_alphabetic() {
        Kind::Lower
    } else if c.is_numeric() {
        Kind::Digit
    } else {
        Kind::Other
    }
}

/// The words of a name or text: parted by what is neither letter nor digit, where letters and digits
/// meet, and where the case says so (`homePhone`, `SSNHash`).
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c| kind(c) == Kind::Other);
        let mut kinds = rest.char_indices().map(|(at, c)| (at, kind(c))).peekable();
        let (_, mut last) = kinds.next()?;
        let mut end = rest.len();
        while let Some((at, now)) = kinds.next() {
            let next = kinds.peek().map(|(_, kind)| *kind);
            let parts = match (last, now) {
                (Kind::Upper, Kind::Upper) => next == Some(Kind::Lower),
                (Kind::Upper, Kind::Lower) => false,
                (_, _) => last != now,
            };
            if parts {
                end = at;
                break;
            }
            last = now;
        }
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn phrases(words: &[&'static str]) -> Vec<Phrase> {
        words.iter().copied().map(Phrase::new).collect()
    }

    #[test]
    fn words_part_where_people_part_them() {
        let words = |text| words(text).collect::<Vec<_>>();
        assert_eq!(words("HOME_PHONE2"), ["HOME", "PHONE", "2"]);
        assert_eq!(words("homePhone"), ["home", "Phone"]);
        assert_eq!(words("SSNHash"), ["SSN", "Hash"]);
        assert_eq!(words("\"card-number\": 4"), ["card", "number", "4"]);
        assert_eq!(words("Año_nº"), ["Año", "nº"]);
        assert_eq!(words("--"), [""; 0]);
    }

    #[test]
    fn columns_are_named_in_many_ways() {
        let all = phrases(&["ssn", "social security", "card"]);
        for name in [
            "SSN",
            "cust_ssn",
            "SSNNO",
            "customerSsn",
            "SOCIAL_SECURITY_NO",
            "SOCIALSECURITY",
            "CARDNUMBER",
            "credit_card",
        ] {
            assert!(Name::new(name).has(&all), "{name}");
        }
        for name in ["", "ASSN", "SOCIAL_SCORE", "LESSNESS", "CAR"] {
            assert!(!Name::new(name).has(&all), "{name}");
        }
    }

    #[test]
    fn only_near_words_count() {
        let all = phrases(&["ssn", "social security"]);
        assert!(is_near(&all, "His SSN is ", ""));
        assert!(is_near(&all, "", " (Social Security)"));
        assert!(is_near(&all, "{\"custSsn\": \"", "\"}"));
        assert!(!is_near(&all, "His assn is ", ""));
        assert!(!is_near(&all, &format!("ssn {}", "x ".repeat(20)), ""));
        assert!(!is_near(&all, "", &format!("{} ssn", "x ".repeat(10))));
        // The windows begin in the middle of `assn` and end in the middle of `ssns`.
        assert!(!is_near(&all, &format!("assn{}", " ".repeat(37)), ""));
        assert!(!is_near(&all, "", &format!("{}ssns", " ".repeat(17))));
    }

    proptest! {
        #[test]
        fn words_lose_no_letter(text in any::<String>()) {
            let kept: String = text.chars().filter(|c| kind(*c) != Kind::Other).collect();
            prop_assert_eq!(words(&text).collect::<String>(), kept);
        }
    }
}
