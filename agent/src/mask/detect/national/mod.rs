//! Passports and national ids, one file per country.

use super::Detector;

pub static ALL: &[&Detector] = &[];
