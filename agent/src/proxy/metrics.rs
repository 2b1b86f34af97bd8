//! What the proxy counts. Labels come from closed sets only.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::hangup::Hangup;
use super::{hold, masking};
use crate::policy::Verdict;

/// The proxy's metrics, registered once.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) connections_open: IntGauge,
    connections: IntCounterVec,
    hangups: IntCounterVec,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    pub(super) decision_seconds: Histogram,
    verdicts: IntCounterVec,
    catalog_fetches: IntCounterVec,
    pub(super) catalog_hits: IntCounter,
    pub(super) rows: IntCounter,
    pub(super) passed_bytes: IntCounterVec,
    pub(super) holds: hold::Metrics,
    pub(super) masked: masking::Metrics,
}

/// From a warm local answer to the longest poll.
const REQUEST_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0,
];

impl Metrics {
    /// # Errors
    /// A metric of the same name is registered already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            connections_open: IntGauge::new(
                "snowfence_connections_open",
                "Connections of clients that are open.",
            )?,
            connections: IntCounterVec::new(
                Opts::new(
                    "snowfence_connections_total",
                    "Connections accepted, by what they were.",
                ),
                &["kind"],
            )?,
            hangups: IntCounterVec::new(
                Opts::new(
                    "snowfence_connections_refused_total",
                    "Connections ended before a request, by reason.",
                ),
                &["reason"],
            )?,
            requests: IntCounterVec::new(
                Opts::new(
                    "snowfence_requests_total",
                    "Requests ended, by operation and outcome.",
                ),
                &["operation", "outcome"],
            )?,
            request_seconds: HistogramVec::new(
                HistogramOpts::new("snowfence_request_seconds", "Time to answer a request.")
                    .buckets(REQUEST_BUCKETS.to_vec()),
                &["operation"],
            )?,
            decision_seconds: Histogram::with_opts(HistogramOpts::new(
                "snowfence_decision_seconds",
                "Time for facts and verdict of a statement.",
            ))?,
            verdicts: IntCounterVec::new(
                Opts::new(
                    "snowfence_verdicts_total",
                    "Verdicts on logins and statements. Observed: allowed where a denial was due.",
                ),
                &["verdict"],
            )?,
            catalog_fetches: IntCounterVec::new(
                Opts::new(
                    "snowfence_catalog_fetches_total",
                    "Questions to Snowflake about tables and views, by what came of them.",
                ),
                &["outcome"],
            )?,
            catalog_hits: IntCounter::new(
                "snowfence_catalog_hits_total",
                "Statements that needed no question about their tables and views.",
            )?,
            rows: IntCounter::new("snowfence_rows_total", "Rows that results announced.")?,
            passed_bytes: IntCounterVec::new(
                Opts::new(
                    "snowfence_passed_bytes_total",
                    "Bytes passed through untouched, by direction.",
                ),
                &["direction"],
            )?,
            holds: hold::Metrics::new(registry)?,
            masked: masking::Metrics::new(registry)?,
        };
        metrics.register(registry)?;
        Ok(metrics)
    }

    fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.connections_open.clone()))?;
        registry.register(Box::new(self.connections.clone()))?;
        registry.register(Box::new(self.hangups.clone()))?;
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.request_seconds.clone()))?;
        registry.register(Box::new(self.decision_seconds.clone()))?;
        registry.register(Box::new(self.verdicts.clone()))?;
        registry.register(Box::new(self.catalog_fetches.clone()))?;
        registry.register(Box::new(self.catalog_hits.clone()))?;
        registry.register(Box::new(self.rows.clone()))?;
        registry.register(Box::new(self.passed_bytes.clone()))?;
        for verdict in ["allow", "deny", "hold", "observed"] {
            self.verdicts.with_label_values(&[verdict]);
        }
        // A reason that has not happened yet reads 0, not absent: alerts can be written on it.
        for hangup in Hangup::ALL {
            self.hangups.with_label_values(&[hangup.label()]);
        }
        Ok(())
    }

    pub(super) fn connection(&self, kind: ConnectionKind) {
        self.connections.with_label_values(&[kind.label()]).inc();
    }

    pub(super) fn hangup(&self, hangup: Hangup) {
        self.hangups.with_label_values(&[hangup.label()]).inc();
    }

    pub(super) fn verdict(&self, verdict: &Verdict) {
        let label = match verdict {
            Verdict::Allow(permit) if permit.observed().is_some() => "observed",
            Verdict::Allow(_) => "allow",
            Verdict::Hold(_) => "hold",
            Verdict::Deny(_) => "deny",
        };
        self.verdicts.with_label_values(&[label]).inc();
    }

    /// `outcome` is of a closed set: `known`, `absent`, `unknown`, `late`.
    pub(super) fn catalog_fetch(&self, outcome: &'static str) {
        self.catalog_fetches.with_label_values(&[outcome]).inc();
    }

    /// `outcome` is `answer` or the label of a closed reason.
    pub(super) fn request(&self, operation: &'static str, outcome: &'static str, seconds: f64) {
        self.requests.with_label_values(&[operation, outcome]).inc();
        self.request_seconds
            .with_label_values(&[operation])
            .observe(seconds);
    }
}

/// What a served connection was.
#[derive(Clone, Copy, Debug)]
pub(super) enum ConnectionKind {
    Passed,
    Snowflake,
}

impl ConnectionKind {
    const fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Snowflake => "snowflake",
        }
    }
}

/// Counts a connection as open for as long as it lives, also when its task is cancelled.
#[derive(Debug)]
pub(super) struct OpenConnection(IntGauge);

impl OpenConnection {
    pub(super) fn new(metrics: &Metrics) -> Self {
        metrics.connections_open.inc();
        Self(metrics.connections_open.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
