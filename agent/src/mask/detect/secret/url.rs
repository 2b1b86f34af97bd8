//! User and password in a URL: RFC 3986 section 3.2.1, deprecated there for what it reveals.
//!
//! The find goes from the scheme to the `@`: host and path stay. A password may contain a bare `@`, as
//! people write it; the last one before the host counts.

use super::super::{Candidate, Confidence, Detector};
use super::is_placeholder;

pub(super) static DETECTOR: Detector = Detector {
    name: "url-credentials",
    title: "Password in a URL",
    category: "SECRET",
    pattern: r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@:"'<>]*:[^\s/?#"'<>]+@"#,
    check,
    context: &[
        "url",
        "uri",
        "dsn",
        "connection",
        "database",
        "remote",
        "proxy",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let (_, userinfo) = candidate.text.split_once("://")?;
    let (_, password) = userinfo.strip_suffix('@')?.split_once(':')?;
    let has_host = candidate
        .after
        .starts_with(|c: char| c.is_alphanumeric() || matches!(c, '[' | '_' | '$' | '{'));
    if !has_host || is_placeholder(password) {
        return None;
    }
    Some(95)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, believed};
    use super::*;

    #[test]
    fn credentials_are_found_and_the_host_stays() {
        for (text, find) in [
            (
                "postgres://app:s3cret@db.example.com:5432/x",
                "postgres://app:s3cret@",
            ),
            ("https://u:p%40ss@example.com/", "https://u:p%40ss@"),
            ("redis://:hunter2@cache", "redis://:hunter2@"),
            (
                "mongodb+srv://u:p@ss@cluster0.example.net",
                "mongodb+srv://u:p@ss@",
            ),
        ] {
            assert_eq!(believed(&DETECTOR, text), [find]);
        }
    }

    #[test]
    fn other_urls_are_not() {
        for text in [
            "https://example.com:8080/a@b",
            "https://user@example.com/",
            "postgres://app:${PASSWORD}@db/x",
            "https://example.com/x:y@z",
            "https://user:****@example.com",
            "sip:user:pass@example.com",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
