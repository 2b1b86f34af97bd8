//! Any bytes to [`fuzz::segments`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::segments(data));
