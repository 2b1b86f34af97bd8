//! Addresses of machines.

mod ipv4;
mod ipv6;
mod mac;

use super::Detector;

pub static ALL: &[&Detector] = &[&ipv4::DETECTOR, &ipv6::DETECTOR, &mac::DETECTOR];

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::super::testing::{finds, patterned};
    use super::*;

    proptest! {
        #[test]
        fn anything_of_the_right_shape_is_judged(text in patterned(ALL)) {
            for detector in ALL {
                for (range, confidence) in finds(detector, &text, None) {
                    prop_assert!(text.get(range).is_some() && confidence <= 95);
                }
            }
        }
    }
}
