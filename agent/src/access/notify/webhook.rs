//! The signed webhook.
//!
//! ```text
//! POST /path
//! Content-Type: application/json
//! Idempotency-Key: event-…
//! Snowfence-Event: ask_opened
//! Snowfence-Signature: t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "t.body">
//! ```
//!
//! The receiver computes the same HMAC over the bytes that it got, compares in constant time, and
//! refuses a `t` that is more than some minutes away: a replay. It remembers keys for two days: an
//! event may come twice.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use ring::hmac;

use crate::access::event::Event;
use crate::credential::Secret;

/// The headers of one try; the time is that of the try, so that a late one is no replay.
pub(super) fn headers(event: &Event, body: &[u8], secret: &Secret, now: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let signature = signature(body, secret, now.as_second());
    for (name, value) in [
        ("idempotency-key", event.id.as_str()),
        ("snowfence-event", event.kind.name()),
        ("snowfence-signature", signature.as_str()),
    ] {
        // All three are made of visible ASCII.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

fn signature(body: &[u8], secret: &Secret, seconds: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(seconds.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let mut text = format!("t={seconds},v1=");
    for byte in context.sign().as_ref() {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec`.
    #[test]
    fn the_signature_is_the_one_that_anyone_computes() {
        let secret = Secret::from_bytes(b"whsec").unwrap();
        assert_eq!(
            signature(br#"{"a":1}"#, &secret, 1_700_000_000),
            "t=1700000000,v1=8ad37ba156048ae0e0a5533c75cdf26fee88b07f93cb57ee4c80adb053012032"
        );
    }
}
