//! Numbers that US authorities give.

mod us_driver_license;
mod us_ein;
mod us_itin;
mod us_passport;
mod us_ssn;

use super::Detector;

pub static ALL: &[&Detector] = &[
    &us_driver_license::DETECTOR,
    &us_ein::DETECTOR,
    &us_itin::DETECTOR,
    &us_passport::DETECTOR,
    &us_ssn::DETECTOR,
];

/// Whether the last digit is followed by a hyphen and a digit, or the first one comes after such: a
/// piece of a longer number in groups.
fn is_piece(candidate: &super::Candidate<'_>) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let before = candidate.before.strip_suffix(['-', '.']);
    let after = candidate.after.strip_prefix(['-', '.']);
    before.is_some_and(|it| it.ends_with(is_digit))
        || after.is_some_and(|it| it.starts_with(is_digit))
}
