//! Numbering plans: which digits are somebody's number.
//!
//! The data is that of the library `phonenumber` (Google's libphonenumber). Its own check keeps a
//! hundred compiled patterns for the world behind one lock, fewer than ten countries have, so that most
//! questions would compile some anew: half a millisecond. Here all patterns of a country code become
//! one, compiled when the first number of it is met and kept.

use std::fmt::Write as _;
use std::sync::OnceLock;

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};
use regex::bytes::{Regex, RegexBuilder};

/// The numbers of one country code.
#[derive(Debug)]
struct Plan {
    /// A whole number, without the prefix that is dialled before it at home.
    numbers: Regex,
    prefixes: Vec<&'static str>,
}

/// By country code; none has more than three digits (ITU-T E.164 section 6.2.1).
static PLANS: [OnceLock<Option<Plan>>; 1000] = [const { OnceLock::new() }; 1000];

/// Whether digits that begin with a country code are a number of that country.
pub(super) fn is_international(digits: &str) -> bool {
    // No code is the beginning of another.
    let known = (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        Some((plan(code.parse().ok()?)?, national))
    });
    known.is_some_and(|(plan, national)| plan.has(national))
}

/// Whether digits are a number as it is dialled at home in the country of a code.
pub(super) fn is_national(code: u16, digits: &str) -> bool {
    plan(code).is_some_and(|plan| plan.has(digits))
}

fn plan(code: u16) -> Option<&'static Plan> {
    let plan = PLANS.get(usize::from(code))?;
    plan.get_or_init(|| Plan::compile(code)).as_ref()
}

impl Plan {
    fn compile(code: u16) -> Option<Self> {
        // Several countries share a code: 1 is North America's.
        let countries = DATABASE.by_code(&code)?;
        let mut pattern = String::from("^(?:");
        for descriptor in countries.iter().flat_map(|country| kinds(country)) {
            let separator = if pattern.ends_with(':') { "" } else { "|" };
            let number = descriptor.national_number().as_str();
            write!(pattern, "{separator}(?:{number})").ok()?;
        }
        pattern.push_str(")$");
        let mut prefixes: Vec<&str> = countries
            .iter()
            .filter_map(|country| country.national_prefix())
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let numbers = RegexBuilder::new(&pattern)
            .unicode(false)
            .ignore_whitespace(true)
            .dfa_size_limit(AUTOMATON_BYTES_MAX)
            .build();
        Some(Self {
            numbers: numbers.ok()?,
            prefixes,
        })
    }

    fn has(&self, national: &str) -> bool {
        let bare = self.prefixes.iter().copied();
        let mut bare = bare.filter_map(|prefix| national.strip_prefix(prefix));
        self.numbers.is_match(national.as_bytes())
            || bare.any(|it| self.numbers.is_match(it.as_bytes()))
    }
}

/// The kinds of numbers that somebody answers.
fn kinds(country: &'static Metadata) -> impl Iterator<Item = &'static Descriptor> {
    let all = country.descriptors();
    let kinds = [
        all.fixed_line(),
        all.mobile(),
        all.toll_free(),
        all.premium_rate(),
        all.shared_cost(),
        all.personal_number(),
        all.voip(),
        all.pager(),
        all.uan(),
        all.voicemail(),
    ];
    kinds.into_iter().flatten()
}

/// What the automaton of a plan may keep of its states in each thread.
const AUTOMATON_BYTES_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_compiles_and_knows_its_examples() {
        let mut examples = 0;
        for country in DATABASE.iter() {
            let code = country.country_code();
            assert!(plan(code).is_some(), "{code}");
            let all = kinds(country).filter_map(Descriptor::example);
            for example in all {
                assert!(is_national(code, example), "+{code} {example}");
                assert!(
                    is_international(&format!("{code}{example}")),
                    "+{code} {example}"
                );
                examples += 1;
            }
        }
        assert!(examples > 1000, "{examples}");
    }

    #[test]
    fn a_prefix_of_home_calls_may_stand_before_a_number() {
        assert!(is_national(44, "02079460958") && is_national(44, "2079460958"));
        assert!(is_national(39, "0669812345"), "part of the number in Italy");
        assert!(!is_national(44, "0002079460958"));
    }

    #[test]
    fn other_digits_are_no_numbers() {
        assert!(!is_international("4420794609"), "too short");
        assert!(!is_international("999123456789"), "no country");
        assert!(!is_international("") && !is_international("1"));
        assert!(!is_national(1, "1234567890"));
        assert!(!is_national(1000, "1234567890"));
    }
}
