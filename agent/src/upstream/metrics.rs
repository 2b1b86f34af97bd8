//! Counts what happens on the upstream leg.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::error::UpstreamError;

/// Metrics of the upstream leg; cheap to clone. Labels are closed sets.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    seconds: Histogram,
    retries: IntCounter,
    renewals: IntCounterVec,
    pub(super) connections: IntGauge,
}

impl Metrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    ///
    /// When one of the names is registered already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(
                    "snowfence_upstream_requests_total",
                    "Operations sent to Snowflake or chunk storage, by how they ended.",
                ),
                &["outcome"],
            )?,
            // Snowflake holds a request for up to 45 s; the proxy gives up after 50 s.
            seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "snowfence_upstream_seconds",
                    "Time until the whole answer was there (chunks: its head), with all tries.",
                )
                .buckets(vec![
                    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 45.0, 50.0,
                ]),
            )?,
            retries: IntCounter::new(
                "snowfence_upstream_retries_total",
                "Requests that were sent again after a transient failure.",
            )?,
            renewals: IntCounterVec::new(
                Opts::new(
                    "snowfence_upstream_renewals_total",
                    "Renewals of session tokens, by how they ended.",
                ),
                &["outcome"],
            )?,
            connections: IntGauge::new(
                "snowfence_upstream_connections",
                "Open connections to Snowflake and chunk storage.",
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.retries.clone()))?;
        registry.register(Box::new(metrics.renewals.clone()))?;
        registry.register(Box::new(metrics.connections.clone()))?;
        Ok(metrics)
    }

    pub(super) fn request<T>(&self, result: &Result<T, UpstreamError>, took: Duration) {
        self.requests.with_label_values(&[outcome(result)]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn retry(&self) {
        self.retries.inc();
    }

    pub(super) fn renewal<T>(&self, result: &Result<T, UpstreamError>) {
        self.renewals.with_label_values(&[outcome(result)]).inc();
    }
}

const fn outcome<T>(result: &Result<T, UpstreamError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.outcome(),
    }
}
