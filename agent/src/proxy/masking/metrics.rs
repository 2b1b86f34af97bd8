//! What is counted of masking. Labels of the metrics are those of `labels.toml`: a set that only its
//! owner changes.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use crate::record::Masked;

/// The counts of masked results.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Metrics {
    cells: IntCounterVec,
    results: IntCounterVec,
    shown: IntCounterVec,
    cut: IntCounter,
}

/// What became of a result or of a chunk.
#[derive(Clone, Copy, Debug)]
enum How {
    /// It went out as it came.
    Passed,
    /// It was read, and rewritten where need be.
    Masked,
}

impl How {
    const ALL: [Self; 2] = [Self::Passed, Self::Masked];

    const fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Masked => "masked",
        }
    }
}

impl Metrics {
    pub(in crate::proxy) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            cells: IntCounterVec::new(
                Opts::new(
                    "snowfence_masked_cells_total",
                    "Cells that were masked, by the label that decided.",
                ),
                &["label"],
            )?,
            results: IntCounterVec::new(
                Opts::new(
                    "snowfence_masked_results_total",
                    "Results and chunks, by whether they were read for values to mask.",
                ),
                &["how"],
            )?,
            shown: IntCounterVec::new(
                Opts::new(
                    "snowfence_unmasked_results_total",
                    "Results in which a label was shown to who may see it.",
                ),
                &["label"],
            )?,
            cut: IntCounter::new(
                "snowfence_masked_chunks_cut_total",
                "Chunks that could not be read to their end, and whose rest was withheld.",
            )?,
        };
        registry.register(Box::new(metrics.cells.clone()))?;
        registry.register(Box::new(metrics.results.clone()))?;
        registry.register(Box::new(metrics.shown.clone()))?;
        registry.register(Box::new(metrics.cut.clone()))?;
        for how in How::ALL {
            metrics.results.with_label_values(&[how.label()]);
        }
        Ok(metrics)
    }

    /// Counts a result or a chunk that went out whole.
    pub(in crate::proxy) fn answer(&self, masked: &Masked) {
        for (label, cells) in &masked.cells {
            self.cells.with_label_values(&[label]).inc_by(*cells);
        }
        for label in &masked.shown {
            self.shown.with_label_values(&[label]).inc();
        }
        if masked.is_result {
            let how = if masked.is_clear {
                How::Passed
            } else {
                How::Masked
            };
            self.results.with_label_values(&[how.label()]).inc();
        }
    }

    /// Counts a chunk that goes out as it came.
    pub(in crate::proxy) fn passed(&self) {
        let how = How::Passed.label();
        self.results.with_label_values(&[how]).inc();
    }

    pub(in crate::proxy) fn cut(&self) {
        self.cut.inc();
    }
}
