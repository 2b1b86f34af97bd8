//! Workloads that stand still while people decide, and workloads that are ended.
//!
//! Whom we froze is written down before it is frozen, so that a daemon that was killed leaves
//! nobody frozen for good: the next one reads the note and lets them run.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Metrics;
use crate::config::Config;
use crate::kernel::{self, ScopeError};
use crate::privilege::{Cgroup, CgroupError, Cgroups, Class, OpenError, secure_read};
use crate::telemetry::ErrorChain;

/// Why a workload is not frozen or ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum FreezeError {
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error("cannot find the cgroups of this host")]
    Mount(#[from] ScopeError),
    #[error("cannot write down who is frozen, at `{}`", path.display())]
    Note {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read who was frozen")]
    Read(#[from] OpenError),
    #[error("there is no telling who was frozen: `{}` is not what we write", path.display())]
    Unreadable { path: PathBuf },
}

/// Freezes and thaws; cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Freezer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    note: PathBuf,
    scopes: Vec<String>,
    frozen: Mutex<HashMap<String, Standing>>,
}

/// One workload that is frozen, and for how many statements.
#[derive(Debug)]
struct Standing {
    cgroup: Cgroup,
    statements: usize,
}

/// One workload in the note.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    path: String,
    id: u64,
}

/// A workload stands still until this is dropped.
#[derive(Debug)]
pub(super) struct Frozen {
    freezer: Freezer,
    metrics: Metrics,
    path: String,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.freezer.thaw(&self.path, &self.metrics);
    }
}

impl Freezer {
    pub(in crate::proxy) fn new(config: &Config) -> Self {
        Self(Arc::new(Inner {
            // Beside the store, which only we and root can write.
            note: config.access.store.with_extension("frozen"),
            scopes: config.scopes.iter().map(|it| it.cgroup.clone()).collect(),
            frozen: Mutex::default(),
        }))
    }

    /// Lets run what an earlier daemon left frozen. What cannot be thawed stays in the note.
    ///
    /// # Errors
    /// The note cannot be read or written.
    pub(in crate::proxy) fn recover(&self) -> Result<(), FreezeError> {
        let note = &self.0.note;
        if !note.exists() {
            return Ok(());
        }
        let bytes = secure_read(note, Class::Steering, NOTE_BYTES_MAX)?;
        let Ok(noted) = serde_json::from_slice::<Vec<Noted>>(&bytes) else {
            return Err(FreezeError::Unreadable { path: note.clone() });
        };
        let (mount, own) = kernel::cgroup_mount()?;
        // The scopes may be others by now, and who was frozen was checked against theirs.
        let cgroups = Cgroups::open(&mount, vec!["/".to_owned()], own)?;
        let mut left = Vec::new();
        for noted in noted {
            match thaw_noted(&cgroups, &noted) {
                Ok(()) => tracing::info!(cgroup = noted.path, "thawed what was left frozen"),
                Err(error) if is_gone(&error) => {}
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "a workload stays frozen");
                    left.push(noted);
                }
            }
        }
        self.write(&left)
    }

    /// Freezes a workload, unless someone else has. Blocks shortly on the disk.
    pub(super) fn freeze(
        &self,
        path: &str,
        metrics: &Metrics,
    ) -> Result<Option<Frozen>, FreezeError> {
        let guard = |freezer: &Self| Frozen {
            freezer: freezer.clone(),
            metrics: metrics.clone(),
            path: path.to_owned(),
        };
        let mut frozen = self.lock();
        if let Some(standing) = frozen.get_mut(path) {
            standing.statements += 1;
            return Ok(Some(guard(self)));
        }
        let cgroup = self.cgroups()?.cgroup(path)?;
        if cgroup.is_frozen()? {
            tracing::warn!(cgroup = path, "frozen by someone else, so left to them");
            return Ok(None);
        }
        let standing = Standing {
            cgroup,
            statements: 1,
        };
        frozen.insert(path.to_owned(), standing);
        // Noted first: noted and not frozen does no harm, frozen and not noted may last for good.
        let done = self.note(&frozen).and_then(|()| {
            let standing = frozen.get(path);
            Ok(standing.map_or(Ok(()), |it| it.cgroup.freeze(true))?)
        });
        if let Err(error) = done {
            drop(frozen);
            self.thaw(path, metrics);
            return Err(error);
        }
        metrics.frozen(frozen.len());
        drop(frozen);
        tracing::info!(cgroup = path, "frozen while a statement waits for approval");
        Ok(Some(guard(self)))
    }

    /// Ends everything in a workload's cgroup.
    pub(in crate::proxy) fn kill(&self, path: &str) -> Result<(), FreezeError> {
        Ok(self.cgroups()?.cgroup(path)?.kill()?)
    }

    fn thaw(&self, path: &str, metrics: &Metrics) {
        let mut frozen = self.lock();
        let Some(standing) = frozen.get_mut(path) else {
            return;
        };
        standing.statements = standing.statements.saturating_sub(1);
        if standing.statements > 0 {
            return;
        }
        match standing.cgroup.freeze(false) {
            Ok(()) => tracing::info!(cgroup = path, "thawed"),
            // The directory is open: gone means that nobody is in it any more.
            Err(error) => tracing::warn!(error = %ErrorChain(&error), "not thawed"),
        }
        frozen.remove(path);
        metrics.frozen(frozen.len());
        if let Err(error) = self.note(&frozen) {
            tracing::warn!(error = %ErrorChain(&error), "the note names someone who runs again");
        }
    }

    fn cgroups(&self) -> Result<Cgroups, FreezeError> {
        let (mount, own) = kernel::cgroup_mount()?;
        Ok(Cgroups::open(&mount, self.0.scopes.clone(), own)?)
    }

    fn note(&self, frozen: &HashMap<String, Standing>) -> Result<(), FreezeError> {
        let noted = frozen.iter().map(|(path, standing)| Noted {
            path: path.clone(),
            id: standing.cgroup.id(),
        });
        self.write(&noted.collect::<Vec<_>>())
    }

    fn write(&self, noted: &[Noted]) -> Result<(), FreezeError> {
        write(&self.0.note, noted).map_err(|source| FreezeError::Note {
            path: self.0.note.clone(),
            source,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Standing>> {
        self.0.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn thaw_noted(cgroups: &Cgroups, noted: &Noted) -> Result<(), CgroupError> {
    let cgroup = cgroups.cgroup(&noted.path)?;
    if cgroup.id() != noted.id {
        return Err(CgroupError::Another {
            path: noted.path.clone(),
        });
    }
    cgroup.freeze(false)
}

/// Whether who was frozen is no more, and there is nobody to thaw.
fn is_gone(error: &CgroupError) -> bool {
    match error {
        CgroupError::Another { .. } => true,
        CgroupError::Open { source, .. } => source.kind() == io::ErrorKind::NotFound,
        CgroupError::Mount(_) | CgroupError::Outside { .. } | CgroupError::Control { .. } => false,
    }
}

/// Replaces the note as a whole, durably; an empty one is removed.
fn write(path: &Path, noted: &[Noted]) -> io::Result<()> {
    let parent = path.parent().unwrap_or_else(|| Path::new("/"));
    if noted.is_empty() {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    } else {
        let temporary = path.with_extension("frozen.new");
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&serde_json::to_vec(noted)?)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
    }
    File::open(parent)?.sync_all()
}

/// A path of 4 KiB for each of all statements that may wait.
const NOTE_BYTES_MAX: usize = 2 << 20;
