//! Numbers that US authorities give.

use super::Detector;

pub static ALL: &[&Detector] = &[];
