//! Names of asks, grants and events: short, typable, not to be guessed.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::store::StoreError;

/// Crockford's base 32: no `i`, `l`, `o` and `u`, so nothing is read for something else. Exactly 32
/// characters, so five random bits are one character and none is more likely.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 40 bits: an id is no secret, only one among the some 100,000 that are kept. Whoever writes one
/// tries again when it is taken.
pub(super) const SHORT: usize = 8;

/// 80 bits: the idempotency key of an event must be new for every receiver, for ever.
pub(super) const LONG: usize = 16;

/// `prefix-` and so many random characters.
pub(super) fn random(prefix: &str, characters: usize) -> Result<String, StoreError> {
    let mut bytes = [0_u8; LONG];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_unspecified| StoreError::Random)?;
    let mut id = format!("{prefix}-");
    for byte in bytes.iter().take(characters) {
        let character = ALPHABET.get(usize::from(byte & 31)).copied();
        id.push(char::from(character.unwrap_or(b'0')));
    }
    Ok(id)
}

/// Tries before giving up: that two in a row are taken means that the random bytes are none.
pub(super) const TRIES_MAX: usize = 4;
