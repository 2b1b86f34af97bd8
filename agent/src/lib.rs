//! Snowfence: the host agent between autonomous AI agents and Snowflake.
//!
//! Read the modules in this order; it is the way of a statement:
//!
//! 1. [`kernel`]: eBPF programs bring an agent's connection here and remember its *flow*.
//! 2. [`proxy`]: THE SPINE. Accepts the connection and takes each request through every stage.
//! 3. [`identity`]: flow → process → *workload* → *principal*.
//! 4. [`tls`]: reads the client's hello, answers as the account host, verifies the upstream.
//! 5. [`http`]: one canonical form of a request, with limits.
//! 6. [`snowflake`]: the wire protocol; a request becomes an *operation*. Pure.
//! 7. [`session`]: our own tokens, and who owns which query id.
//! 8. [`sql`]: statement text → *facts*. Pure.
//! 9. [`policy`]: facts and principal → *verdict*. Pure.
//! 10. [`record`]: the decision is durable before it has an effect.
//! 11. [`credential`], [`upstream`]: the only code that talks to Snowflake, with a secret only we hold.
//! 12. [`mask`]: the only way from the upstream to the client.
//!
//! Around them: [`app`] builds and wires everything (`life` records its start, its reloads and its end), [`config`] is one strict file, [`admin`] and
//! [`cli`] are for operators over [`local`] sockets, [`access`] keeps asks, grants and budgets in the
//! [`store`], [`catalog`] knows columns and views, [`privilege`] opens what steers us, [`telemetry`]
//! tells.
//!
//! # What must never be true
//!
//! - Something reaches the upstream without a [`record::Recorded`], or the client without a
//!   [`mask::Masked`].
//! - An error, a timeout, a full queue, a lost flow, a policy that fails to evaluate or a recorder
//!   that cannot write widens access.
//! - `snowflake`, `sql`, `policy` evaluation, `mask` or `record::chain` does I/O, reads a clock or
//!   logs.
//! - A real credential or a real Snowflake token is in the client's hands, in a log, in a recording
//!   or in a `Debug` output.
//! - A queue, body, wait or cache has no limit.
//! - A module other than [`kernel`] and [`privilege`] contains `unsafe`.

pub mod access;
pub mod admin;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod http;
pub mod identity;
pub mod kernel;
mod life;
pub mod local;
pub mod mask;
pub mod policy;
pub mod privilege;
pub mod proxy;
pub mod record;
pub mod session;
pub mod shutdown;
pub mod snowflake;
pub mod sql;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod upstream;
