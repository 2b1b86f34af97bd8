//! One canonical form of a client's HTTP request, with limits.
//!
//! ```text
//! Request<Incoming> → method → path → query → headers → body (capped, decompressed) → CanonicalRequest
//! ```
//! Every step is total and fails closed: what has no canonical form is an [`HttpError`], never a
//! best effort. What comes out is what is judged, and what is sent upstream is made from it.
#![forbid(unsafe_code)]

mod body;
mod canonical;
mod error;
mod target;

pub use body::BodyLimits;
pub use canonical::{CanonicalRequest, Method, canonicalise};
pub use error::HttpError;
pub use target::canonical_path;
