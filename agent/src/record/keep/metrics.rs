//! Counters of the keeper.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// What operators know of closed segments; cheap to clone. Labels are closed sets.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) packed: IntCounter,
    pub(super) pruned: IntCounter,
    pub(super) shipped: IntCounter,
    pub(super) shipped_bytes: IntCounter,
    pub(super) failures: IntCounterVec,
    pub(super) backlog: IntGauge,
    pub(super) backlog_bytes: IntGauge,
    pub(super) backlog_seconds: Gauge,
    pub(super) last_success: Gauge,
    pub(super) unpacked: IntGauge,
}

/// What the keeper was about when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Pack,
    Prune,
    /// Reading what is to be shipped.
    Local,
    /// The store cannot be reached, or is in trouble.
    Unreachable,
    /// The store does not let us in.
    Refused,
    /// Something else has the name of what is to be shipped.
    Conflict,
    /// What is there after shipping is not what was sent.
    Differs,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Pack => "pack",
            Self::Prune => "prune",
            Self::Local => "local",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Differs => "differs",
        }
    }
}

impl Metrics {
    pub(in crate::record) fn new() -> Result<Self, prometheus::Error> {
        let counter = |name, help| IntCounter::new(format!("snowfence_record_{name}"), help);
        let gauge = |name, help| IntGauge::new(format!("snowfence_record_{name}"), help);
        let real = |name, help| Gauge::new(format!("snowfence_record_{name}"), help);
        let failures = Opts::new(
            "snowfence_record_keep_failures_total",
            "Packing, shipping and deleting of closed segments that failed, by reason",
        );
        Ok(Self {
            packed: counter("packed_total", "Segments compressed")?,
            pruned: counter("pruned_total", "Segments deleted by retention")?,
            shipped: counter("shipped_total", "Segments shipped")?,
            shipped_bytes: counter("shipped_bytes_total", "Bytes shipped")?,
            failures: IntCounterVec::new(failures, &["reason"])?,
            backlog: gauge("ship_backlog", "Closed segments that are not shipped")?,
            backlog_bytes: gauge(
                "ship_backlog_bytes",
                "Bytes of closed segments that are not shipped",
            )?,
            backlog_seconds: real(
                "ship_backlog_seconds",
                "Age of the oldest closed segment that is not shipped",
            )?,
            last_success: real(
                "ship_last_success_seconds",
                "When everything closed was shipped last, since 1970",
            )?,
            unpacked: gauge("unpacked", "Closed segments that are not compressed")?,
        })
    }

    pub(in crate::record) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.packed.clone()))?;
        registry.register(Box::new(self.pruned.clone()))?;
        registry.register(Box::new(self.shipped.clone()))?;
        registry.register(Box::new(self.shipped_bytes.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.backlog.clone()))?;
        registry.register(Box::new(self.backlog_bytes.clone()))?;
        registry.register(Box::new(self.backlog_seconds.clone()))?;
        registry.register(Box::new(self.last_success.clone()))?;
        registry.register(Box::new(self.unpacked.clone()))
    }

    pub(super) fn fail(&self, reason: Reason) {
        self.failures.with_label_values(&[reason.name()]).inc();
    }

    /// Closed segments that are not shipped, and their bytes.
    #[must_use]
    pub fn backlog(&self) -> (u64, u64) {
        let plain = |gauge: &IntGauge| u64::try_from(gauge.get()).unwrap_or_default();
        (plain(&self.backlog), plain(&self.backlog_bytes))
    }
}
