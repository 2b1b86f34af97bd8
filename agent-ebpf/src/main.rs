//! Kernel half.
fn main() {}
