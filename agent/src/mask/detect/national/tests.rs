//! What must hold for every national id: no text breaks them, and none is found where it is none.

use proptest::prelude::{prop_assert, proptest};

use super::super::testing::{finds, patterned};
use super::*;

#[test]
fn a_word_lifts_what_stays_doubtful_alone() {
    let candidate = |text, in_context| Candidate {
        text,
        before: "",
        after: "",
        in_context,
    };
    assert_eq!(confidence(&candidate("12", false), 35, 70), Some(35));
    assert_eq!(confidence(&candidate("1-2", false), 35, 70), Some(70));
    assert_eq!(confidence(&candidate("12", true), 35, 70), Some(85));
    assert_eq!(confidence(&candidate("1-2", true), 35, 90), Some(95));
}

proptest! {
    #[test]
    fn anything_of_the_right_shape_is_judged(text in patterned(ALL)) {
        for detector in ALL {
            for (range, confidence) in finds(detector, &text, Some(detector.context[0])) {
                prop_assert!(text.get(range).is_some() && confidence <= 98);
            }
        }
    }
}
