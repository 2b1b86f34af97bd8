//! Numbers and dates: they keep their physical type.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types of Arrow that are not named are not sent by Snowflake, those to come neither"
)]

use std::sync::Arc;

use arrow_array::builder::PrimitiveBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType};
use arrow_schema::DataType;

use super::columns::OTHER_TYPE;
use crate::mask::column::Cells;
use crate::mask::rows::RowsError;
use crate::mask::shown;

/// Masks scaled whole numbers of any width. What does not fit the width is NULL: chunks of one result
/// differ in it, so it cannot be widened here.
pub(super) fn whole(cells: &mut Cells<'_>, array: &ArrayRef) -> Result<ArrayRef, RowsError> {
    match array.data_type() {
        DataType::Int8 => whole_of::<Int8Type>(cells, array),
        DataType::Int16 => whole_of::<Int16Type>(cells, array),
        DataType::Int32 => whole_of::<Int32Type>(cells, array),
        DataType::Int64 => whole_of::<Int64Type>(cells, array),
        DataType::Decimal128(..) => whole_of::<Decimal128Type>(cells, array),
        _ => Err(OTHER_TYPE),
    }
}

fn whole_of<T>(cells: &mut Cells<'_>, array: &ArrayRef) -> Result<ArrayRef, RowsError>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128> + TryFrom<i128>,
{
    let scale = cells.column.field.scale;
    let limit = match array.data_type() {
        DataType::Decimal128(precision, _) => 10_u128.checked_pow(u32::from(*precision)),
        _ => None,
    };
    each::<T>(cells, array, |cells, value| {
        let masked = cells.masking()?.number(value.into(), scale)?;
        let fits = limit.is_none_or(|limit| masked.unsigned_abs() < limit);
        T::Native::try_from(masked).ok().filter(|_| fits)
    })
}

pub(super) fn real(cells: &mut Cells<'_>, array: &ArrayRef) -> Result<ArrayRef, RowsError> {
    match array.data_type() {
        DataType::Float64 => {
            each::<Float64Type>(cells, array, |cells, value| cells.masking()?.real(value))
        }
        // Snowflake sends none, and what a method makes of it may not be one of these.
        DataType::Float32 => each::<Float32Type>(cells, array, |_, _| None),
        _ => Err(OTHER_TYPE),
    }
}

pub(super) fn date(cells: &mut Cells<'_>, array: &ArrayRef) -> Result<ArrayRef, RowsError> {
    each::<Date32Type>(cells, array, |cells, days| cells.masking()?.date(days))
}

/// Makes a column anew, value by value; where a value becomes NULL zero stands under it.
fn each<T: ArrowPrimitiveType>(
    cells: &mut Cells<'_>,
    array: &ArrayRef,
    mut mask: impl FnMut(&Cells<'_>, T::Native) -> Option<T::Native>,
) -> Result<ArrayRef, RowsError> {
    let values = array.as_primitive_opt::<T>().ok_or(OTHER_TYPE)?;
    let mut masked = PrimitiveBuilder::<T>::with_capacity(values.len());
    for value in values {
        masked.append_option(value.and_then(|value| {
            cells.count_masked();
            mask(cells, value)
        }));
    }
    let masked = masked.finish();
    Ok(Arc::new(masked.with_data_type(values.data_type().clone())))
}

/// The first whole numbers of a column as text.
pub(super) fn first(array: &ArrayRef, count: usize) -> Result<Vec<String>, RowsError> {
    let text = |value: i128| {
        let mut text = String::new();
        shown::number(value, 0, &mut text);
        text
    };
    Ok(integers(array)?.flatten().take(count).map(text).collect())
}

/// The values of a column of whole numbers.
pub(super) fn integers(
    array: &ArrayRef,
) -> Result<Box<dyn Iterator<Item = Option<i128>> + '_>, RowsError> {
    match array.data_type() {
        DataType::Int8 => integers_of::<Int8Type>(array),
        DataType::Int16 => integers_of::<Int16Type>(array),
        DataType::Int32 => integers_of::<Int32Type>(array),
        DataType::Int64 => integers_of::<Int64Type>(array),
        DataType::Decimal128(..) => integers_of::<Decimal128Type>(array),
        _ => Err(OTHER_TYPE),
    }
}

fn integers_of<T>(
    array: &ArrayRef,
) -> Result<Box<dyn Iterator<Item = Option<i128>> + '_>, RowsError>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    let values = array.as_primitive_opt::<T>().ok_or(OTHER_TYPE)?;
    Ok(Box::new(values.iter().map(|value| value.map(Into::into))))
}
