//! The key of keyed methods, and those of the labels made from it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

    /// Reads a key as files and programs give it: 32 bytes in hexadecimal or base64.
    ///
    /// # Errors
    /// It is something else. A text that people made up is refused by its form: what it hashes could
    /// be found by trying.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let decoded = if text.len() == 64 {
            hex(text)
        } else {
            STANDARD.decode(text).ok()
        };
        let decoded = Zeroizing::new(decoded.ok_or(KeyError)?);
        let mut bytes = Zeroizing::new([0; 32]);
        if decoded.len() != bytes.len() {
            return Err(KeyError);
        }
        bytes.copy_from_slice(&decoded);
        Ok(Self(bytes))
    }

    /// The key of a label: HMAC-SHA256 of its name, with a prefix of its own.
    #[must_use]
    pub fn of(&self, label: &str) -> LabelKey {
        let message = format!("snowfence mask 1 {label}");
        LabelKey(derive(&self.0, message.as_bytes()))
    }
}

impl LabelKey {
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of one use of the label's: what one method computes says nothing of another's.
    pub(super) fn of_use(&self, name: &str) -> Zeroizing<[u8; 32]> {
        derive(&self.0, name.as_bytes())
    }
}

fn derive(key: &[u8; 32], message: &[u8]) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut bytes = Zeroizing::new([0; 32]);
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let digits = std::str::from_utf8(pair).ok()?;
        // `from_str_radix` takes a sign too.
        let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        plain.then(|| u8::from_str_radix(digits, 16).ok())?
    };
    pairs.map(byte).collect()
}

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the masking key is not 32 bytes in hexadecimal or base64; make one with `openssl rand -hex 32`"
)]
pub struct KeyError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_either_writing() {
        let bytes: Vec<u8> = (0..32).collect();
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            hexadecimal.clone(),
            format!("{}\n", hexadecimal.to_uppercase()),
            STANDARD.encode(&bytes),
        ] {
            assert_eq!(MasterKey::parse(&text).unwrap().0.as_slice(), bytes);
        }
        for text in [
            "",
            "correct horse battery staple",
            &hexadecimal.replacen('0', "", 1),
            &hexadecimal.replace('0', "+"),
            &STANDARD.encode(&bytes[1..]),
            &STANDARD.encode([&bytes[..], &[0]].concat()),
        ] {
            assert_eq!(MasterKey::parse(text).err(), Some(KeyError), "{text}");
        }
    }

    #[test]
    fn labels_and_uses_have_keys_of_their_own() {
        let master = MasterKey::new(Zeroizing::new([7; 32]));
        let other = MasterKey::new(Zeroizing::new([8; 32]));
        let keys = [
            *master.of("a").bytes(),
            *master.of("b").bytes(),
            *other.of("a").bytes(),
            *master.of("a").of_use("hash"),
            *master.of("a").of_use("ff1"),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key));
        }
        assert_eq!(keys[0], *master.of("a").bytes());
        assert_eq!(
            format!("{master:?} {:?}", master.of("a")),
            "MasterKey LabelKey"
        );
    }

    /// RFC 4231, test case 1: what the keys hang on.
    #[test]
    fn hmac_is_what_the_rfc_says() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[0x0b; 20]);
        let tag = hmac::sign(&key, b"Hi There");
        let expected = hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        assert_eq!(Some(tag.as_ref()), expected.as_deref());
    }
}
