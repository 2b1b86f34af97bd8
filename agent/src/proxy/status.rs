//! What the daemon says about itself.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::services::Services;
use crate::admin::{
    HeadStatus, HoldStatus, LinkStatus, PolicyStatus, RecorderStatus, ScopeStatus, Status,
    UnshippedStatus,
};
use crate::kernel::metrics;

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
            .map(|(counter, value)| (metrics::name(counter).to_owned(), value))
            .collect();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: started.elapsed().as_secs(),
            scopes: self.scopes(),
            sessions: self.sessions.len() as u64,
            connections: u64::try_from(self.metrics.connections_open.get()).unwrap_or(0),
            links: self
                .kernel
                .links()
                .into_iter()
                .map(|(program, attached)| LinkStatus {
                    program: program.to_owned(),
                    attached,
                })
                .collect(),
            counters,
            recorder: RecorderStatus {
                writable: recorder.failure.is_none() && !recorder.is_low,
                entries: recorder.next_entry,
                segment: recorder.segment,
                host: recorder.host,
                head: recorder.head.map(|head| HeadStatus {
                    segment: head.segment,
                    next_entry: head.next_entry,
                    digest: head.digest,
                }),
                free_bytes: recorder.free_bytes,
                low_space: recorder.is_low && recorder.failure.is_none(),
                unshipped: self.config.record.ship.as_ref().map(|_ship| {
                    let (segments, bytes) = self.recorder.metrics().keep.backlog();
                    UnshippedStatus { segments, bytes }
                }),
            },
            policy: PolicyStatus {
                version: policies.version().to_owned(),
                policies: policies.len() as u64,
                rejected: self.policies.rejected(),
            },
            holds: self.holds(),
        }
    }

    fn holds(&self) -> Vec<HoldStatus> {
        let holds = self.state.holds.open_ones().into_iter();
        holds
            .map(|held| HoldStatus {
                ask: held.ask().map(|ask| ask.0),
                workload: held.workload.clone(),
                session: held.session.to_string(),
                query: held.id.as_str().to_owned(),
                seconds: held.since.elapsed().as_secs(),
                frozen: held.is_frozen(),
            })
            .collect()
    }

    fn scopes(&self) -> Vec<ScopeStatus> {
        let scopes = self.config.scopes.iter().enumerate();
        scopes
            .map(|(index, scope)| ScopeStatus {
                cgroup: scope.cgroup.clone(),
                enforced: self.kernel.is_enforced(index),
            })
            .collect()
    }
}
