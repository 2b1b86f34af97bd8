//! Recognises what masking leaves in place of a value, in a text that is to be written.
//!
//! | method | leaves | recognised |
//! |---|---|---|
//! | `redact` | `[masked:label]` | yes |
//! | `hash` | `masked_` and 32 hexadecimal digits | yes |
//! | `partial`, `email-domain` | four asterisks, alone or beside what is kept | yes |
//! | `constant`, `format-preserving`, `null`, `date`, `number` | something that looks like a value | no |
//!
//! Letters in another case count too: a value may have gone through `UPPER`.

/// What the marker of `redact` begins with; a label or the end follows.
pub(super) const START: &str = "[masked";
pub(super) const HASH_PREFIX: &str = "masked_";
pub(super) const STARS: &str = "****";

const HASH_DIGITS: usize = 32;

/// True if a value contains a marker.
#[must_use]
pub fn find(text: &str) -> bool {
    has_name(text) || has_stars(text, |c| !c.is_whitespace())
}

/// True if code, with its strings in it, contains a marker. Asterisks count only beside what could be
/// kept of a value: rows of them are what comments are framed with.
#[must_use]
pub fn find_in_code(text: &str) -> bool {
    has_name(text) || has_stars(text, |c| c.is_alphanumeric() || c == '@')
}

fn has_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    // `masked` in any case: few texts have it, and each place is looked at once.
    let places = memchr::memchr2_iter(b'm', b'M', bytes);
    let mut rests = places.filter_map(|at| Some((bytes.get(..at)?, bytes.get(at..)?)));
    rests.any(|(before, rest)| is_marker(before, rest) || is_hash(rest))
}

fn is_marker(before: &[u8], rest: &[u8]) -> bool {
    let (open, name) = START.as_bytes().split_at(1);
    let Some(rest) = strip(rest, name).filter(|_| before.ends_with(open)) else {
        return false;
    };
    let label = match rest {
        [b']', ..] => return true,
        [b':', label @ ..] => label,
        [..] => return false,
    };
    // The characters of which labels are made.
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let length = label.iter().take_while(is_part).count();
    length > 0 && label.get(length) == Some(&b']')
}

fn is_hash(rest: &[u8]) -> bool {
    let digits = strip(rest, HASH_PREFIX.as_bytes()).and_then(|rest| rest.get(..HASH_DIGITS));
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

fn strip<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Whether there are four asterisks or more with a neighbour of this kind, or nothing else.
fn has_stars(text: &str, is_kept: impl Fn(char) -> bool) -> bool {
    let mut rest = text;
    let mut before = None;
    while let Some(at) = rest.find(STARS) {
        let (start, stars) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let before_stars = start.chars().next_back().or(before);
        let after = stars.trim_start_matches('*');
        let next = after.chars().next();
        let is_all = before_stars.is_none() && next.is_none();
        if is_all || before_stars.is_some_and(&is_kept) || next.is_some_and(&is_kept) {
            return true;
        }
        before = Some('*');
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_and_what_looks_like_them_is_not() {
        let hash = "masked_5bdcc146bf60754e6a042426089575c7";
        let found = [
            "[masked:pci.card]",
            "a [masked:pii_1-x] b",
            "[MASKED:PII.EMAIL]",
            "[masked]",
            "[[masked]",
            hash,
            &format!("x{}y", hash.to_uppercase()),
            "****",
            "********",
            "****1111",
            "Jo****",
            "****@example.com",
            "4111****-111",
            "**** 1 ****2",
        ];
        for text in found {
            assert!(find(text), "{text}");
        }
        let clean = [
            "",
            "masked",
            "[masked",
            "[masked:]",
            "[masked:a b]",
            "(masked:a]",
            "[masked:a",
            "masked_5bdcc146bf60754e6a042426089575c",
            "masked_5bdcc146bf60754e6a042426089575cg",
            "***1111",
            "* * * *",
            "John ****",
            "a **** b",
            "mmmmmm",
        ];
        for text in clean {
            assert!(!find(text), "{text}");
        }
    }

    #[test]
    fn frames_of_comments_are_no_markers() {
        let code = "/*******\n * Copies ****\n *******/ x = '2 ** 3';";
        assert!(!find_in_code(code));
        for text in ["x = '****1111'", "x = 'a****'", "'[masked:a]'", "****@b.c"] {
            assert!(find_in_code(text), "{text}");
        }
        assert!(find("/****/") && !find_in_code("/****/"));
    }
}
