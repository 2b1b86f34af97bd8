//! The masking key: from its secret, or made at the first start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Secret, SecretError, Source};
use crate::config::Mask;
use crate::mask::key::{KeyError, MasterKey};
use crate::privilege::{Class, OpenError, secure_read};

/// Why there is no masking key.
#[derive(Debug, Error)]
pub enum MaskKeyError {
    #[error("cannot get the secret of `mask.key`")]
    Secret(#[source] SecretError),
    #[error("`mask.key` is no key")]
    Key(#[source] KeyError),
    #[error(
        "cannot read the masking key; put the one back that was there, or name another `mask.key_file`"
    )]
    Read(#[source] OpenError),
    #[error(
        "`{}` holds no masking key; put the one back that was there, or remove the file, and \
         nothing that is masked from then on joins with what was masked before",
        path.display()
    )]
    File {
        path: PathBuf,
        #[source]
        source: KeyError,
    },
    #[error("cannot make the masking key `{}`", path.display())]
    Make {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the system has no random numbers for a masking key")]
    Random,
}

/// Reads the masking key; where none is configured and none was made, makes one.
///
/// # Errors
/// There is a key that cannot be read, or one cannot be made. Another is not made in its place: all
/// that was masked would no longer join, and nobody would know why.
pub async fn mask_key(
    config: &Mask,
    credentials_directory: Option<&Path>,
) -> Result<MasterKey, MaskKeyError> {
    if let Some(key) = &config.key {
        let source = Source::open(key, credentials_directory).map_err(MaskKeyError::Secret)?;
        let secret = source.secret().await.map_err(MaskKeyError::Secret)?;
        return MasterKey::parse(secret.reveal()).map_err(MaskKeyError::Key);
    }
    let path = &config.key_file;
    match read(path) {
        Err(MaskKeyError::Read(OpenError::Open { source, .. }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            make(path)?;
            // What the next start will read is what this one uses.
            read(path)
        }
        found => found,
    }
}

fn read(path: &Path) -> Result<MasterKey, MaskKeyError> {
    let bytes = secure_read(path, Class::Secret, BYTES_MAX).map_err(MaskKeyError::Read)?;
    let no_key = |source| MaskKeyError::File {
        path: path.to_owned(),
        source,
    };
    let Ok(secret) = Secret::from_bytes(&bytes) else {
        return Err(no_key(KeyError));
    };
    MasterKey::parse(secret.reveal()).map_err(no_key)
}

/// Writes a key whole or not at all; one that somebody else made meanwhile stays.
fn make(path: &Path) -> Result<(), MaskKeyError> {
    let mut key = Zeroizing::new([0; 32]);
    let filled = SystemRandom::new().fill(&mut *key);
    filled.map_err(|_unspecified| MaskKeyError::Random)?;
    let mut text = Zeroizing::new(String::with_capacity(2 * key.len() + 1));
    for byte in key.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or_default());
        }
    }
    text.push('\n');
    write(path, text.as_bytes()).map_err(|source| MaskKeyError::Make {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::NotFound)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)?;
    // A name of its own, so that two that start at once do not write one file.
    let staged = path.with_added_extension(format!("new-{}", std::process::id()));
    match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // Unlike a rename, a link does not take the place of what is there.
    match fs::hard_link(&staged, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    fs::remove_file(&staged)?;
    File::open(directory)?.sync_all()
}

/// 64 digits, with room for what somebody puts around them.
const BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::config::SecretSource;

    fn config(path: &Path) -> Mask {
        Mask {
            key: None,
            key_file: path.to_owned(),
        }
    }

    /// What a label's key is, to tell keys apart.
    async fn found(config: &Mask) -> Result<[u8; 32], MaskKeyError> {
        Ok(*mask_key(config, None).await?.of("a").bytes())
    }

    #[tokio::test]
    async fn a_key_is_made_once_and_read_from_then_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/mask.key");
        let first = found(&config(&path)).await.unwrap();
        assert_eq!(found(&config(&path)).await.unwrap(), first);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() == 65 && text.trim().bytes().all(|it| it.is_ascii_hexdigit()));
        // Nothing but the key is left behind.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

        let other = directory.path().join("other.key");
        assert_ne!(found(&config(&other)).await.unwrap(), first);
        // Made by another start between our looking and our making.
        make(&path).unwrap();
        assert_eq!(found(&config(&path)).await.unwrap(), first);
    }

    #[tokio::test]
    async fn a_key_that_is_not_safe_or_none_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mask.key");
        for (content, mode) in [("a".repeat(64), 0o644), ("a".repeat(64), 0o640)] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = found(&config(&path)).await.unwrap_err();
            assert!(matches!(
                error,
                MaskKeyError::Read(OpenError::Readable { .. })
            ));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for content in ["", "hunter2", &"a".repeat(63), &"a".repeat(2000)] {
            fs::write(&path, content).unwrap();
            let error = found(&config(&path)).await.unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"));
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        let link = directory.path().join("link");
        symlink(directory.path().join("nothing"), &link).unwrap();
        let error = found(&config(&link)).await.unwrap_err();
        assert!(matches!(
            error,
            MaskKeyError::Read(OpenError::Symlink { .. })
        ));
    }

    #[tokio::test]
    async fn a_configured_key_is_used_and_none_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        fs::write(&secret, "07".repeat(32)).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let made = directory.path().join("mask.key");
        let mut mask = config(&made);
        mask.key = Some(SecretSource::File(secret.clone()));
        let expected = MasterKey::new(Zeroizing::new([7; 32]));
        assert_eq!(found(&mask).await.unwrap(), *expected.of("a").bytes());

        fs::write(&secret, "hunter2").unwrap();
        let error = found(&mask).await.unwrap_err();
        assert!(matches!(error, MaskKeyError::Key(KeyError)));
        assert!(!made.exists());
    }
}
