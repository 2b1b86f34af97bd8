//! `redact`: a marker that names the label, the same for every value.

use crate::mask::marker;

pub(super) fn write(label: &str, output: &mut String) {
    output.push_str(marker::START);
    output.push(':');
    output.push_str(label);
    output.push(']');
}

/// Writes a marker that is not `value`: the one of the label, or one without.
pub(super) fn instead_of(value: &str, label: &str, output: &mut String) {
    let start = output.len();
    write(label, output);
    if output.get(start..) == Some(value) {
        output.truncate(start);
        output.push_str(marker::START);
        output.push(']');
    }
}
