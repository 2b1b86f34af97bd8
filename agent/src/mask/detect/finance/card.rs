//! Payment card numbers.
//!
//! ISO/IEC 7812-1: an issuer identification number, an account number, and Luhn's check digit, 8 to 19
//! digits in all. Ranges and lengths are those that the networks publish: Visa (Core Rules), Mastercard
//! (Transaction Processing Rules), American Express, Discover with Diners Club and JCB (Global Network
//! IIN ranges), UnionPay, Maestro, Mir, Troy, Verve, RuPay, UATP. Left out are Maestro numbers of 12
//! digits and UATP (15 digits from 1 on), for every tenth timestamp in microseconds would be one.
//!
//! One in ten numbers passes Luhn, and about a third of those of 16 digits begin like a card: of
//! random ones some 3 % are found. Decimal fractions are not: their digits are noise.

use crate::mask::detect::checksum::luhn;
use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "card",
    title: "Payment card number",
    category: "PAYMENT_CARD",
    pattern: r"[2-689](?:[ .-]?[0-9]){12,18}",
    check,
    context: &[
        "card",
        "credit",
        "debit",
        "pan",
        "cc",
        "ccn",
        "ccnum",
        "visa",
        "mastercard",
        "amex",
        "american express",
        "discover",
        "diners",
        "jcb",
        "unionpay",
        "maestro",
        "payment",
        "tarjeta",
        "carte",
        "karte",
        "kreditkarte",
        "cvv",
        "cvc",
        "expiry",
        "expires",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let mut digits = [0_u8; DIGITS_MAX];
    let mut count = 0;
    let found = candidate.text.bytes().filter(u8::is_ascii_digit);
    for (digit, byte) in digits.iter_mut().zip(found) {
        *digit = byte - b'0';
        count += 1;
    }
    let digits = digits.get(..count)?;
    if !is_issued(digits) || !luhn(digits) || is_fraction(candidate) {
        return None;
    }
    match (grouping(candidate.text), candidate.in_context) {
        (Grouping::Usual | Grouping::None, true) => Some(98),
        (Grouping::Usual, false) => Some(90),
        // No network gives out so short ones any more, and identity numbers have a check digit too.
        (Grouping::None, false) if digits.len() < 14 => Some(62),
        (Grouping::None, false) => Some(75),
        (Grouping::Odd, true) => Some(70),
        (Grouping::Odd, false) => Some(45),
    }
}

/// Whether some network gives out numbers that begin like this and are so long.
fn is_issued(digits: &[u8]) -> bool {
    let Some(first) = digits.first_chunk::<6>() else {
        return false;
    };
    let first = first
        .iter()
        .fold(0, |sum, digit| sum * 10 + u32::from(*digit));
    ISSUERS.iter().any(|(from, to, lengths)| {
        (*from..=*to).contains(&first) && lengths.contains(&digits.len())
    })
}

/// `0.4111111111111111`, and `12.50` where a price follows.
fn is_fraction(candidate: &Candidate<'_>) -> bool {
    let before = candidate.before.strip_suffix('.');
    let after = candidate.after.strip_prefix('.');
    before.is_some_and(|it| it.ends_with(|c: char| c.is_ascii_digit()))
        || after.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()))
}

/// How the digits are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grouping {
    None,
    /// In fours with a rest, or as American Express and Diners Club print theirs.
    Usual,
    Odd,
}

fn grouping(text: &str) -> Grouping {
    let mut separators = text.chars().filter(|c| !c.is_ascii_digit());
    let Some(separator) = separators.next() else {
        return Grouping::None;
    };
    if separators.any(|it| it != separator) {
        return Grouping::Odd;
    }
    let mut lengths = [0_usize; 6];
    let mut free = lengths.iter_mut();
    for group in text.split(separator) {
        let Some(length) = free.next() else {
            return Grouping::Odd;
        };
        *length = group.len();
    }
    match lengths {
        [4, 4, 4, 1..=4, 0, 0]
        | [4, 4, 4, 4, 1..=3, 0]
        | [4, 6, 4 | 5, 0, 0, 0]
        | [6, 13, 0, 0, 0, 0] => Grouping::Usual,
        [..] => Grouping::Odd,
    }
}

const DIGITS_MAX: usize = 19;

/// The first six digits, from and to, with the numbers of digits that a card of them may have.
const ISSUERS: [(u32, u32, &[usize]); 36] = [
    // Visa, with the 13 digits of its first decades.
    (400_000, 499_999, &[13, 16, 19]),
    // Mastercard.
    (222_100, 272_099, &[16]),
    (510_000, 559_999, &[16]),
    // American Express.
    (340_000, 349_999, &[15]),
    (370_000, 379_999, &[15]),
    // Diners Club.
    (300_000, 305_999, &[14, 16, 17, 18, 19]),
    (309_500, 309_599, &[14, 16, 17, 18, 19]),
    (360_000, 369_999, &[14, 15, 16, 17, 18, 19]),
    (380_000, 399_999, &[14, 16, 17, 18, 19]),
    // Discover.
    (601_100, 601_199, &[16, 17, 18, 19]),
    (644_000, 659_999, &[16, 17, 18, 19]),
    // JCB.
    (352_800, 358_999, &[16, 17, 18, 19]),
    // UnionPay, also what it shares with Discover.
    (620_000, 629_999, &[16, 17, 18, 19]),
    (810_000, 817_199, &[16, 17, 18, 19]),
    // Maestro.
    (500_000, 509_999, &[13, 14, 15, 16, 17, 18, 19]),
    (560_000, 589_999, &[13, 14, 15, 16, 17, 18, 19]),
    (600_000, 600_999, &[16, 18, 19]),
    (630_400, 630_499, &[13, 14, 15, 16, 17, 18, 19]),
    (633_110, 633_110, &[16, 18, 19]),
    (633_300, 633_399, &[16, 18, 19]),
    (636_000, 639_999, &[16, 17, 18, 19]),
    (670_000, 679_999, &[13, 14, 15, 16, 17, 18, 19]),
    (690_000, 690_999, &[16, 18, 19]),
    (493_698, 493_699, &[16, 18, 19]),
    // Mir.
    (220_000, 220_499, &[16, 17, 18, 19]),
    // Troy.
    (979_200, 979_299, &[16]),
    // Humo and Uzcard.
    (860_000, 860_099, &[16]),
    (986_000, 986_099, &[16]),
    // RuPay besides what it shares.
    (606_900, 608_599, &[16]),
    (817_200, 820_199, &[16]),
    (353_000, 353_999, &[16]),
    (356_000, 356_999, &[16]),
    // Elo and Hipercard besides what they share.
    (606_282, 606_282, &[16, 19]),
    (384_100, 384_199, &[16, 19]),
    // Cards of fleets and shops: Voyager; LankaPay.
    (869_900, 869_999, &[15]),
    (357_111, 357_111, &[16]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_found, believed, finds};

    /// The numbers that the networks and processors publish for tests.
    const TEST_NUMBERS: [&str; 14] = [
        "4111111111111111",
        "4012888888881881",
        "4222222222222",
        "5555555555554444",
        "2223003122003222",
        "5105105105105100",
        "378282246310005",
        "371449635398431",
        "30569309025904",
        "38520000023237",
        "6011111111111117",
        "6011000990139424",
        "3530111333300000",
        "6200000000000005",
    ];

    #[test]
    fn test_numbers_of_the_networks_are_found() {
        for number in TEST_NUMBERS {
            assert_found(&DETECTOR, number);
            assert_absent(&DETECTOR, &format!("{}{number}", "9"));
            let last = number.as_bytes()[number.len() - 1];
            let wrong = format!(
                "{}{}",
                number.get(..number.len() - 1).unwrap(),
                char::from(b'0' + (last - b'0' + 1) % 10)
            );
            assert_absent(&DETECTOR, &wrong);
        }
    }

    #[test]
    fn numbers_are_found_however_they_are_parted() {
        for number in [
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "3782 822463 10005",
            "3056 930902 5904",
            "6304 9000 1774 0292 441",
        ] {
            assert_found(&DETECTOR, number);
        }
        assert_absent(&DETECTOR, "4 11111 11-1111 1 111 1");
        assert_eq!(believed(&DETECTOR, "card 4 11111 11-1111 1 111 1").len(), 1);
    }

    #[test]
    fn a_number_is_found_among_others() {
        let card = ["4111 1111 1111 1111"];
        assert_eq!(
            believed(&DETECTOR, "Card 4111 1111 1111 1111 123 12/27"),
            card
        );
        assert_eq!(believed(&DETECTOR, "2 4111 1111 1111 1111"), card);
        assert_eq!(believed(&DETECTOR, "2026-01-02 4111 1111 1111 1111"), card);
        let two = ["4111111111111111", "5555555555554444"];
        assert_eq!(
            believed(&DETECTOR, "4111111111111111,5555555555554444"),
            two
        );
        assert_eq!(
            believed(&DETECTOR, "卡号4111111111111111是"),
            ["4111111111111111"]
        );
        assert_eq!(
            believed(&DETECTOR, "pan_4111111111111111"),
            ["4111111111111111"]
        );
        assert_eq!(
            believed(&DETECTOR, "４１１１\u{a0}1111\u{2011}1111 1111").len(),
            0,
            "odd"
        );
        assert_eq!(
            believed(&DETECTOR, "４１１１\u{a0}1111\u{a0}1111\u{202f}１１１１").len(),
            1
        );
    }

    #[test]
    fn fractions_and_issuers_of_none_are_no_cards() {
        assert_absent(&DETECTOR, "0.4111111111111111");
        assert_absent(&DETECTOR, "4111111111111111.25");
        assert_found(&DETECTOR, "4111111111111111");
        // Right by Luhn, but no network begins so, or has so many digits.
        for number in [
            "9111111111111111",
            "411111111111116",
            "7000000000000005",
            "1234567812345670",
        ] {
            assert_absent(&DETECTOR, number);
        }
    }

    #[test]
    fn context_makes_it_surer() {
        let sure = |text: &str, column| finds(&DETECTOR, text, column)[0].1;
        let bare = sure("4111111111111111", None);
        assert!(sure("4111111111111111", Some("CARD_NO")) > bare);
        assert!(sure("Visa: 4111111111111111", None) > bare);
    }
}
