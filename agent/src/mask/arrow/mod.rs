//! Rows as Arrow record batches in an IPC stream.
//!
//! ```text
//! bytes ─► frame (messages, lengths limited) ─► read (checked, then decoded) ─► columns ─► encoder
//! ```
//!
//! A batch is complete and masked before anything of it goes out. What goes out is plain: no
//! compression, no dictionaries, no view types, one schema for all batches, buffers aligned to eight
//! bytes as Snowflake's are, in the metadata version that the stream came in.
//!
//! Memory: the largest batch as it came and as it goes, each at most `bytes_max`.

mod base64;
mod columns;
mod frame;
mod head;
mod layout;
mod numbers;
mod parts;
mod read;
#[cfg(test)]
mod tests;
mod text;
mod timestamps;

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow_schema::{Field, Schema, SchemaRef};

use self::frame::{Frame, Frames, Input, malformed};
pub(super) use self::head::head;
use self::layout::Layout;
use super::column::{Cells, State, Tally};
use super::plan::Plan;
use super::rows::RowsError;

/// What a batch inside an answer may grow to by masking; answers themselves are limited where they are
/// read.
const INLINE_BYTES_MAX: usize = 256 << 20;

/// An Arrow chunk on its way: one IPC stream.
#[derive(Debug)]
pub struct Stream {
    plan: Arc<Plan>,
    masker: Masker,
    /// Nothing follows what could not be read.
    refused: Option<RowsError>,
}

impl Stream {
    #[must_use]
    pub const fn new(plan: Arc<Plan>, bytes_max: usize) -> Self {
        Self {
            plan,
            masker: Masker::new(bytes_max),
            refused: None,
        }
    }

    /// Takes the next bytes; every batch that they complete is appended to `output`.
    ///
    /// # Errors
    /// The stream is not what it should be; it is not read on.
    pub fn push(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), RowsError> {
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        let mut input = Input::Piece(bytes);
        let pushed = self.masker.push(&self.plan, &mut input, &mut |bytes| {
            output.extend_from_slice(bytes);
        });
        self.refused = pushed.as_ref().err().cloned();
        pushed
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// The stream was cut, or refused before.
    pub fn finish(self, output: &mut Vec<u8>) -> Result<Tally, RowsError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.masker.finish(&self.plan, &mut |bytes| {
            output.extend_from_slice(bytes);
        })
    }
}

/// Masks the value of `rowsetBase64`, a string of JSON with its quotes. What is empty stays empty: all
/// rows are in chunks, or there are none.
pub fn rowset_base64(plan: &Plan, json: &[u8], tally: &mut Tally) -> Result<Vec<u8>, RowsError> {
    let Some(stream) = base64::decode(json)? else {
        return Ok(b"\"\"".to_vec());
    };
    let mut output = base64::Encoder::new(json.len());
    let mut masker = Masker::new(stream.len().max(INLINE_BYTES_MAX));
    let mut input = Input::Whole(Buffer::from_vec(stream));
    masker.push(plan, &mut input, &mut |bytes| output.push(bytes))?;
    let found = masker.finish(plan, &mut |bytes| output.push(bytes))?;
    tally.rows = tally.rows.saturating_add(found.rows);
    for (label, count) in found.cells {
        *tally.cells.entry(label).or_default() += count;
    }
    Ok(output.finish())
}

/// Masks a stream, from bytes to bytes.
#[derive(Debug)]
struct Masker {
    bytes_max: usize,
    frames: Frames,
    /// Once the schema is read.
    table: Option<Box<Table>>,
    rows: u64,
}

struct Table {
    layouts: Vec<Layout>,
    states: Vec<State>,
    /// The schemas of the batches as they are read and as they are written, but that anything may be
    /// null: whether a column that nobody looks at keeps what its field says is for its readers.
    read: SchemaRef,
    write: SchemaRef,
    encoder: StreamEncoder,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut it = formatter.debug_struct("Table");
        it.field("layouts", &self.layouts).finish_non_exhaustive()
    }
}

impl Masker {
    const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            frames: Frames::new(bytes_max),
            table: None,
            rows: 0,
        }
    }

    fn push(
        &mut self,
        plan: &Plan,
        input: &mut Input<'_>,
        output: &mut dyn FnMut(&[u8]),
    ) -> Result<(), RowsError> {
        while let Some(frame) = self.frames.next(input)? {
            let Some(table) = &mut self.table else {
                self.table = Some(Box::new(Table::new(plan, &frame)?));
                continue;
            };
            let (rows, buffers) = table.mask(plan, &frame, self.bytes_max)?;
            self.rows = self.rows.saturating_add(rows);
            for buffer in &buffers {
                output(buffer);
            }
        }
        Ok(())
    }

    fn finish(self, plan: &Plan, output: &mut dyn FnMut(&[u8])) -> Result<Tally, RowsError> {
        if !self.frames.is_ended() {
            return Err(malformed("the stream was cut"));
        }
        let table = self.table.ok_or(malformed("a stream without a schema"))?;
        let end = table.encoder.finish().map_err(|_error| UNWRITTEN)?;
        for buffer in &end {
            output(buffer);
        }
        let mut tally = Tally {
            rows: self.rows,
            ..Tally::default()
        };
        for (column, state) in plan.columns.iter().zip(table.states) {
            Cells::resume(column, &plan.content, state).add_to(&mut tally);
        }
        Ok(tally)
    }
}

impl Table {
    fn new(plan: &Plan, frame: &Frame) -> Result<Self, RowsError> {
        let (schema, version) = read::schema(frame)?;
        let (layouts, written) = layout::layouts(plan, &schema)?;
        let options = IpcWriteOptions::try_new(8, false, version);
        let encoder =
            options.and_then(|options| StreamEncoder::try_new_with_options(&written, options));
        Ok(Self {
            states: layouts.iter().map(|_| State::default()).collect(),
            layouts,
            read: nullable(&schema),
            write: nullable(&written),
            encoder: encoder.map_err(|_error| UNWRITTEN)?,
        })
    }

    fn mask(
        &mut self,
        plan: &Plan,
        frame: &Frame,
        bytes_max: usize,
    ) -> Result<(u64, Vec<Buffer>), RowsError> {
        let batch = read::batch(frame, &self.read)?;
        let states = &mut self.states;
        let columns = columns::mask(plan, &self.layouts, states, &batch, bytes_max)?;
        let rows = batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.write);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(|_error| UNWRITTEN)?;
        let buffers = self.encoder.encode(&batch).map_err(|_error| UNWRITTEN)?;
        Ok((u64::try_from(rows).unwrap_or(u64::MAX), buffers))
    }
}

fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields = fields.map(|field| Field::clone(field).with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

const UNWRITTEN: RowsError = malformed("a batch of rows cannot be written");
