//! Tests of the daemon on the real kernel, between a scope and the stand-in for Snowflake.

// `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests may.
#[cfg(test)]
mod access;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod certificate;
#[cfg(test)]
mod chunks;
#[cfg(test)]
mod contents;
#[cfg(test)]
mod detach;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod hello;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod imported;
#[cfg(test)]
mod judged;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod masked;
#[cfg(test)]
mod masked_chunks;
#[cfg(test)]
mod passing;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod shipping;
#[cfg(test)]
mod sql_api;
#[cfg(test)]
mod sql_api_credentials;
#[cfg(test)]
mod sql_api_masked;
#[cfg(test)]
mod state;
#[cfg(test)]
mod upstream;
