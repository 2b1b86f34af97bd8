//! Reads messages: a schema, and the batches that belong to it.
//!
//! `arrow-ipc` checks offsets, UTF-8 and lengths of the arrays that it makes, but takes the numbers of a
//! message as they are: it slices the body by them (which panics outside of it), counts rows by them,
//! and reads whatever types a schema names. So everything a message says is checked here first:
//!
//! - no compression, no dictionaries, little-endian, metadata version 4 or 5;
//! - only types that Snowflake sends, nested no deeper than [`DEPTH_MAX`], and none whose values take
//!   no bytes (nulls without a type, structs without fields, lists of zero), of which a few bytes could
//!   announce billions;
//! - as many nodes and buffers as the schema has, each buffer inside the body and after the one before
//!   it: bytes that two columns share would be given out by the one that is not masked, and written
//!   as often as they are named;
//! - offsets that are whole numbers of four bytes, which `arrow-data` takes for given;
//! - no array longer than the bits of the body, no more nulls than values.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types of Arrow that are not named are not sent by Snowflake, those to come neither"
)]

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::RecordBatchDecoder;
use arrow_ipc::{Endianness, Message, MessageHeader, MetadataVersion};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::frame::{Frame, malformed};
use crate::mask::rows::RowsError;

/// How deep values may be nested. Snowflake's own limit for structured types is far below what anyone
/// writes by hand; ours is there because types and arrays are walked by recursion.
const DEPTH_MAX: usize = 32;

/// Reads the first message of a stream.
pub(super) fn schema(frame: &Frame) -> Result<(Schema, MetadataVersion), RowsError> {
    let message = frame.message.as_ref();
    let version = version(&message)?;
    if message.header_type() != MessageHeader::Schema {
        return Err(malformed("the stream does not begin with a schema"));
    }
    let schema = message.header_as_schema();
    let schema = schema.ok_or(malformed("a schema without its fields"))?;
    if schema.endianness() != Endianness::Little {
        return Err(malformed("numbers with their bytes the other way round"));
    }
    let schema = try_fb_to_schema(schema).map_err(|_error| malformed("the schema is broken"))?;
    for field in schema.fields() {
        add(field.data_type(), 0, &mut Parts::default())?;
    }
    Ok((schema, version))
}

/// Reads a message that is a batch of rows.
pub(super) fn batch(frame: &Frame, schema: &SchemaRef) -> Result<RecordBatch, RowsError> {
    let message = frame.message.as_ref();
    let version = version(&message)?;
    if message.header_type() == MessageHeader::Schema {
        return Err(malformed("a second schema"));
    }
    if message.header_type() != MessageHeader::RecordBatch {
        return Err(malformed("a message that is no batch of rows"));
    }
    let batch = message.header_as_record_batch();
    let batch = batch.ok_or(malformed("a batch of rows without its description"))?;
    check(&batch, frame.body.len(), schema)?;
    // The checks above leave no way to a panic that is known. This is for those that are not: one in
    // the decoder ends this result, not the connection's task with its sessions. It borrows nothing that
    // is used after it.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let (none, schema) = (HashMap::new(), Arc::clone(schema));
        RecordBatchDecoder::try_new(&frame.body, batch, schema, &none, &version)?
            .read_record_batch()
    }));
    match read {
        Ok(Ok(batch)) => Ok(batch),
        Ok(Err(_)) => Err(malformed("a batch of rows does not hold what it says")),
        Err(_) => Err(malformed("a batch of rows cannot be read")),
    }
}

fn version(message: &Message<'_>) -> Result<MetadataVersion, RowsError> {
    match message.version() {
        version @ (MetadataVersion::V4 | MetadataVersion::V5) => Ok(version),
        _ => Err(malformed("another version of Arrow")),
    }
}

/// The parts of some arrays.
#[derive(Debug, Default)]
struct Parts {
    nodes: usize,
    /// For each buffer whether it is one of offsets.
    buffers: Vec<bool>,
}

/// Adds what belongs to an array of a type; types that are not read are refused.
fn add(kind: &DataType, depth: usize, parts: &mut Parts) -> Result<(), RowsError> {
    use DataType as T;
    if depth > DEPTH_MAX {
        return Err(malformed("values are nested too deep"));
    }
    let (buffers, children): (&[bool], &mut dyn Iterator<Item = &DataType>) = match kind {
        T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::Float32
        | T::Float64
        | T::Date32
        | T::Decimal128(..) => (&[false, false], &mut std::iter::empty()),
        T::Utf8 | T::Binary => (&[false, true, false], &mut std::iter::empty()),
        T::List(field) | T::Map(field, _) => {
            (&[false, true], &mut std::iter::once(field.data_type()))
        }
        T::FixedSizeList(field, 1..) => (&[false], &mut std::iter::once(field.data_type())),
        T::Struct(fields) if !fields.is_empty() => {
            (&[false], &mut fields.iter().map(|it| it.data_type()))
        }
        other => return Err(RowsError::Schema(format!("a column of type {other}"))),
    };
    parts.nodes += 1;
    parts.buffers.extend(buffers);
    for child in children {
        add(child, depth + 1, parts)?;
    }
    Ok(())
}

fn check(
    batch: &arrow_ipc::RecordBatch<'_>,
    body: usize,
    schema: &Schema,
) -> Result<(), RowsError> {
    if batch.compression().is_some() {
        return Err(malformed("a compressed batch of rows"));
    }
    let mut parts = Parts::default();
    for field in schema.fields() {
        add(field.data_type(), 0, &mut parts)?;
    }
    let nodes = batch.nodes().unwrap_or_default();
    let buffers = batch.buffers().unwrap_or_default();
    if (nodes.len(), buffers.len()) != (parts.nodes, parts.buffers.len()) {
        return Err(malformed("a batch of rows has other parts than the schema"));
    }
    // A value takes at least a bit.
    let rows_max = body.saturating_mul(8);
    let is_within = |count: i64, max: usize| usize::try_from(count).is_ok_and(|it| it <= max);
    if !is_within(
        batch.length(),
        if nodes.is_empty() {
            usize::MAX
        } else {
            rows_max
        },
    ) {
        return Err(malformed("a batch has more rows than bits"));
    }
    for node in nodes {
        let length = usize::try_from(node.length()).unwrap_or(usize::MAX);
        if length > rows_max || !is_within(node.null_count(), length) {
            return Err(malformed("a column has more values than bits"));
        }
    }
    let mut free = 0;
    for (buffer, is_offsets) in buffers.iter().zip(parts.buffers) {
        let (from, length) = (buffer.offset(), buffer.length());
        let end = from.saturating_add(length);
        if from < 0 || length < 0 || !is_within(end, body) {
            return Err(malformed("a column lies outside its batch"));
        }
        if is_offsets && length % 4 != 0 {
            return Err(malformed("a part of an offset"));
        }
        if length > 0 {
            if from < free {
                return Err(malformed("columns share their bytes"));
            }
            free = end;
        }
    }
    Ok(())
}
