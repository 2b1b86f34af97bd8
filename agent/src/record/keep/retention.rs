//! Which segments may be deleted. Pure.

use std::time::Duration;

/// A segment that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// Since it was closed; zero when the clock says it was in the future.
    pub(super) age: Duration,
    /// A copy of it is known to be elsewhere.
    pub(super) shipped: bool,
}

/// How long and how much is kept on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) age_max: Option<Duration>,
    pub(super) bytes_max: Option<u64>,
    /// Only what is shipped may be deleted.
    pub(super) after_shipping: bool,
}

impl std::fmt::Display for Rules {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(age) = self.age_max {
            write!(formatter, "keep_age_max is {} s", age.as_secs())?;
        }
        if let Some(bytes) = self.bytes_max {
            let and = if self.age_max.is_some() { ", " } else { "" };
            write!(formatter, "{and}keep_bytes_max is {bytes}")?;
        }
        let and = if self.after_shipping {
            ", all shipped"
        } else {
            ""
        };
        formatter.write_str(and)
    }
}

/// What the rules say: segments from the oldest on, without a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) delete: Vec<u64>,
    /// Those that would follow if they were shipped.
    pub(super) blocked: Vec<u64>,
}

/// Chooses among `closed`, which is in order and does not hold the segment that is written;
/// `open_bytes` is the size of that one.
pub(super) fn choose(closed: &[Closed], open_bytes: u64, rules: Rules) -> Choice {
    let mut choice = Choice::default();
    let mut total = closed
        .iter()
        .fold(open_bytes, |sum, it| sum.saturating_add(it.bytes));
    for segment in closed {
        let is_old = rules.age_max.is_some_and(|max| segment.age > max);
        let is_much = rules.bytes_max.is_some_and(|max| total > max);
        if !is_old && !is_much {
            break;
        }
        let may = segment.shipped || !rules.after_shipping;
        if may && choice.blocked.is_empty() {
            choice.delete.push(segment.number);
        } else {
            choice.blocked.push(segment.number);
        }
        total = total.saturating_sub(segment.bytes);
    }
    choice
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Segments of 10 bytes, the oldest of so many days; `shipped` says which are.
    fn closed(shipped: &[bool]) -> Vec<Closed> {
        let days = u32::try_from(shipped.len()).unwrap();
        let segments = shipped.iter().zip(0..).map(|(shipped, at)| Closed {
            number: u64::from(at) + 7,
            bytes: 10,
            age: DAY * (days - at),
            shipped: *shipped,
        });
        segments.collect()
    }

    #[test]
    fn the_oldest_go_until_the_rules_hold() {
        let rules = |age_max, bytes_max| Rules {
            age_max,
            bytes_max,
            after_shipping: false,
        };
        let segments = closed(&[false; 4]);
        let delete = |rules| choose(&segments, 5, rules).delete;
        assert_eq!(delete(rules(None, None)), [0; 0]);
        assert_eq!(delete(rules(Some(DAY * 2), None)), [7, 8]);
        assert_eq!(delete(rules(None, Some(45))), [0; 0]);
        assert_eq!(delete(rules(None, Some(44))), [7]);
        assert_eq!(delete(rules(None, Some(0))), [7, 8, 9, 10]);
        assert_eq!(delete(rules(Some(DAY * 3), Some(25))), [7, 8]);
    }

    #[test]
    fn what_is_not_shipped_stays_and_all_that_follows_it() {
        let rules = Rules {
            age_max: Some(DAY),
            bytes_max: None,
            after_shipping: true,
        };
        let choice = choose(&closed(&[true, false, true, true]), 0, rules);
        assert_eq!(choice.delete, [7]);
        assert_eq!(choice.blocked, [8, 9]);
    }

    proptest! {
        #[test]
        fn only_the_oldest_shipped_ones_go(
            shipped in prop::collection::vec(any::<bool>(), 0..12),
            days in 0_u32..12,
            bytes_max in 0_u64..130,
        ) {
            let segments = closed(&shipped);
            let rules = Rules {
                age_max: Some(DAY * days),
                bytes_max: Some(bytes_max),
                after_shipping: true,
            };
            let choice = choose(&segments, 5, rules);
            let whole: Vec<u64> = choice.delete.iter().chain(&choice.blocked).copied().collect();
            let oldest: Vec<u64> = segments.iter().take(whole.len()).map(|it| it.number).collect();
            prop_assert_eq!(whole, oldest);
            for segment in segments.iter().filter(|it| choice.delete.contains(&it.number)) {
                prop_assert!(segment.shipped);
            }
        }
    }
}
