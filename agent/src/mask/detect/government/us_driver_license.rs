//! US driver license numbers.
//!
//! Each state has its own form (AAMVA DL/ID Card Design Standard leaves it to them): a letter or two
//! and 4-14 digits, 7-12 digits, or digits with a letter behind. Any order number looks like that, so
//! only where words say so, and those are words of driving, not of other licenses.

use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "us-driver-license",
    title: "US driver license number",
    category: "DRIVERS_LICENSE",
    pattern: "(?i)[A-Z]{1,2}[0-9]{4,14}|[A-Z][0-9]{3}(?:[ -][0-9]{3,4}){2,3}|[0-9]{7,12}[A-Z]?|[0-9]{2}-?[A-Z]{2}-?[0-9]{4,5}",
    check,
    context: &[
        "driver license",
        "drivers license",
        "driver s license",
        "driver licence",
        "driving licence",
        "drivers licence",
        "driver s licence",
        "driving license",
        "driver lic",
        "drivers lic",
        "dl",
        "dln",
        "dmv",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let has_letter = candidate.text.contains(|c: char| c.is_ascii_alphabetic());
    match (candidate.in_context, has_letter) {
        (true, true) => Some(70),
        (true, false) => Some(62),
        (false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_needs_context, believed, finds};

    #[test]
    fn forms_of_states_are_found_in_context() {
        // California, New York, Texas, Florida, Illinois, New Hampshire, Kansas.
        for number in [
            "D1234562",
            "123456789",
            "12345678",
            "S514172809210",
            "D400-7836-0001",
            "12AB34567",
            "K12345678",
        ] {
            assert_needs_context(&DETECTOR, number);
        }
        assert_eq!(
            believed(&DETECTOR, "Driver's license: D1234562 (CA)"),
            ["D1234562"]
        );
        assert_eq!(
            finds(&DETECTOR, "D1234562", Some("DRIVERS_LICENSE_NO"))[0].1,
            70
        );
    }

    #[test]
    fn other_licenses_are_none() {
        assert_absent(&DETECTOR, "software license D1234562");
        assert_absent(&DETECTOR, "driver license 123");
    }
}
