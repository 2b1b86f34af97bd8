//! Any bytes to [`fuzz::json_rows`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::json_rows(data));
