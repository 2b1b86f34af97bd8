//! Tokens of ours: 256 random bits, kept here only as their digest.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

/// A token in clear, on its way to the client.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

/// What is kept of a token. Looking up a digest takes the same time for every wrong token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl Token {
    /// Makes a new token; `None` when the system has no randomness to give.
    pub(super) fn random(random: &SystemRandom) -> Option<Self> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random.fill(bytes.as_mut()).ok()?;
        Some(Self(Zeroizing::new(
            URL_SAFE_NO_PAD.encode(bytes.as_slice()),
        )))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<redacted>")
    }
}

impl TokenDigest {
    pub(super) fn of(token: &str) -> Self {
        Self(*blake3::hash(token.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<redacted>")
    }
}

/// The token in `Authorization: Snowflake Token="…"`.
#[must_use]
pub fn parse_authorization(value: &str) -> Option<&str> {
    let token = value
        .strip_prefix("Snowflake Token=\"")?
        .strip_suffix('"')?;
    // Python sends the literal word before it has logged in.
    (!token.is_empty() && token != "None").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<&str>) {
        assert_eq!(parse_authorization(value), expected, "{value}");
    }

    #[test]
    fn only_snowflakes_own_scheme_carries_a_token() {
        check("Snowflake Token=\"abc\"", Some("abc"));
        check("Snowflake Token=\"None\"", None);
        check("Snowflake Token=\"\"", None);
        check("Bearer abc", None);
        check("Basic", None);
        check("", None);
    }

    #[test]
    fn a_token_is_random_and_is_never_shown() {
        let random = SystemRandom::new();
        let one = Token::random(&random).unwrap();
        let other = Token::random(&random).unwrap();
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 43);
        assert_eq!(
            format!("{one:?} {:?}", one.digest()),
            "<redacted> <redacted>"
        );
    }
}
