//! A stream as base64 in a string of JSON.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};

use super::frame::malformed;
use crate::mask::rows::RowsError;

/// As RFC 4648 section 4: padded, and nothing but its alphabet.
const ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD);

/// Reads the stream; `None` is the empty string.
pub(super) fn decode(json: &[u8]) -> Result<Option<Vec<u8>>, RowsError> {
    let inner = inside(json)?;
    if inner.is_empty() {
        return Ok(None);
    }
    let unescaped: String;
    let mut text = inner;
    // Writers of JSON may escape `/` and `=`.
    if memchr::memchr(b'\\', inner).is_some() {
        let read = serde_json::from_slice(json);
        unescaped = read.map_err(|_error| malformed("`rowsetBase64` is not a string"))?;
        text = unescaped.as_bytes();
    }
    let mut stream = vec![0; base64::decoded_len_estimate(text.len())];
    let read = ENGINE.decode_slice(text, &mut stream);
    stream.truncate(read.map_err(|_error| malformed("`rowsetBase64` is not base64"))?);
    Ok(Some(stream))
}

/// Reads the stream piece by piece, so that who needs its beginning decodes no more.
pub(super) fn pieces(
    json: &[u8],
    each: &mut dyn FnMut(&[u8]) -> Result<Goes, RowsError>,
) -> Result<(), RowsError> {
    // Behind an escape, four characters are not three bytes.
    if memchr::memchr(b'\\', json).is_some() {
        let stream = decode(json)?.unwrap_or_default();
        return each(&stream).map(drop);
    }
    let mut bytes = vec![0; base64::decoded_len_estimate(PIECE_CHARS)];
    for piece in inside(json)?.chunks(PIECE_CHARS) {
        let read = ENGINE.decode_slice(piece, &mut bytes);
        let length = read.map_err(|_error| malformed("`rowsetBase64` is not base64"))?;
        match each(bytes.get(..length).unwrap_or_default())? {
            Goes::On => {}
            Goes::NoFurther => break,
        }
    }
    Ok(())
}

/// Whether the next piece is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    On,
    NoFurther,
}

/// Whole groups of four characters, and little beside the first rows of a wide result.
const PIECE_CHARS: usize = 64 << 10;

fn inside(json: &[u8]) -> Result<&[u8], RowsError> {
    let inner = json
        .strip_prefix(b"\"")
        .and_then(|it| it.strip_suffix(b"\""));
    inner.ok_or(malformed("`rowsetBase64` is not a string"))
}

/// Writes base64 piece by piece: a batch is not copied together first.
#[derive(Debug)]
pub(super) struct Encoder {
    output: Vec<u8>,
    /// What is left of the pieces so far: base64 goes by three bytes.
    rest: [u8; 3],
    count: usize,
}

impl Encoder {
    /// `expected` is about what will be written.
    pub(super) fn new(expected: usize) -> Self {
        let mut output = Vec::with_capacity(expected.saturating_add(expected / 8));
        output.push(b'"');
        Self {
            output,
            rest: [0; 3],
            count: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while self.count > 0 {
            let Some((first, after)) = bytes.split_first() else {
                return;
            };
            bytes = after;
            self.keep(*first);
        }
        let whole = bytes.len() - bytes.len() % self.rest.len();
        let (whole, rest) = bytes.split_at_checked(whole).unwrap_or_default();
        self.write(whole);
        for byte in rest {
            self.keep(*byte);
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let rest = self.rest;
        self.write(rest.get(..self.count).unwrap_or_default());
        self.output.push(b'"');
        self.output
    }

    fn keep(&mut self, byte: u8) {
        if let Some(place) = self.rest.get_mut(self.count) {
            *place = byte;
        }
        self.count += 1;
        if self.count == self.rest.len() {
            self.count = 0;
            let rest = self.rest;
            self.write(&rest);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let from = self.output.len();
        let length = base64::encoded_len(bytes.len(), true).unwrap_or_default();
        self.output.resize(from.saturating_add(length), 0);
        let room = self.output.get_mut(from..).unwrap_or_default();
        // The room is as long as what is written.
        let written = ENGINE.encode_slice(bytes, room).unwrap_or_default();
        debug_assert_eq!(written, length, "base64 has another length than it says");
    }
}
