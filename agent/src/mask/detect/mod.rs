//! What values look like: one file per detector.
//!
//! A detector is a pattern that finds candidates cheaply, and a check that says how sure it is of
//! one: a checksum, ranges that were never issued, words around it.

pub mod checksum;
pub mod contact;
mod date;
pub mod finance;
pub mod government;
pub mod health;
pub mod national;
pub mod network;
mod scan;
pub mod secret;
#[cfg(test)]
mod testing;

pub use scan::{Hint, Hit, Scanner};

/// How sure a detector is of a find, in percent.
///
/// Below [`WEAK`] the shape alone speaks for it. From [`WEAK`] on a check digit does that chance gets
/// right one time in ten or less often: that says nothing of one value, and much of a column of them.
/// From 60 on, the default of what is believed, one value is enough. With a context word near it the
/// same find is surer.
pub type Confidence = u8;

/// From here on a find that is not believed still speaks for its column.
pub const WEAK: Confidence = 40;

/// One kind of value that can be told by its looks.
#[derive(Debug)]
pub struct Detector {
    /// In `labels.toml` and in reports: `card`, `us-ssn`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What Snowflake's own classification calls it: `PAYMENT_CARD`.
    pub category: &'static str,
    /// Finds candidates: syntax of the crate `regex`, ASCII only.
    pub pattern: &'static str,
    /// `None`: it is not one.
    pub check: fn(&Candidate<'_>) -> Option<Confidence>,
    /// Words in lower case that make it likelier, near it or in the column's name.
    pub context: &'static [&'static str],
    /// Found in columns of numbers too, by the vote of their values.
    pub numeric: bool,
}

/// Values that the name of their column or key alone tells: under `password` whatever stands there.
#[derive(Debug)]
pub struct Named {
    /// What they count as.
    pub detector: &'static Detector,
    /// In lower case; the name ends with one of them.
    pub names: &'static [&'static str],
    /// Looks at a whole value without the white space around it. `None`: it is not one.
    pub check: fn(&str) -> Option<Confidence>,
}

/// What a pattern found.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'t> {
    pub text: &'t str,
    /// What stands before and after it in the value.
    pub before: &'t str,
    pub after: &'t str,
    /// A context word stands near it or in the column's name.
    pub in_context: bool,
}

/// Every detector, in groups.
pub static GROUPS: [&[&Detector]; 7] = [
    contact::ALL,
    finance::ALL,
    government::ALL,
    health::ALL,
    national::ALL,
    network::ALL,
    secret::ALL,
];

/// Every detector.
pub fn all() -> impl Iterator<Item = &'static Detector> {
    GROUPS.iter().flat_map(|group| group.iter().copied())
}

/// The detector of a name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Detector> {
    all().find(|detector| detector.name == name)
}

#[cfg(test)]
mod tests;
