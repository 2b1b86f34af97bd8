//! Medical record numbers.
//!
//! Every hospital counts in its own way; HIPAA (45 CFR 164.514(b)(2)(i)(H)) names them among the
//! identifiers without a form. Five to twelve digits, perhaps with letters before them, and only where
//! words say so.

use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "mrn",
    title: "Medical record number",
    category: "MEDICAL_DATA",
    pattern: "(?i)(?:[A-Z]{1,4}-?)?[0-9]{5,12}",
    check,
    context: &[
        "mrn",
        "mrns",
        "medical record",
        "medical rec",
        "med rec",
        "patient id",
        "patient number",
        "patient no",
        "chart number",
        "chart no",
        "chart id",
        "hospital number",
        "hospital no",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    candidate.in_context.then_some(70)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_needs_context, believed, finds};

    #[test]
    fn numbers_are_found_in_context() {
        for number in ["12345", "00123456", "MR-1234567", "E1234567"] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(
            believed(&DETECTOR, "Medical record no. 4471123 of"),
            ["4471123"]
        );
        assert_eq!(finds(&DETECTOR, "4471123", Some("PATIENT_ID"))[0].1, 70);
    }

    #[test]
    fn short_numbers_and_others_are_none() {
        for text in [
            "mrn 1234",
            "mrn 1234567890123",
            "patient 4471123",
            "mrn 12-34",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
