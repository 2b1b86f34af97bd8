//! Keys, tokens and passwords.

use super::Detector;

pub static ALL: &[&Detector] = &[];
