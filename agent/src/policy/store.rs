//! The policies in force.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use prometheus::{IntGauge, Registry};
use tokio::sync::watch;

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
    changes: watch::Sender<u64>,
}

/// Policies that are good and not in force.
#[derive(Debug)]
#[must_use]
pub struct Candidate<'s> {
    store: &'s Store,
    policies: Arc<PolicySet>,
}

impl Candidate<'_> {
    #[must_use]
    pub fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// Puts them in force: from here on everything is judged by them.
    pub fn put_in_force(self) -> Arc<PolicySet> {
        let store = self.store;
        store.reload_failed.set(0);
        *store.rejection() = None;
        store.current.store(Arc::clone(&self.policies));
        store
            .changes
            .send_modify(|loads| *loads = loads.wrapping_add(1));
        self.policies
    }

    /// Leaves those in force that are, although these are good.
    pub fn keep_out(self, why: String) {
        self.store.reject(why);
    }
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
            changes: watch::Sender::new(0),
        })
    }

    /// The policies in force: take them once for an operation.
    #[must_use]
    pub fn snapshot(&self) -> Arc<PolicySet> {
        self.current.load_full()
    }

    /// Loads the directory again. What it gives is not in force yet.
    ///
    /// # Errors
    /// When the policies are not all good; those in force then stay in force.
    pub fn read_again(&self) -> Result<Candidate<'_>, LoadError> {
        match PolicySet::load(&self.dir) {
            Ok(policies) => Ok(Candidate {
                store: self,
                policies: Arc::new(policies),
            }),
            Err(error) => {
                self.reject(ErrorChain(&error).to_string());
                Err(error)
            }
        }
    }

    fn reject(&self, why: String) {
        self.reload_failed.set(1);
        *self.rejection() = Some(why);
    }

    /// Changes when other policies come into force; what was judged before is to be judged again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
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
