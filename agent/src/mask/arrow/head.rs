//! The first rows of a stream, as people read them. What follows the batch that has the last of them
//! is not decoded.

use arrow_array::Array as _;
use arrow_schema::SchemaRef;

use super::base64::{self, Goes};
use super::frame::{Frame, Frames, Input, malformed};
use super::layout::{self, Shape};
use super::{nullable, read, text};
use crate::mask::rows::RowsError;
use crate::mask::sample::Head;
use crate::snowflake::rowtype::Field;

/// Reads rows of some columns, from a `rowsetBase64` with its quotes, until there are enough or no
/// more.
///
/// # Errors
/// What was read is no stream of such rows.
pub(in crate::mask) fn head(
    json: &[u8],
    fields: &[Field],
    head: &mut Head,
) -> Result<(), RowsError> {
    // No message is longer than what it stands in.
    let mut frames = Frames::new(json.len());
    let mut table: Option<Table> = None;
    let mut has_bytes = false;
    base64::pieces(json, &mut |piece| {
        has_bytes = true;
        let mut input = Input::Piece(piece);
        while let Some(frame) = frames.next(&mut input)? {
            match &table {
                None => table = Some(Table::new(fields, &frame)?),
                Some(table) => table.read(&frame, fields, head)?,
            }
            if head.is_full() {
                return Ok(Goes::NoFurther);
            }
        }
        Ok(Goes::On)
    })?;
    if has_bytes && !head.is_full() && !frames.is_ended() {
        return Err(malformed("the stream was cut"));
    }
    Ok(())
}

#[derive(Debug)]
struct Table {
    schema: SchemaRef,
    shapes: Vec<Shape>,
}

impl Table {
    fn new(fields: &[Field], frame: &Frame) -> Result<Self, RowsError> {
        let (schema, _version) = read::schema(frame)?;
        let (announced, found) = (fields.len(), schema.fields().len());
        if announced != found {
            let what = format!("{found} columns instead of {announced}");
            return Err(RowsError::Schema(what));
        }
        let shapes = fields.iter().zip(schema.fields()).map(|(field, found)| {
            layout::shape(field, found.data_type()).ok_or_else(|| {
                let (announced, found) = (field.kind, found.data_type());
                RowsError::Schema(format!("{announced:?} came as {found}"))
            })
        });
        Ok(Self {
            shapes: shapes.collect::<Result<_, _>>()?,
            schema: nullable(&schema),
        })
    }

    fn read(&self, frame: &Frame, fields: &[Field], head: &mut Head) -> Result<(), RowsError> {
        let batch = read::batch(frame, &self.schema)?;
        let rows = batch.num_rows().min(head.missing());
        let known = fields.iter().zip(&self.shapes).zip(batch.columns());
        for (((field, shape), array), column) in known.zip(head.columns()) {
            let first = array.slice(0, rows);
            text::each(*shape, field.scale, &first, &mut |text| {
                column.push(text.map(str::to_owned));
                Ok(())
            })?;
        }
        head.count(rows);
        Ok(())
    }
}
