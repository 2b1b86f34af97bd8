//! How to reach someone: e-mail, telephone, dates of birth.

use super::Detector;

pub static ALL: &[&Detector] = &[];
