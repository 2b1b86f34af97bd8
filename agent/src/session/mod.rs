//! Our sessions and tokens, and who owns which query id.
//!
//! No I/O and no clock: the time is passed in. Every table has a limit, and what is not in a table
//! is not the caller's.
#![forbid(unsafe_code)]

pub mod chunks;
pub mod ids;
pub mod registry;
pub mod requests;
pub mod token;

pub use chunks::{ChunkTable, ChunkTokens, StoredChunks};
pub use ids::{Owner, QueryIds};
pub use registry::{Limits, OpenError, Opened, Opening, Registry, Session, SessionId, TokenError};
pub use requests::{Admission, RequestDigest, RequestLog};
pub use token::{NoRandomness, Token, parse_authorization, random_query_id};
