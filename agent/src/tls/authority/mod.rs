//! Our certificate authority, and the leaf certificates it signs.
//!
//! The authority is made at first start. Its certificate carries critical name constraints: who
//! installs it in a trust store trusts us for Snowflake's names (and the configured ones) and for
//! nothing else, even if the key is stolen.

mod leaf;
mod root;
#[cfg(test)]
mod tests;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rcgen::{Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;

use super::SnowflakeNames;
use super::files::{self, FileError};
use super::name::{self, InvalidName};
use leaf::Leaves;

/// Signs for Snowflake's names.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    names: SnowflakeNames,
    certificate: CertificateDer<'static>,
    pem: String,
    not_after: SystemTime,
    leaves: Mutex<Leaves>,
}

/// Why there is no authority, or no leaf.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot make the directory `{}`", path.display())]
    Directory {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot use the authority's files")]
    File(#[source] FileError),
    #[error("`{}` is there, but its key is not", certificate.display())]
    KeyMissing { certificate: PathBuf },
    #[error("the authority's certificate is not one that we can use: {rule}")]
    Certificate { rule: &'static str },
    #[error("the authority's certificate is not valid at this time")]
    Expired,
    #[error(
        "the authority may not sign for `{name}`: it was made before that name was configured, \
         so a new one must be made and trusted"
    )]
    NameNotCovered { name: String },
    #[error("`{name}` is not a name that we answer for")]
    NameRefused { name: String },
    #[error("cannot sign for a name that is none")]
    Name(#[source] InvalidName),
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
    #[error("cannot use a key that was just made")]
    Key(#[source] rustls::Error),
    #[error("the system gives no random numbers")]
    Random,
    #[error("the system clock is before 1970 or after 9999")]
    Clock,
}

impl Authority {
    /// Opens `ca.crt` and `ca.key` in the directory, or makes them when there is no certificate.
    ///
    /// Fails if the authority found there may not sign for one of the names.
    pub fn open_or_create(dir: &Path, names: &[String]) -> Result<Self, AuthorityError> {
        let names = SnowflakeNames::new(names).map_err(AuthorityError::Name)?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(dir)
            .map_err(|source| AuthorityError::Directory {
                path: dir.to_owned(),
                source,
            })?;
        let directory = files::open_directory(dir).map_err(AuthorityError::File)?;
        // Two processes that start at once (the daemon and `trust`) must end with one authority.
        directory
            .lock()
            .map_err(|source| AuthorityError::Directory {
                path: dir.to_owned(),
                source,
            })?;
        let (certificate, key) = (dir.join(CERTIFICATE), dir.join(KEY));
        match (exists(&certificate)?, exists(&key)?) {
            (true, true) => {}
            (true, false) => return Err(AuthorityError::KeyMissing { certificate }),
            // The certificate is written last: without it nobody can have come to trust the key.
            (false, _) => {
                let made = root::make(&names, SystemTime::now())?;
                files::write(&key, made.key_pem.as_bytes(), 0o600).map_err(AuthorityError::File)?;
                files::write(&certificate, made.pem.as_bytes(), 0o644)
                    .map_err(AuthorityError::File)?;
            }
        }
        Self::open(&certificate, &key, names, SystemTime::now())
    }

    fn open(
        certificate: &Path,
        key: &Path,
        names: SnowflakeNames,
        now: SystemTime,
    ) -> Result<Self, AuthorityError> {
        let pem = files::read_public(certificate).map_err(AuthorityError::File)?;
        let key_pem = files::read_secret(key).map_err(AuthorityError::File)?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_pem| {
            AuthorityError::Certificate {
                rule: "it is not PEM",
            }
        })?;
        let not_after = root::check(&der, now)?;
        let key = KeyPair::from_pem(&key_pem).map_err(AuthorityError::Make)?;
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(AuthorityError::Make)?;
        let authority = Self {
            issuer,
            names,
            certificate: der,
            pem,
            not_after,
            leaves: Mutex::new(Leaves::default()),
        };
        authority.check_as_a_client_would(now)?;
        Ok(authority)
    }

    /// The authority's own certificate: what clients must trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The end of the authority's own certificate.
    #[must_use]
    pub const fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// A certificate and key for one of our names, from the cache while it is fresh.
    pub fn leaf(&self, server_name: &str) -> Result<Arc<CertifiedKey>, AuthorityError> {
        self.leaf_at(server_name, SystemTime::now())
    }

    fn leaf_at(
        &self,
        server_name: &str,
        now: SystemTime,
    ) -> Result<Arc<CertifiedKey>, AuthorityError> {
        let refused = || AuthorityError::NameRefused {
            name: server_name.to_owned(),
        };
        let name = name::normalize(server_name).ok_or_else(refused)?;
        if !self.names.contains(&name) {
            return Err(refused());
        }
        let cached = self.leaves().fresh(&name, now);
        if let Some(leaf) = cached {
            return Ok(leaf);
        }
        // Outside the lock: two connections may both make one, and the second wins.
        let leaf = leaf::make(&self.issuer, &name, now)?;
        let key = Arc::clone(&leaf.key);
        self.leaves().insert(name, leaf);
        Ok(key)
    }

    fn leaves(&self) -> std::sync::MutexGuard<'_, Leaves> {
        // The cache is whole after every operation on it, so a panic elsewhere does not spoil it.
        self.leaves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs for every name and a foreign one, and verifies the result against our own certificate:
    /// proves that key and certificate belong together and that the constraints are what we expect.
    fn check_as_a_client_would(&self, now: SystemTime) -> Result<(), AuthorityError> {
        for name in self.names.all() {
            let leaf = leaf::make(&self.issuer, name, now)?;
            if !root::accepts(&self.certificate, &leaf.key, name, now)? {
                return Err(AuthorityError::NameNotCovered {
                    name: name.to_owned(),
                });
            }
        }
        let foreign = leaf::make(&self.issuer, FOREIGN_NAME, now)?;
        if root::accepts(&self.certificate, &foreign.key, FOREIGN_NAME, now)? {
            return Err(AuthorityError::Certificate {
                rule: "it signs for foreign names",
            });
        }
        Ok(())
    }
}

fn exists(path: &Path) -> Result<bool, AuthorityError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(AuthorityError::File(FileError::Open {
            path: path.to_owned(),
            source,
        })),
    }
}

const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";
/// A name that no authority of ours may sign for (RFC 2606 reserves it).
const FOREIGN_NAME: &str = "name-constraints.invalid";
