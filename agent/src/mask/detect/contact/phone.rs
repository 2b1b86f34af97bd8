//! Telephone numbers: ITU-T E.164 and the national forms of E.123, by the plans of their countries.
//!
//! Digits in groups are the form of nearly everything, so a number is taken by its shape first: `+` and a
//! country code; three, three and four digits as in North America; a leading 0 with separators. Anything
//! else needs a word near it. Plans are asked last.

use super::super::{Candidate, Confidence, Detector};
use super::plan::{is_international, is_national};

pub(super) static DETECTOR: Detector = Detector {
    name: "phone",
    title: "Telephone number",
    category: "PHONE_NUMBER",
    pattern: concat!(
        r"(?:\+[0-9](?:[ ().\-/]{0,3}[0-9]){6,16}",
        r"|(?:1[ .-]?)?(?:\([2-9][0-9]{2}\)[ -]?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}",
        r"|\(?0[0-9](?:[ ().\-/]{0,3}[0-9]){6,13}",
        r"|\([0-9]{2,4}\)(?:[ .-]?[0-9]){6,9}",
        r"|[1-9](?:[ .-]?[0-9]){6,14})",
        r"(?i:[ ,;]{0,2}(?:x|ext|extn|extension)[ .:]{0,2}[0-9]{1,6})?",
    ),
    check,
    context: &[
        "phone",
        "phones",
        "phone number",
        "phonenumber",
        "phone no",
        "telephone",
        "tel",
        "mobile",
        "cell",
        "cellphone",
        "fax",
        "call",
        "dial",
        "sms",
        "whatsapp",
        "msisdn",
        "hotline",
        "telefon",
        "mobil",
        "telefono",
        "teléfono",
        "movil",
        "móvil",
        "telefone",
        "celular",
        "téléphone",
        "telefoon",
        "mobiel",
        "puhelin",
        "rufnummer",
    ],
    numeric: true,
};

/// Where a number without a country code may be from: North America, Western Europe and Poland,
/// Australia, New Zealand, India, Japan, Brazil, Mexico and South Africa.
const COUNTRY_CODES: [u16; 24] = [
    1, 44, 49, 33, 39, 34, 31, 32, 41, 43, 46, 47, 45, 358, 48, 351, 353, 61, 64, 91, 81, 55, 52,
    27,
];

/// E.164 section 6: fifteen digits with the country code.
const DIGITS_MAX: usize = 15;

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = main_part(candidate.text);
    let is_north_american = is_north_american(text);
    // Most candidates are numbers of another kind, and end here.
    let is_bare = text.starts_with(|c: char| matches!(c, '1'..='9'));
    if (is_bare && !is_north_american && !candidate.in_context)
        || is_amount_or_code(candidate, text)
    {
        return None;
    }
    // In a row of groups, those of an IBAN, 0 is no prefix.
    let follows_digits = candidate
        .before
        .trim_end()
        .ends_with(|c: char| c.is_ascii_digit());
    if text.starts_with('0') && follows_digits && !candidate.in_context {
        return None;
    }
    let groups = groups(text);
    if let Some(digits) = international(text) {
        return check_international(&digits, candidate.in_context);
    }
    if looks_like_date(&groups) || text.parse::<std::net::Ipv4Addr>().is_ok() {
        return None;
    }
    let digits: String = groups.concat();
    let is_grouped = groups.len() > 1;
    if is_north_american {
        return Some(if candidate.in_context { 92 } else { 75 });
    }
    // The groups of US social security numbers and of cards.
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    match *lengths.as_slice() {
        [3, 2, 4] if text.contains('-') => return None,
        [3, 2, 4] | [4, 4, 4, ..] if !candidate.in_context => return None,
        _ => {}
    }
    // Without a word only a trunk prefix in a group of its own says that digits are to be dialled.
    let has_trunk = digits.starts_with('0') && is_grouped && groups.iter().all(|it| it.len() < 9);
    let in_brackets = text.starts_with('(');
    if !candidate.in_context && !has_trunk && !in_brackets {
        return None;
    }
    let is_valid = COUNTRY_CODES.iter().any(|code| is_national(*code, &digits));
    match (is_valid, candidate.in_context, in_brackets) {
        (true, true, _) => Some(85),
        (true, false, _) => Some(if groups.iter().any(|it| it.len() == 1) {
            50
        } else {
            65
        }),
        // A plan that is not among the regions, or digits that were made up.
        (false, true, true) => Some(70),
        (false, true, false) if is_grouped && digits.len() >= 9 => Some(65),
        (false, true, false) => Some(45),
        (false, false, _) => None,
    }
}

/// The number without its extension.
fn main_part(text: &str) -> &str {
    let end = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    text.get(..end)
        .unwrap_or(text)
        .trim_end_matches([' ', ',', ';'])
}

fn groups(text: &str) -> Vec<&str> {
    let groups = text.split(|c: char| !c.is_ascii_digit());
    groups.filter(|group| !group.is_empty()).collect()
}

/// The digits of what begins with `+`, or with 00 as it is dialled in most of the world.
fn international(text: &str) -> Option<String> {
    // `+44 (0)20` tells callers at home about the trunk prefix.
    let mut digits = text.replace("(0)", "");
    digits.retain(|c| c.is_ascii_digit());
    if text.starts_with('+') {
        return Some(digits);
    }
    let dialled = digits.strip_prefix("00")?;
    (dialled.len() >= 9 && !dialled.starts_with('0')).then(|| dialled.to_owned())
}

fn check_international(digits: &str, in_context: bool) -> Option<Confidence> {
    if !(7..=DIGITS_MAX).contains(&digits.len()) || digits.starts_with('0') {
        return None;
    }
    Some(match (is_international(digits), in_context) {
        (true, true) => 97,
        (true, false) => 90,
        // Plans change, and people mistype: the sign says enough.
        (false, true) => 75,
        (false, false) if digits.len() >= 9 => 62,
        (false, false) => 40,
    })
}

/// NPA-NXX-XXXX of the North American plan; the pattern lets in no other area and exchange codes.
fn is_north_american(text: &str) -> bool {
    let mut groups = [""; 5];
    let mut free = groups.iter_mut();
    for group in text.split(|c: char| !c.is_ascii_digit()) {
        if group.is_empty() {
            continue;
        }
        let Some(free) = free.next() else {
            return false;
        };
        *free = group;
    }
    let ([area, exchange, line, "", ""] | ["1", area, exchange, line, ""]) = groups else {
        return false;
    };
    let is_code = |code: &str| code.len() == 3 && !code.starts_with(['0', '1']);
    is_code(area) && is_code(exchange) && line.len() == 4 && !area.ends_with("11")
}

fn looks_like_date(groups: &[&str]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_year =
        |group: Option<&&str>| group.is_some_and(|it| it.starts_with("19") || it.starts_with("20"));
    match *lengths.as_slice() {
        [4, 2, 2, ..] | [4, 2] => is_year(groups.first()),
        [1 | 2, 1 | 2, 4, ..] => is_year(groups.get(2)),
        [1 | 2, 1 | 2, 2] => true,
        [8] | [14] => is_year(groups.first()),
        _ => false,
    }
}

/// A part of a decimal number, of an amount, of a version, of a longer code.
fn is_amount_or_code(candidate: &Candidate<'_>, text: &str) -> bool {
    let before = candidate.before.chars().next_back();
    let after = candidate.after.chars().next();
    let joins = |c: char| matches!(c, '.' | ',' | '-' | '/' | '_' | ':' | '=' | '%');
    let digit_before = candidate
        .before
        .trim_end_matches(joins)
        .ends_with(|c: char| c.is_ascii_alphanumeric());
    let digit_after = candidate
        .after
        .trim_start_matches(joins)
        .starts_with(|c: char| c.is_ascii_digit());
    let is_decimal = text.matches('.').count() == 1 && !text.contains([' ', '-', '(', '/']);
    before.is_some_and(|c| matches!(c, '$' | '€' | '£' | '#' | '¥'))
        || after.is_some_and(|c| matches!(c, '%' | '€' | '°'))
        || before.is_some_and(|c| matches!(c, '.' | ',' | '-' | '/' | '_')) && digit_before
        || after.is_some_and(joins) && digit_after
        || is_decimal && !candidate.in_context
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{
        assert_absent, assert_found, assert_needs_context, believed,
    };
    use super::*;

    #[test]
    fn international_forms_are_found() {
        for number in [
            "+1 415 555 2671",
            "+14155552671",
            "+44 20 7946 0958",
            "+44 (0)20 7946 0958",
            "+49 30 901820",
            "+49 (0) 30 901820",
            "+33 1 44 55 66 77",
            "0041 44 668 18 00",
            "+55 11 98765-4321",
            "+1 (415) 555-2671 x12",
        ] {
            assert_found(&DETECTOR, number);
        }
    }

    #[test]
    fn national_forms_are_found() {
        for number in [
            "(415) 555-2671",
            "415-555-2671",
            "415.555.2671",
            "1-415-555-2671",
            "415-555-2671 ext. 3",
            "020 7946 0958",
            "030 901820",
            "01 44 55 66 77",
            "(030) 901820",
            "0171/2345678",
        ] {
            assert_found(&DETECTOR, number);
        }
        for number in ["4155552671", "912 345 678", "44 12 34 56"] {
            assert_needs_context(&DETECTOR, number);
        }
    }

    #[test]
    fn other_digits_are_not() {
        for text in [
            "2020-01-15",
            "15.01.2020",
            "01/15/2020",
            "192.168.100.200",
            "1234567890123456",
            "$1,234,567.89",
            "1234567.89",
            "123-45-6789",
            "4111 1111 1111 1111",
            "2020-01-15 10:20:30",
            "1700000000000",
            "978-3-16-148410-0",
            "0.12345678",
            "-0.123456789",
            "1 234 567",
            "3.14.159.2653",
            "100-200-300",
            "060-65-3518",
            "id 12345678",
            "+1",
            "550e8400-e29b-41d4-a716-446655440000",
            "00000000",
            "invoice 0000123456",
        ] {
            assert_absent(&DETECTOR, text);
        }
        assert_absent(&DETECTOR, "call 2020-01-15");
    }

    #[test]
    fn they_end_where_the_text_goes_on() {
        for (text, number) in [
            ("Call 415-555-2671, please", "415-555-2671"),
            ("{\"phone\":\"+14155552671\"}", "+14155552671"),
            ("tel:+1-415-555-2671;ext", "+1-415-555-2671"),
        ] {
            assert_eq!(believed(&DETECTOR, text), [number]);
        }
    }
}
