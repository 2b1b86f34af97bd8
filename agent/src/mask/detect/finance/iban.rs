//! International Bank Account Numbers.
//!
//! ISO 13616-1 and the IBAN Registry of SWIFT (release 101): a country, two check digits (ISO 7064
//! MOD 97-10) and a basic account number whose length and characters each country fixed. With the
//! check digits right by chance in 1 of 97, and the country's form on top, shape alone is proof.

use crate::mask::detect::checksum::mod97;
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "iban",
    title: "International bank account number (IBAN)",
    category: "BANK_ACCOUNT",
    pattern: r"(?i)[A-Z]{2}[0-9]{2}(?:[ .-]?[0-9A-Z]{4}){2,7}(?:[ .-]?[0-9A-Z]{1,3})?",
    check,
    context: &[
        "iban",
        "account",
        "bank",
        "konto",
        "bankverbindung",
        "compte",
        "cuenta",
        "conto",
        "rekening",
        "bic",
        "swift",
        "sepa",
        "beneficiary",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let mut characters = [0_u8; CHARACTERS_MAX];
    let mut count = 0;
    for byte in candidate.text.bytes().filter(u8::is_ascii_alphanumeric) {
        *characters.get_mut(count)? = byte.to_ascii_uppercase();
        count += 1;
    }
    let characters = characters.get(..count)?;
    let (country, rest) = characters.split_first_chunk::<2>()?;
    let (check_digits, account) = rest.split_first_chunk::<2>()?;
    let at = COUNTRIES
        .binary_search_by_key(&country, |(code, _)| code)
        .ok()?;
    let (_, form) = COUNTRIES.get(at)?;
    if !fits(account, form) {
        return None;
    }
    let order = account.iter().chain(country).chain(check_digits);
    // The check digits are 98 minus a remainder: 00, 01 and 99 pass the sum too, and are never given.
    if mod97(order.map(|byte| char::from(*byte)))? != 1
        || matches!(check_digits, b"00" | b"01" | b"99")
    {
        return None;
    }
    Some(if candidate.in_context { 99 } else { 95 })
}

/// Whether an account number has the form of its country: `4a14c` are 4 letters and then 14 letters
/// or digits, `n` are digits.
fn fits(account: &[u8], form: &str) -> bool {
    let mut rest = account;
    let mut count = 0;
    for byte in form.bytes() {
        let kind: fn(&u8) -> bool = match byte {
            b'0'..=b'9' => {
                count = count * 10 + usize::from(byte - b'0');
                continue;
            }
            b'a' => u8::is_ascii_uppercase,
            b'n' => u8::is_ascii_digit,
            _ => u8::is_ascii_alphanumeric,
        };
        let Some((part, after)) = rest.split_at_checked(count) else {
            return false;
        };
        if !part.iter().all(kind) {
            return false;
        }
        (rest, count) = (after, 0);
    }
    rest.is_empty()
}

/// No country has more.
const CHARACTERS_MAX: usize = 34;

/// Each country's form, in the order of their codes.
const COUNTRIES: [(&[u8; 2], &str); 89] = [
    (b"AD", "8n12c"),
    (b"AE", "19n"),
    (b"AL", "8n16c"),
    (b"AT", "16n"),
    (b"AZ", "4a20c"),
    (b"BA", "16n"),
    (b"BE", "12n"),
    (b"BG", "4a6n8c"),
    (b"BH", "4a14c"),
    (b"BI", "23n"),
    (b"BR", "23n1a1c"),
    (b"BY", "4c4n16c"),
    (b"CH", "5n12c"),
    (b"CR", "18n"),
    (b"CY", "8n16c"),
    (b"CZ", "20n"),
    (b"DE", "18n"),
    (b"DJ", "23n"),
    (b"DK", "14n"),
    (b"DO", "4c20n"),
    (b"EE", "16n"),
    (b"EG", "25n"),
    (b"ES", "20n"),
    (b"FI", "14n"),
    (b"FK", "2a12n"),
    (b"FO", "14n"),
    (b"FR", "10n11c2n"),
    (b"GB", "4a14n"),
    (b"GE", "2a16n"),
    (b"GI", "4a15c"),
    (b"GL", "14n"),
    (b"GR", "7n16c"),
    (b"GT", "24c"),
    (b"HN", "4a20n"),
    (b"HR", "17n"),
    (b"HU", "24n"),
    (b"IE", "4a14n"),
    (b"IL", "19n"),
    (b"IQ", "4a15n"),
    (b"IS", "22n"),
    (b"IT", "1a10n12c"),
    (b"JO", "4a4n18c"),
    (b"KW", "4a22c"),
    (b"KZ", "3n13c"),
    (b"LB", "4n20c"),
    (b"LC", "4a24c"),
    (b"LI", "5n12c"),
    (b"LT", "16n"),
    (b"LU", "3n13c"),
    (b"LV", "4a13c"),
    (b"LY", "21n"),
    (b"MC", "10n11c2n"),
    (b"MD", "20c"),
    (b"ME", "18n"),
    (b"MK", "3n10c2n"),
    (b"MN", "16n"),
    (b"MR", "23n"),
    (b"MT", "4a5n18c"),
    (b"MU", "4a19n3a"),
    (b"NI", "4a20n"),
    (b"NL", "4a10n"),
    (b"NO", "11n"),
    (b"OM", "3n16c"),
    (b"PK", "4a16c"),
    (b"PL", "24n"),
    (b"PS", "4a21c"),
    (b"PT", "21n"),
    (b"QA", "4a21c"),
    (b"RO", "4a16c"),
    (b"RS", "18n"),
    (b"RU", "14n15c"),
    (b"SA", "2n18c"),
    (b"SC", "4a20n3a"),
    (b"SD", "14n"),
    (b"SE", "20n"),
    (b"SI", "15n"),
    (b"SK", "20n"),
    (b"SM", "1a10n12c"),
    (b"SO", "19n"),
    (b"ST", "21n"),
    (b"SV", "4a20n"),
    (b"TL", "19n"),
    (b"TN", "20n"),
    (b"TR", "6n16c"),
    (b"UA", "6n19c"),
    (b"VA", "18n"),
    (b"VG", "4a16n"),
    (b"XK", "16n"),
    (b"YE", "4a4n18c"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_found, believed, finds};

    /// Examples of the registry.
    const EXAMPLES: [&str; 12] = [
        "AD1200012030200359100100",
        "AE070331234567890123456",
        "AT611904300234573201",
        "BE68539007547034",
        "CH9300762011623852957",
        "DE89370400440532013000",
        "ES9121000418450200051332",
        "FR1420041010050500013M02606",
        "GB29NWBK60161331926819",
        "MT84MALT011000012345MTLCAST001S",
        "NL91ABNA0417164300",
        "NO9386011117947",
    ];

    #[test]
    fn examples_of_the_registry_are_found() {
        for iban in EXAMPLES {
            assert_found(&DETECTOR, iban);
            assert_found(&DETECTOR, &iban.to_lowercase());
            let groups: Vec<&str> = (0..iban.len())
                .step_by(4)
                .map(|at| iban.get(at..iban.len().min(at + 4)).unwrap())
                .collect();
            for separator in [" ", "-", "."] {
                assert_found(&DETECTOR, &groups.join(separator));
            }
            assert_eq!(
                believed(
                    &DETECTOR,
                    &format!("pay to {} or so, today", groups.join(" "))
                ),
                [groups.join(" ")]
            );
        }
    }

    #[test]
    fn another_digit_country_or_length_is_none() {
        assert_absent(&DETECTOR, "DE89370400440532013001");
        assert_absent(&DETECTOR, "DE98370400440532013000");
        assert_absent(&DETECTOR, "XX89370400440532013000");
        assert_absent(&DETECTOR, "DE8937040044053201300");
        // 99 stands for the same remainder as 02, and is never given.
        let accounts = (0..200).map(|n| format!("DE99{n:018}"));
        let sums = |iban: &str| {
            iban.split_at_checked(4)
                .is_some_and(|(head, tail)| mod97(tail.chars().chain(head.chars())) == Some(1))
        };
        let right: Vec<_> = accounts.filter(|iban| sums(iban)).collect();
        assert!(!right.is_empty());
        for iban in right {
            assert_absent(&DETECTOR, &iban);
        }
        assert!(!fits(b"37040044053201300X", "18n"));
        assert!(!fits(b"370400440532013", "18n"));
        assert!(!fits(b"3704004405320130000", "18n"));
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(COUNTRIES.is_sorted_by_key(|(code, _)| code));
        let sure = |text: &str, column| finds(&DETECTOR, text, column)[0].1;
        assert!(sure(EXAMPLES[0], Some("customer_iban")) > sure(EXAMPLES[0], None));
    }
}
