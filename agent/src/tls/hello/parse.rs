//! Parses the body of a ClientHello (RFC 8446 section 4.1.2), as strictly as a server would.
//!
//! Whoever gets the connection next reads the same bytes. Anything that two readers could take
//! differently (a name that comes twice, an extension that comes twice, trailing bytes) is
//! malformed here.

use std::net::IpAddr;

use super::super::name;
use super::{Hello, HelloError};

/// Reads the body of a ClientHello message.
pub(super) fn client_hello(body: &[u8]) -> Result<Hello, HelloError> {
    let mut reader = Reader(body);
    reader.take(2 + 32, "version and random are cut")?;
    let session_id = reader.vector8("the session id is cut")?;
    if session_id.0.len() > 32 {
        return Err(malformed("the session id is too long"));
    }
    let cipher_suites = reader.vector16("the cipher suites are cut")?;
    if cipher_suites.0.is_empty() || !cipher_suites.0.len().is_multiple_of(2) {
        return Err(malformed("the cipher suites have an odd length"));
    }
    if reader
        .vector8("the compression methods are cut")?
        .0
        .is_empty()
    {
        return Err(malformed("there is no compression method"));
    }
    if reader.0.is_empty() {
        // TLS 1.2 allows a hello without extensions.
        return Ok(Hello::default());
    }
    let mut extensions = reader.vector16("the extensions are cut")?;
    reader.finish("bytes follow the extensions")?;

    let mut hello = Hello::default();
    let mut seen = Vec::new();
    while !extensions.0.is_empty() {
        let kind = extensions.number16("an extension is cut")?;
        let content = extensions.vector16("an extension is cut")?;
        if seen.contains(&kind) {
            return Err(malformed("an extension comes twice"));
        }
        if seen.len() == EXTENSIONS_MAX {
            return Err(malformed("there are too many extensions"));
        }
        seen.push(kind);
        match kind {
            SERVER_NAME => hello.server_name = server_name(content)?,
            ALPN => hello.alpn = alpn(content)?,
            ENCRYPTED_CLIENT_HELLO | ENCRYPTED_SERVER_NAME => hello.encrypted_client_hello = true,
            _ => {}
        }
    }
    Ok(hello)
}

fn server_name(mut content: Reader<'_>) -> Result<Option<String>, HelloError> {
    let mut list = content.vector16("the server name list is cut")?;
    content.finish("bytes follow the server name list")?;
    // Only one kind of name was ever defined, so a list of one is all there is.
    if list.number8("the server name list is empty")? != HOST_NAME {
        return Err(malformed("the server name is of an unknown kind"));
    }
    let bytes = list.vector16("the server name is cut")?;
    list.finish("there is more than one server name")?;
    let text =
        std::str::from_utf8(bytes.0).map_err(|_utf8| malformed("the server name is not text"))?;
    if text.parse::<IpAddr>().is_ok() {
        return Ok(None);
    }
    name::normalize(text)
        .map(Some)
        .ok_or_else(|| malformed("the server name is not a DNS name"))
}

fn alpn(mut content: Reader<'_>) -> Result<Vec<Vec<u8>>, HelloError> {
    let mut list = content.vector16("the protocol list is cut")?;
    content.finish("bytes follow the protocol list")?;
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        let protocol = list.vector8("a protocol is cut")?;
        if protocol.0.is_empty() {
            return Err(malformed("a protocol is empty"));
        }
        protocols.push(protocol.0.to_vec());
    }
    Ok(protocols)
}

/// What is left of a byte string.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, rule: &'static str) -> Result<&'a [u8], HelloError> {
        let (head, tail) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| malformed(rule))?;
        self.0 = tail;
        Ok(head)
    }

    fn number8(&mut self, rule: &'static str) -> Result<u8, HelloError> {
        self.take(1, rule)?
            .first()
            .copied()
            .ok_or_else(|| malformed(rule))
    }

    fn number16(&mut self, rule: &'static str) -> Result<u16, HelloError> {
        match *self.take(2, rule)? {
            [high, low] => Ok(u16::from_be_bytes([high, low])),
            _ => Err(malformed(rule)),
        }
    }

    fn vector8(&mut self, rule: &'static str) -> Result<Self, HelloError> {
        let length = usize::from(self.number8(rule)?);
        self.take(length, rule).map(Self)
    }

    fn vector16(&mut self, rule: &'static str) -> Result<Self, HelloError> {
        let length = usize::from(self.number16(rule)?);
        self.take(length, rule).map(Self)
    }

    fn finish(&self, rule: &'static str) -> Result<(), HelloError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(malformed(rule))
        }
    }
}

const fn malformed(rule: &'static str) -> HelloError {
    HelloError::Malformed { rule }
}

const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
const ALPN: u16 = 16;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// The draft before it, which hides the name just as well.
const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
/// Clients send 10 to 20. The search for duplicates is quadratic, and 64 KiB hold 16384 empty ones.
const EXTENSIONS_MAX: usize = 128;
