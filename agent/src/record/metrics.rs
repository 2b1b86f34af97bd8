//! Counters of the recorder.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

/// Upper bounds in seconds: a sync takes 0.3 to 4 ms on the disks measured, 12 ms at worst.
const SYNC_SECONDS: [f64; 10] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.05, 0.25, 1.0,
];

/// The recorder's metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) frames: IntCounter,
    pub(super) bytes: IntCounter,
    pub(super) sync_seconds: Histogram,
    pub(super) failures: IntCounter,
    pub(super) lost: IntCounter,
    pub(super) torn_bytes: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) gaps: IntCounter,
    pub(super) free_bytes: IntGauge,
    pub(super) writable: IntGauge,
    pub(crate) keep: super::keep::Metrics,
}

impl Metrics {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let sync = HistogramOpts::new("snowfence_record_sync_seconds", "Time of one sync to disk")
            .buckets(SYNC_SECONDS.to_vec());
        let counter = |name, help| IntCounter::new(format!("snowfence_record_{name}"), help);
        let gauge = |name, help| IntGauge::new(format!("snowfence_record_{name}"), help);
        Ok(Self {
            frames: counter("frames_total", "Frames written")?,
            bytes: counter("bytes_total", "Bytes written")?,
            sync_seconds: Histogram::with_opts(sync)?,
            failures: counter("failures_total", "Writes and syncs that failed")?,
            lost: counter("lost_total", "Endings that could not be recorded")?,
            torn_bytes: counter("torn_bytes_total", "Bytes set aside at start after a crash")?,
            refused: counter("refused_total", "Decisions refused for want of disk space")?,
            gaps: counter(
                "gaps_total",
                "Gaps recorded: what was missing or not as it should be",
            )?,
            free_bytes: gauge("free_bytes", "Free bytes of the file system")?,
            writable: gauge("writable", "1 if decisions can be recorded, else 0")?,
            keep: super::keep::Metrics::new()?,
        })
    }

    /// Adds the metrics to the registry that the endpoint serves.
    ///
    /// # Errors
    /// When the registry has metrics of these names.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.frames.clone()))?;
        registry.register(Box::new(self.bytes.clone()))?;
        registry.register(Box::new(self.sync_seconds.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.lost.clone()))?;
        registry.register(Box::new(self.torn_bytes.clone()))?;
        registry.register(Box::new(self.refused.clone()))?;
        registry.register(Box::new(self.gaps.clone()))?;
        registry.register(Box::new(self.free_bytes.clone()))?;
        registry.register(Box::new(self.writable.clone()))?;
        self.keep.register(registry)
    }
}
