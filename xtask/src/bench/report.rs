//! What the numbers say, as a table for people and as samples for programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::cell::{Cell, Way};
use super::host::Memory;
use super::measure::Sample;
use super::stages::Means;
use super::stats::Spread;

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Report {
    seed: u64,
    reps: u16,
    record: PathBuf,
    disk: Option<Spread>,
    samples: BTreeMap<(Cell, Way), Vec<f64>>,
    stages: Vec<Means>,
    memory: Vec<(&'static str, Memory)>,
}

impl Report {
    pub(super) fn new(seed: u64, reps: u16, record: &Path) -> Self {
        Self {
            seed,
            reps,
            record: record.to_owned(),
            disk: None,
            samples: BTreeMap::new(),
            stages: Vec::new(),
            memory: Vec::new(),
        }
    }

    pub(super) fn disk(&mut self, sync: Spread) {
        self.disk = Some(sync);
    }

    pub(super) fn memory(&mut self, when: &'static str, memory: Memory) {
        self.memory.push((when, memory));
    }

    pub(super) fn sample(&mut self, cell: Cell, way: Way, sample: Sample) {
        let samples = self.samples.entry((cell, way)).or_default();
        samples.push(sample.seconds);
        self.stages.extend(sample.stages);
    }

    pub(super) fn print(&self) {
        println!(
            "\nThe stand-in is slow Python on the same cores as everything else: these ratios"
        );
        println!("are good enough to notice a mistake, and too coarse to compare proxies with.\n");
        println!(
            "{:<32} {:<8} {:>11}  {:<24} control / direct",
            "", "way", "median", "ratio to direct"
        );
        for cell in Cell::ALL {
            self.print_cell(*cell);
        }
        self.print_stages();
        if let Some(sync) = &self.disk {
            println!(
                "\nappend 1 KiB and sync below {}: {} ({} to {})",
                self.record.display(),
                time(sync.median),
                time(*sync.range.start()),
                time(*sync.range.end())
            );
        }
        for (when, memory) in &self.memory {
            println!(
                "daemon's memory {when}: {} KiB resident, {} KiB proportional, {} KiB at its peak",
                memory.rss, memory.pss, memory.rss_peak
            );
        }
    }

    fn print_cell(&self, cell: Cell) {
        let noise = self.ratio(cell, Way::Control);
        let void = noise.as_ref().is_none_or(Spread::is_noise);
        for way in cell.ways() {
            let Some(spread) = Spread::of(self.of(cell, *way)) else {
                continue;
            };
            let title = if *way == Way::Inside {
                cell.title()
            } else {
                ""
            };
            let ratio = match way {
                Way::Direct => String::new(),
                Way::Inside | Way::Beside if void => "VOID".to_owned(),
                Way::Inside | Way::Beside | Way::Control => {
                    self.ratio(cell, *way).map(show).unwrap_or_default()
                }
            };
            let (name, median) = (way.name(), time(spread.median));
            match way {
                Way::Control => println!("{title:<32} {name:<8} {median:>11}  {:<24} {ratio}", ""),
                Way::Inside | Way::Beside | Way::Direct => {
                    println!("{title:<32} {name:<8} {median:>11}  {ratio}");
                }
            }
        }
    }

    fn print_stages(&self) {
        let stage = |of: fn(&Means) -> f64| {
            let means: Vec<f64> = self.stages.iter().map(of).collect();
            Spread::of(&means).map_or(f64::NAN, |spread| spread.median)
        };
        let whole = stage(|means| means.whole);
        println!(
            "\nWhere a SELECT 1 spends its time in the daemon (means, median over repetitions)"
        );
        let parts = [
            ("whole request", whole),
            ("facts and verdict", stage(|means| means.verdict)),
            ("one sync of the recording", stage(|means| means.sync)),
            ("upstream's answer", stage(|means| means.upstream)),
        ];
        for (name, seconds) in parts {
            println!(
                "  {name:<28} {:>11} {:>4.0} %",
                time(seconds),
                100.0 * seconds / whole
            );
        }
    }

    /// Writes every sample, with what is needed to measure again in the same order.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut cells = Map::new();
        for cell in Cell::ALL {
            let mut ways = Map::new();
            for way in cell.ways() {
                ways.insert(way.name().to_owned(), json!(self.of(*cell, *way)));
            }
            let ratio = |way| self.ratio(*cell, way).map(|spread| spread_json(&spread));
            ways.insert("ratio".to_owned(), json!(ratio(Way::Inside)));
            ways.insert("control_ratio".to_owned(), json!(ratio(Way::Control)));
            cells.insert(cell.name().to_owned(), Value::Object(ways));
        }
        let stages: Vec<Value> = self.stages.iter().map(stages_json).collect();
        let memory: Vec<Value> = self.memory.iter().map(memory_json).collect();
        let all = json!({
            "seed": self.seed,
            "reps": self.reps,
            "unit": "seconds",
            "cells": cells,
            "select_stages": stages,
            "disk_sync": self.disk.as_ref().map(spread_json),
            "memory_kib": memory,
        });
        fs::write(path, format!("{all:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn of(&self, cell: Cell, way: Way) -> &[f64] {
        self.samples
            .get(&(cell, way))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn ratio(&self, cell: Cell, way: Way) -> Option<Spread> {
        Spread::of_ratios(self.of(cell, way), self.of(cell, Way::Direct))
    }
}

fn spread_json(spread: &Spread) -> Value {
    json!({"median": spread.median, "min": spread.range.start(), "max": spread.range.end()})
}

fn stages_json(means: &Means) -> Value {
    json!({
        "whole": means.whole,
        "verdict": means.verdict,
        "sync": means.sync,
        "upstream": means.upstream,
    })
}

fn memory_json((when, memory): &(&'static str, Memory)) -> Value {
    json!({"when": when, "rss": memory.rss, "pss": memory.pss, "rss_peak": memory.rss_peak})
}

fn show(spread: Spread) -> String {
    let (least, most) = spread.range.into_inner();
    format!("{:.3} ({least:.3} to {most:.3})", spread.median)
}

/// Seconds, for a person.
fn time(seconds: f64) -> String {
    if seconds < 0.001 {
        format!("{:.1} µs", seconds * 1e6)
    } else {
        format!("{:.2} ms", seconds * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_that_fits() {
        assert_eq!(time(0.000_021_34), "21.3 µs");
        assert_eq!(time(0.004_2), "4.20 ms");
        assert_eq!(time(1.5), "1500.00 ms");
    }
}
