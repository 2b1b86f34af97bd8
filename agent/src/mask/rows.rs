//! The rows of a result on their way through a plan: inline, and chunk by chunk.
//!
//! Bytes go in and bytes come out; nothing here waits or reads a clock. What cannot be read is
//! refused: bytes that were given out before are masked, and the rest does not follow.

use std::sync::Arc;

use super::column::Tally;
use super::gzip::{Gunzip, MAGIC};
use super::plan::Plan;
use super::{arrow, json};

/// Why rows may not leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    #[error("the rows are not gzip data, or it is broken")]
    Gzip,
    #[error("the rows are malformed: {0}")]
    Malformed(&'static str),
    #[error("a row has another number of cells than the result has columns")]
    Shape,
    #[error("a row or record batch is larger than {0} bytes; raise `limits.row_bytes_max`")]
    TooLarge(usize),
    #[error("the Arrow schema is not the one that the answer announced: {0}")]
    Schema(String),
}

/// How the rows of a result are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Arrow,
}

/// A chunk on its way, compressed or not as its first bytes say: neither rows in JSON nor an Arrow
/// stream can begin like gzip.
///
/// Memory: the largest row (JSON) or record batch (Arrow) of the chunk, at most `bytes_max`, as it
/// came and as it goes, besides the rows that vote. What goes out is not compressed, so a piece of n
/// bytes can append some thousand times n: the caller pushes small pieces.
#[derive(Debug)]
pub struct Chunk {
    inner: Inner,
    packing: Packing,
    must_be_gzip: bool,
    is_refused: bool,
}

#[derive(Debug)]
enum Inner {
    Json(Box<json::Stream>),
    Arrow(Box<arrow::Stream>),
}

impl Inner {
    fn push(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), RowsError> {
        match self {
            Self::Json(stream) => stream.push(bytes, output),
            Self::Arrow(stream) => stream.push(bytes, output),
        }
    }
}

#[derive(Debug)]
enum Packing {
    Start,
    /// The first byte was that of gzip, and there was no second.
    Perhaps,
    Plain,
    Gzip(Box<Gunzip>),
}

impl Chunk {
    #[must_use]
    pub fn new(plan: Arc<Plan>, format: Format, bytes_max: usize) -> Self {
        let inner = match format {
            Format::Json => Inner::Json(Box::new(json::Stream::new(plan, bytes_max))),
            Format::Arrow => Inner::Arrow(Box::new(arrow::Stream::new(plan, bytes_max))),
        };
        Self {
            inner,
            packing: Packing::Start,
            must_be_gzip: false,
            is_refused: false,
        }
    }

    /// Of a chunk that comes with `Content-Encoding: gzip`: anything else is refused.
    #[must_use]
    pub fn must_be_gzip(mut self) -> Self {
        self.must_be_gzip = true;
        self
    }

    /// Takes the next bytes; what can go out is appended to `output`, not compressed.
    ///
    /// # Errors
    /// The chunk is not what it should be: nothing more of it may be given out.
    pub fn push(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), RowsError> {
        if self.is_refused {
            return Err(RowsError::Malformed(REFUSED));
        }
        let pushed = self.unpack(bytes, output);
        self.is_refused = pushed.is_err();
        pushed
    }

    /// Ends the chunk: what is left is appended to `output`.
    ///
    /// # Errors
    /// The chunk was cut.
    pub fn finish(self, output: &mut Vec<u8>) -> Result<Tally, RowsError> {
        if self.is_refused {
            return Err(RowsError::Malformed(REFUSED));
        }
        match &self.packing {
            Packing::Start if self.must_be_gzip => return Err(RowsError::Gzip),
            Packing::Perhaps => return Err(RowsError::Gzip),
            Packing::Start | Packing::Plain => {}
            Packing::Gzip(gunzip) => gunzip.finish()?,
        }
        match self.inner {
            Inner::Json(stream) => stream.finish(output),
            Inner::Arrow(stream) => stream.finish(output),
        }
    }

    fn unpack(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), RowsError> {
        let Some(first) = bytes.first() else {
            return Ok(());
        };
        match self.packing {
            Packing::Start if *first == MAGIC[0] && bytes.len() == 1 => {
                self.packing = Packing::Perhaps;
                return Ok(());
            }
            Packing::Start if bytes.starts_with(&MAGIC) => {
                self.packing = Packing::Gzip(Box::new(Gunzip::new()));
            }
            Packing::Start if self.must_be_gzip => return Err(RowsError::Gzip),
            Packing::Start => self.packing = Packing::Plain,
            Packing::Perhaps => {
                let mut gunzip = Gunzip::new();
                // What begins with half of it is nothing else either.
                gunzip.push(&MAGIC[..1], &mut |_| Ok(()))?;
                self.packing = Packing::Gzip(Box::new(gunzip));
            }
            Packing::Plain | Packing::Gzip(_) => {}
        }
        let inner = &mut self.inner;
        match &mut self.packing {
            Packing::Gzip(gunzip) => gunzip.push(bytes, &mut |bytes| inner.push(bytes, output)),
            Packing::Plain | Packing::Start | Packing::Perhaps => inner.push(bytes, output),
        }
    }
}

/// Masks the value of `rowset`: a JSON array of rows.
///
/// # Errors
/// It is not that.
pub fn rowset(plan: &Plan, json: &[u8], tally: &mut Tally) -> Result<Vec<u8>, RowsError> {
    json::rowset(plan, json, tally)
}

/// Masks the value of `rowsetBase64`: a JSON string of an Arrow stream in base64.
///
/// # Errors
/// It is not that.
pub fn rowset_base64(plan: &Plan, json: &[u8], tally: &mut Tally) -> Result<Vec<u8>, RowsError> {
    arrow::rowset_base64(plan, json, tally)
}

const REFUSED: &str = "they were refused before";

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::mask::plan::{Column, Treatment};
    use crate::snowflake::rowtype;

    const ROWS: &[u8] = b"[\"a\"],[null],\n[\"c\"]";

    fn chunk() -> Chunk {
        let fields = rowtype::parse(br#"[{"name":"A","type":"text"}]"#).unwrap();
        let columns = fields.into_iter();
        let plan = Plan {
            columns: columns
                .map(|field| Column::new(field, Treatment::Clear))
                .collect(),
            ..Plan::default()
        };
        Chunk::new(Arc::new(plan), Format::Json, 1000)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn read(mut chunk: Chunk, bytes: &[u8], step: usize) -> Result<(Vec<u8>, u64), RowsError> {
        let mut output = Vec::new();
        for piece in bytes.chunks(step) {
            chunk.push(piece, &mut output)?;
        }
        let tally = chunk.finish(&mut output)?;
        Ok((output, tally.rows))
    }

    #[test]
    fn the_first_bytes_say_how_a_chunk_is_packed() {
        let twice = [gzip(&ROWS[..7]), gzip(&ROWS[7..])].concat();
        for step in 1..ROWS.len() {
            for bytes in [ROWS, &gzip(ROWS), &twice] {
                assert_eq!(read(chunk(), bytes, step), Ok((ROWS.to_vec(), 3)));
            }
            let packed = read(chunk().must_be_gzip(), &twice, step);
            assert_eq!(packed, Ok((ROWS.to_vec(), 3)));
            let plain = read(chunk().must_be_gzip(), ROWS, step);
            assert_eq!(plain, Err(RowsError::Gzip));
        }
    }

    #[test]
    fn a_chunk_can_have_no_rows() {
        assert_eq!(read(chunk(), b"", 1), Ok((vec![], 0)));
        assert_eq!(read(chunk(), &gzip(b""), 1), Ok((vec![], 0)));
        let nothing = read(chunk().must_be_gzip(), b"", 1);
        assert_eq!(nothing, Err(RowsError::Gzip));
    }

    #[test]
    fn a_chunk_that_is_cut_is_refused() {
        let packed = gzip(ROWS);
        for end in 1..packed.len() {
            let cut = read(chunk(), &packed[..end], 5);
            assert_eq!(cut, Err(RowsError::Gzip), "{end}");
        }
        let cut = gzip(&ROWS[..ROWS.len() - 1]);
        let cut = read(chunk(), &cut, 5);
        assert!(matches!(cut, Err(RowsError::Malformed(_))));
    }

    #[test]
    fn a_row_that_unpacks_to_more_than_fits_is_refused_while_it_does() {
        let bomb = gzip(&[&b"[\""[..], &vec![b'x'; 10 << 20], b"\"]"].concat());
        let outcome = read(chunk(), &bomb, 1024);
        assert_eq!(outcome, Err(RowsError::TooLarge(1000)));
    }

    #[test]
    fn nothing_follows_an_error() {
        let mut chunk = chunk();
        let mut broken = gzip(ROWS);
        let last = broken.len() - 1;
        broken[last] ^= 1;
        let mut output = Vec::new();
        assert_eq!(chunk.push(&broken, &mut output), Err(RowsError::Gzip));
        let before = output.clone();
        chunk.push(&gzip(ROWS), &mut output).unwrap_err();
        chunk.finish(&mut output).unwrap_err();
        assert_eq!(output, before);
    }
}
