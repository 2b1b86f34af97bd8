//! Ways round the daemon, tried from inside the scope. `agent/docs/attacks.md` is their table.
//!
//! Each attack aims at a listener that stands for Snowflake and is not redirected for anybody
//! outside. Reaching it from inside is a bypass, whatever else the attacker sees. Every test also
//! runs its attack outside the scope, where it must succeed: otherwise it would prove nothing.

// `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests may.
#[cfg(test)]
mod field;
#[cfg(test)]
mod network;
