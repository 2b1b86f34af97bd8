//! What Snowflake is shown at login.

use super::secret::Secret;
use crate::snowflake::login::LoginProof;

/// A secret, or what was made from it, that a login can carry.
#[derive(Clone, Debug)]
pub enum Proof {
    Jwt(Secret),
    ProgrammaticAccessToken(Secret),
    Oauth(Secret),
    Password(Secret),
}

impl Proof {
    /// The form that the login request is written from.
    #[must_use]
    pub fn as_login_proof(&self) -> LoginProof<'_> {
        match self {
            Self::Jwt(secret) => LoginProof::Jwt(secret.reveal()),
            Self::ProgrammaticAccessToken(secret) => {
                LoginProof::ProgrammaticAccessToken(secret.reveal())
            }
            Self::Oauth(secret) => LoginProof::Oauth(secret.reveal()),
            Self::Password(secret) => LoginProof::Password(secret.reveal()),
        }
    }

    /// The token that the SQL API takes, with what it calls the kind; a password is none.
    pub(crate) fn as_bearer(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Jwt(secret) => Some(("KEYPAIR_JWT", secret.reveal())),
            Self::ProgrammaticAccessToken(secret) => {
                Some(("PROGRAMMATIC_ACCESS_TOKEN", secret.reveal()))
            }
            Self::Oauth(secret) => Some(("OAUTH", secret.reveal())),
            Self::Password(_) => None,
        }
    }

    /// The text, unless it repeats the secret: error messages of others are not trusted.
    pub(crate) fn scrub(&self, text: String) -> String {
        let (Self::Jwt(secret)
        | Self::ProgrammaticAccessToken(secret)
        | Self::Oauth(secret)
        | Self::Password(secret)) = self;
        if text.contains(secret.reveal()) {
            "the message is not shown because it contains the credential's secret".to_owned()
        } else {
            text
        }
    }
}
