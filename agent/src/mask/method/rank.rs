//! Numbers for strings of several alphabets, and back.
//!
//! A string of letters and digits in fixed places is one of `26^letters * 10^digits`; its rank among
//! them is the number that it is in a system whose places have different bases. Ranked, the string
//! can be enciphered as one number, however few letters or digits there are of either (Bellare,
//! Ristenpart, Rogaway, Stegers: Format-Preserving Encryption, SAC 2009, "rank-encipher-unrank").

/// A numeral and the base of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numeral {
    pub(super) value: u16,
    pub(super) base: u16,
}

/// The bits of the rank, the highest first, as many as the highest rank has.
pub(super) fn bits(numerals: &[Numeral]) -> Vec<u16> {
    let highest = numerals.iter().map(|it| Numeral {
        value: it.base.saturating_sub(1),
        ..*it
    });
    let length = Number::of(highest).bit_length();
    let rank = Number::of(numerals.iter().copied());
    (0..length).rev().map(|at| rank.bit(at)).collect()
}

/// The string of a rank, in the places of `like`; `None` if there is none of that rank.
pub(super) fn numerals(bits: &[u16], like: &[Numeral]) -> Option<Vec<Numeral>> {
    let mut rank = Number::of(bits.iter().map(|bit| Numeral {
        value: *bit,
        base: 2,
    }));
    let mut found: Vec<Numeral> = Vec::with_capacity(like.len());
    for place in like.iter().rev() {
        let value = rank.take_place(place.base)?;
        found.push(Numeral { value, ..*place });
    }
    found.reverse();
    rank.is_zero().then_some(found)
}

/// A number of any size, the lowest 32 bits first.
#[derive(Debug, Default)]
struct Number(Vec<u32>);

impl Number {
    fn of(numerals: impl Iterator<Item = Numeral>) -> Self {
        let mut number = Self::default();
        for Numeral { value, base } in numerals {
            number.put_place(value, base);
        }
        number
    }

    fn put_place(&mut self, value: u16, base: u16) {
        let mut carry = u64::from(value);
        for word in &mut self.0 {
            let product = u64::from(*word) * u64::from(base) + carry;
            *word = low(product);
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
    }

    fn take_place(&mut self, base: u16) -> Option<u16> {
        let base = u64::from(base);
        let mut rest = 0;
        for word in self.0.iter_mut().rev() {
            let part = rest << 32 | u64::from(*word);
            *word = low(part.checked_div(base)?);
            rest = part.checked_rem(base)?;
        }
        u16::try_from(rest).ok()
    }

    fn is_zero(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn bit_length(&self) -> usize {
        let words = self.0.iter().zip(1..);
        let ends = words.filter(|(word, _)| **word > 0);
        let end = ends.map(|(word, count)| 32 * count - word.leading_zeros());
        usize::try_from(end.max().unwrap_or_default()).unwrap_or(usize::MAX)
    }

    fn bit(&self, at: usize) -> u16 {
        let word = self.0.get(at / 32).copied().unwrap_or_default();
        u16::from(word >> (at % 32) & 1 == 1)
    }
}

const fn low(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string() -> impl Strategy<Value = Vec<Numeral>> {
        let numeral = prop_oneof![
            (0_u16..10).prop_map(|value| Numeral { value, base: 10 }),
            (0_u16..26).prop_map(|value| Numeral { value, base: 26 }),
        ];
        prop::collection::vec(numeral, 0..140)
    }

    #[test]
    fn ranks_are_numbers() {
        let place = |value, base| Numeral { value, base };
        // 25 * 10 + 9 of 0..=259: nine bits.
        let last = [place(25, 26), place(9, 10)];
        assert_eq!(bits(&last), [1, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(
            bits(&[place(0, 26), place(3, 10)]),
            [0, 0, 0, 0, 0, 0, 0, 1, 1]
        );
        // 260 is of no string.
        assert_eq!(numerals(&[1, 0, 0, 0, 0, 0, 1, 0, 0], &last), None);
    }

    proptest! {
        #[test]
        fn a_rank_gives_its_string_back(string in string()) {
            prop_assert_eq!(numerals(&bits(&string), &string), Some(string));
        }
    }
}
