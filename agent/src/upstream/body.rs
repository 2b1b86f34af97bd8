//! Reads an answer's body: whole, decompressed, and never more than allowed.

use std::io::{self, Write};

use flate2::write::GzDecoder;
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use thiserror::Error;

/// Why a body is of no use.
#[derive(Debug, Error)]
pub enum BodyError {
    #[error("the connection ended before the answer did")]
    Truncated(#[source] hyper::Error),
    #[error("the answer is larger than {bytes_max} bytes; raise `limits.response_body_bytes_max`")]
    TooLarge { bytes_max: usize },
    #[error("the answer has an encoding that was not asked for")]
    Encoding,
    #[error("the answer's gzip data is broken")]
    Gzip(#[source] io::Error),
}

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

/// Collects a body and undoes its encoding.
///
/// Each piece is decompressed as it comes, so a bomb is noticed at the limit, and no single step
/// keeps a worker thread for long.
pub(crate) async fn collect(
    headers: &HeaderMap,
    mut body: Incoming,
    bytes_max: usize,
) -> Result<Vec<u8>, BodyError> {
    let too_large = BodyError::TooLarge { bytes_max };
    let encoding = encoding(headers)?;
    let announced = body.size_hint().lower();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(too_large);
    }
    let mut received: usize = 0;
    let mut sink = Sink::new(
        encoding,
        Capped {
            bytes: Vec::with_capacity(announced),
            bytes_max,
        },
    );
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(BodyError::Truncated)?;
        // Trailers say nothing that we use.
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        received = received.saturating_add(piece.len());
        if received > bytes_max {
            return Err(too_large);
        }
        sink.write(&piece)
            .map_err(|error| refuse(error, bytes_max))?;
    }
    sink.finish().map_err(|error| refuse(error, bytes_max))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, BodyError> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (value, more) = (values.next(), values.next());
    match value.map(http::HeaderValue::as_bytes) {
        _ if more.is_some() => Err(BodyError::Encoding),
        None => Ok(Encoding::Identity),
        Some(value) if value.eq_ignore_ascii_case(b"identity") => Ok(Encoding::Identity),
        Some(value) if value.eq_ignore_ascii_case(b"gzip") => Ok(Encoding::Gzip),
        Some(value) if value.eq_ignore_ascii_case(b"x-gzip") => Ok(Encoding::Gzip),
        Some(_) => Err(BodyError::Encoding),
    }
}

fn refuse(error: io::Error, bytes_max: usize) -> BodyError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        BodyError::TooLarge { bytes_max }
    } else {
        BodyError::Gzip(error)
    }
}

enum Sink {
    Identity(Capped),
    Gzip(Box<GzDecoder<Capped>>),
}

impl Sink {
    fn new(encoding: Encoding, capped: Capped) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity(capped),
            Encoding::Gzip => Self::Gzip(Box::new(GzDecoder::new(capped))),
        }
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(capped) => capped.write_all(piece),
            Self::Gzip(decoder) => decoder.write_all(piece),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        let capped = match self {
            Self::Identity(capped) => capped,
            // Checks length and checksum: a stream that was cut does not pass.
            Self::Gzip(decoder) => decoder.finish()?,
        };
        Ok(capped.bytes)
    }
}

/// A buffer that refuses to grow over its limit.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.bytes_max.saturating_sub(self.bytes.len()) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
