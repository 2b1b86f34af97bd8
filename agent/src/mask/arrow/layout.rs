//! What the columns of a stream are: the announced type against the physical one.
//!
//! Readers differ in which of the two they believe (Python and JDBC the Arrow field, Go and .NET the
//! row type), so a stream in which they disagree is refused: masked by the one, a value could be read
//! by the other.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types of Arrow that are not named are not sent by Snowflake, those to come neither"
)]

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

use crate::mask::column;
use crate::mask::plan::{Column, Plan, Treatment};
use crate::mask::rows::RowsError;
use crate::snowflake::rowtype::{self, Type};

/// What `VARCHAR` without a length can hold; `byteLength` is no limit that a reader keeps to.
const TEXT_LENGTH: &str = "16777216";

/// How the values of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text, or JSON text.
    Text,
    /// Scaled whole numbers of any width.
    Number,
    Real,
    /// `struct{exponent, significand}`.
    Decfloat,
    Boolean,
    Date,
    Time,
    Timestamp(Timestamp),
    Binary,
    YearMonth,
    DayTime,
    /// Lists, structs, maps and vectors.
    Nested,
    /// Something that is not known.
    Opaque,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timestamp {
    /// One scaled whole number.
    Scaled,
    /// `struct{epoch, fraction}`: seconds and nanoseconds.
    Split,
    /// `struct{epoch, timezone}`: the epoch is scaled.
    ScaledZoned,
    /// `struct{epoch, fraction, timezone}`.
    SplitZoned,
}

/// What becomes of a column.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) shape: Shape,
    pub(super) becomes_text: bool,
    /// A column to scan the text inside nested values by: what stands there is text and no JSON.
    pub(super) leaf: Option<Column>,
}

/// Holds a schema against a plan: what its columns are, and the schema that goes out.
pub(super) fn layouts(plan: &Plan, schema: &Schema) -> Result<(Vec<Layout>, Schema), RowsError> {
    let (announced, found) = (plan.columns.len(), schema.fields().len());
    if announced != found {
        let what = format!("{found} columns instead of {announced}");
        return Err(RowsError::Schema(what));
    }
    let mut layouts = Vec::with_capacity(found);
    let mut fields = Vec::with_capacity(found);
    for (at, (column, field)) in plan.columns.iter().zip(schema.fields()).enumerate() {
        let shape = shape(&column.field, field.data_type()).ok_or_else(|| {
            let (announced, found) = (column.field.kind, field.data_type());
            RowsError::Schema(format!("{announced:?} came as {found}"))
        })?;
        let layout = Layout {
            shape,
            becomes_text: column::becomes_text(column),
            leaf: leaf(column, shape),
        };
        let name = plan.other_name(at);
        let name = name.or_else(|| rowtype::masked_name(field.name(), plan));
        fields.push(written(name, column, &layout, field));
        layouts.push(layout);
    }
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    Ok((layouts, schema))
}

/// `None`: the physical type is none that this type is sent as.
pub(super) fn shape(announced: &rowtype::Field, found: &DataType) -> Option<Shape> {
    use DataType as P;
    let is_integer = matches!(
        found,
        P::Int8 | P::Int16 | P::Int32 | P::Int64 | P::Decimal128(..)
    );
    let shape = match (announced.kind, found) {
        (Type::Text, P::Utf8) => Shape::Text,
        (Type::Variant | Type::Object | Type::Array | Type::Map, P::Utf8) => Shape::Text,
        (
            Type::Variant | Type::Object | Type::Array | Type::Map,
            P::List(_) | P::Struct(_) | P::Map(..),
        )
        | (Type::Vector, P::FixedSizeList(..)) => Shape::Nested,
        (Type::Fixed, P::Decimal128(_, scale)) => {
            // The scale stands in the metadata, or in the type itself.
            let scales = [0, i8::try_from(announced.scale).ok()?];
            scales.contains(scale).then_some(Shape::Number)?
        }
        (Type::Fixed, _) if is_integer => Shape::Number,
        (Type::Real, P::Float64 | P::Float32) => Shape::Real,
        (Type::Decfloat, P::Struct(fields)) => {
            let kinds: Vec<_> = fields.iter().map(|it| it.data_type()).collect();
            matches!(*kinds, [P::Int16, P::Binary]).then_some(Shape::Decfloat)?
        }
        (Type::Boolean, P::Boolean) => Shape::Boolean,
        (Type::Date, P::Date32) => Shape::Date,
        (Type::Time, P::Int32 | P::Int64) => Shape::Time,
        (Type::TimestampNtz | Type::TimestampLtz | Type::TimestampTz, found) => {
            Shape::Timestamp(timestamp(found)?)
        }
        (Type::Binary, P::Binary) => Shape::Binary,
        (Type::IntervalYearMonth, _) if is_integer => Shape::YearMonth,
        (Type::IntervalDayTime, _) if is_integer => Shape::DayTime,
        (Type::Other, P::Utf8) => Shape::Text,
        (Type::Other, _) => Shape::Opaque,
        _ => return None,
    };
    Some(shape)
}

pub(super) fn timestamp(found: &DataType) -> Option<Timestamp> {
    use DataType as P;
    let fields = match found {
        P::Int64 => return Some(Timestamp::Scaled),
        P::Struct(fields) => fields,
        _ => return None,
    };
    let fields: Vec<_> = fields
        .iter()
        .map(|it| (it.name().as_str(), it.data_type()))
        .collect();
    match *fields {
        [("epoch", P::Int64), ("fraction", P::Int32)] => Some(Timestamp::Split),
        [("epoch", P::Int64), ("timezone", P::Int32)] => Some(Timestamp::ScaledZoned),
        [
            ("epoch", P::Int64),
            ("fraction", P::Int32),
            ("timezone", P::Int32),
        ] => Some(Timestamp::SplitZoned),
        _ => None,
    }
}

fn leaf(column: &Column, shape: Shape) -> Option<Column> {
    let is_scanned = matches!(column.treatment, Treatment::Scan(_));
    (is_scanned && shape == Shape::Nested).then(|| {
        let mut leaf = column.clone();
        leaf.field.kind = Type::Text;
        leaf
    })
}

/// The field as it goes out, called as in the masked row type. Where a value may become NULL the field
/// says so, and says it before the first batch: a stream has one schema.
fn written(
    name: Option<String>,
    column: &Column,
    layout: &Layout,
    field: &Arc<Field>,
) -> Arc<Field> {
    let may_be_null = match &column.treatment {
        Treatment::Clear => false,
        Treatment::Scan(_) => matches!(layout.shape, Shape::Text | Shape::Number | Shape::Opaque),
        Treatment::Mask(_) => true,
    };
    let stays = field.is_nullable() || !may_be_null;
    if name.is_none() && stays && !layout.becomes_text {
        return Arc::clone(field);
    }
    let mut field = Field::clone(field);
    field.set_nullable(field.is_nullable() || may_be_null);
    if let Some(name) = name {
        field.set_name(name);
    }
    if layout.becomes_text {
        field.set_data_type(DataType::Utf8);
        let metadata = field.metadata_mut();
        metadata.insert("logicalType", "TEXT");
        metadata.insert("charLength", TEXT_LENGTH);
        metadata.insert("byteLength", TEXT_LENGTH);
        for key in ["precision", "scale", "physicalType"] {
            metadata.remove(key);
        }
    }
    Arc::new(field)
}
