//! `format-preserving`: letters for letters, digits for digits, by FF1 with AES-256 (NIST SP
//! 800-38G, and the domain of at least a million strings of its revision 1).
//!
//! Letters keep their case, everything else its place. Letters alone are numerals of base 26, digits
//! alone of base 10; a string of both is ranked and its rank enciphered, walking the cycle until the
//! result is a rank again. Deterministic, one to one on strings of one form, and with another key for
//! each label.
//!
//! Twelve to nineteen digits may be a card number. What comes out never passes the Luhn check (ISO/IEC
//! 7812-1, annex B), so a masked number cannot be somebody else's card, a payment system refuses it,
//! and a detector does not report it again. Numbers that pass go, one to one, to such that do not.
//!
//! What is not written in ASCII is none for this method: its letters would stay.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};

use super::rank::{self, Numeral};
use crate::mask::key::LabelKey;

/// FF1 in the bases that are used, with a label's key.
pub(super) struct Cipher {
    digits: FF1<Aes256>,
    letters: FF1<Aes256>,
    bits: FF1<Aes256>,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cipher")
    }
}

impl Cipher {
    pub(super) fn new(key: &LabelKey) -> Option<Self> {
        let key = key.of_use("ff1");
        Some(Self {
            digits: FF1::new(&*key, 10).ok()?,
            letters: FF1::new(&*key, 26).ok()?,
            bits: FF1::new(&*key, 2).ok()?,
        })
    }

    /// Returns whether the method fits the value; nothing is written if not.
    pub(super) fn write(&self, value: &str, output: &mut String) -> bool {
        let Some(numerals) = read(value) else {
            return false;
        };
        let Some(masked) = self.encipher(&numerals) else {
            return false;
        };
        let mut masked = masked.into_iter();
        output.extend(value.chars().map(|c| match base(c) {
            Some(_) => masked.next().map_or('*', |numeral| character(numeral, c)),
            None => c,
        }));
        true
    }

    fn encipher(&self, numerals: &[Numeral]) -> Option<Vec<Numeral>> {
        let is_of = |base| numerals.iter().all(|numeral| numeral.base == base);
        let plain = || numerals.iter().map(|numeral| numeral.value).collect();
        let of = |base, values: Vec<u16>| {
            let numeral = |value| Numeral { value, base };
            values.into_iter().map(numeral).collect()
        };
        if is_of(DIGITS) {
            let digits: Vec<u16> = plain();
            if CARD_DIGITS.contains(&digits.len()) {
                return self.card(&digits).map(|digits| of(DIGITS, digits));
            }
            let masked = changed(&digits, |x, tweak| ff1(&self.digits, b"digits", tweak, x));
            return masked.map(|digits| of(DIGITS, digits));
        }
        if is_of(LETTERS) {
            let masked = changed(&plain(), |x, tweak| {
                ff1(&self.letters, b"letters", tweak, x)
            });
            return masked.map(|letters| of(LETTERS, letters));
        }
        // Strings of other forms are others' domains: the form is part of the tweak.
        let form: Vec<u8> = numerals
            .iter()
            .map(|it| u8::from(it.base == DIGITS))
            .collect();
        let tweak = [b"mixed".as_slice(), &form].concat();
        let masked = changed(&rank::bits(numerals), |x, again| {
            walk(x, |bits| {
                let masked = ff1(&self.bits, &tweak, again, bits)?;
                let is_rank = rank::numerals(&masked, numerals).is_some();
                Some((masked, is_rank))
            })
        })?;
        rank::numerals(&masked, numerals)
    }

    fn card(&self, digits: &[u16]) -> Option<Vec<u16>> {
        let (last, number) = digits.split_last()?;
        if *last == check_digit(number) {
            let mut masked = ff1(&self.digits, b"card", 0, number)?;
            masked.push((check_digit(&masked) + 5) % 10);
            return Some(masked);
        }
        changed(digits, |x, tweak| {
            walk(x, |digits| {
                let masked = ff1(&self.digits, b"digits", tweak, digits)?;
                let (last, number) = masked.split_last()?;
                let fails = *last != check_digit(number);
                Some((masked, fails))
            })
        })
    }
}

/// The letters and digits of a value, if there are enough for the domain and not too many.
fn read(value: &str) -> Option<Vec<Numeral>> {
    if value.len() > TEXT_BYTES_MAX || !value.is_ascii() {
        return None;
    }
    let numerals = value.chars().filter_map(|c| {
        let base = base(c)?;
        let value = c.to_digit(36)? - if base == LETTERS { 10 } else { 0 };
        let value = u16::try_from(value).ok()?;
        Some(Numeral { value, base })
    });
    let numerals: Vec<Numeral> = numerals.collect();
    let sizes = numerals.iter().map(|numeral| u64::from(numeral.base));
    let domain = sizes.fold(1_u64, u64::saturating_mul);
    let fits = domain >= DOMAIN_MIN && numerals.len() <= NUMERALS_MAX;
    fits.then_some(numerals)
}

const fn base(c: char) -> Option<u16> {
    match c {
        '0'..='9' => Some(DIGITS),
        'a'..='z' | 'A'..='Z' => Some(LETTERS),
        _ => None,
    }
}

/// The numeral in the case of the character whose place it takes.
fn character(numeral: Numeral, like: char) -> char {
    let value = u32::from(numeral.value);
    let value = if numeral.base == LETTERS {
        value + 10
    } else {
        value
    };
    let c = char::from_digit(value, 36).unwrap_or('*');
    if like.is_ascii_uppercase() {
        c.to_ascii_uppercase()
    } else {
        c
    }
}

/// `tweak` tells apart what is enciphered for different reasons, `again` the second try.
fn ff1(cipher: &FF1<Aes256>, tweak: &[u8], again: u8, numerals: &[u16]) -> Option<Vec<u16>> {
    let tweak = [tweak, &[again]].concat();
    let plain = FlexibleNumeralString::from(numerals.to_vec());
    cipher.encrypt(&tweak, &plain).ok().map(Into::into)
}

/// A permutation of a million has a fixed point as likely as not: such a value takes a second
/// permutation, and may then share its mask with one other.
fn changed(plain: &[u16], encipher: impl Fn(&[u16], u8) -> Option<Vec<u16>>) -> Option<Vec<u16>> {
    let masked = (0..TRIES).map(|tweak| encipher(plain, tweak));
    masked.flatten().find(|masked| masked != plain)
}

/// Applies a permutation until the result is one of those wanted: one to one among them.
fn walk(plain: &[u16], step: impl Fn(&[u16]) -> Option<(Vec<u16>, bool)>) -> Option<Vec<u16>> {
    let mut masked = plain.to_vec();
    for _ in 0..STEPS_MAX {
        let (next, is_wanted) = step(&masked)?;
        if is_wanted {
            return Some(next);
        }
        masked = next;
    }
    None
}

/// The digit that makes a number pass the Luhn check.
fn check_digit(number: &[u16]) -> u16 {
    let weighed = number.iter().rev().enumerate().map(|(at, digit)| {
        let weighed = if at % 2 == 0 { digit * 2 } else { *digit };
        weighed / 10 + weighed % 10
    });
    (10 - weighed.sum::<u16>() % 10) % 10
}

const DIGITS: u16 = 10;
const LETTERS: u16 = 26;

/// From the shortest card number in use to the longest that ISO/IEC 7812-1 allows.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;

/// SP 800-38G revision 1: below it, all values of a domain can be tried.
const DOMAIN_MIN: u64 = 1_000_000;

/// The arithmetic is quadratic: at 128 a value takes a tenth of a millisecond or so, and what is
/// longer is prose, of which a form says nothing.
const NUMERALS_MAX: usize = 128;
const TEXT_BYTES_MAX: usize = 4 * NUMERALS_MAX;

/// At most half of the steps end outside: a walk this long has a chance of 2^-128.
const STEPS_MAX: u32 = 128;
const TRIES: u8 = 4;

#[cfg(test)]
mod tests;
