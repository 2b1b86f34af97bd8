//! What the kernel programs counted, for Prometheus.

use std::sync::Arc;

use agent_ebpf::Counter;
use prometheus::core::{Collector, Desc, Describer as _};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge, Opts};

use super::Kernel;

const FLOWS: (&str, &str) = (
    "snowfence_kernel_flows",
    "Flows that wait for their connection to be accepted.",
);

const SCOPES: (&str, &str) = (
    "snowfence_kernel_scope_cgroups",
    "Scopes whose cgroups exist, as the programs know them.",
);

/// Reads the counters of the kernel programs when it is scraped.
#[derive(Debug)]
pub struct KernelMetrics {
    kernel: Arc<Kernel>,
    descriptions: Vec<Desc>,
}

impl KernelMetrics {
    /// # Errors
    ///
    /// A name is not one that Prometheus takes.
    pub fn new(kernel: Arc<Kernel>) -> prometheus::Result<Self> {
        let counters = Counter::ALL.map(|counter| (name(counter), help(counter)));
        let descriptions = counters
            .into_iter()
            .chain([FLOWS, SCOPES])
            .map(|(name, help)| Opts::new(name, help).describe())
            .collect::<prometheus::Result<_>>()?;
        Ok(Self {
            kernel,
            descriptions,
        })
    }
}

impl Collector for KernelMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counters = self
            .kernel
            .counters()
            .into_iter()
            .filter_map(|(counter, value)| {
                let metric = IntCounter::with_opts(Opts::new(name(counter), help(counter))).ok()?;
                metric.inc_by(value);
                Some(metric.collect())
            });
        let gauges = [
            (FLOWS, self.kernel.flow_count()),
            (SCOPES, self.kernel.scope_count()),
        ]
        .into_iter()
        .filter_map(|((name, help), value)| {
            let metric = IntGauge::with_opts(Opts::new(name, help)).ok()?;
            metric.set(i64::try_from(value).unwrap_or(i64::MAX));
            Some(metric.collect())
        });
        counters.chain(gauges).flatten().collect()
    }
}

/// The counter's name in metrics and in the status.
#[must_use]
pub const fn name(counter: Counter) -> &'static str {
    match counter {
        Counter::Redirected => "snowfence_kernel_redirected_total",
        Counter::FlowsPublished => "snowfence_kernel_flows_published_total",
        Counter::RefusedNoListener => "snowfence_kernel_refused_no_listener_total",
        Counter::RefusedNoStorage => "snowfence_kernel_refused_no_storage_total",
        Counter::FlowMapFull => "snowfence_kernel_flow_map_full_total",
        Counter::DeniedUdp => "snowfence_kernel_denied_udp_total",
        Counter::DeniedRaw => "snowfence_kernel_denied_raw_total",
        Counter::DeniedMptcp => "snowfence_kernel_denied_mptcp_total",
        Counter::DeniedProtocol => "snowfence_kernel_denied_protocol_total",
        Counter::DeniedKnownAddress => "snowfence_kernel_denied_known_address_total",
        Counter::DroppedEgress => "snowfence_kernel_dropped_egress_total",
        Counter::DroppedStray => "snowfence_kernel_dropped_stray_total",
        Counter::DroppedKnownAddress => "snowfence_kernel_dropped_known_address_total",
        Counter::DroppedUnreadable => "snowfence_kernel_dropped_unreadable_total",
        Counter::ScopeMade => "snowfence_kernel_scope_made_total",
        Counter::ScopeLost => "snowfence_kernel_scope_lost_total",
    }
}

const fn help(counter: Counter) -> &'static str {
    match counter {
        Counter::Redirected => "Connections sent to the listener.",
        Counter::FlowsPublished => "Flows handed to the listener.",
        Counter::RefusedNoListener => "Connections refused for want of a listener.",
        Counter::RefusedNoStorage => "Connections and sockets refused for want of memory.",
        Counter::FlowMapFull => "Flows that found the map full.",
        Counter::DeniedUdp => "Datagrams to an intercepted port.",
        Counter::DeniedRaw => "Raw sockets.",
        Counter::DeniedMptcp => "Multipath TCP sockets.",
        Counter::DeniedProtocol => "Sockets of other protocols.",
        Counter::DeniedKnownAddress => "Connections to a Snowflake address by another port.",
        Counter::DroppedEgress => "Packets to an intercepted port that were not redirected.",
        Counter::DroppedStray => "Packets of redirected sockets that went elsewhere.",
        Counter::DroppedKnownAddress => "Packets to a Snowflake address that were not redirected.",
        Counter::DroppedUnreadable => "Packets whose headers lead to no port.",
        Counter::ScopeMade => "Cgroups put in scope while they were made.",
        Counter::ScopeLost => "Cgroups that should be in scope and are not.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_counter_has_its_slot_and_a_name_of_its_own() {
        let mut names = HashSet::new();
        for (slot, counter) in (0_u32..).zip(Counter::ALL) {
            assert_eq!(counter as u32, slot);
            assert!(names.insert(name(counter)), "{}", name(counter));
            assert!(name(counter).starts_with("snowfence_kernel_"));
            assert!(name(counter).ends_with("_total"));
        }
    }
}
