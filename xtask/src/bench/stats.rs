//! Medians, and ratios of what was measured in the same repetition.

use std::ops::RangeInclusive;

/// A cell is void when measuring the same thing twice differs by more.
pub(super) const NOISE_MAX: f64 = 0.10;

/// One number for several repetitions, with the smallest and the largest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) range: RangeInclusive<f64>,
}

impl Spread {
    /// `None` without samples, or when one is not a number.
    pub(super) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        let above = *sorted.get(sorted.len() / 2)?;
        let below = *sorted.get((sorted.len() - 1) / 2)?;
        let median = f64::midpoint(below, above);
        (!sorted.iter().any(|sample| sample.is_nan())).then_some(Self {
            median,
            range: least..=most,
        })
    }

    /// The ratio of two measurements, taken within each repetition: what slows a whole repetition
    /// down is in both and cancels out.
    pub(super) fn of_ratios(measured: &[f64], reference: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = measured
            .iter()
            .zip(reference)
            .map(|(measured, reference)| measured / reference)
            .collect();
        Self::of(&ratios)
    }

    /// True when this ratio of two equal things is too far from 1 to trust its neighbours.
    pub(super) fn is_noise(&self) -> bool {
        (self.median - 1.0).abs() > NOISE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(samples: &[f64], expected: Option<(f64, f64, f64)>) {
        let expected = expected.map(|(median, least, most)| Spread {
            median,
            range: least..=most,
        });
        assert_eq!(Spread::of(samples), expected, "{samples:?}");
    }

    #[test]
    fn a_spread_is_the_median_and_the_ends() {
        check(&[], None);
        check(&[3.0], Some((3.0, 3.0, 3.0)));
        check(&[3.0, 1.0, 2.0], Some((2.0, 1.0, 3.0)));
        check(&[4.0, 1.0, 2.0, 3.0], Some((2.5, 1.0, 4.0)));
        check(&[1.0, f64::NAN], None);
    }

    #[test]
    fn a_ratio_is_paired_before_the_median() {
        // The medians' ratio would be 20 / 10.
        let spread = Spread::of_ratios(&[20.0, 30.0, 2.0], &[10.0, 30.0, 1.0]);
        assert_eq!(spread.unwrap().range, 1.0..=2.0);
        let spread = Spread::of_ratios(&[9.0, 90.0, 2.0], &[9.0, 30.0, 2.0]);
        assert!((spread.unwrap().median - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn two_equal_things_may_differ_by_a_tenth() {
        let noisy = |ratio| Spread::of(&[ratio]).unwrap().is_noise();
        assert!(!noisy(1.0) && !noisy(1.09) && !noisy(0.91));
        assert!(noisy(1.11) && noisy(0.89));
    }
}
