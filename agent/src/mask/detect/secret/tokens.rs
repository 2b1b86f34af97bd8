//! Tokens that a prefix tells: what they have in common is a fixed beginning and random characters.
//!
//! Shapes by the issuers' documentation: Databricks "Personal access tokens", GitLab "Token overview", Hugging
//! Face "User access tokens", PyPI "API tokens" (a macaroon whose first bytes name the site), Twilio SendGrid
//! and Twilio "API keys", Stripe "API keys".

use super::super::{Candidate, Confidence, Detector};
use super::distinct;

pub(super) static DATABRICKS: Detector = Detector {
    name: "databricks-token",
    title: "Databricks access token",
    category: "SECRET",
    pattern: "dapi[0-9a-f]{32}(?:-[0-9])?",
    check,
    context: &["databricks", "token"],
    numeric: false,
};

pub(super) static GITLAB: Detector = Detector {
    name: "gitlab-token",
    title: "GitLab token",
    category: "SECRET",
    pattern: "gl(?:pat|ptt|dt|rt|cbt|ft|soat|oas|imt|agent|ffct|wt)-[A-Za-z0-9_-]{20,}(?:[.][0-9a-z]{2}[.][0-9a-z]{9})?",
    check,
    context: &["gitlab", "token"],
    numeric: false,
};

pub(super) static HUGGING_FACE: Detector = Detector {
    name: "hugging-face-token",
    title: "Hugging Face access token",
    category: "SECRET",
    pattern: "hf_[A-Za-z0-9]{34}",
    check,
    context: &["huggingface", "hugging face", "hf token"],
    numeric: false,
};

pub(super) static PYPI: Detector = Detector {
    name: "pypi-token",
    title: "PyPI API token",
    category: "SECRET",
    pattern: "pypi-AgE[A-Za-z0-9_-]{50,}",
    check,
    context: &["pypi", "twine", "pypirc"],
    numeric: false,
};

pub(super) static SENDGRID: Detector = Detector {
    name: "sendgrid-key",
    title: "SendGrid API key",
    category: "SECRET",
    pattern: "SG[.][A-Za-z0-9_-]{22}[.][A-Za-z0-9_-]{43}",
    check,
    context: &["sendgrid", "api key"],
    numeric: false,
};

pub(super) static STRIPE: Detector = Detector {
    name: "stripe-key",
    title: "Stripe secret key",
    category: "SECRET",
    pattern: "(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{32,}=*",
    check,
    context: &["stripe", "api key", "secret key"],
    numeric: false,
};

/// Its body is hexadecimal, as that of the names of Twilio's public objects.
pub(super) static TWILIO: Detector = Detector {
    name: "twilio-key",
    title: "Twilio API key",
    category: "SECRET",
    pattern: "SK[0-9a-f]{32}",
    check,
    context: &["twilio", "api key"],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    // The end is random whatever the issuer; fillers of documentation are not.
    let end = candidate
        .text
        .get(candidate.text.len().checked_sub(16)?..)?;
    (distinct(end) >= 7).then_some(95)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::*;

    /// Secret scanners of others take a token in one piece for a real one.
    fn token(prefix: &str, body: &str) -> String {
        format!("{prefix}{body}")
    }

    #[test]
    fn each_issuer_has_its_prefix() {
        let hex = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";
        let mixed = "Zk3Lq9Xv7Rt2Wm5Pn8YsQd4Bx6Fh1JcTg0UeAoIyVwNzMrSpKl";
        let first = |length| mixed.get(..length).unwrap();
        for (detector, prefix, body) in [
            (&DATABRICKS, "dapi", hex),
            (&GITLAB, "glpat-", first(20)),
            (&HUGGING_FACE, "hf_", first(34)),
            (&PYPI, "pypi-AgEIcHlwaS5vcmc", mixed),
            (&STRIPE, "sk_live_", first(24)),
            (&STRIPE, "rk_test_", first(24)),
            (&STRIPE, "whsec_", first(32)),
            (&TWILIO, "SK", hex),
        ] {
            assert_found(detector, &token(prefix, body));
            assert_absent(detector, &token(prefix, &"x".repeat(body.len())));
            assert_absent(detector, &token(prefix, body.get(..10).unwrap()));
        }
        let key = format!("{}.{}", first(22), first(43));
        assert_found(&SENDGRID, &token("SG.", &key));
        assert_absent(&STRIPE, &token("pk_live_", first(24)));
    }
}
