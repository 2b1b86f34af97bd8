//! The key that the host signs its recording with.
//!
//! Made at the first start, beside it the public half for auditors. Both are standard: the private key
//! is PKCS#8 (RFC 5958) and the public key a SubjectPublicKeyInfo (RFC 8410), both in PEM, so that
//! `openssl pkey` reads them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use pkcs8::LineEnding;
use pkcs8::der::pem;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use super::checkpoint::{HostId, Signature};
use super::format::{KEY_BYTES, SIGNATURE_BYTES};
use crate::privilege::{Class, secure_read};

/// A key of a few hundred bytes, with room for comments around it.
const FILE_BYTES_MAX: usize = 16 << 10;
const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
/// A SubjectPublicKeyInfo of Ed25519 before its 32 bytes of key (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read the host key `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write the host key `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is not an Ed25519 key in PEM", path.display())]
    Malformed { path: PathBuf },
    #[error("the system gave no randomness for the host key")]
    Random,
}

/// The private half.
pub struct HostKey {
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HostKey")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl HostKey {
    /// Reads the key, or makes one when there is none; writes the public half beside it.
    ///
    /// # Errors
    /// The file is not ours alone, is no key, or cannot be written.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        let key = match path.symlink_metadata() {
            Ok(_found) => Self::open(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path)?,
            Err(source) => {
                let path = path.to_owned();
                return Err(KeyError::Read { path, source });
            }
        };
        key.publish(path)?;
        Ok(key)
    }

    /// A key of nobody's, for tests.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let document = document.map_err(|_unspecified| KeyError::Random)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref());
        let pair = pair.map_err(|_rejected| KeyError::Random)?;
        Ok(Self { pair })
    }

    #[must_use]
    pub fn id(&self) -> HostId {
        let mut id = [0; KEY_BYTES];
        // Ed25519 keys have 32 bytes.
        id.iter_mut()
            .zip(self.pair.public_key().as_ref())
            .for_each(|(to, from)| *to = *from);
        HostId(id)
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let mut signature = [0; SIGNATURE_BYTES];
        let signed = self.pair.sign(message);
        signature
            .iter_mut()
            .zip(signed.as_ref())
            .for_each(|(to, from)| *to = *from);
        signature
    }

    fn open(path: &Path) -> Result<Self, KeyError> {
        let read = secure_read(path, Class::Secret, FILE_BYTES_MAX);
        let text = read.map_err(|error| KeyError::Read {
            path: path.to_owned(),
            source: io::Error::other(error),
        })?;
        let malformed = || KeyError::Malformed {
            path: path.to_owned(),
        };
        let document = unwrap(&text, PRIVATE).ok_or_else(malformed)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document);
        let pair = pair.map_err(|_rejected| malformed())?;
        Ok(Self { pair })
    }

    fn create(path: &Path) -> Result<Self, KeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let document = document.map_err(|_unspecified| KeyError::Random)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref());
        let pair = pair.map_err(|_rejected| KeyError::Random)?;
        let pem = Zeroizing::new(wrap(document.as_ref(), PRIVATE));
        write_new(path, &pem, 0o600).map_err(|source| KeyError::Write {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { pair })
    }

    /// Writes the public half anew if it is missing or another one.
    fn publish(&self, path: &Path) -> Result<(), KeyError> {
        let path = public_path(path);
        let pem = to_pem(self.id());
        if std::fs::read_to_string(&path).is_ok_and(|found| found == pem) {
            return Ok(());
        }
        let write = || {
            if path.symlink_metadata().is_ok() {
                std::fs::remove_file(&path)?;
            }
            write_new(&path, &pem, 0o644)
        };
        write().map_err(|source| KeyError::Write {
            path: path.clone(),
            source,
        })
    }
}

/// Where the public half of a key is: `host.key` has `host.pub`.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

/// Reads a public key.
///
/// # Errors
/// The file cannot be read, or is no such key.
pub fn read_public(path: &Path) -> Result<HostId, KeyError> {
    let text = std::fs::read(path).map_err(|source| KeyError::Read {
        path: path.to_owned(),
        source,
    })?;
    from_pem(&text).ok_or_else(|| KeyError::Malformed {
        path: path.to_owned(),
    })
}

/// The public key as auditors get it.
#[must_use]
pub fn to_pem(id: HostId) -> String {
    wrap(&[&PUBLIC_PREFIX[..], &id.0].concat(), PUBLIC)
}

fn from_pem(text: &[u8]) -> Option<HostId> {
    let document = unwrap(text, PUBLIC)?;
    let key = document.strip_prefix(&PUBLIC_PREFIX)?;
    Some(HostId(key.try_into().ok()?))
}

fn wrap(document: &[u8], label: &str) -> String {
    // Fails on labels that are no labels, and on documents of exabytes.
    pem::encode_string(label, LineEnding::LF, document).unwrap_or_default()
}

fn unwrap(text: &[u8], label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (found, document) = pem::decode_vec(text).ok()?;
    (found == label).then(|| Zeroizing::new(document))
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_its_public_half_verifies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.key");
        let made = HostKey::open_or_create(&path).unwrap();
        let again = HostKey::open_or_create(&path).unwrap();
        assert_eq!(made.id(), again.id());
        let public = read_public(&public_path(&path)).unwrap();
        assert_eq!(public, made.id());
        let signature = made.sign(b"a");
        assert!(public.has_signed(b"a", &signature));
        assert!(!public.has_signed(b"b", &signature));
    }

    #[test]
    fn what_is_no_key_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.key");
        write_new(&path, "nothing", 0o600).unwrap();
        let error = HostKey::open_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "nothing");
    }
}
