//! `POST /session/v1/login-request`: a placeholder comes in, a real credential goes out.

mod answer;
mod parse;
mod request;

pub use answer::{ClientTokens, LoginAnswer, client_answer, parse_answer};
pub(super) use parse::{BROWSER, parse};
pub use request::{LoginIdentity, LoginProof, upstream_request};

#[cfg(test)]
mod tests;
