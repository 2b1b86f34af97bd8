//! Tests that need root: cgroups, mount namespaces, and the daemon with its programs.

// `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests may.
#[cfg(test)]
mod harness;
#[cfg(test)]
mod warehouse;
