//! Published vectors, and what a format is.

use std::collections::BTreeSet;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::mask::key::MasterKey;

fn cipher(label: &str) -> Cipher {
    let master = MasterKey::new(Zeroizing::new([9; 32]));
    Cipher::new(&master.of(label)).unwrap()
}

fn masked(cipher: &Cipher, value: &str) -> Option<String> {
    let mut output = String::new();
    let fits = cipher.write(value, &mut output);
    assert!(fits || output.is_empty());
    fits.then_some(output)
}

fn passes_luhn(text: &str) -> bool {
    let digits: Vec<u16> = text
        .chars()
        .filter_map(|c| c.to_digit(10))
        .map(|digit| u16::try_from(digit).unwrap())
        .collect();
    let (last, number) = digits.split_last().unwrap();
    *last == check_digit(number)
}

/// Samples 7 and 8 of NIST's examples for FF1, with AES-256.
#[test]
fn it_is_the_ff1_of_the_standard() {
    let key = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,
        0x3c, 0xef, 0x43, 0x59, 0xd8, 0xd5, 0x80, 0xaa, 0x4f, 0x7f, 0x03, 0x6d, 0x6f, 0x04, 0xfc,
        0x6a, 0x94,
    ];
    let cipher = FF1::<Aes256>::new(&key, 10).unwrap();
    let plain = FlexibleNumeralString::from((0..10).collect::<Vec<u16>>());
    let samples: [(&[u8], [u16; 10]); 2] = [
        (b"", [6, 6, 5, 7, 6, 6, 7, 0, 0, 9]),
        (b"9876543210", [1, 0, 0, 1, 6, 2, 3, 4, 6, 3]),
    ];
    for (tweak, expected) in samples {
        let masked: Vec<u16> = cipher.encrypt(tweak, &plain).unwrap().into();
        assert_eq!(masked, expected);
    }
}

#[test]
fn short_long_and_foreign_values_do_not_fit() {
    let cipher = cipher("a");
    for value in [
        "",
        "12345",
        "abcd",
        "a12-b3",
        "--------------",
        "Müller-Lüdenscheidt",
        "山田太郎山田太郎",
        "１２３４５６７８",
        &"7".repeat(129),
        &format!("123456{}", "-".repeat(600)),
    ] {
        assert_eq!(masked(&cipher, value), None, "{value}");
    }
    for value in ["123456", "abcde", "ab123456", "AB-12-34", &"7".repeat(128)] {
        assert!(masked(&cipher, value).is_some(), "{value}");
    }
}

#[test]
fn every_length_and_its_extremes_are_enciphered() {
    let cipher = cipher("a");
    for c in ['0', '9', 'a', 'Z'] {
        for length in 6..=128 {
            let value = c.to_string().repeat(length);
            assert!(masked(&cipher, &value).is_some(), "{value}");
            let mixed = format!("{}{value}", if c.is_ascii_digit() { 'z' } else { '9' });
            assert_eq!(masked(&cipher, &mixed).is_some(), length < 128, "{mixed}");
        }
    }
}

#[test]
fn labels_and_forms_differ_and_separators_do_not() {
    let (one, other) = (cipher("a"), cipher("b"));
    let ssn = masked(&one, "123-45-6789").unwrap();
    assert_ne!(Some(&ssn), masked(&other, "123-45-6789").as_ref());
    assert_eq!(Some(ssn.replace('-', "")), masked(&one, "123456789"));
    let lower = masked(&one, "schmidt").unwrap();
    assert_eq!(masked(&one, "SCHMIDT"), Some(lower.to_uppercase()));
}

#[test]
fn a_small_domain_is_permuted() {
    // Six digits, all different strings of which one part varies.
    let cipher = cipher("a");
    let all: BTreeSet<String> = (0..5_000)
        .map(|number| masked(&cipher, &format!("{number:06}")).unwrap())
        .collect();
    assert_eq!(all.len(), 5_000);
    let all: BTreeSet<String> = (0..2_000)
        .map(|number| masked(&cipher, &format!("AB{number:05}")).unwrap())
        .collect();
    assert_eq!(all.len(), 2_000);
}

#[test]
fn a_card_number_becomes_none() {
    let cipher = cipher("a");
    let mut all = BTreeSet::new();
    for number in 0..2_000_u64 {
        let number = format!("411111{number:09}");
        let digits: Vec<u16> = number
            .bytes()
            .map(|digit| u16::from(digit - b'0'))
            .collect();
        let card = format!("{number}{}", check_digit(&digits));
        let masked = masked(&cipher, &card).unwrap();
        assert!(passes_luhn(&card) && !passes_luhn(&masked), "{card}");
        all.insert(masked);
    }
    assert_eq!(all.len(), 2_000);
    let card = masked(&cipher, "4111 1111-1111 1111").unwrap();
    let form: String = card
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(form, "9999 9999-9999 9999");
}

#[test]
fn check_digits_are_luhns() {
    for number in [
        "4111111111111111",
        "378282246310005",
        "6011111111111117",
        "79927398713",
    ] {
        assert!(passes_luhn(number), "{number}");
        assert!(!passes_luhn(&number.replacen('1', "2", 1)), "{number}");
    }
}

#[test]
fn a_fixed_point_takes_another_way() {
    let identity_first = |plain: &[u16], tweak| {
        let add = u16::from(tweak);
        Some(plain.iter().map(|it| (it + add) % 10).collect())
    };
    assert_eq!(changed(&[1, 9], identity_first), Some(vec![2, 0]));
    assert_eq!(changed(&[1, 9], |plain, _| Some(plain.to_vec())), None);
}

proptest! {
    #[test]
    fn the_form_stays_and_the_value_does_not(value in "[ -~]{0,40}") {
        let cipher = cipher("a");
        if let Some(masked) = masked(&cipher, &value) {
            prop_assert_ne!(&masked, &value);
            prop_assert_eq!(masked.len(), value.len());
            for (old, new) in value.chars().zip(masked.chars()) {
                prop_assert_eq!(old.is_ascii_digit(), new.is_ascii_digit());
                prop_assert_eq!(old.is_ascii_lowercase(), new.is_ascii_lowercase());
                prop_assert_eq!(old.is_ascii_uppercase(), new.is_ascii_uppercase());
                prop_assert!(old == new || old.is_ascii_alphanumeric());
            }
        }
    }

    #[test]
    fn no_long_number_passes_as_a_card(value in "[0-9]{12,19}") {
        let masked = masked(&cipher("a"), &value).unwrap();
        prop_assert!(!passes_luhn(&masked));
        prop_assert_ne!(masked, value);
    }
}
