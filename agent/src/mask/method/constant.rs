//! `constant`: the same text for every value.
//!
//! Unlike the marker of `redact` it may look like a value, so what is masked cannot be told from
//! what is not, and a statement that writes it back is not recognised.

pub(super) fn write(constant: &str, output: &mut String) {
    output.push_str(constant);
}
