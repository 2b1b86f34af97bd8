//! The hash chain. Pure.

use std::fmt;

/// Separates these digests from any other use of BLAKE3 on the same bytes.
const CONTEXT: &str = "snowfence 2026-11 record chain v1";

/// One link of the chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// What stands before the first segment of a host.
    pub const ZERO: Self = Self([0; 32]);
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Links `bytes` (a frame or a segment header, without its digest) to everything before it.
///
/// The previous digest has a fixed length and comes first, so two different pairs never feed the
/// hash the same bytes.
#[must_use]
pub fn link(previous: Digest, bytes: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&previous.0);
    hasher.update(bytes);
    Digest(*hasher.finalize().as_bytes())
}
