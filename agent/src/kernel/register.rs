//! Which cgroups are in scope: the configuration's paths, and the ids that the programs go by.
//!
//! ```text
//!   configuration ──► paths ──(cgroup_mkdir)──► ids ──(cgroup_rmdir)──► gone
//!                       └──(exists at the start)──┘
//! ```
//!
//! A cgroup that is removed and made again has another id: systemd does so with a slice whenever its
//! last unit stops and the next one starts. The programs therefore know the paths too, and put the id
//! into the map before the cgroup can have a process, whether or not the daemon lives.

use agent_ebpf::{SCOPE_IDS_MAX, SCOPES_MAX, Scope, ScopePath};

use super::scope::{self, ScopeError, Tree};
use super::sys::Table;
use super::{KernelError, write_error};
use crate::config;

/// The maps of scopes, and what they should say.
pub(super) struct Register {
    tree: Tree,
    /// In the order of the configuration.
    scopes: Vec<String>,
    ids: Table<u64, Scope>,
    paths: Table<ScopePath, Scope>,
}

impl Register {
    pub(super) fn new(
        tree: Tree,
        scopes: &[config::Scope],
        ids: Table<u64, Scope>,
        paths: Table<ScopePath, Scope>,
    ) -> Self {
        Self {
            tree,
            scopes: scopes.iter().map(|scope| scope.cgroup.clone()).collect(),
            ids,
            paths,
        }
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Tells the programs the paths: from now on they see to the cgroups that are made.
    pub(super) fn add_paths(&self) -> Result<(), KernelError> {
        for (value, path) in self.entries() {
            let key = scope::key(path).ok_or_else(|| ScopeError::TooLong {
                scope: path.to_owned(),
            })?;
            let written = self.paths.insert(&key, &value);
            written.map_err(write_error("scope paths"))?;
        }
        Ok(())
    }

    /// Tells the programs the ids of the cgroups that exist.
    ///
    /// To be called when cgroups are followed already: one that is made meanwhile is then told by
    /// either. One that is removed meanwhile may leave its id behind, which is nobody's any more and
    /// goes at the next start.
    pub(super) fn add_ids(&self, is_followed: bool) -> Result<(), KernelError> {
        for (value, path) in self.entries() {
            let id = if is_followed {
                self.tree.id_if_exists(path)?
            } else {
                Some(self.tree.id(path)?)
            };
            if let Some(id) = id {
                let written = self.ids.insert(&id, &value);
                written.map_err(write_error("scopes"))?;
            }
        }
        Ok(())
    }

    /// Removes what the configuration no longer names, and ids that are nobody's any more.
    pub(super) fn forget_unconfigured(&self) -> Result<(), KernelError> {
        // Paths first: they are where new ids come from.
        let error = write_error("scope paths");
        let configured: Vec<_> = self
            .scopes
            .iter()
            .filter_map(|path| scope::key(path))
            .collect();
        for key in self.paths.keys(SCOPES_MAX).map_err(&error)? {
            if !configured.contains(&key) {
                self.paths.remove(&key).map_err(&error)?;
            }
        }
        let error = write_error("scopes");
        for id in self.ids.keys(SCOPE_IDS_MAX).map_err(&error)? {
            let is_kept = match self.tree.path(id) {
                Ok(path) => self.scopes.iter().any(|scope| scope::is_same(scope, &path)),
                Err(_) => !self.tree.is_gone(id),
            };
            if !is_kept {
                self.ids.remove(&id).map_err(&error)?;
            }
        }
        Ok(())
    }

    /// The deepest scope that a cgroup is in: by its path, which outlives its id.
    pub(super) fn scope_of(&self, cgroup_id: u64) -> Option<usize> {
        scope::deepest(&self.scopes, &self.tree.path(cgroup_id).ok()?)
    }

    /// Whether the programs have the id of a scope's cgroup, or will when it is made.
    pub(super) fn is_enforced(&self, index: usize, is_followed: bool) -> bool {
        let Some(path) = self.scopes.get(index) else {
            return false;
        };
        match self.tree.id_if_exists(path) {
            Ok(Some(id)) => self.ids.contains(&id).unwrap_or(false),
            Ok(None) => is_followed && self.knows(path),
            Err(_) => false,
        }
    }

    /// The cgroups in the map.
    pub(super) fn count(&self) -> usize {
        self.ids
            .keys(SCOPE_IDS_MAX)
            .map(|ids| ids.len())
            .unwrap_or_default()
    }

    fn knows(&self, path: &str) -> bool {
        scope::key(path).is_some_and(|key| self.paths.contains(&key).unwrap_or(false))
    }

    fn entries(&self) -> impl Iterator<Item = (Scope, &str)> {
        let value = |index| Scope { index, padding: 0 };
        (0_u32..)
            .zip(&self.scopes)
            .map(move |(index, path)| (value(index), path.as_str()))
    }
}
