//! E-mail addresses: RFC 5321 section 4.1.2 and RFC 5322 section 3.4.1, as far as people use them, with
//! internationalised names of RFC 6531.
//!
//! Comments, domain literals and the stranger signs of a local part (`/`, `=`, `{`) are left out: in text
//! they separate an address from what is not one. A quoted local part is taken.

use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "email",
    title: "E-mail address",
    category: "EMAIL",
    pattern: concat!(
        r#"(?:[A-Za-z0-9_+\x80-\xff][A-Za-z0-9.!#$%&'*+_~\x80-\xff-]*|"[^"\x00-\x1f\\]+")@"#,
        r"(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]*[A-Za-z0-9\x80-\xff])?\.)+",
        r"(?:[Xx][Nn]--[A-Za-z0-9-]*[A-Za-z0-9]|[A-Za-z\x80-\xff]{2,})",
    ),
    check,
    context: &["email", "e mail", "mail", "contact", "correo", "courriel"],
    numeric: false,
};

/// RFC 5321 section 4.5.3.1: a path of 256 with its brackets, and a local part.
const ADDRESS_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;

/// Pictures for screens with more pixels are called `icon@2x.png`.
const PICTURES: [&str; 6] = ["gif", "jpeg", "jpg", "png", "svg", "webp"];

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let (local, domain) = candidate.text.rsplit_once('@')?;
    let (_, top) = domain.rsplit_once('.')?;
    // Writing without spaces runs into the local part: too much is masked then, not too little.
    let is_long = candidate.text.len() > ADDRESS_BYTES_MAX || local.len() > LOCAL_BYTES_MAX;
    if is_long && candidate.text.is_ascii() || is_picture(domain, top) {
        return None;
    }
    if is_in_url(candidate.before) || is_repository(local, candidate.after) {
        return None;
    }
    let is_plain = !local.contains("..") && !local.ends_with('.') && !local.starts_with('"');
    Some(match (is_plain, candidate.in_context) {
        (true, true) => 97,
        (true, false) => 95,
        // Some providers let local parts be that RFC 5321 does not.
        (false, _) => 75,
    })
}

fn is_picture(domain: &str, top: &str) -> bool {
    let scale = domain
        .strip_suffix(top)
        .and_then(|it| it.strip_suffix("x."));
    let is_scale = scale.is_some_and(|it| it.bytes().all(|c| c.is_ascii_digit() || c == b'.'));
    is_scale && PICTURES.iter().any(|it| it.eq_ignore_ascii_case(top))
}

/// User and password of a URL are found by `url-credentials`.
fn is_in_url(before: &str) -> bool {
    let token = before
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '('))
        .next();
    let authority = token.and_then(|token| token.rsplit_once("://"));
    authority.is_some_and(|(_, authority)| !authority.contains(['/', '?', '#', ',', ';']))
}

/// `git@host:path`, the same for everyone.
fn is_repository(local: &str, after: &str) -> bool {
    matches!(local, "git" | "hg" | "svn") && after.starts_with([':', '/'])
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, believed};
    use super::*;

    #[test]
    fn addresses_are_found() {
        for address in [
            "jane.doe@example.com",
            "jane+news@mail.example.co.uk",
            "o'brien@example.ie",
            "JANE_DOE@EXAMPLE.COM",
            "\"jane doe\"@example.org",
            "user@xn--bcher-kva.example",
            "jürgen@bücher.example",
            "用户@例子.广告",
            "a@b.io",
            "user@b.xn--p1ai",
            "very..odd@example.jp",
        ] {
            assert_found(&DETECTOR, address);
        }
    }

    #[test]
    fn they_end_where_the_text_goes_on() {
        for (text, address) in [
            ("Write to <jane@example.com>, please.", "jane@example.com"),
            ("mailto:jane@example.com?subject=x", "jane@example.com"),
            ("{\"email\":\"jane@example.com\"}", "jane@example.com"),
            (
                "https://example.com/?e=jane@example.com&x=1",
                "jane@example.com",
            ),
            ("user=jane@example.com.", "jane@example.com"),
            ("'jane@example.com'", "jane@example.com"),
        ] {
            assert_eq!(believed(&DETECTOR, text), [address], "{text}");
        }
    }

    #[test]
    fn what_looks_like_one_is_not() {
        for text in [
            "icon@2x.png",
            "react@18.2.0",
            "user@localhost",
            "@example.com",
            "jane@",
            "jane@example",
            "https://user:pass@example.com/",
            "https://user@example.com/",
            "git@github.com:rust-lang/rust.git",
            "jane@-example.c",
            "jane at example.com",
        ] {
            assert_absent(&DETECTOR, text);
        }
        assert_absent(&DETECTOR, &format!("{}@example.com", "a".repeat(65)));
    }
}
