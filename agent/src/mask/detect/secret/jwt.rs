//! JSON web tokens: RFC 7519, in the compact forms of RFC 7515 (three parts) and RFC 7516 (five).
//!
//! The header must be JSON with an `alg`. Programmatic access tokens of Snowflake are such tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "jwt",
    title: "JSON web token",
    category: "SECRET",
    pattern: concat!(
        r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,3}\.[A-Za-z0-9_-]+",
        r"|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.",
    ),
    check,
    context: &["jwt", "token", "bearer", "authorization", "id token"],
    numeric: false,
};

/// Headers name an algorithm and a key, or carry a chain of certificates.
const HEADER_BYTES_MAX: usize = 16_384;

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let header = candidate.text.split('.').next()?;
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: Map<String, Value> = serde_json::from_slice(&header).ok()?;
    header.get("alg")?.is_string().then_some(97)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, believed};
    use super::*;

    /// RFC 7515 appendix A.1.
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r";

    #[test]
    fn tokens_are_found() {
        assert_found(&DETECTOR, TOKEN);
        assert_found(&DETECTOR, "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.");
        assert_eq!(believed(&DETECTOR, &format!("Bearer {TOKEN}\n")), [TOKEN]);
        assert_eq!(believed(&DETECTOR, &format!("It was {TOKEN}.")), [TOKEN]);
    }

    #[test]
    fn other_base64_is_not() {
        // {"a":1}
        assert_absent(&DETECTOR, "eyJhIjoxfQ.eyJpc3MiOiJqb2UifQ.abc");
        assert_absent(&DETECTOR, &TOKEN.replace("eyJ0", "eyJ!"));
        assert_absent(&DETECTOR, "eyJub3QganNvbg.eyJpc3MiOiJqb2UifQ.abc");
        assert_absent(&DETECTOR, "eyJhbGciOiJub25lIn0");
    }
}
