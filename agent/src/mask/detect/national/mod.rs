//! Passports and national ids, one file per country.
//!
//! What a check digit proves is said in each file. A number that random digits are often taken for
//! stays under the usual threshold of 60 until a word near it, the name of its column or a form of its
//! own speaks for it.

mod australia;
mod belgium;
mod brazil;
mod canada;
mod china;
mod denmark;
mod finland;
mod france;
mod germany;
mod india;
mod italy;
mod japan;
mod mexico;
mod netherlands;
mod norway;
mod passport;
mod poland;
mod singapore;
mod south_africa;
mod south_korea;
mod spain;
mod sweden;
mod switzerland;
mod united_kingdom;

use super::{Candidate, Confidence, Detector};

pub static ALL: &[&Detector] = &[
    &australia::MEDICARE,
    &australia::TFN,
    &belgium::DETECTOR,
    &brazil::DETECTOR,
    &canada::DETECTOR,
    &china::DETECTOR,
    &denmark::DETECTOR,
    &finland::DETECTOR,
    &france::DETECTOR,
    &germany::DETECTOR,
    &india::AADHAAR,
    &india::PAN,
    &italy::DETECTOR,
    &japan::DETECTOR,
    &mexico::DETECTOR,
    &netherlands::DETECTOR,
    &norway::DETECTOR,
    &passport::DETECTOR,
    &poland::DETECTOR,
    &singapore::DETECTOR,
    &south_africa::DETECTOR,
    &south_korea::DETECTOR,
    &spain::DETECTOR,
    &sweden::DETECTOR,
    &switzerland::DETECTOR,
    &united_kingdom::NHS,
    &united_kingdom::NINO,
];

/// How sure a find is that passed its check: `bare`, or `formed` if it has separators; a word near it
/// adds to both.
fn confidence(
    candidate: &Candidate<'_>,
    bare: Confidence,
    formed: Confidence,
) -> Option<Confidence> {
    let is_formed = !candidate
        .text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric());
    let own = if is_formed { formed } else { bare };
    if !candidate.in_context {
        return Some(own);
    }
    Some(own.max(60).saturating_add(25).min(95))
}

#[cfg(test)]
mod tests;
