//! THE SPINE: a connection is accepted, identified and classified; a request goes through every
//! stage in one visible order.
//!
//! ```text
//! listener ─► connection ─┬─► passthrough            (not Snowflake: passed or refused)
//!                         └─► pipeline, per request  (Snowflake)
//!                               canonical → operation → caller → facts → verdict (→ hold)
//!                                         → recorded → upstream → masked → response
//! ```
//! `pipeline` is the page to read. Each kind of operation has its own file beside it.
#![forbid(unsafe_code)]

mod api;
mod bounds;
mod caller;
mod chunk;
mod connection;
mod hangup;
mod hold;
mod house;
mod judge;
mod listener;
mod login;
mod lookup;
mod masking;
mod metrics;
mod opening;
mod passthrough;
mod perform;
mod pipeline;
mod probe;
mod question;
mod refusal;
mod reply;
mod room;
mod running;
mod services;
mod status;
mod stream;
mod tags;

pub use connection::serve;
pub use house::{end_sessions, keep_sessions};
pub use judge::judge_again;
pub use listener::Listeners;
pub use metrics::Metrics;
pub use refusal::{Reason, Refusal};
pub use services::{Services, State};
pub use tags::read_tags;
