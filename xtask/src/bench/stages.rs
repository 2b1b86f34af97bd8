//! Where the time of a statement goes in the daemon, as the daemon itself counts it.

/// The sum and the number of what each stage's metric has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Stages {
    whole: Counted,
    verdict: Counted,
    sync: Counted,
    upstream: Counted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counted {
    seconds: f64,
    count: f64,
}

/// The mean time of each stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Means {
    pub(super) whole: f64,
    pub(super) verdict: f64,
    pub(super) sync: f64,
    pub(super) upstream: f64,
}

impl Stages {
    /// Reads `/metrics`.
    pub(super) fn read(exposition: &str) -> Self {
        let counted = |name: &str, labels: &str| Counted {
            seconds: sample(exposition, &format!("{name}_sum{labels}")),
            count: sample(exposition, &format!("{name}_count{labels}")),
        };
        Self {
            whole: counted("snowfence_request_seconds", "{operation=\"query\"}"),
            // These three count logins and logouts as well, which are two of 213 operations.
            verdict: counted("snowfence_decision_seconds", ""),
            sync: counted("snowfence_record_sync_seconds", ""),
            upstream: counted("snowfence_upstream_seconds", ""),
        }
    }

    /// The means of what was counted since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Means {
        let mean = |later: Counted, earlier: Counted| {
            (later.seconds - earlier.seconds) / (later.count - earlier.count).max(1.0)
        };
        Means {
            whole: mean(self.whole, earlier.whole),
            verdict: mean(self.verdict, earlier.verdict),
            sync: mean(self.sync, earlier.sync),
            upstream: mean(self.upstream, earlier.upstream),
        }
    }
}

fn sample(exposition: &str, name: &str) -> f64 {
    exposition
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_of_what_was_added() {
        let early = Stages::read(
            "snowfence_record_sync_seconds_sum 1\nsnowfence_record_sync_seconds_count 10\n",
        );
        let late = Stages::read(
            "snowfence_record_sync_seconds_sum 3\nsnowfence_record_sync_seconds_count 14\n",
        );
        assert!((late.since(&early).sync - 0.5).abs() < f64::EPSILON);
        assert!(late.since(&late).sync.abs() < f64::EPSILON);
    }
}
