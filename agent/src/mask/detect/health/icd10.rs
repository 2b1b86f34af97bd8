//! Codes of diagnoses, ICD-10-CM.
//!
//! A letter, a digit, a digit or letter, and up to four more behind a dot (CDC/NCHS, ICD-10-CM
//! Official Guidelines). Product codes, rooms and paper sizes look alike, so only where a word or the
//! column's name says so. What stands there says nothing of who has it; together with a name it does.

use crate::mask::detect::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "icd10",
    title: "ICD-10 diagnosis code",
    category: "MEDICAL_DATA",
    pattern: "(?i)[A-Z][0-9][0-9AB](?:[.][0-9A-Z]{1,4})?|[A-Z][0-9][0-9AB][0-9A-Z]{1,4}",
    check,
    context: &[
        "icd",
        "diagnosis",
        "diagnoses",
        "diag",
        "diagnosed",
        "dx",
        "icd10",
        "icd code",
        "comorbidity",
    ],
    numeric: false,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    // The end of something longer: `1F32.A021`.
    if candidate.before.ends_with('.') {
        return None;
    }
    let has_upper = candidate.text.starts_with(|c: char| c.is_ascii_uppercase());
    match (candidate.in_context, candidate.text.contains('.')) {
        (false, _) => None,
        (true, true) => Some(80),
        (true, false) if has_upper => Some(65),
        (true, false) => Some(45),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::testing::{assert_absent, assert_needs_context, believed, finds};

    #[test]
    fn codes_are_found_in_context() {
        for code in ["E11.9", "I10", "S72.001A", "Z99.2", "C7A.00", "E119"] {
            assert_needs_context(&DETECTOR, code);
        }
        assert_eq!(
            believed(&DETECTOR, "Diagnosis: E11.9, I10"),
            ["E11.9", "I10"]
        );
        assert_eq!(finds(&DETECTOR, "I10", Some("PRIMARY_DIAGNOSIS"))[0].1, 65);
        assert_eq!(finds(&DETECTOR, "I10", Some("ICD10_CODE"))[0].1, 65);
    }

    #[test]
    fn other_codes_are_none() {
        for text in [
            "diagnosis 11.9",
            "diagnosis EE1.9",
            "diagnosis E1",
            "diagnosis E119000000",
            "room B12",
            "diagnosis a4",
            "diagnosis 1F32.A021",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
