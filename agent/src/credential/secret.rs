//! Secrets, and where they come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::command::{self, CommandError};
use crate::config::SecretSource;
use crate::privilege::{Class, OpenError, secure_read};

/// The longest secret: a 16384-bit RSA key in PEM takes 13 KB.
pub(super) const SECRET_BYTES_MAX: usize = 64 * 1024;

/// How long one waits while others have the secret's command run: two runs.
const TURN_TIMEOUT: Duration = Duration::from_secs(20);

/// A text that is wiped when dropped and never shown.
///
/// It has no `Display` and no `Serialize`; [`Secret::reveal`] is the one way to the text, easy to
/// search for.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(Arc::new(text))
    }

    /// Reads a secret as files and programs give it: UTF-8, one line end at the end not counted.
    ///
    /// # Errors
    ///
    /// When the bytes are not UTF-8, or there are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretError> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(SecretError::NotText);
        };
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self::new(Zeroizing::new(text.to_owned())))
    }

    /// The text itself, to be sent or computed with and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<redacted>")
    }
}

/// Why a secret could not be had.
#[derive(Debug, Error)]
pub enum SecretError {
    #[error("cannot read the secret's file")]
    File(#[source] OpenError),
    #[error(
        "the secret is a systemd credential, but `CREDENTIALS_DIRECTORY` is not set; \
         start the daemon from a unit with `LoadCredential=`"
    )]
    NoCredentialsDirectory,
    #[error("`{name}` is not the name of a systemd credential: it must be one path component")]
    CredentialName { name: String },
    #[error("cannot get the secret from its command")]
    Command(#[source] CommandError),
    #[error("others still wait for the command that gives the secret")]
    Busy,
    #[error("the secret is not UTF-8 text")]
    NotText,
    #[error("the secret is empty")]
    Empty,
}

/// An opened [`SecretSource`].
///
/// Files and systemd credentials are read once, while the daemon may still read them; to change
/// one, restart. A command runs when its secret is needed and is older than its time to live.
#[derive(Debug)]
pub(crate) enum Source {
    Held(Secret),
    Command {
        argv: Vec<String>,
        ttl: Duration,
        cache: Mutex<Option<(Secret, Instant)>>,
    },
}

impl Source {
    pub(crate) fn open(
        source: &SecretSource,
        credentials_directory: Option<&Path>,
    ) -> Result<Self, SecretError> {
        match source {
            SecretSource::File(path) => Self::read(path),
            SecretSource::Systemd(name) => {
                let directory = credentials_directory.ok_or(SecretError::NoCredentialsDirectory)?;
                Self::read(&credential_path(directory, name)?)
            }
            SecretSource::Command { argv, ttl } => Ok(Self::Command {
                argv: argv.clone(),
                ttl: *ttl,
                cache: Mutex::new(None),
            }),
        }
    }

    fn read(path: &Path) -> Result<Self, SecretError> {
        let bytes =
            secure_read(path, Class::Secret, SECRET_BYTES_MAX).map_err(SecretError::File)?;
        Secret::from_bytes(&bytes).map(Self::Held)
    }

    /// The secret when it needs no program to be run.
    pub(super) const fn held(&self) -> Option<&Secret> {
        match self {
            Self::Held(secret) => Some(secret),
            Self::Command { .. } => None,
        }
    }

    /// The secret, fresh enough. Callers that come at the same time share one run of the command.
    pub(crate) async fn secret(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Held(secret) => Ok(secret.clone()),
            Self::Command { argv, ttl, cache } => {
                let turn = tokio::time::timeout(TURN_TIMEOUT, cache.lock()).await;
                let mut cache = turn.map_err(|_elapsed| SecretError::Busy)?;
                if let Some((secret, since)) = cache.as_ref()
                    && since.elapsed() < *ttl
                {
                    return Ok(secret.clone());
                }
                let bytes = command::output(argv).await.map_err(SecretError::Command)?;
                let secret = Secret::from_bytes(&bytes)?;
                *cache = Some((secret.clone(), Instant::now()));
                Ok(secret)
            }
        }
    }
}

fn credential_path(directory: &Path, name: &str) -> Result<PathBuf, SecretError> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(SecretError::CredentialName {
            name: name.to_owned(),
        });
    }
    Ok(directory.join(name))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(directory: &Path, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let secret = Secret::new(Zeroizing::new("hunter2".to_owned()));
        assert_eq!(format!("{secret:?} {secret:#?}"), "<redacted> <redacted>");
        let source = Source::Held(secret);
        assert!(!format!("{source:?}").contains("hunter2"));
    }

    #[test]
    fn one_line_end_is_not_part_of_the_secret() {
        for (bytes, text) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a ", " a "),
        ] {
            assert_eq!(Secret::from_bytes(bytes.as_bytes()).unwrap().reveal(), text);
        }
        assert!(matches!(Secret::from_bytes(b"\n"), Err(SecretError::Empty)));
        assert!(matches!(
            Secret::from_bytes(b"\xff"),
            Err(SecretError::NotText)
        ));
    }

    #[test]
    fn systemd_credentials_are_single_names_below_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        file(directory.path(), "token", b"t\n", 0o400);
        let open = |name: &str, directory| {
            Source::open(&SecretSource::Systemd(name.to_owned()), directory)
        };
        let source = open("token", Some(directory.path())).unwrap();
        assert_eq!(source.held().unwrap().reveal(), "t");
        assert!(matches!(
            open("token", None),
            Err(SecretError::NoCredentialsDirectory)
        ));
        for name in ["", ".", "..", "../token", "/etc/passwd", "a/b"] {
            let error = open(name, Some(directory.path())).unwrap_err();
            assert!(
                matches!(error, SecretError::CredentialName { .. }),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "key", b"k", 0o644);
        let error = Source::open(&SecretSource::File(path), None).unwrap_err();
        assert!(
            matches!(error, SecretError::File(OpenError::Readable { .. })),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_command_runs_again_only_after_its_time_to_live() {
        let directory = tempfile::tempdir().unwrap();
        let counter = directory.path().join("runs");
        let script = format!("echo x >> {0}; wc -l < {0}", counter.display());
        let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script];
        for (ttl, runs) in [
            (Duration::from_secs(3600), ["1", "1"]),
            (Duration::ZERO, ["2", "3"]),
        ] {
            let source = SecretSource::Command {
                argv: argv.clone(),
                ttl,
            };
            let source = Source::open(&source, None).unwrap();
            assert_eq!(source.secret().await.unwrap().reveal().trim(), runs[0]);
            assert_eq!(source.secret().await.unwrap().reveal().trim(), runs[1]);
        }
    }
}
