//! An opened credential: where its proofs come from.

use std::path::Path;
use std::sync::Arc;

use super::CredentialError;
use super::keypair::{KeyError, KeyPair};
use super::oauth::ClientCredentials;
use super::secret::{Secret, Source};
use crate::config::{self, CredentialKind};
use crate::upstream::Connector;

#[derive(Debug)]
pub(super) enum Prover {
    /// Parsed at the start.
    KeyPair {
        user: String,
        key: Arc<KeyPair>,
    },
    /// Parsed when it is used, because a command gives the key or its passphrase.
    KeyPairOnDemand {
        user: String,
        private_key: Source,
        passphrase: Option<Source>,
    },
    ProgrammaticAccessToken(Source),
    Oauth(Box<ClientCredentials>),
    Password(Source),
}

impl Prover {
    pub(super) fn open(
        credential: &config::Credential,
        credentials_directory: Option<&Path>,
        connector: &Connector,
    ) -> Result<Self, CredentialError> {
        let name = || credential.name.clone();
        let source = |source| {
            Source::open(source, credentials_directory).map_err(|source| CredentialError::Secret {
                name: name(),
                source,
            })
        };
        match &credential.kind {
            CredentialKind::KeyPair {
                private_key,
                passphrase,
            } => {
                let user = credential
                    .user
                    .clone()
                    .ok_or_else(|| CredentialError::UserMissing { name: name() })?;
                let private_key = source(private_key)?;
                let passphrase = passphrase.as_ref().map(source).transpose()?;
                let Some(parsed) = parse_held(&private_key, passphrase.as_ref()) else {
                    return Ok(Self::KeyPairOnDemand {
                        user,
                        private_key,
                        passphrase,
                    });
                };
                let key = parsed.map_err(|source| CredentialError::Key {
                    name: name(),
                    source,
                })?;
                Ok(Self::KeyPair {
                    user,
                    key: Arc::new(key),
                })
            }
            CredentialKind::ProgrammaticAccessToken { token } => {
                source(token).map(Self::ProgrammaticAccessToken)
            }
            CredentialKind::Password { password } => source(password).map(Self::Password),
            CredentialKind::OauthClientCredentials {
                token_url,
                client_id,
                client_secret,
                scope,
            } => {
                let client_secret = source(client_secret)?;
                let client = ClientCredentials::new(
                    connector.clone(),
                    token_url,
                    client_id,
                    client_secret,
                    scope.as_deref(),
                );
                client
                    .map(|client| Self::Oauth(Box::new(client)))
                    .map_err(|source| CredentialError::Oauth {
                        name: name(),
                        source,
                    })
            }
        }
    }
}

/// `None` when a command must be run first.
fn parse_held(
    private_key: &Source,
    passphrase: Option<&Source>,
) -> Option<Result<KeyPair, KeyError>> {
    let pem = private_key.held()?;
    let passphrase = match passphrase {
        Some(source) => Some(source.held()?),
        None => None,
    };
    Some(KeyPair::parse(pem, passphrase))
}

/// A passphrase is made expensive to try on purpose, so the work is kept off the async threads.
pub(super) async fn parse_aside(
    pem: Secret,
    passphrase: Option<Secret>,
) -> Result<KeyPair, KeyError> {
    tokio::task::spawn_blocking(move || KeyPair::parse(&pem, passphrase.as_ref()))
        .await
        .unwrap_or(Err(KeyError::Decrypt))
}
