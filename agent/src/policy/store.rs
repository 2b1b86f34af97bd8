//! The policies in force.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use prometheus::{IntGauge, Registry};

use super::load::PolicySet;
use super::problem::LoadError;
use crate::telemetry::ErrorChain;

/// Holds the policies in force and replaces them as a whole.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    current: ArcSwap<PolicySet>,
    /// Why what is on disk is not in force; `None` while it is.
    rejected: Mutex<Option<String>>,
    reload_failed: IntGauge,
}

impl Store {
    /// Loads the policies of a directory.
    ///
    /// # Errors
    /// When they are not all good: without policies nothing may start.
    pub fn open(dir: &Path) -> Result<Self, LoadError> {
        let reload_failed = IntGauge::new(
            "snowfence_policy_reload_failed",
            "1 while the policies on disk cannot be used and older ones are in force",
        );
        let reload_failed = reload_failed.map_err(|error| {
            let source = std::io::Error::other(error);
            LoadError::Read {
                path: dir.to_path_buf(),
                source,
            }
        })?;
        let current = ArcSwap::from_pointee(PolicySet::load(dir)?);
        Ok(Self {
            dir: dir.to_path_buf(),
            current,
            rejected: Mutex::default(),
            reload_failed,
        })
    }

    /// The policies in force: take them once for an operation.
    #[must_use]
    pub fn snapshot(&self) -> Arc<PolicySet> {
        self.current.load_full()
    }

    /// Loads the directory again.
    ///
    /// # Errors
    /// When the policies are not all good; those in force then stay in force.
    pub fn reload(&self) -> Result<Arc<PolicySet>, LoadError> {
        let loaded = PolicySet::load(&self.dir);
        self.reload_failed.set(i64::from(loaded.is_err()));
        *self.rejection() = loaded
            .as_ref()
            .err()
            .map(|error| ErrorChain(error).to_string());
        let loaded = Arc::new(loaded?);
        self.current.store(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Why the policies on disk are not in force, when they are not.
    #[must_use]
    pub fn rejected(&self) -> Option<String> {
        self.rejection().clone()
    }

    fn rejection(&self) -> MutexGuard<'_, Option<String>> {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the store's metrics to the registry that the endpoint serves.
    ///
    /// # Errors
    /// When the registry has metrics of these names.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.reload_failed.clone()))
    }
}
