//! Which numbers were seen as what: one entry is decided at most once and ended at most once, in
//! this order, and every other number is one frame's own. Pure.

use std::collections::BTreeMap;

use crate::record::format::Kind;

/// Numbers of one page: with four bits each, 32 fit into a `u128`. Numbers are dense, so a page
/// costs a recording less than a byte for each entry, and one that lies no more than its own size.
const PAGE: u64 = 32;
const BITS: u64 = 4;
/// The lowest bit of each of the 32 places.
const ONES: u128 = 0x1111_1111_1111_1111_1111_1111_1111_1111;

/// What a frame makes of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Decided,
    Ended,
    Own,
}

impl Use {
    /// `None` for kinds that have the number which the next entry will have.
    pub(super) const fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Decided => Some(Self::Decided),
            Kind::Ended => Some(Self::Ended),
            Kind::Opened
            | Kind::Closed
            | Kind::Ask
            | Kind::Vote
            | Kind::Grant
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Archived
            | Kind::Pruned => Some(Self::Own),
            Kind::Gap | Kind::Checkpoint | Kind::Carried => None,
        }
    }

    const fn bit(self) -> u128 {
        match self {
            Self::Decided => 1,
            Self::Ended => 2,
            Self::Own => 4,
        }
    }
}

/// A rule that a number breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflict {
    DecidedTwice,
    DecidedAfterEnd,
    EndedTwice,
    Shared,
}

/// The numbers of one segment, or of all up to one.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pages: BTreeMap<u64, u128>,
    highest: Option<u64>,
}

impl Ledger {
    /// The highest number of an entry or of a frame of its own.
    pub(super) const fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Adds a frame; tells whether its number was unseen, and which rule it breaks.
    pub(super) fn add(&mut self, number: u64, used: Use) -> (bool, Option<Conflict>) {
        self.highest = self.highest.max(Some(number));
        let page = self.pages.entry(number / PAGE).or_default();
        let shift = number % PAGE * BITS;
        let seen = *page >> shift & 0xf;
        *page |= used.bit() << shift;
        (seen == 0, conflict(seen, used.bit()))
    }

    /// Adds a later segment; returns how many of its entries are known already, and what breaks a
    /// rule.
    pub(super) fn merge(&mut self, later: Self) -> (u64, Vec<(u64, Conflict)>) {
        let (mut known, mut conflicts) = (0, Vec::new());
        self.highest = self.highest.max(later.highest);
        for (at, page) in later.pages {
            let mine = self.pages.entry(at).or_default();
            if any(*mine) & any(page) != 0 {
                for place in 0..PAGE {
                    let shift = place * BITS;
                    let (seen, added) = (*mine >> shift & 0xf, page >> shift & 0xf);
                    if seen == 0 || added == 0 {
                        continue;
                    }
                    known += u64::from(added & 3 != 0 && seen & 3 != 0);
                    if let Some(found) = conflict(seen, added) {
                        conflicts.push((at * PAGE + place, found));
                    }
                }
            }
            *mine |= page;
        }
        (known, conflicts)
    }
}

/// The lowest bit of each place that has any.
const fn any(page: u128) -> u128 {
    (page | page >> 1 | page >> 2) & ONES
}

const fn conflict(seen: u128, added: u128) -> Option<Conflict> {
    let is_own = (seen | added) & 4 != 0;
    if seen == 0 {
        None
    } else if is_own {
        Some(Conflict::Shared)
    } else if seen & added & 1 != 0 {
        Some(Conflict::DecidedTwice)
    } else if seen & added & 2 != 0 {
        Some(Conflict::EndedTwice)
    } else if added & 1 != 0 {
        Some(Conflict::DecidedAfterEnd)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_decided_once_then_ended_once() {
        let decided = |ledger: &mut Ledger| ledger.add(40, Use::Decided);
        let mut ledger = Ledger::default();
        assert_eq!(decided(&mut ledger), (true, None));
        assert_eq!(decided(&mut ledger), (false, Some(Conflict::DecidedTwice)));
        assert_eq!(ledger.add(40, Use::Ended), (false, None));
        let twice = (false, Some(Conflict::EndedTwice));
        assert_eq!(ledger.add(40, Use::Ended), twice);
        assert_eq!(ledger.add(41, Use::Own), (true, None));
        assert_eq!(ledger.add(41, Use::Own), (false, Some(Conflict::Shared)));
        assert_eq!(ledger.add(41, Use::Ended), (false, Some(Conflict::Shared)));
        assert_eq!(ledger.add(42, Use::Ended), (true, None));
        let late = (false, Some(Conflict::DecidedAfterEnd));
        assert_eq!(ledger.add(42, Use::Decided), late);
        assert_eq!(ledger.highest(), Some(42));
    }

    #[test]
    fn segments_are_held_against_those_before() {
        let of = |uses: &[(u64, Use)]| {
            let mut ledger = Ledger::default();
            for (number, used) in uses {
                ledger.add(*number, *used);
            }
            ledger
        };
        let mut all = of(&[(1, Use::Decided), (2, Use::Ended), (3, Use::Own)]);
        let (known, conflicts) = all.merge(of(&[(1, Use::Ended), (4, Use::Decided)]));
        assert_eq!((known, conflicts), (1, vec![]));
        let later = of(&[(1, Use::Ended), (2, Use::Decided), (3, Use::Own)]);
        let (known, conflicts) = all.merge(later);
        let expected = [
            (1, Conflict::EndedTwice),
            (2, Conflict::DecidedAfterEnd),
            (3, Conflict::Shared),
        ];
        assert_eq!((known, conflicts), (2, expected.to_vec()));
    }
}
