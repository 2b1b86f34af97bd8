//! Secrets of any origin behind a name that says so: `api_key=…`, `"client_secret": "…"`.
//!
//! CWE-798 and CWE-532 are where they come from: code and logs. The find begins with the name and ends
//! with the value; of a value in quotes after a quoted name, as in JSON, the last quote is left.

use super::super::{Candidate, Confidence, Detector};
use super::{HARMLESS, distinct, is_placeholder};

pub(super) static DETECTOR: Detector = Detector {
    name: "keyed-secret",
    title: "Secret behind its name",
    category: "SECRET",
    pattern: concat!(
        r"(?i)[A-Za-z0-9_.-]*(?:api|access|secret|auth|private|client|encryption|signing|consumer|account|shared|",
        r"refresh|session|master|hmac|webhook|service|app|id)[_. -]?(?:key|token|secret|credential|sid)s?",
        r#"(?:["']\s*(?:=>|[:=])\s*["']|\s*(?::=|=>|[:=])\s*["']?)[A-Za-z0-9+/=_.~-]{12,}"#,
        r"|(?i)[A-Za-z0-9_.-]*(?:secret|token|credential)",
        r#"(?:["']\s*(?:=>|[:=])\s*["']|\s*(?::=|=>|[:=])\s*["']?)[A-Za-z0-9+/=_.~-]{12,}"#,
    ),
    check,
    context: &[
        "api key",
        "apikey",
        "secret",
        "token",
        "credential",
        "credentials",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    // The end of a sentence may follow, but not more of the value.
    let more = candidate
        .after
        .trim_start_matches(['+', '/', '=', '_', '.', '~', '-']);
    if more.len() < candidate.after.len() && more.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let at = candidate.text.find([':', '='])?;
    let (name, value) = candidate.text.split_at_checked(at)?;
    let value = value.trim_start_matches([':', '=', '>', ' ', '\t', '"', '\'']);
    // A name that a longer one ends with says less than all of it.
    let whole = candidate
        .before
        .rsplit(|c: char| !c.is_ascii_alphanumeric() && !"_.-".contains(c))
        .next()?;
    let name = [whole, name].concat().to_ascii_lowercase();
    if is_placeholder(value) || is_harmless(&name) {
        return None;
    }
    let has_digit = value.contains(|c: char| c.is_ascii_digit());
    let has_letter = value.contains(|c: char| c.is_ascii_alphabetic());
    let is_path = value.matches(['.', '/']).count() > 3;
    if !has_digit || !has_letter || is_path {
        return None;
    }
    // Random hexadecimal digits show most of the sixteen, random base 64 many more.
    match (value.len(), distinct(value)) {
        (20.., 14..) => Some(90),
        (.., 9..) => Some(75),
        _ => Some(40),
    }
}

fn is_harmless(name: &str) -> bool {
    HARMLESS.iter().any(|word| name.contains(word)) || name.contains("cache")
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, believed};
    use super::*;

    #[test]
    fn values_behind_names_are_found() {
        for text in [
            "api_key=9f8e7d6c5b4a39281706f5e4d3c2b1a0",
            "X-Api-Key: q7Rk2ZpXv9Lm4Tn8",
            "client_secret = 'b2Qx9Lw3Zr7Kt5Vn1Ys8",
            "SECRET_TOKEN=u8Jd72kSl0qPzX4m",
            "authToken => Zk3Lq9Xv7Rt2Wm5Pn8Ys",
        ] {
            assert_found(&DETECTOR, text);
        }
        let text = r#"{"client_secret": "b2Qx9Lw3Zr7Kt5Vn1Ys8"}"#;
        assert_eq!(
            believed(&DETECTOR, text),
            [r#"client_secret": "b2Qx9Lw3Zr7Kt5Vn1Ys8"#]
        );
    }

    #[test]
    fn names_of_other_things_are_not() {
        for text in [
            "api_key=${API_KEY}",
            "api_key=your-api-key-here",
            "token: required-for-login",
            "secret=xxxxxxxxxxxxxxxx",
            "next_page_token=q7Rk2ZpXv9Lm4Tn8",
            "primary_key: customer_id_2024_v2",
            "api key is in the vault",
            "access_key=config.prod.v2.aws.keys.main",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
