//! Payment cards, accounts and routing numbers, vehicles.

use super::Detector;

pub static ALL: &[&Detector] = &[];
