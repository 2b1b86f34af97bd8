//! A statement's client stands still while the statement waits.

use std::sync::Arc;

use tokio::time::Instant;

use super::Held;
use super::case::Case;
use super::freezer::Frozen;
use crate::telemetry::ErrorChain;

impl Case {
    /// Lets the workload stand still; one that may not be frozen waits as others do.
    pub(super) async fn freeze(&self, held: &Arc<Held>) -> Option<Thawing> {
        let freezer = self.services.state.freezer.clone();
        let metrics = self.services.metrics.holds.clone();
        let anchor = self.connection.principal.workload.anchor.clone();
        let work = tokio::task::spawn_blocking(move || freezer.freeze(&anchor, &metrics));
        match work.await {
            Ok(Ok(frozen)) => frozen.map(|frozen| Thawing::new(held, frozen)),
            Ok(Err(error)) => {
                tracing::error!(error = %ErrorChain(&error), "workload not frozen");
                None
            }
            Err(error) => {
                tracing::error!(%error, "workload not frozen");
                None
            }
        }
    }
}

/// A statement's client stands still until this is dropped.
#[derive(Debug)]
pub(super) struct Thawing {
    held: Arc<Held>,
    frozen: Option<Frozen>,
}

impl Thawing {
    fn new(held: &Arc<Held>, frozen: Frozen) -> Self {
        held.freeze(true, Instant::now());
        Self {
            held: Arc::clone(held),
            frozen: Some(frozen),
        }
    }
}

impl Drop for Thawing {
    fn drop(&mut self) {
        drop(self.frozen.take());
        self.held.freeze(false, Instant::now());
    }
}
