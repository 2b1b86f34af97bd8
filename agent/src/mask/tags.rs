//! Tags of objects, read for an operator: nothing of these answers goes to a client.

use http_body_util::BodyExt as _;

use super::gzip::{Gunzip, MAGIC};
use super::rows::RowsError;
use super::{Key, MaskError};
use crate::snowflake::tags::{self, Answer, Row};
use crate::upstream::{Unmasked, UnmaskedBody};

/// Reads the answer to the statement that asks for tags.
///
/// # Errors
/// It is none.
pub fn answer(unmasked: Unmasked) -> Result<Answer, MaskError> {
    match unmasked.open(&Key::new()) {
        (_status, UnmaskedBody::Json(body)) => tags::read(&body).map_err(MaskError::Answer),
        (_status, UnmaskedBody::Chunk { .. }) => Err(MaskError::Kind),
    }
}

/// Reads a chunk of its result, and tells how many bytes it had unpacked.
///
/// # Errors
/// It is none, it ends early, or it has more than `bytes_max` ([`RowsError::TooLarge`]).
pub async fn chunk(unmasked: Unmasked, bytes_max: usize) -> Result<(Vec<Row>, usize), MaskError> {
    let (_status, UnmaskedBody::Chunk { mut stream, .. }) = unmasked.open(&Key::new()) else {
        return Err(MaskError::Kind);
    };
    let mut packed = Vec::new();
    while let Some(frame) = stream.frame().await {
        let Ok(frame) = frame else {
            return Err(MaskError::Rows(RowsError::Malformed("the chunk was cut")));
        };
        let piece = frame.into_data().unwrap_or_default();
        append(&mut packed, &piece, bytes_max).map_err(MaskError::Rows)?;
    }
    let text = unpacked(packed, bytes_max).map_err(MaskError::Rows)?;
    let malformed = MaskError::Rows(RowsError::Malformed("the chunk is not rows of texts"));
    let rows = tags::read_chunk(&text).map_err(|_error| malformed)?;
    Ok((rows, text.len()))
}

/// Compressed or not, as its first bytes say: rows in JSON cannot begin like gzip.
fn unpacked(packed: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, RowsError> {
    if !packed.starts_with(&MAGIC) {
        return Ok(packed);
    }
    let mut text = Vec::new();
    let mut gunzip = Gunzip::new();
    gunzip.push(&packed, &mut |piece| append(&mut text, piece, bytes_max))?;
    gunzip.finish()?;
    Ok(text)
}

fn append(text: &mut Vec<u8>, piece: &[u8], bytes_max: usize) -> Result<(), RowsError> {
    if text.len().saturating_add(piece.len()) > bytes_max {
        return Err(RowsError::TooLarge(bytes_max));
    }
    text.extend_from_slice(piece);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_chunk_is_unpacked_up_to_the_limit() {
        let text = vec![b'x'; 1000];
        assert_eq!(unpacked(text.clone(), 1000), Ok(text.clone()));
        assert_eq!(unpacked(packed(&text), 1000), Ok(text.clone()));
        assert_eq!(unpacked(packed(&text), 999), Err(RowsError::TooLarge(999)));
        let mut cut = packed(&text);
        cut.pop();
        assert_eq!(unpacked(cut, 1000), Err(RowsError::Gzip));
    }
}
