//! The request body: whole, capped, decompressed, within a deadline.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::HttpError;

/// What a body may cost.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Of the body as sent and of the body decompressed.
    pub bytes_max: usize,
    /// From the headers to the last byte.
    pub timeout: Duration,
}

/// The two first bytes of a gzip member (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) async fn collect(body: Incoming, limits: BodyLimits) -> Result<Bytes, HttpError> {
    let collected = tokio::time::timeout(
        limits.timeout,
        Limited::new(body, limits.bytes_max).collect(),
    )
    .await
    .map_err(|_elapsed| HttpError::BodyTimeout(limits.timeout.as_secs()))?;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(HttpError::BodyTooLarge(limits.bytes_max))
        }
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => Err(HttpError::BodyCut(*error)),
            Err(_other) => Err(HttpError::BodyTooLarge(limits.bytes_max)),
        },
    }
}

/// Undoes the content encoding.
///
/// The Node driver announces gzip and sends plain JSON (`http/base.js` of 3.3.0), so the first
/// bytes decide; JSON never starts with the gzip magic.
pub(super) fn decode(
    body: Bytes,
    encoding: Option<&str>,
    bytes_max: usize,
) -> Result<Bytes, HttpError> {
    match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity" | "gzip" | "x-gzip") => {}
        Some(other) => return Err(HttpError::Encoding(other.chars().take(32).collect())),
    }
    if body.starts_with(&GZIP_MAGIC) {
        gunzip(&body, bytes_max)
    } else {
        Ok(body)
    }
}

fn gunzip(body: &[u8], bytes_max: usize) -> Result<Bytes, HttpError> {
    let mut decoder = GzDecoder::new(body);
    let mut plain = Vec::with_capacity(body.len().saturating_mul(4).min(bytes_max));
    let limit = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    (&mut decoder)
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(HttpError::Gzip)?;
    if plain.len() > bytes_max {
        return Err(HttpError::BodyTooLarge(bytes_max));
    }
    // Bytes behind the member would reach one reader and not another.
    if !decoder.into_inner().is_empty() {
        return Err(HttpError::Gzip(std::io::Error::other(
            "bytes behind the gzip member",
        )));
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_first_bytes_decide_whether_it_is_gzip() {
        for encoding in [None, Some("gzip"), Some("identity")] {
            assert_eq!(decode(gzip(b"{}").into(), encoding, 10).unwrap(), "{}");
            assert_eq!(
                decode(Bytes::from_static(b"{}"), encoding, 10).unwrap(),
                "{}"
            );
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        assert!(bomb.len() < 8192);
        assert!(matches!(
            decode(bomb.into(), None, 8192),
            Err(HttpError::BodyTooLarge(8192))
        ));
    }

    #[test]
    fn broken_cut_or_trailing_gzip_is_refused() {
        let good = gzip(b"{\"sqlText\":\"select 1\"}");
        let cut = good.get(..good.len() - 5).unwrap().to_vec();
        let mut flipped = good.clone();
        flipped[12] ^= 0x55;
        let trailing = [good.as_slice(), b"x"].concat();
        for body in [cut, flipped, trailing, GZIP_MAGIC.to_vec()] {
            assert!(matches!(
                decode(body.into(), Some("gzip"), 1000),
                Err(HttpError::Gzip(_))
            ));
        }
    }

    #[test]
    fn other_encodings_are_refused() {
        let refused = decode(Bytes::new(), Some("br"), 10);
        assert!(matches!(refused, Err(HttpError::Encoding(name)) if name == "br"));
    }
}
