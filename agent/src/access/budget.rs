//! What principals have used, in windows that slide.
//!
//! Counts are kept in spans of five minutes. The last hour is the present span and the twelve
//! before it, the last day the present one and 288: between 60 and 65 minutes, and up to five
//! minutes more than a day. A fixed window would let a principal spend twice its budget around the
//! full hour.
//!
//! ```text
//! used ≤ reserved             reserved is on disk before the spend that needs it returns
//!  │        └ used, and a quarter or a small step more: one write for many spends
//!  └ in memory; after a kill it is what was reserved, never less than what was used
//! ```
//!
//! So a crash costs a principal at most a quarter of what it used in the spans that it was using
//! (or the step), and never gives it anything back. Spans that rest for a minute are written down
//! exactly.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::AccessError;
use super::desk::Spend;
use crate::identity::PrincipalKey;
use crate::policy::Usage;

const SPAN_SECONDS: i64 = 300;
const HOUR_SPANS: i64 = 12;
pub(super) const DAY_SPANS: i64 = 288;

/// What is reserved ahead at least: small beside any budget that lets an agent work.
const STEP: Spend = Spend {
    queries: 8,
    rows: 256,
    bytes: 64 * 1024,
};

/// After this rest a span is written down exactly.
const REST_SECONDS: i64 = 60;

/// Principals that used something within a day, each with up to 289 spans of 56 bytes: 66 MB.
/// Nobody is counted besides them, so nobody is allowed anything that has a budget.
const PRINCIPALS_MAX: usize = 4_096;

/// Spans that one transaction writes; the rest waits for the next one.
const BATCH_MAX: usize = 256;

/// Who is counted: the principal, in whatever network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spender {
    pub(super) workload: String,
    pub(super) anchor: String,
    /// Empty: nobody is behind the workload.
    pub(super) user: String,
}

impl Spender {
    pub(super) fn of(key: &PrincipalKey) -> Self {
        Self {
            workload: key.workload.clone(),
            anchor: key.anchor.clone(),
            user: key.user.clone().unwrap_or_default(),
        }
    }
}

/// The counts of all principals; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Books(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) spenders: HashMap<Spender, BTreeMap<i64, Span>>,
    running: HashMap<Spender, u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) used: Spend,
    /// What the store says; never less than `used` once a spend has returned.
    pub(super) reserved: Spend,
    pub(super) touched: i64,
}

/// What a transaction is to write of one span.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    pub(super) spender: Spender,
    pub(super) span: i64,
    pub(super) reserved: Spend,
}

/// A statement that runs; it counts until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Running {
    books: Books,
    spender: Spender,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut pages = self.books.pages();
        if let Some(count) = pages.running.get_mut(&self.spender) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                pages.running.remove(&self.spender);
            }
        }
    }
}

impl Books {
    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, key: &PrincipalKey) -> Running {
        let spender = Spender::of(key);
        let mut pages = self.pages();
        let count = pages.running.entry(spender.clone()).or_default();
        *count = count.saturating_add(1);
        drop(pages);
        Running {
            books: self.clone(),
            spender,
        }
    }

    pub(super) fn usage(&self, key: &PrincipalKey, now: Timestamp) -> Usage {
        let spender = Spender::of(key);
        let pages = self.pages();
        let present = span_of(now);
        let mut usage = Usage {
            running: pages.running.get(&spender).copied().unwrap_or_default(),
            ..Usage::default()
        };
        // No upper end: when the clock goes back, what was used still counts.
        let day = present.saturating_sub(DAY_SPANS)..;
        let spans = pages.spenders.get(&spender);
        for (at, span) in spans.into_iter().flat_map(|spans| spans.range(day.clone())) {
            usage.queries_day = usage.queries_day.saturating_add(span.used.queries);
            usage.rows_day = usage.rows_day.saturating_add(span.used.rows);
            usage.bytes_day = usage.bytes_day.saturating_add(span.used.bytes);
            if *at >= present.saturating_sub(HOUR_SPANS) {
                usage.queries_hour = usage.queries_hour.saturating_add(span.used.queries);
                usage.rows_hour = usage.rows_hour.saturating_add(span.used.rows);
                usage.bytes_hour = usage.bytes_hour.saturating_add(span.used.bytes);
            }
        }
        usage
    }

    /// Counts. True when the store must know of it before it is done.
    pub(super) fn add(
        &self,
        key: &PrincipalKey,
        spend: Spend,
        now: Timestamp,
    ) -> Result<bool, AccessError> {
        let mut pages = self.pages();
        let spender = Spender::of(key);
        if !pages.spenders.contains_key(&spender) && pages.spenders.len() >= PRINCIPALS_MAX {
            pages.prune(now);
            if pages.spenders.len() >= PRINCIPALS_MAX {
                return Err(AccessError::TooManyPrincipals);
            }
        }
        let spans = pages.spenders.entry(spender).or_default();
        let span = spans.entry(span_of(now)).or_insert(Span::ZERO);
        span.used = span.used.plus(spend);
        span.touched = now.as_second();
        Ok(!span.reserved.covers(span.used))
    }

    /// The spans that have used more than is reserved, with what to reserve: all of the
    /// principal's own, and those of others as far as they fit.
    pub(super) fn short(&self, key: &PrincipalKey) -> Vec<Reservation> {
        let own = Spender::of(key);
        let pages = self.pages();
        let short = pages
            .spans()
            .filter(|(_, _, span)| !span.reserved.covers(span.used));
        let (mut found, others): (Vec<_>, Vec<_>) = short
            .map(|(spender, at, span)| Reservation {
                spender: spender.clone(),
                span: at,
                reserved: span.used.with_ahead(),
            })
            .partition(|reservation| reservation.spender == own);
        found.extend(others.into_iter().take(BATCH_MAX));
        found
    }

    /// True when [`Books::resting`] would find something.
    pub(super) fn any_rests(&self, now: Timestamp) -> bool {
        let pages = self.pages();
        pages.spans().any(|(_, _, span)| span.rests(now))
    }

    /// Every span that rests, or every span at all, with what was used.
    ///
    /// To be asked inside the turn that writes it: an earlier answer could overwrite what a spend
    /// has reserved since. The reservation in memory sinks here, before the store is written: a
    /// spend that comes meanwhile reserves anew, in a turn after this one.
    pub(super) fn resting(&self, now: Timestamp, all: bool) -> Vec<Reservation> {
        let mut pages = self.pages();
        pages.prune(now);
        let mut resting = Vec::new();
        for (spender, spans) in &mut pages.spenders {
            for (at, span) in spans {
                let due = span.rests(now) || (all && span.reserved != span.used);
                if due && resting.len() < BATCH_MAX {
                    span.reserved = span.used;
                    resting.push(Reservation {
                        spender: spender.clone(),
                        span: *at,
                        reserved: span.used,
                    });
                }
            }
        }
        resting
    }

    /// Takes over what is committed, in the order of the commits.
    pub(super) fn committed(&self, reservations: &[Reservation]) {
        if reservations.is_empty() {
            return;
        }
        let mut pages = self.pages();
        for reservation in reservations {
            let spans = pages.spenders.get_mut(&reservation.spender);
            if let Some(span) = spans.and_then(|spans| spans.get_mut(&reservation.span)) {
                span.reserved = reservation.reserved;
            }
        }
    }
}

impl Pages {
    fn prune(&mut self, now: Timestamp) {
        let oldest = span_of(now).saturating_sub(DAY_SPANS);
        self.spenders.retain(|_, spans| {
            *spans = spans.split_off(&oldest);
            !spans.is_empty()
        });
    }

    fn spans(&self) -> impl Iterator<Item = (&Spender, i64, &Span)> {
        self.spenders
            .iter()
            .flat_map(|(spender, spans)| spans.iter().map(move |(at, span)| (spender, *at, span)))
    }
}

impl Span {
    const ZERO: Self = Self {
        used: Spend::ZERO,
        reserved: Spend::ZERO,
        touched: 0,
    };

    /// True when more is reserved than was used, and nobody is using it.
    fn rests(&self, now: Timestamp) -> bool {
        self.reserved != self.used && self.touched <= now.as_second().saturating_sub(REST_SECONDS)
    }
}

impl Spend {
    const ZERO: Self = Self {
        queries: 0,
        rows: 0,
        bytes: 0,
    };

    fn plus(self, more: Self) -> Self {
        self.zip(more, u64::saturating_add)
    }

    fn with_ahead(self) -> Self {
        self.zip(STEP, |used, step| used.saturating_add(step.max(used / 4)))
    }

    const fn covers(self, used: Self) -> bool {
        self.queries >= used.queries && self.rows >= used.rows && self.bytes >= used.bytes
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            queries: with(self.queries, other.queries),
            rows: with(self.rows, other.rows),
            bytes: with(self.bytes, other.bytes),
        }
    }
}

pub(super) fn span_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(SPAN_SECONDS)
}
