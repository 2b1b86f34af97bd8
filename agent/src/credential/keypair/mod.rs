//! Key-pair credentials: PKCS#8 in, short-lived JWT out.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs8::der::asn1::{AnyRef, BitStringRef};
use pkcs8::der::{Encode as _, SecretDocument};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{EncryptedPrivateKeyInfo, ObjectIdentifier};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Serialize;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::credential::secret::Secret;

/// Snowflake accepts up to an hour; the token is used at once, so what leaks is soon worthless.
const LIFETIME: Duration = Duration::from_secs(60);

/// `rsaEncryption`, RFC 8017 appendix A.1.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// An RSA private key, and the fingerprint under which Snowflake knows its public half.
pub(super) struct KeyPair {
    key: RsaKeyPair,
    /// Base64 of the SHA-256 of the public key's SubjectPublicKeyInfo in DER.
    fingerprint: String,
}

/// Why a private key cannot be used. Nothing of the key or its passphrase is in it.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("the private key is not PEM")]
    NotPem,
    #[error("`{label}` is not a PKCS#8 key; convert it with `openssl pkcs8 -topk8`")]
    Label { label: String },
    #[error("the private key is encrypted; set its `passphrase`")]
    PassphraseMissing,
    #[error(
        "cannot decrypt the private key: the passphrase is wrong, or it was encrypted in a way \
         that is not supported; encrypt it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    Decrypt,
    #[error("the key is not an RSA key of 2048 to 4096 bits ({reason})")]
    NotRsa { reason: String },
    #[error("cannot encode the public key")]
    PublicKey,
    #[error("cannot sign")]
    Sign,
}

impl KeyPair {
    /// Reads a PKCS#8 PEM key, plain or encrypted.
    pub(super) fn parse(pem: &Secret, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        // What the parsers say of a broken key may quote it, so their errors stop here.
        let Ok((label, document)) = SecretDocument::from_pem(pem.reveal().trim()) else {
            return Err(KeyError::NotPem);
        };
        let document = match label {
            "PRIVATE KEY" => document,
            "ENCRYPTED PRIVATE KEY" => {
                let passphrase = passphrase.ok_or(KeyError::PassphraseMissing)?;
                decrypt(&document, passphrase)?
            }
            other => {
                return Err(KeyError::Label {
                    label: other.to_owned(),
                });
            }
        };
        let key =
            RsaKeyPair::from_pkcs8(document.as_bytes()).map_err(|rejected| KeyError::NotRsa {
                reason: rejected.to_string(),
            })?;
        let fingerprint = fingerprint(key.public().as_ref())?;
        Ok(Self { key, fingerprint })
    }

    /// A JWT that proves the key to Snowflake, valid for a minute from `now` (since the epoch).
    pub(super) fn token(
        &self,
        account: &str,
        user: &str,
        now: Duration,
    ) -> Result<Secret, KeyError> {
        let subject = format!("{}.{}", account_identifier(account), user.to_uppercase());
        let claims = Claims {
            iss: format!("{subject}.SHA256:{}", self.fingerprint),
            sub: subject,
            iat: now.as_secs(),
            exp: now.saturating_add(LIFETIME).as_secs(),
        };
        let Ok(claims) = serde_json::to_vec(&claims) else {
            return Err(KeyError::Sign);
        };
        let mut token = Zeroizing::new(String::with_capacity(2048));
        URL_SAFE_NO_PAD.encode_string(br#"{"alg":"RS256","typ":"JWT"}"#, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        if self
            .key
            .sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature)
            .is_err()
        {
            return Err(KeyError::Sign);
        }
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(Secret::new(token))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyPair")
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}

/// The account as Snowflake wants it in `ACCOUNT_NAME` and in a JWT: upper case, without region.
///
/// `xy12345.us-east-1.aws` is `XY12345`; the name of a connection, `name-<external id>.global`, is
/// `NAME`.
#[must_use]
pub fn account_identifier(name: &str) -> String {
    let (account, rest) = name.split_once('.').unwrap_or((name, ""));
    let global = rest
        .split('.')
        .next()
        .is_some_and(|part| part.eq_ignore_ascii_case("global"));
    let account = match account.rsplit_once('-') {
        Some((connection, _external_id)) if global => connection,
        _ => account,
    };
    account.to_uppercase()
}

#[derive(Serialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: u64,
    exp: u64,
}

fn decrypt(document: &SecretDocument, passphrase: &Secret) -> Result<SecretDocument, KeyError> {
    let Ok(encrypted) = EncryptedPrivateKeyInfo::try_from(document.as_bytes()) else {
        return Err(KeyError::Decrypt);
    };
    encrypted
        .decrypt(passphrase.reveal())
        .or(Err(KeyError::Decrypt))
}

/// `key` is the `RSAPublicKey` structure of RFC 8017.
fn fingerprint(key: &[u8]) -> Result<String, KeyError> {
    let subject_public_key = BitStringRef::from_bytes(key).or(Err(KeyError::PublicKey))?;
    let algorithm = AlgorithmIdentifierRef {
        oid: RSA_ENCRYPTION,
        parameters: Some(AnyRef::NULL),
    };
    let info = SubjectPublicKeyInfoRef {
        algorithm,
        subject_public_key,
    };
    let der = info.to_der().or(Err(KeyError::PublicKey))?;
    Ok(STANDARD.encode(digest(&SHA256, &der)))
}

#[cfg(test)]
mod tests;
