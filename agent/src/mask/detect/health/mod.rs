//! Numbers of health care.

mod dea;
mod icd10;
mod mbi;
mod mrn;
mod npi;

use super::Detector;

pub static ALL: &[&Detector] = &[
    &dea::DETECTOR,
    &icd10::DETECTOR,
    &mbi::DETECTOR,
    &mrn::DETECTOR,
    &npi::DETECTOR,
];
