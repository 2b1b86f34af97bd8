//! Streams and plans to test with.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeListArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, StructArray, types,
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use zeroize::Zeroizing;

use crate::mask::column::Tally;
use crate::mask::content::Content;
use crate::mask::detect::Hint;
use crate::mask::key::MasterKey;
use crate::mask::method::{Masking, Method, Otherwise, Rule};
use crate::mask::plan::{Column, Plan, Treatment};
use crate::mask::rows::{Chunk, Format, RowsError};
use crate::snowflake::rowtype::{self, Type};

/// A way in which Snowflake sends values of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Text,
    Json,
    Int8,
    Int16,
    Int32,
    Int64,
    Decimal,
    Real,
    Decfloat,
    Boolean,
    Date,
    Time32,
    Time64,
    Scaled,
    Split,
    ScaledZoned,
    SplitZoned,
    Binary,
    List,
    Struct,
    Map,
    Vector,
    YearMonth,
    DayTime,
}

pub(super) const ALL: [Sent; 24] = [
    Sent::Text,
    Sent::Json,
    Sent::Int8,
    Sent::Int16,
    Sent::Int32,
    Sent::Int64,
    Sent::Decimal,
    Sent::Real,
    Sent::Decfloat,
    Sent::Boolean,
    Sent::Date,
    Sent::Time32,
    Sent::Time64,
    Sent::Scaled,
    Sent::Split,
    Sent::ScaledZoned,
    Sent::SplitZoned,
    Sent::Binary,
    Sent::List,
    Sent::Struct,
    Sent::Map,
    Sent::Vector,
    Sent::YearMonth,
    Sent::DayTime,
];

impl Sent {
    /// The announced type with its scale.
    pub(super) const fn announced(self) -> (Type, u8) {
        match self {
            Self::Text => (Type::Text, 0),
            Self::Json => (Type::Variant, 0),
            Self::Int8 | Self::Int32 => (Type::Fixed, 0),
            Self::Int16 | Self::Int64 | Self::Decimal => (Type::Fixed, 2),
            Self::Real => (Type::Real, 0),
            Self::Decfloat => (Type::Decfloat, 0),
            Self::Boolean => (Type::Boolean, 0),
            Self::Date => (Type::Date, 0),
            Self::Time32 => (Type::Time, 3),
            Self::Time64 => (Type::Time, 9),
            Self::Scaled => (Type::TimestampNtz, 3),
            Self::Split => (Type::TimestampLtz, 9),
            Self::ScaledZoned => (Type::TimestampTz, 3),
            Self::SplitZoned => (Type::TimestampTz, 9),
            Self::Binary => (Type::Binary, 0),
            Self::List => (Type::Array, 0),
            Self::Struct => (Type::Object, 0),
            Self::Map => (Type::Map, 0),
            Self::Vector => (Type::Vector, 0),
            Self::YearMonth => (Type::IntervalYearMonth, 0),
            Self::DayTime => (Type::IntervalDayTime, 0),
        }
    }

    /// Values of this type, each from a number; different numbers below 100 give different values, but
    /// for booleans.
    pub(super) fn array(self, seeds: &[Option<u8>]) -> ArrayRef {
        let seeds = seeds.to_vec();
        let ints = || seeds.iter().map(|seed| seed.map(i64::from));
        let texts = || {
            seeds
                .iter()
                .map(|seed| seed.map(|seed| format!("secret-{seed}@example.org")))
        };
        let epochs = || ints().map(|seed| seed.map_or(0, |seed| 1_700_000_000 + seed * 86_399));
        let small = || ints().map(|seed| i32::try_from(seed.unwrap_or(0)).unwrap());
        let nulls = || NullBuffer::from_iter(seeds.iter().map(Option::is_some));
        let structure = |fields: &[(&str, ArrayRef)]| -> ArrayRef {
            let parts = fields.iter().map(|(_, part)| Arc::clone(part)).collect();
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, part)| Field::new(*name, part.data_type().clone(), false))
                .collect();
            Arc::new(StructArray::new(fields.into(), parts, Some(nulls())))
        };
        let epoch: ArrayRef = Arc::new(Int64Array::from_iter_values(epochs()));
        let fraction: ArrayRef = Arc::new(Int32Array::from_iter_values(small()));
        let zone: ArrayRef = Arc::new(Int32Array::from_iter_values(small().map(|it| it + 1440)));
        match self {
            Self::Text => Arc::new(StringArray::from_iter(texts())),
            Self::Json => Arc::new(StringArray::from_iter(
                texts().map(|text| text.map(|text| format!("{{\"it\": \"{text}\"}}"))),
            )),
            Self::Int8 => Arc::new(Int8Array::from_iter(
                ints().map(|it| it.map(|it| i8::try_from(it % 100 + 1).unwrap())),
            )),
            Self::Int16 => Arc::new(Int16Array::from_iter(
                ints().map(|it| it.map(|it| i16::try_from(it * 100 + 1).unwrap())),
            )),
            Self::Int32 | Self::Time32 | Self::YearMonth => Arc::new(Int32Array::from_iter(
                ints().map(|it| it.map(|it| i32::try_from(it * 100 + 1).unwrap())),
            )),
            Self::Int64 | Self::Time64 | Self::DayTime => Arc::new(Int64Array::from_iter(
                ints().map(|it| it.map(|it| it * 1_000_003 + 1)),
            )),
            Self::Decimal => Arc::new(
                Decimal128Array::from_iter(ints().map(|it| it.map(|it| i128::from(it) * 7 + 1)))
                    .with_precision_and_scale(38, 2)
                    .unwrap(),
            ),
            Self::Real => Arc::new(Float64Array::from_iter(
                small()
                    .zip(&seeds)
                    .map(|(it, seed)| seed.map(|_| f64::from(it) + 0.25)),
            )),
            Self::Decfloat => {
                let bytes: Vec<[u8; 1]> = seeds.iter().map(|it| [it.unwrap_or(0)]).collect();
                let significands: ArrayRef = Arc::new(BinaryArray::from_iter_values(bytes));
                let exponents: ArrayRef =
                    Arc::new(Int16Array::from_iter_values(seeds.iter().map(|_| -2)));
                structure(&[("exponent", exponents), ("significand", significands)])
            }
            Self::Boolean => Arc::new(BooleanArray::from_iter(
                seeds.iter().map(|it| it.map(|it| it % 2 == 0)),
            )),
            Self::Date => Arc::new(Date32Array::from_iter(
                small()
                    .zip(&seeds)
                    .map(|(it, seed)| seed.map(|_| it * 37 + 11)),
            )),
            Self::Scaled => Arc::new(Int64Array::from_iter(
                epochs()
                    .zip(&seeds)
                    .map(|(it, seed)| seed.map(|_| it * 1000 + 7)),
            )),
            Self::Split => structure(&[("epoch", epoch), ("fraction", fraction)]),
            Self::ScaledZoned => structure(&[("epoch", epoch), ("timezone", zone)]),
            Self::SplitZoned => {
                structure(&[("epoch", epoch), ("fraction", fraction), ("timezone", zone)])
            }
            Self::Binary => Arc::new(BinaryArray::from_iter(texts())),
            Self::List => {
                let mut list = ListBuilder::new(StringBuilder::new());
                for text in texts() {
                    list.append_option(text.map(|text| vec![Some(text.clone()), None, Some(text)]));
                }
                Arc::new(list.finish())
            }
            Self::Struct => {
                let names = texts().map(Option::unwrap_or_default);
                structure(&[
                    ("name", Arc::new(StringArray::from_iter_values(names))),
                    ("number", fraction),
                ])
            }
            Self::Map => {
                let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
                for text in texts() {
                    if let Some(text) = &text {
                        map.keys().append_value(text);
                        map.values().append_value(1);
                    }
                    map.append(text.is_some()).unwrap();
                }
                Arc::new(map.finish())
            }
            Self::Vector => {
                let values = small().flat_map(|it| [1, it]);
                let values = values.map(|it| f32::from(u8::try_from(it).unwrap()));
                let field = Arc::new(Field::new("item", DataType::Float32, false));
                let values = Arc::new(Float32Array::from_iter_values(values));
                Arc::new(FixedSizeListArray::new(field, 2, values, Some(nulls())))
            }
        }
    }
}

pub(super) fn masking(method: Method, retype: bool) -> Arc<Masking> {
    let rule = Rule {
        method,
        otherwise: Otherwise::Null,
        retype,
    };
    let key = MasterKey::new(Zeroizing::new([7; 32])).of("pii");
    Arc::new(Masking::new("pii".into(), 1, rule, key))
}

pub(super) fn mask(method: Method) -> Treatment {
    Treatment::Mask(masking(method, false))
}

pub(super) fn retype(method: Method) -> Treatment {
    Treatment::Mask(masking(method, true))
}

pub(super) fn scan() -> Treatment {
    Treatment::Scan(Hint::default())
}

pub(super) fn plan(columns: impl IntoIterator<Item = ((Type, u8), Treatment)>) -> Arc<Plan> {
    let columns = columns.into_iter().enumerate();
    let columns = columns.map(|(position, ((kind, scale), treatment))| Column {
        field: rowtype::Field {
            name: format!("C{position}"),
            kind,
            scale,
            precision: 38,
            nullable: true,
            fields: Vec::new(),
        },
        treatment,
        labels: BTreeSet::new(),
        reason: None,
        cleared: None,
    });
    Arc::new(Plan {
        columns: columns.collect(),
        content: Arc::new(Content::default()),
        cleared: [].into(),
    })
}

/// The schema of some columns, with the metadata of Snowflake's.
pub(super) fn schema(columns: &[ArrayRef]) -> SchemaRef {
    let fields = columns.iter().enumerate().map(|(position, array)| {
        let field = Field::new(format!("C{position}"), array.data_type().clone(), true);
        field.with_metadata([
            ("logicalType", "ANY"),
            ("precision", "38"),
            ("scale", "0"),
            ("finalType", "T"),
        ])
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Arc::new(schema.with_metadata([("made", "here")]))
}

pub(super) fn batch(columns: &[ArrayRef]) -> RecordBatch {
    let rows = columns.first().map_or(0, |it| it.len());
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema(columns), columns.to_vec(), &options).unwrap()
}

pub(super) fn write(schema: &Schema, batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

pub(super) fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    write(&batches[0].schema(), batches)
}

/// Masks a stream that comes in pieces; also what was given out when it is refused.
pub(super) fn run(
    plan: &Arc<Plan>,
    stream: &[u8],
    piece: usize,
    bytes_max: usize,
) -> (Vec<u8>, Result<Tally, RowsError>) {
    let mut output = Vec::new();
    let mut chunk = Chunk::new(Arc::clone(plan), Format::Arrow, bytes_max);
    for bytes in stream.chunks(piece.max(1)) {
        if let Err(error) = chunk.push(bytes, &mut output) {
            return (output, Err(error));
        }
    }
    let ended = chunk.finish(&mut output);
    (output, ended)
}

#[track_caller]
pub(super) fn masked(plan: &Arc<Plan>, stream: &[u8]) -> (SchemaRef, Vec<RecordBatch>, Tally) {
    let (output, tally) = run(plan, stream, stream.len(), 1 << 20);
    let (schema, batches) = read(&output);
    (schema, batches, tally.unwrap())
}

#[track_caller]
pub(super) fn read(stream: &[u8]) -> (SchemaRef, Vec<RecordBatch>) {
    let mut decoder = StreamDecoder::new();
    let mut buffer = Buffer::from(stream);
    let mut batches = Vec::new();
    while !buffer.is_empty() {
        batches.extend(decoder.decode(&mut buffer).unwrap());
    }
    decoder.finish().unwrap();
    (decoder.schema().unwrap(), batches)
}

pub(super) fn longs(array: &ArrayRef) -> Vec<Option<i64>> {
    array.as_primitive::<types::Int64Type>().iter().collect()
}

pub(super) fn texts(array: &ArrayRef) -> Vec<Option<&str>> {
    array.as_string::<i32>().iter().collect()
}
