//! Puts our authority where clients look for it, without touching the application.
//!
//! | clients | look at | take a change up |
//! |---|---|---|
//! | Go, Rust, Python connector 5, Debian's Java | the system's store | at their next start |
//! | Python connector 3 and 4 | `certifi/cacert.pem` | at their next connection |
//! | Node, other Java | environment only | at their next start |
//!
//! All functions block and report every target, also those that failed: one broken virtual
//! environment must not keep the others from being served.

mod bundle;
mod certifi;
mod system;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::FileError;

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustTargets {
    /// The root directory of the system whose store is meant. Its own programs are run, so it must
    /// be as trusted as `/` is.
    pub root: PathBuf,
    /// Whether the system's store is a target.
    pub system: bool,
    /// Directories that are searched for `certifi/cacert.pem`.
    pub certifi: Vec<PathBuf>,
}

impl TrustTargets {
    /// The store of the running system, and where Python installations usually are.
    #[must_use]
    pub fn of_host() -> Self {
        let root = PathBuf::from("/");
        let certifi = certifi::usual_directories(&root);
        Self {
            root,
            system: true,
            certifi,
        }
    }
}

/// What was found or done at one target.
#[derive(Debug)]
pub struct Outcome {
    pub kind: Kind,
    pub path: PathBuf,
    pub result: Result<Effect, TrustError>,
}

/// The kind of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Certifi,
    System,
}

/// What was found or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Absent,
    Added,
    /// Another authority of ours is there.
    Outdated,
    Removed,
    Replaced,
    Skipped {
        reason: &'static str,
    },
    Unchanged,
}

/// Why a target was not changed, or not read.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("the authority's certificate is not one PEM certificate")]
    NotOneCertificate,
    #[error("cannot {what}")]
    Io {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("cannot replace the certificate")]
    File(#[source] FileError),
    #[error("our block in the bundle has no end: repair the file or install its package again")]
    BrokenBlock,
    #[error("the bundle is longer than {} bytes", bundle::BUNDLE_BYTES_MAX)]
    TooLong,
    #[error("this system's certificate store is of a kind that is not known")]
    NoSystemStore,
    #[error("`{program}` failed with {status}: run it by hand to see why")]
    Refresh {
        program: String,
        status: std::process::ExitStatus,
    },
    #[error("`{program}` ran, but the system's bundle does not have what it should")]
    NotTakenUp { program: String },
}

impl Outcome {
    /// Whether processes that run must be started again to see the change.
    #[must_use]
    pub const fn needs_restart(&self) -> bool {
        matches!(
            (self.kind, &self.result),
            (
                Kind::System,
                Ok(Effect::Added | Effect::Replaced | Effect::Removed)
            )
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Certifi => "certifi",
            Kind::System => "system",
        };
        write!(formatter, "{kind} {}: ", self.path.display())?;
        match &self.result {
            Ok(effect) => write!(formatter, "{effect}"),
            Err(error) => write!(formatter, "{error}"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Absent => "absent",
            Self::Added => "added",
            Self::Outdated => "holds another authority of ours",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::Skipped { reason } => return write!(formatter, "skipped: {reason}"),
            Self::Unchanged => "present",
        };
        formatter.write_str(text)
    }
}

/// Makes the targets trust the authority. Idempotent; an older authority of ours is replaced.
#[must_use]
pub fn install(ca_pem: &str, targets: &TrustTargets) -> Vec<Outcome> {
    each(ca_pem, targets, system::install, certifi::install)
}

/// Tells which targets trust the authority: `Unchanged`, `Outdated` or `Absent`.
#[must_use]
pub fn status(ca_pem: &str, targets: &TrustTargets) -> Vec<Outcome> {
    each(ca_pem, targets, system::status, certifi::status)
}

/// Removes every authority of ours from the targets.
#[must_use]
pub fn remove(targets: &TrustTargets) -> Vec<Outcome> {
    walk(targets, system::remove, certifi::remove)
}

fn each(
    ca_pem: &str,
    targets: &TrustTargets,
    system: fn(&Authority, &Path) -> Outcome,
    certifi: fn(&Authority, &Path) -> Result<Effect, TrustError>,
) -> Vec<Outcome> {
    match Authority::parse(ca_pem) {
        Ok(authority) => walk(
            targets,
            |root| system(&authority, root),
            |path| certifi(&authority, path),
        ),
        Err(error) => {
            vec![Outcome {
                kind: Kind::System,
                path: targets.root.clone(),
                result: Err(error),
            }]
        }
    }
}

fn walk(
    targets: &TrustTargets,
    system: impl Fn(&Path) -> Outcome,
    certifi: impl Fn(&Path) -> Result<Effect, TrustError>,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    if targets.system {
        outcomes.push(system(&targets.root));
    }
    for path in certifi::find(&targets.certifi) {
        let result = certifi(&path);
        outcomes.push(Outcome {
            kind: Kind::Certifi,
            path,
            result,
        });
    }
    outcomes
}

/// The certificate to trust, in both forms.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
}

impl Authority {
    fn parse(pem: &str) -> Result<Self, TrustError> {
        let mut certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
        match (certificates.next(), certificates.next()) {
            (Some(Ok(der)), None) => Ok(Self {
                pem: format!("{}\n", pem.trim()),
                der,
            }),
            _ => Err(TrustError::NotOneCertificate),
        }
    }
}
