//! How to reach someone: e-mail, telephone, dates of birth.

mod birth;
mod email;
mod phone;
mod plan;

use super::Detector;

pub static ALL: &[&Detector] = &[&birth::DETECTOR, &email::DETECTOR, &phone::DETECTOR];

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::super::testing::{finds, patterned};
    use super::*;

    proptest! {
        #[test]
        fn anything_of_the_right_shape_is_judged(text in patterned(ALL)) {
            for detector in ALL {
                for (range, confidence) in finds(detector, &text, Some(detector.context[0])) {
                    prop_assert!(text.get(range).is_some() && confidence <= 97);
                }
            }
        }
    }
}
