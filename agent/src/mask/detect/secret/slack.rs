//! Slack: tokens and webhook addresses.
//!
//! Slack API documentation, "Token types" (`xoxb-` and others, `xapp-`), and "Incoming webhooks": whoever
//! knows the address can post.

use super::super::{Candidate, Confidence, Detector};
use super::distinct;

pub(super) static TOKEN: Detector = Detector {
    name: "slack-token",
    title: "Slack token",
    category: "SECRET",
    pattern: r"xox(?:[abceoprs]|e\.xox[bp])-[A-Za-z0-9-]{12,}|xapp-[0-9]-[A-Za-z0-9-]{20,}",
    check,
    context: &["slack", "bot token"],
    numeric: false,
};

pub(super) static WEBHOOK: Detector = Detector {
    name: "slack-webhook",
    title: "Slack webhook address",
    category: "SECRET",
    pattern: "https://hooks[.]slack(?:-gov)?[.]com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    check,
    context: &["slack", "webhook"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let has_digit = candidate.text.contains(|c: char| c.is_ascii_digit());
    let end = candidate.text.rsplit(['-', '/']).next()?;
    let is_random = distinct(end) >= 5 && has_digit;
    is_random.then_some(95)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::*;

    /// Secret scanners of others take a token in one piece for a real one.
    fn token(parts: &[&str]) -> String {
        parts.join("-")
    }

    #[test]
    fn tokens_are_found() {
        assert_found(
            &TOKEN,
            &token(&[
                "xoxb",
                "123456789012",
                "1234567890123",
                "Zk3Lq9Xv7Rt2Wm5Pn8YsQd4B",
            ]),
        );
        assert_found(
            &TOKEN,
            &token(&[
                "xapp",
                "1",
                "A0123456789",
                "1234567890123",
                "9f8e7d6c5b4a3928",
            ]),
        );
        let path = [
            "https://hooks.slack.com/services",
            "T01234567",
            "B01234567",
            "Zk3Lq9Xv7Rt2Wm5Pn8YsQd4B",
        ];
        assert_found(&WEBHOOK, &path.join("/"));
        assert_absent(
            &TOKEN,
            &token(&["xoxb", "000000000000", "xxxxxxxxxxxxxxxx"]),
        );
        assert_absent(&TOKEN, "xoxb-your-token-goes-here");
        assert_absent(
            &WEBHOOK,
            "https://hooks.slack.com/services/your/webhook/goes/here",
        );
    }
}
