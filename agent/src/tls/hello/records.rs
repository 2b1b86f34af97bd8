//! Puts a handshake message together from TLS records.

use super::{HELLO_BYTES_MAX, HelloError};

/// The handshake bytes of all whole records so far.
///
/// Each record is looked at once, so that a hello sent byte by byte costs no more than one sent at
/// once.
#[derive(Debug, Default)]
pub(super) struct Records {
    consumed: usize,
    handshake: Vec<u8>,
}

impl Records {
    /// Takes in what was received so far (always all of it) and gives the body of the ClientHello
    /// once it is whole.
    pub(super) fn advance(&mut self, received: &[u8]) -> Result<Option<&[u8]>, HelloError> {
        while let Some(payload) = next_record(received, &mut self.consumed)? {
            self.handshake.extend_from_slice(payload);
            if hello_length(&self.handshake)?.is_some_and(|length| self.handshake.len() >= length) {
                break;
            }
        }
        let Some(length) = hello_length(&self.handshake)? else {
            return Ok(None);
        };
        // What follows the hello in its last record must not be there before our answer.
        if self.handshake.len() > length {
            return Err(HelloError::Malformed {
                rule: "bytes follow the hello in its record",
            });
        }
        Ok(self.handshake.get(MESSAGE_HEADER_BYTES..length))
    }
}

/// The payload of the next whole record.
fn next_record<'a>(
    received: &'a [u8],
    consumed: &mut usize,
) -> Result<Option<&'a [u8]>, HelloError> {
    let rest = received.get(*consumed..).unwrap_or_default();
    let Some(&content_type) = rest.first() else {
        return Ok(None);
    };
    if content_type != HANDSHAKE {
        if *consumed == 0 {
            return Err(HelloError::NotTls {
                looks_like_http: looks_like_http(rest),
            });
        }
        return Err(HelloError::Malformed {
            rule: "another record interrupts the hello",
        });
    }
    if rest.get(1).is_some_and(|&major| major != 3) {
        // A 0x16 and no version: some other protocol that happens to start so.
        return Err(HelloError::NotTls {
            looks_like_http: false,
        });
    }
    let Some(&[high, low]) = rest.get(3..5) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length == 0 || length > RECORD_BYTES_MAX {
        return Err(HelloError::Malformed {
            rule: "a record's length is out of range",
        });
    }
    let Some(payload) = rest.get(5..5 + length) else {
        return Ok(None);
    };
    *consumed += 5 + length;
    Ok(Some(payload))
}

/// The length of the ClientHello message with its header, once the header is there.
fn hello_length(handshake: &[u8]) -> Result<Option<usize>, HelloError> {
    let Some(&message_type) = handshake.first() else {
        return Ok(None);
    };
    if message_type != CLIENT_HELLO {
        return Err(HelloError::Malformed {
            rule: "the first message is not a ClientHello",
        });
    }
    let Some(&[high, middle, low]) = handshake.get(1..MESSAGE_HEADER_BYTES) else {
        return Ok(None);
    };
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    if length > HELLO_BYTES_MAX {
        return Err(HelloError::TooLong);
    }
    Ok(Some(MESSAGE_HEADER_BYTES + length))
}

/// Whether the bytes begin, as far as they go, like an HTTP request. A hint for the log only.
fn looks_like_http(bytes: &[u8]) -> bool {
    HTTP_METHODS.iter().any(|method| {
        let length = method.len().min(bytes.len());
        method.get(..length) == bytes.get(..length)
    })
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const MESSAGE_HEADER_BYTES: usize = 4;
/// RFC 8446 section 5.1: a plaintext record carries 2^14 bytes at most.
const RECORD_BYTES_MAX: usize = 1 << 14;
const HTTP_METHODS: [&[u8]; 10] = [
    b"CONNECT ",
    b"DELETE ",
    b"GET ",
    b"HEAD ",
    b"OPTIONS ",
    b"PATCH ",
    b"POST ",
    b"PRI * HTTP/2",
    b"PUT ",
    b"TRACE ",
];
