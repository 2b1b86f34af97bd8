//! Opens what steers us, and nothing that anyone but root could have written.
#![forbid(unsafe_code)]

mod files;

pub use files::{Class, OpenError, secure_open, secure_read};
