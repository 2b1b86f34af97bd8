//! The secrets that only we hold, and the proofs that are made from them.
//!
//! Key pairs sign a JWT of one minute, OAuth clients fetch an access token, tokens and passwords
//! are sent as they are. Everything that can be checked without the network is checked when
//! [`Credentials`] is built, so that a bad key stops the start and not the first login.
#![forbid(unsafe_code)]

mod command;
mod keypair;
mod mask_key;
mod oauth;
mod proof;
mod prover;
mod secret;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tokio_rustls::TlsConnector;

pub use command::CommandError;
pub use keypair::{KeyError, account_identifier};
pub use mask_key::{MaskKeyError, mask_key};
pub use oauth::{OauthError, Reason};
pub use proof::Proof;
pub(crate) use secret::Source;
pub use secret::{Secret, SecretError};

use crate::config;
use crate::upstream::Connector;
use keypair::KeyPair;
use prover::{Prover, parse_aside};

/// The longest silence of a token endpoint on an open connection.
const OAUTH_SILENCE_MAX: Duration = Duration::from_secs(15);

/// All configured credentials, opened.
#[derive(Debug)]
pub struct Credentials {
    opened: BTreeMap<String, Opened>,
}

/// Why a credential cannot be used.
#[derive(Debug, Error)]
pub enum CredentialError {
    #[error("there is no credential `{name}`")]
    Unknown { name: String },
    #[error("credential `{name}` is configured twice")]
    Twice { name: String },
    #[error("credential `{name}` is a key pair and needs `user`")]
    UserMissing { name: String },
    #[error("cannot get the secret of credential `{name}`")]
    Secret {
        name: String,
        #[source]
        source: SecretError,
    },
    #[error("cannot use the private key of credential `{name}`")]
    Key {
        name: String,
        #[source]
        source: KeyError,
    },
    #[error("cannot get an access token for credential `{name}`")]
    Oauth {
        name: String,
        #[source]
        source: OauthError,
    },
    #[error("the system clock is before 1970; a key pair cannot prove itself")]
    Clock,
}

#[derive(Debug)]
struct Opened {
    credential: config::Credential,
    prover: Prover,
}

impl Credentials {
    /// Opens every credential: reads files, parses keys. Runs no command and no network exchange.
    ///
    /// `credentials_directory` is systemd's `$CREDENTIALS_DIRECTORY`; `connector` verifies token
    /// endpoints.
    ///
    /// # Errors
    ///
    /// With the first credential that cannot be opened.
    pub fn new(
        list: &[config::Credential],
        credentials_directory: Option<&Path>,
        connector: &TlsConnector,
    ) -> Result<Self, CredentialError> {
        let connector = Connector::new(connector.clone(), OAUTH_SILENCE_MAX, None);
        let mut opened = BTreeMap::new();
        for credential in list {
            let prover = Prover::open(credential, credentials_directory, &connector)?;
            let entry = Opened {
                credential: credential.clone(),
                prover,
            };
            if opened.insert(credential.name.clone(), entry).is_some() {
                return Err(CredentialError::Twice {
                    name: credential.name.clone(),
                });
            }
        }
        Ok(Self { opened })
    }

    /// The configuration of one credential.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&config::Credential> {
        self.opened.get(name).map(|opened| &opened.credential)
    }

    /// A proof for one login.
    ///
    /// # Errors
    ///
    /// When the secret cannot be had or the proof cannot be made from it.
    pub async fn proof(&self, name: &str) -> Result<Proof, CredentialError> {
        let opened = self
            .opened
            .get(name)
            .ok_or_else(|| CredentialError::Unknown {
                name: name.to_owned(),
            })?;
        let secret_error = |source| CredentialError::Secret {
            name: name.to_owned(),
            source,
        };
        match &opened.prover {
            Prover::KeyPair { user, key } => opened.sign(key, user).map(Proof::Jwt),
            Prover::KeyPairOnDemand {
                user,
                private_key,
                passphrase,
            } => {
                let pem = private_key.secret().await.map_err(secret_error)?;
                let passphrase = match passphrase {
                    Some(source) => Some(source.secret().await.map_err(secret_error)?),
                    None => None,
                };
                let key =
                    parse_aside(pem, passphrase)
                        .await
                        .map_err(|source| CredentialError::Key {
                            name: name.to_owned(),
                            source,
                        })?;
                opened.sign(&key, user).map(Proof::Jwt)
            }
            Prover::ProgrammaticAccessToken(source) => source
                .secret()
                .await
                .map(Proof::ProgrammaticAccessToken)
                .map_err(secret_error),
            Prover::Password(source) => source
                .secret()
                .await
                .map(Proof::Password)
                .map_err(secret_error),
            Prover::Oauth(client) => {
                client
                    .token()
                    .await
                    .map(Proof::Oauth)
                    .map_err(|source| CredentialError::Oauth {
                        name: name.to_owned(),
                        source,
                    })
            }
        }
    }
}

impl Opened {
    fn sign(&self, key: &KeyPair, user: &str) -> Result<Secret, CredentialError> {
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else {
            return Err(CredentialError::Clock);
        };
        let name = || self.credential.name.clone();
        key.token(&self.credential.account, user, now)
            .map_err(|source| CredentialError::Key {
                name: name(),
                source,
            })
    }
}

#[cfg(test)]
mod tests;
