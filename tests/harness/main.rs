//! The harness and the stand-in against themselves: what later tests rest on.

// `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests may.
#[cfg(test)]
mod environment;
#[cfg(test)]
mod warehouse;
