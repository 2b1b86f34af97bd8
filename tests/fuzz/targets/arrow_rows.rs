//! Any bytes to [`fuzz::arrow_rows`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::arrow_rows(data));
