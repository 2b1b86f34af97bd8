//! Snowflake session and master tokens, as drivers send them: `Snowflake Token="…"` and the token itself.
//!
//! The shape is what the service hands out: a version, a hint, and base 64 that begins with `ETMs`.

use super::super::{Candidate, Confidence, Detector};
use super::{distinct, is_placeholder};

pub(super) static DETECTOR: Detector = Detector {
    name: "snowflake-token",
    title: "Snowflake session token",
    category: "SECRET",
    pattern: concat!(
        r#"(?i:snowflake token=\\?")[^"\\\s]{16,}|"#,
        "ver:[0-9]+-hint:[0-9]+-[A-Za-z0-9+/=_-]{24,}",
        "|ETMs[A-Za-z0-9+/=_-]{40,}",
    ),
    check,
    context: &["snowflake", "session token", "token", "authorization"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let token = candidate.text.rsplit('"').next()?;
    (!is_placeholder(token) && distinct(token) >= 10).then_some(95)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, believed};
    use super::*;

    const BODY: &str = "ETMsDgAAAYx3kLq9Zt7WvYpR2mB6nLs8Jd3Hf5Gc1Ae0TuQ4bNxE";

    #[test]
    fn tokens_are_found() {
        assert_found(&DETECTOR, BODY);
        assert_found(&DETECTOR, &format!("ver:3-hint:92019684909886-{BODY}"));
        let header = format!("Authorization: Snowflake Token=\"{BODY}\"");
        assert_eq!(
            believed(&DETECTOR, &header),
            [format!("Snowflake Token=\"{BODY}")]
        );
        assert_absent(
            &DETECTOR,
            "Snowflake Token=\"${SESSION_TOKEN_OF_THE_USER}\"",
        );
        assert_absent(&DETECTOR, "ver:1-hint:2-short");
    }
}
