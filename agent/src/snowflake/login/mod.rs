//! `POST /session/v1/login-request`: a placeholder comes in, a real credential goes out.

mod answer;
mod request;

pub use answer::{ClientTokens, LoginAnswer, client_answer, parse_answer};
pub use request::{LoginIdentity, LoginProof, upstream_request};
