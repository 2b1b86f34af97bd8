//! Streams and plans to test with.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    RecordBatch, RecordBatchOptions, StringArray, StructArray, types,
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
        let ints = || seeds.iter().map(|seed| seed.map(i64::from));
        let smalls = || seeds.iter().map(|seed| seed.map(i32::from));
        match self {
            Self::Text => Arc::new(StringArray::from_iter(secrets(seeds))),
            Self::Json => Arc::new(StringArray::from_iter(
                secrets(seeds).map(|text| text.map(|text| format!("{{\"it\": \"{text}\"}}"))),
            )),
            Self::Int8 => Arc::new(Int8Array::from_iter(
                ints().map(|it| it.map(|it| i8::try_from(it % 100 + 1).unwrap())),
            )),
            Self::Int16 => Arc::new(Int16Array::from_iter(
                ints().map(|it| it.map(|it| i16::try_from(it * 100 + 1).unwrap())),
            )),
            Self::Int32 | Self::Time32 | Self::YearMonth => Arc::new(Int32Array::from_iter(
                smalls().map(|it| it.map(|it| it * 100 + 1)),
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
                smalls().map(|it| it.map(|it| f64::from(it) + 0.25)),
            )),
            Self::Boolean => Arc::new(BooleanArray::from_iter(
                seeds.iter().map(|it| it.map(|it| it % 2 == 0)),
            )),
            Self::Date => Arc::new(Date32Array::from_iter(
                smalls().map(|it| it.map(|it| it * 37 + 11)),
            )),
            Self::Scaled => Arc::new(Int64Array::from_iter(
                ints().map(|it| it.map(|it| epoch(it) * 1000 + 7)),
            )),
            Self::Binary => Arc::new(BinaryArray::from_iter(secrets(seeds))),
            Self::Decfloat
            | Self::Split
            | Self::ScaledZoned
            | Self::SplitZoned
            | Self::List
            | Self::Struct
            | Self::Map
            | Self::Vector => self.nested(seeds),
        }
    }

    fn nested(self, seeds: &[Option<u8>]) -> ArrayRef {
        let filled = || seeds.iter().map(|seed| seed.unwrap_or(0));
        let epochs: ArrayRef = Arc::new(Int64Array::from_iter_values(
            filled().map(|it| epoch(it.into())),
        ));
        let fractions: ArrayRef = Arc::new(Int32Array::from_iter_values(filled().map(i32::from)));
        let zones = filled().map(|it| i32::from(it) + 1440);
        let zones: ArrayRef = Arc::new(Int32Array::from_iter_values(zones));
        let nulls = NullBuffer::from_iter(seeds.iter().map(Option::is_some));
        let parts = match self {
            Self::Decfloat => {
                let bytes: ArrayRef =
                    Arc::new(BinaryArray::from_iter_values(filled().map(|it| [it])));
                let exponents = Int16Array::from_iter_values(seeds.iter().map(|_| -2));
                vec![
                    ("exponent", Arc::new(exponents) as _),
                    ("significand", bytes),
                ]
            }
            Self::Split => vec![("epoch", epochs), ("fraction", fractions)],
            Self::ScaledZoned => vec![("epoch", epochs), ("timezone", zones)],
            Self::SplitZoned => {
                vec![
                    ("epoch", epochs),
                    ("fraction", fractions),
                    ("timezone", zones),
                ]
            }
            Self::Struct => {
                let names = secrets(seeds).map(Option::unwrap_or_default);
                let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
                vec![("name", names), ("number", fractions)]
            }
            Self::List => return list(seeds),
            Self::Map => return map(seeds),
            Self::Vector => return vector(seeds),
            Self::Text
            | Self::Json
            | Self::Int8
            | Self::Int16
            | Self::Int32
            | Self::Int64
            | Self::Decimal
            | Self::Real
            | Self::Boolean
            | Self::Date
            | Self::Time32
            | Self::Time64
            | Self::Scaled
            | Self::Binary
            | Self::YearMonth
            | Self::DayTime => return self.array(seeds),
        };
        let fields = parts.iter().map(|(name, part): &(&str, ArrayRef)| {
            Field::new(*name, part.data_type().clone(), false)
        });
        let fields: Vec<_> = fields.collect();
        let parts = parts.into_iter().map(|(_, part)| part).collect();
        Arc::new(StructArray::new(fields.into(), parts, Some(nulls)))
    }
}

fn list(seeds: &[Option<u8>]) -> ArrayRef {
    let mut list = ListBuilder::new(StringBuilder::new());
    for text in secrets(seeds) {
        list.append_option(text.map(|text| vec![Some(text.clone()), None, Some(text)]));
    }
    Arc::new(list.finish())
}

fn map(seeds: &[Option<u8>]) -> ArrayRef {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for text in secrets(seeds) {
        if let Some(text) = &text {
            map.keys().append_value(text);
            map.values().append_value(1);
        }
        map.append(text.is_some()).unwrap();
    }
    Arc::new(map.finish())
}

fn vector(seeds: &[Option<u8>]) -> ArrayRef {
    let values = seeds.iter().map(|seed| f32::from(seed.unwrap_or(0)));
    let values = values.flat_map(|it| [1.0, it]);
    let values = Arc::new(Float32Array::from_iter_values(values));
    let nulls = NullBuffer::from_iter(seeds.iter().map(Option::is_some));
    let field = Arc::new(Field::new("item", DataType::Float32, false));
    Arc::new(FixedSizeListArray::new(field, 2, values, Some(nulls)))
}

fn secrets(seeds: &[Option<u8>]) -> impl Iterator<Item = Option<String>> {
    let text = |seed| format!("secret-{seed}@example.org");
    seeds.iter().map(move |seed| seed.map(text))
}

const fn epoch(seed: i64) -> i64 {
    1_700_000_000 + seed * 86_399
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
    let columns = columns.map(|(position, ((kind, scale), treatment))| {
        let name = format!("C{position}");
        Column::new(rowtype::Field::new(&name, kind, scale), treatment)
    });
    Arc::new(Plan {
        columns: columns.collect(),
        content: Arc::new(Content::default()),
        cleared: [].into(),
        hides_names: false,
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
