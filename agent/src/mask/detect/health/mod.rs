//! Numbers of health care.

use super::Detector;

pub static ALL: &[&Detector] = &[];
