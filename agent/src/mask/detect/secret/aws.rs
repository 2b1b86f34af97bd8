//! Amazon Web Services: access key ids and secret access keys.
//!
//! AWS IAM User Guide, "IAM identifiers": a prefix that says what it is (AKIA: long-term, ASIA: temporary)
//! and sixteen characters of base 32. A secret access key is forty characters of base 64 with no mark of
//! its own, as many hashes are: it needs a word near it.

use super::super::{Candidate, Confidence, Detector};
use super::{distinct, kinds};

pub(super) static KEY_ID: Detector = Detector {
    name: "aws-access-key-id",
    title: "AWS access key id",
    category: "SECRET",
    pattern: "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
    check: check_key_id,
    context: &["aws", "access key", "amazon", "access key id"],
    numeric: false,
};

pub(super) static SECRET_KEY: Detector = Detector {
    name: "aws-secret-access-key",
    title: "AWS secret access key",
    category: "SECRET",
    pattern: "[A-Za-z0-9/+]{40}",
    check: check_secret_key,
    context: &[
        "aws",
        "secret access key",
        "secret key",
        "aws secret",
        "secretaccesskey",
        "secretkey",
        "aws secret key",
        "aws secret access key",
    ],
    numeric: false,
};

fn check_key_id(candidate: &Candidate<'_>) -> Option<Confidence> {
    let body = candidate.text.get(4..)?;
    (distinct(body) > 5).then_some(if candidate.in_context { 98 } else { 95 })
}

fn check_secret_key(candidate: &Candidate<'_>) -> Option<Confidence> {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '+' | '=');
    // `=` before it is that of an assignment.
    let before = candidate
        .before
        .strip_suffix('=')
        .unwrap_or(candidate.before);
    let is_longer = before.ends_with(['/', '+']) || candidate.after.starts_with(goes_on);
    // Forty hexadecimal digits are a SHA-1.
    let is_random = kinds(candidate.text) >= 3 && distinct(candidate.text) >= 18;
    let is_path = candidate.text.matches('/').count() > 5;
    // Surer than `keyed-secret` of the same: it knows whose key it is.
    (candidate.in_context && is_random && !is_longer && !is_path).then_some(93)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::*;

    #[test]
    fn key_ids() {
        assert_found(&KEY_ID, "AKIAIOSFODNN7EXAMPLE");
        assert_found(&KEY_ID, "ASIAJEXAMPLEXEG2JICE");
        assert_absent(&KEY_ID, "AKIAIOSFODNN7EXAMPL");
        assert_absent(&KEY_ID, "AKIAIOSFODNN7EXAMPLE7");
        assert_absent(&KEY_ID, "AKIAXXXXXXXXXXXXXXXX");
        assert_absent(&KEY_ID, "AKIAIOSFODNN1EXAMPLE");
    }

    #[test]
    fn secret_keys() {
        assert_needs_context(&SECRET_KEY, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        assert_absent(&SECRET_KEY, "aws da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_absent(&SECRET_KEY, "aws wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY=");
    }
}
