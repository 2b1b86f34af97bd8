//! What is counted of statements that wait. Labels come from a closed set.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::super::refusal::Reason;

/// How a statement's wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Policy allows it now without anyone's approval.
    Allowed,
    Approved,
    /// By its client, or with its session.
    Cancelled,
    /// By a person.
    Denied,
    /// By a policy that came into force meanwhile.
    DeniedByPolicy,
    Expired,
    /// The ask, the decision or what followed could not be written.
    Failed,
    Stopped,
}

impl Outcome {
    const ALL: [Self; 8] = [
        Self::Allowed,
        Self::Approved,
        Self::Cancelled,
        Self::Denied,
        Self::DeniedByPolicy,
        Self::Expired,
        Self::Failed,
        Self::Stopped,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Approved => "approved",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::DeniedByPolicy => "denied_by_policy",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    /// The outcome that the reason of an end stands for.
    pub(super) fn of(reason: Reason) -> Self {
        let known = [
            (Reason::ApprovalDenied, Self::Denied),
            (Reason::ApprovalExpired, Self::Expired),
            (Reason::Cancelled, Self::Cancelled),
            (Reason::DeniedByPolicy, Self::DeniedByPolicy),
            (Reason::Stopping, Self::Stopped),
        ];
        let found = known.into_iter().find(|(it, _)| *it == reason);
        found.map_or(Self::Failed, |(_, outcome)| outcome)
    }
}

/// The metrics of statements that wait and of what is stopped.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Metrics {
    open: IntGauge,
    ended: IntCounterVec,
    cannot_wait: IntCounter,
    seconds: Histogram,
    frozen: IntGauge,
    killed: IntCounter,
    pub(in crate::proxy) statements_stopped: IntCounter,
    pub(in crate::proxy) sessions_closed: IntCounter,
}

/// From a decision at a glance to one that took the afternoon.
const SECONDS: [f64; 9] = [
    5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0,
];

impl Metrics {
    pub(in crate::proxy) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            open: IntGauge::new("snowfence_holds_open", "Statements that wait for approval.")?,
            ended: IntCounterVec::new(
                Opts::new(
                    "snowfence_holds_ended_total",
                    "Statements that waited for approval, by how that ended.",
                ),
                &["outcome"],
            )?,
            cannot_wait: IntCounter::new(
                "snowfence_holds_without_waiting_total",
                "Statements denied because their driver cannot wait for approval.",
            )?,
            seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "snowfence_hold_seconds",
                    "Time that statements waited for approval.",
                )
                .buckets(SECONDS.to_vec()),
            )?,
            frozen: IntGauge::new("snowfence_workloads_frozen", "Workloads that are frozen.")?,
            killed: IntCounter::new(
                "snowfence_workloads_killed_total",
                "Workloads ended because policy said so.",
            )?,
            statements_stopped: IntCounter::new(
                "snowfence_statements_stopped_total",
                "Running statements aborted because they lost their right.",
            )?,
            sessions_closed: IntCounter::new(
                "snowfence_sessions_closed_total",
                "Sessions closed because their login lost its right.",
            )?,
        };
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.ended.clone()))?;
        registry.register(Box::new(metrics.cannot_wait.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.frozen.clone()))?;
        registry.register(Box::new(metrics.killed.clone()))?;
        registry.register(Box::new(metrics.statements_stopped.clone()))?;
        registry.register(Box::new(metrics.sessions_closed.clone()))?;
        // An outcome that has not happened yet reads 0, not absent: alerts can be written on it.
        for outcome in Outcome::ALL {
            metrics.ended.with_label_values(&[outcome.label()]);
        }
        Ok(metrics)
    }

    pub(super) fn opened(&self) {
        self.open.inc();
    }

    pub(super) fn ended(&self, outcome: Outcome, seconds: f64) {
        self.open.dec();
        self.ended.with_label_values(&[outcome.label()]).inc();
        self.seconds.observe(seconds);
    }

    pub(super) fn cannot_wait(&self) {
        self.cannot_wait.inc();
    }

    pub(super) fn frozen(&self, count: usize) {
        self.frozen.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(in crate::proxy) fn killed(&self) {
        self.killed.inc();
    }
}
