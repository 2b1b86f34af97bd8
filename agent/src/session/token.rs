//! Tokens: 256 random bits, given out once and looked up by digest.
//!
//! A table keyed by the digest of a token leaks nothing through the time of a lookup: an attacker
//! cannot choose digests that share a prefix with one in the table.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::snowflake::QueryId;

/// A token as a client holds it.
pub struct Token(Zeroizing<String>);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(<redacted>)")
    }
}

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

impl Token {
    pub fn random(random: &SystemRandom) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes).or(Err(NoRandomness))?;
        Ok(Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes))))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0)
    }
}

/// What is kept of a token. No secret: nobody finds 256 random bits from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(token: &str) -> Self {
        Self(blake3::hash(token.as_bytes()).into())
    }
}

/// Makes an id for an answer of ours that has no query upstream.
pub fn random_query_id(random: &SystemRandom) -> Result<QueryId, NoRandomness> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes).or(Err(NoRandomness))?;
    // Version 4, variant 1, in the groups of a UUID.
    let number = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62)) | (4 << 76) | (2 << 62);
    let hex = format!("{number:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    QueryId::parse(&text).ok_or(NoRandomness)
}

/// Reads the token of `Authorization: Snowflake Token="…"`.
///
/// Before it has one, a Python driver sends the text `None`, and a JDBC driver an empty `Basic`:
/// those are no tokens.
#[must_use]
pub fn parse_authorization(value: &str) -> Option<&str> {
    let token = value
        .strip_prefix("Snowflake Token=\"")?
        .strip_suffix('"')?;
    (token != "None" && !token.is_empty() && !token.contains('"')).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_in_the_form_of_the_drivers_is_a_token() {
        #[track_caller]
        fn check(value: &str, expected: Option<&str>) {
            assert_eq!(parse_authorization(value), expected, "{value}");
        }
        check(r#"Snowflake Token="abc""#, Some("abc"));
        check(r#"Snowflake Token="None""#, None);
        check(r#"Snowflake Token="""#, None);
        check(r#"Snowflake Token=""#, None);
        check(r#"Snowflake Token="a"b""#, None);
        check("Basic", None);
        check("Bearer abc", None);
        check("", None);
    }

    #[test]
    fn tokens_have_256_bits_and_do_not_show_in_debug() {
        let random = SystemRandom::new();
        let (one, two) = (
            Token::random(&random).unwrap(),
            Token::random(&random).unwrap(),
        );
        assert_eq!(URL_SAFE_NO_PAD.decode(one.as_str()).unwrap().len(), 32);
        assert_ne!(one.as_str(), two.as_str());
        assert_eq!(format!("{one:?}"), "Token(<redacted>)");
    }

    #[test]
    fn ids_of_ours_are_random_uuids() {
        let random = SystemRandom::new();
        let id = random_query_id(&random).unwrap();
        assert_eq!(id.as_str().as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_str().as_bytes()[19]), "{id:?}");
        assert_ne!(id, random_query_id(&random).unwrap());
    }
}
