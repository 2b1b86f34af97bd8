//! What the host signs. Pure.

use ring::signature::{ED25519, UnparsedPublicKey};

use super::chain::Digest;
use super::format::{
    CHECKPOINT_CONTEXT, CHECKPOINT_FIXED_BYTES, FRAME_FIXED_BYTES, HEADER_CONTEXT, KEY_BYTES,
    SIGNATURE_BYTES,
};

/// An Ed25519 signature (RFC 8032).
pub type Signature = [u8; SIGNATURE_BYTES];

/// The host that signs, known by its public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostId(pub [u8; KEY_BYTES]);

impl HostId {
    /// True if this host signed `message`.
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

/// What the signature of a header is made over.
#[must_use]
pub fn header_message(digest: Digest) -> Vec<u8> {
    [HEADER_CONTEXT, &digest.0].concat()
}

/// What the signature of a checkpoint is made over: `before` is the digest in front of the frame,
/// `unsigned` the frame's bytes up to the signature.
#[must_use]
pub fn checkpoint_message(
    before: Digest,
    unsigned: &[u8; FRAME_FIXED_BYTES + CHECKPOINT_FIXED_BYTES],
) -> Vec<u8> {
    [CHECKPOINT_CONTEXT, &before.0, unsigned].concat()
}
