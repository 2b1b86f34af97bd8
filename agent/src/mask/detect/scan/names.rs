//! Values that a name alone tells, and the hints of names that come again and again.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::context::{Name, Phrase};
use super::engine::Engine;
use super::gate::Positions;
use super::{Hint, Hit};
use crate::mask::detect::{Confidence, Named, secret};

/// What names tell to the detectors of one scanner.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By their bit in a hint: with the position of the detector, and its names.
    named: Vec<(&'static Named, usize, Vec<Phrase>)>,
    kept: RwLock<HashMap<Box<str>, Hint>>,
}

impl Names {
    pub(super) fn new(engines: &[Engine]) -> Self {
        let named = secret::NAMED.iter().filter_map(|named| {
            let is_it = |it: &Engine| it.detector.name == named.detector.name;
            let position = engines.iter().position(is_it)?;
            let names = named.names.iter().copied().map(Phrase::new);
            Some((named, position, names.collect()))
        });
        Self {
            named: named.collect(),
            kept: RwLock::default(),
        }
    }

    /// What a name tells, one bit each.
    pub(super) fn of(&self, name: &Name<'_>) -> u32 {
        let named = (0..u32::BITS).zip(&self.named);
        let named = named.filter(|(_, (_, _, names))| name.ends_with(names));
        named.fold(0, |sum, (bit, _)| sum | (1 << bit))
    }

    /// Adds the value to the hits if it is what its name tells.
    pub(super) fn find(
        &self,
        among: Positions,
        value: &str,
        told: u32,
        least: Confidence,
        hits: &mut Vec<Hit>,
    ) {
        let start = value.len() - value.trim_start().len();
        let text = value.trim();
        let named = (0..u32::BITS).zip(&self.named);
        let named = named
            .filter(|(bit, (_, position, _))| told >> bit & 1 == 1 && among >> position & 1 == 1);
        for (_, (named, _, _)) in named {
            let confidence = (named.check)(text).filter(|it| *it >= least && !text.is_empty());
            hits.extend(confidence.map(|confidence| Hit {
                detector: named.detector,
                range: start..start + text.len(),
                confidence,
            }));
        }
    }

    /// The hint of a key, made anew only if it is not kept.
    pub(super) fn kept(&self, key: &str, make: &dyn Fn(&str) -> Hint) -> Hint {
        // A map that someone panicked over is whole: hints are made before it is locked.
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(hint) = kept.get(key) {
            return hint.clone();
        }
        let is_full = kept.len() >= KEPT_MAX || key.len() > KEPT_BYTES_MAX;
        drop(kept);
        let hint = make(key);
        if !is_full {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.insert(key.into(), hint.clone());
        }
        hint
    }
}

/// So many keys are kept: more than the values of a table have, unless its keys are data.
const KEPT_MAX: usize = 4096;

/// Longer ones are data too.
const KEPT_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn hints_are_made_once_and_few_are_kept() {
        let names = Names::default();
        let made = Cell::new(0);
        let ask = |key: &str| {
            let make = |_: &str| {
                made.set(made.get() + 1);
                Hint::default()
            };
            names.kept(key, &make)
        };
        ask("a");
        ask("a");
        assert_eq!(made.get(), 1);
        let long = "a".repeat(65);
        ask(&long);
        ask(&long);
        assert_eq!(made.get(), 3);
        for number in 0..2 * KEPT_MAX {
            ask(&number.to_string());
        }
        let kept = names.kept.read().unwrap();
        assert_eq!(kept.len(), KEPT_MAX);
    }
}
