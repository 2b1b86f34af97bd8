//! Counts what people were told.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

/// Metrics of notifications; cheap to clone. Labels are closed sets.
#[derive(Clone, Debug)]
pub struct Metrics {
    notifications: IntCounterVec,
    backlog: IntGaugeVec,
}

/// What became of one event at one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent,
    /// Not yet: it is tried again.
    Retried,
    /// Given up.
    Failed,
}

impl Metrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    ///
    /// When one of the names is registered already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            notifications: IntCounterVec::new(
                Opts::new(
                    "snowfence_access_notifications_total",
                    "Notifications by the form of the receiver and by what became of them.",
                ),
                &["form", "outcome"],
            )?,
            backlog: IntGaugeVec::new(
                Opts::new(
                    "snowfence_access_notifications_backlog",
                    "Events that receivers of this form have not been told of yet.",
                ),
                &["form"],
            )?,
        };
        registry.register(Box::new(metrics.notifications.clone()))?;
        registry.register(Box::new(metrics.backlog.clone()))?;
        Ok(metrics)
    }

    pub(super) fn count(&self, form: &'static str, outcome: Outcome, count: u64) {
        let outcome = match outcome {
            Outcome::Sent => "sent",
            Outcome::Retried => "retried",
            Outcome::Failed => "failed",
        };
        self.notifications
            .with_label_values(&[form, outcome])
            .inc_by(count);
    }

    /// A task that is gone tells nobody anything.
    pub(super) fn task_lost(&self) {
        self.count("task", Outcome::Failed, 1);
    }

    pub(super) fn backlog(&self, form: &'static str, difference: i64) {
        self.backlog.with_label_values(&[form]).add(difference);
    }
}
