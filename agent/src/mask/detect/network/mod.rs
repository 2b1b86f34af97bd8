//! Addresses of machines.

use super::Detector;

pub static ALL: &[&Detector] = &[];
