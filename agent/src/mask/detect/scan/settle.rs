//! Which of several finds in one place counts.

use std::collections::BTreeMap;

use super::Hit;

/// Puts hits in order and takes away overlaps: the surer one stays, then the longer. It grows over
/// what else the other one covered, so that nothing that was found is left over.
pub(super) fn settle(hits: &mut Vec<Hit>) {
    if hits.len() < 2 {
        return;
    }
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    let mut pairs = hits.iter().zip(hits.iter().skip(1));
    if pairs.all(|(one, next)| one.range.end <= next.range.start) {
        return;
    }
    let mut losers = std::mem::take(hits);
    losers.sort_by_key(|hit| std::cmp::Reverse((hit.confidence, hit.range.len())));
    let mut kept: BTreeMap<usize, Hit> = BTreeMap::new();
    let overlaps = |kept: &BTreeMap<usize, Hit>, hit: &Hit| {
        let before = kept.range(..hit.range.end).next_back();
        before.is_some_and(|(_, before)| before.range.end > hit.range.start)
    };
    losers.retain(|hit| {
        let loses = overlaps(&kept, hit);
        if !loses {
            kept.insert(hit.range.start, hit.clone());
        }
        loses
    });
    hits.extend(kept.into_values());
    cover(hits, &losers);
}

/// Grows hits over what is left uncovered of others that overlap them.
fn cover(hits: &mut [Hit], losers: &[Hit]) {
    for loser in losers {
        // The first one that ends after the loser's start overlaps it: losing means just that.
        let first = hits.partition_point(|hit| hit.range.end <= loser.range.start);
        let mut last = None;
        for at in first..hits.len() {
            let next_start = hits.get(at + 1).map_or(usize::MAX, |it| it.range.start);
            let Some(hit) = hits
                .get_mut(at)
                .filter(|it| it.range.start < loser.range.end)
            else {
                break;
            };
            if last.is_none() {
                hit.range.start = hit.range.start.min(loser.range.start);
            }
            hit.range.end = hit.range.end.max(loser.range.end.min(next_start));
            last = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, proptest};

    use super::*;
    use crate::mask::detect::Detector;

    static DETECTOR: Detector = Detector {
        name: "any",
        title: "Anything",
        category: "ANY",
        pattern: "x",
        check: |_| None,
        context: &[],
        numeric: false,
    };

    fn hit(start: usize, end: usize, confidence: u8) -> Hit {
        Hit {
            detector: &DETECTOR,
            range: start..end,
            confidence,
        }
    }

    fn settled(hits: &[(usize, usize, u8)]) -> Vec<(usize, usize, u8)> {
        let mut hits: Vec<_> = hits.iter().map(|it| hit(it.0, it.1, it.2)).collect();
        settle(&mut hits);
        let hits = hits.iter();
        hits.map(|it| (it.range.start, it.range.end, it.confidence))
            .collect()
    }

    #[test]
    fn the_surer_one_stays_then_the_longer() {
        assert_eq!(settled(&[(5, 9, 60), (0, 4, 60)]), [(0, 4, 60), (5, 9, 60)]);
        assert_eq!(settled(&[(0, 9, 60), (2, 8, 90)]), [(0, 9, 90)]);
        assert_eq!(settled(&[(0, 5, 70), (3, 12, 70)]), [(0, 12, 70)]);
    }

    #[test]
    fn two_that_a_third_overlaps_stay_two() {
        let hits = [(0, 5, 90), (4, 12, 60), (10, 15, 80)];
        assert_eq!(settled(&hits), [(0, 10, 90), (10, 15, 80)]);
    }

    proptest! {
        #[test]
        fn all_that_was_found_stays_covered(
            hits in prop::collection::vec((0..60_usize, 1..20_usize, 0..4_u8), 0..14)
        ) {
            let hits: Vec<_> = hits.into_iter().map(|(at, len, sure)| (at, at + len, sure)).collect();
            let settled = settled(&hits);
            let covers = |ranges: &[(usize, usize, u8)], at| ranges.iter().any(|it| (it.0..it.1).contains(&at));
            for at in 0..80 {
                prop_assert!(covers(&hits, at) == covers(&settled, at));
            }
            prop_assert!(settled.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            let surest = hits.iter().map(|it| it.2).max();
            prop_assert!(settled.iter().map(|it| it.2).max() == surest);
        }
    }
}
