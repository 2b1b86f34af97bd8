//! Any bytes to [`fuzz::lexer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::lexer(data));
