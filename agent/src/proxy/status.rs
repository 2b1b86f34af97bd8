//! What the daemon says about itself.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::services::Services;
use crate::admin::{PolicyStatus, RecorderStatus, ScopeStatus, Status};

impl Services {
    /// A snapshot for `snowfence status`.
    #[must_use]
    pub fn status(&self, started: Instant) -> Status {
        let policies = self.policies.snapshot();
        let recorder = self.recorder.status();
        let counters: BTreeMap<String, u64> = self
            .kernel
            .counters()
            .into_iter()
            .map(|(counter, value)| (counter.name().to_owned(), value))
            .collect();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: started.elapsed().as_secs(),
            scopes: self.scopes(),
            sessions: self.sessions.len() as u64,
            connections: u64::try_from(self.metrics.connections_open.get()).unwrap_or(0),
            links: self.kernel.links(),
            counters,
            recorder: RecorderStatus {
                writable: recorder.failure.is_none(),
                entries: recorder.next_entry,
                segment: recorder.segment,
            },
            policy: PolicyStatus {
                version: policies.version().to_owned(),
                policies: policies.len() as u64,
                rejected: self.policies.rejected(),
            },
        }
    }

    fn scopes(&self) -> Vec<ScopeStatus> {
        let enforced = self.kernel.scope_cgroups();
        self.config
            .scopes
            .iter()
            .map(|scope| ScopeStatus {
                cgroup: scope.cgroup.clone(),
                enforced: enforced.contains(&scope.cgroup),
            })
            .collect()
    }
}
