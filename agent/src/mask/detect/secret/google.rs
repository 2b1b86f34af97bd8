//! Google Cloud: API keys, OAuth client secrets and access tokens.
//!
//! Google Cloud documentation, "Manage API keys" (AIza and 35 characters), and the shapes of OAuth 2.0
//! client secrets (GOCSPX-) and access tokens (ya29.). Keys of service accounts are PEM blocks, which
//! `private-key` finds.

use super::super::{Candidate, Confidence, Detector};
use super::distinct;

pub(super) static API_KEY: Detector = Detector {
    name: "google-api-key",
    title: "Google API key",
    category: "SECRET",
    pattern: "AIza[A-Za-z0-9_-]{35}",
    check,
    context: &["google", "gcp", "maps", "firebase", "api key"],
    numeric: false,
};

pub(super) static OAUTH: Detector = Detector {
    name: "google-oauth",
    title: "Google OAuth secret or token",
    category: "SECRET",
    pattern: r"GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,}",
    check,
    context: &["google", "gcp", "oauth", "client secret", "access token"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    // A longer run of its characters is not a key of 35 or 28.
    let goes_on = candidate.after.starts_with(['-', '_']);
    (distinct(candidate.text) >= 14 && !goes_on).then_some(95)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::*;

    #[test]
    fn keys_are_found() {
        assert_found(&API_KEY, "AIzaSyD4x9-Qm_2tYbN7rKfLwE3uHjV0cGzP8sA");
        assert_found(&OAUTH, "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");
        assert_found(&OAUTH, "ya29.a0AfH6SMBx-3kLq9Zt_7WvYpR2");
        assert_absent(&API_KEY, "AIzaSyD4x9-Qm_2tYbN7rKfLwE3uHjV0cGzP8s");
        assert_absent(&API_KEY, "AIzaXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX");
        assert_absent(&API_KEY, "AIzaSyD4x9-Qm_2tYbN7rKfLwE3uHjV0cGzP8sA_more");
    }
}
