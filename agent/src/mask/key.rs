//! The key of keyed methods, and those of the labels made from it.

use ring::hmac;
use zeroize::Zeroizing;

/// The host's masking key: 32 bytes that only the daemon knows.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MasterKey")
    }
}

/// A label's own key: what is hashed under one label cannot be joined with another's.
pub struct LabelKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for LabelKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LabelKey")
    }
}

impl MasterKey {
    #[must_use]
    pub const fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The key of a label: HMAC-SHA256 of its name, with a prefix of its own.
    #[must_use]
    pub fn of(&self, label: &str) -> LabelKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.0);
        let tag = hmac::sign(&key, format!("snowfence mask 1 {label}").as_bytes());
        let mut bytes = Zeroizing::new([0; 32]);
        for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        LabelKey(bytes)
    }
}

impl LabelKey {
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
