//! Tokens in HTTP authorization: RFC 6750 section 2.1 (Bearer), RFC 7617 (Basic).
//!
//! The find is the scheme and the token.

use super::super::{Candidate, Confidence, Detector};
use super::{distinct, is_placeholder, kinds};

pub(super) static DETECTOR: Detector = Detector {
    name: "bearer-token",
    title: "Authorization header",
    category: "SECRET",
    pattern: "(?i)(?:bearer|basic|apikey|token) +[A-Za-z0-9._~+/-]{7,}[A-Za-z0-9_~+/-]=*",
    check,
    context: &[
        "authorization",
        "auth",
        "header",
        "curl",
        "proxy authorization",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let (_, token) = candidate.text.split_once(' ')?;
    let token = token.trim_start();
    let is_random =
        kinds(token) >= 2 && distinct(token) >= 8 && token.contains(|c: char| c.is_ascii_digit());
    // RFC 7617 credentials may have no digit: base 64 of words.
    let is_basic = candidate.text.get(..5)?.eq_ignore_ascii_case("basic");
    let is_mixed = is_basic && token.len() % 4 == 0 && kinds(token.trim_end_matches('=')) >= 2;
    if is_placeholder(token) || !(is_random || is_mixed && candidate.in_context) {
        return None;
    }
    match (candidate.in_context, token.len()) {
        (true, _) => Some(92),
        (false, 20..) => Some(80),
        (false, _) => Some(40),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::*;

    #[test]
    fn tokens_are_found() {
        assert_found(&DETECTOR, "Bearer mF_9.B5f-4.1JqM7xK2pQ8");
        assert_found(&DETECTOR, "Basic QWxhZGRpbjpvcGVuc2VzYW1l");
        assert_needs_context(&DETECTOR, "bearer a1b2c3d4e5");
        for text in [
            "bearer certificates are",
            "Authorization: Bearer ${TOKEN}",
            "basic understanding of",
            "token expired2",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
