//! Check digits that identifiers share.
//!
//! Digits are numbers from 0 to 9, the most significant first, with the check digit last. Sources:
//! ISO/IEC 7812-1 annex B (Luhn), ISO/IEC 7064 (MOD 97-10, MOD 11,10, MOD 11-2), J. Verhoeff, "Error
//! Detecting Decimal Codes" (1969). None of them proves anything: of random digits one in ten, eleven
//! or 97 passes.

/// The digits of a text, if there are exactly `N`; whatever else stands in it is skipped.
#[must_use]
pub fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut found = [0; N];
    let mut free = found.iter_mut();
    for digit in text.bytes().filter(u8::is_ascii_digit) {
        *free.next()? = digit - b'0';
    }
    free.next().is_none().then_some(found)
}

/// The number that digits write; none if there are more than a `u64` holds.
#[must_use]
pub fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(*digit))
    })
}

/// Whether every digit is the same: what people type where a number must stand.
#[must_use]
pub fn is_repeated(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair.first() == pair.last())
}

/// Luhn: from the right every second digit is doubled; digits of the products are added.
#[must_use]
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(digit, doubles)| match (u32::from(*digit), doubles) {
            (digit, false) => digit,
            (digit @ 0..=4, true) => digit * 2,
            (digit, true) => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The sum of products of digits and weights, as far as both go.
#[must_use]
pub fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    let pairs = digits.iter().zip(weights);
    pairs
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum()
}

/// The remainder by 97 of letters and digits, where A is 10 and Z is 35; none if there is another
/// character. The order is the caller's: IBANs move their first four characters to the end.
#[must_use]
pub fn mod97(text: impl IntoIterator<Item = char>) -> Option<u32> {
    text.into_iter().try_fold(0, |sum, c| {
        // `to_digit` takes small letters too.
        let value = c.to_digit(36)?;
        let shift = if value < 10 { 10 } else { 100 };
        Some((sum * shift + value) % 97)
    })
}

/// ISO 7064 MOD 11,10, a hybrid system with one check digit.
#[must_use]
pub fn iso7064_mod_11_10(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (product + u32::from(*digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (product + u32::from(*check)) % 10 == 1
}

/// ISO 7064 MOD 11-2; `check` is 10 where X is written.
#[must_use]
pub fn iso7064_mod_11_2(body: &[u8], check: u8) -> bool {
    let sum = body
        .iter()
        .fold(0, |sum, digit| (sum + u32::from(*digit)) * 2 % 11);
    (sum + u32::from(check)) % 11 == 1
}

/// Verhoeff: products in the dihedral group of the pentagon, each position permuted further.
#[must_use]
pub fn verhoeff(digits: &[u8]) -> bool {
    /// The permutation of position 1; that of position n is this one n times.
    const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u8, times: usize| {
        (0..times).fold(digit, |digit, _| {
            STEP.get(usize::from(digit)).copied().unwrap_or(digit)
        })
    };
    let product = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |product, (at, digit)| {
            // The permutation has an order of 8.
            dihedral(product, permuted(*digit, at % 8))
        });
    product == 0
}

/// The product in the dihedral group of order ten: 0-4 turn the pentagon, 5-9 reflect it too.
const fn dihedral(one: u8, other: u8) -> u8 {
    let (turn, reflects) = (one % 5, one >= 5);
    match (reflects, other >= 5) {
        (false, false) => (turn + other) % 5,
        (false, true) => 5 + (turn + other - 5) % 5,
        (true, false) => 5 + (turn + 5 - other) % 5,
        (true, true) => (turn + 10 - other) % 5,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn all(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn examples_of_the_standards_pass() {
        assert!(luhn(&all("79927398713")));
        assert!(verhoeff(&all("2363")));
        assert!(
            verhoeff(&all("123456789010")),
            "a longer one takes the eighth permutation"
        );
        assert!(iso7064_mod_11_10(&all("07945")));
        assert!(iso7064_mod_11_2(&all("0794"), 0));
        assert!(iso7064_mod_11_2(&all("079"), 10), "X");
        assert_eq!(mod97("WEST12345698765432GB82".chars()), Some(1));
        assert_eq!(weighted(&[1, 2, 3], &[10, 20, 30]), 140);
        assert_eq!(number(&all("1234")), Some(1234));
    }

    #[test]
    fn digits_are_counted() {
        assert_eq!(digits("1-2 3"), Some([1, 2, 3]));
        assert_eq!(digits::<4>("1-2 3"), None);
        assert_eq!(digits::<2>("1-2 3"), None);
        assert!(is_repeated(&[7, 7, 7]));
        assert!(!is_repeated(&[7, 7, 8]));
    }

    proptest! {
        /// The property that these systems exist for.
        #[test]
        fn one_changed_digit_is_noticed(
            body in prop::collection::vec(0..10_u8, 1..18),
            at in any::<prop::sample::Index>(),
            by in 1..10_u8,
        ) {
            for check in [luhn, verhoeff, iso7064_mod_11_10] {
                let whole = |last| [body.as_slice(), &[last]].concat();
                let last: Vec<u8> = (0..10).filter(|last| check(&whole(*last))).collect();
                prop_assert_eq!(last.len(), 1);
                let mut changed = whole(last[0]);
                let at = at.index(changed.len());
                changed[at] = (changed[at] + by) % 10;
                prop_assert!(!check(&changed));
            }
            prop_assert_eq!((0..11).filter(|last| iso7064_mod_11_2(&body, *last)).count(), 1);
        }

        /// Luhn misses 09 and 90, ISO 7064 MOD 11,10 a few more; Verhoeff misses none.
        #[test]
        fn exchanged_neighbours_are_noticed(
            body in prop::collection::vec(0..10_u8, 2..18),
            at in any::<prop::sample::Index>(),
        ) {
            let last = (0..10).find(|last| verhoeff(&[body.as_slice(), &[*last]].concat()));
            let mut changed = [body.as_slice(), &[last.unwrap()]].concat();
            let at = at.index(body.len());
            changed.swap(at, at + 1);
            prop_assert_eq!(verhoeff(&changed), changed[at] == changed[at + 1]);
        }
    }
}
