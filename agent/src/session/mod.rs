//! Our sessions and tokens, and who owns which result.
//!
//! A client never holds a token of Snowflake's. It gets tokens of ours, which mean something only
//! to this daemon and only together with the principal that they were given to. Upstream, many
//! principals may share one Snowflake user, for whom Snowflake would hand every result to every
//! one of them; so a query id is owned here, by the principal whose statement made it.
//!
//! Nothing here does I/O or reads a clock; time is passed in.
#![forbid(unsafe_code)]

mod chunks;
mod copies;
mod holds;
mod names;
mod registry;
mod requests;
mod results;
mod running;
mod shapes;
pub mod state;
mod token;

pub use chunks::{CapabilityTokens, ChunkLink, Chunks, Shape};
pub use copies::Copies;
pub use holds::{Cancelled, Held, Holds, HoldsFull, NewHold, Told};
pub use names::at_login;
pub use registry::{Ends, NewSession, OpenError, Registry, Session, SessionId, TokenError, Tokens};
pub use requests::{Admission, Requests, statement_digest};
pub use results::{Judged, Owned, Place, Results, Terms};
pub use running::{Running, RunningFull, Statement, lost};
pub use shapes::{Partitioned, Shapes};
pub use state::State;
pub use token::{Token, parse_authorization};
