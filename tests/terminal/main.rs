//! The command line on a terminal.

// `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests may.
#[cfg(test)]
mod replay;
