//! Text: masked cell by cell, or looked through; and values that become text.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types of Arrow that are not named are not sent by Snowflake, those to come neither"
)]

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Float32Type, Float64Type, Int16Type};
use arrow_array::{
    Array as _, ArrayRef, FixedSizeListArray, ListArray, MapArray, StringArray, StructArray,
};
use arrow_schema::DataType;

use super::columns::{Budget, OTHER_TYPE};
use super::layout::Shape;
use super::numbers::integers;
use super::parts;
use super::timestamps::Moments;
use crate::mask::column::{Cell, Cells};
use crate::mask::rows::RowsError;
use crate::mask::shown;

/// What becomes of a text; what it becomes is appended.
pub(super) type Each<'a> = dyn FnMut(&str, &mut String) -> Cell + 'a;

/// Masks text, or looks through it.
pub(super) fn column(
    array: &ArrayRef,
    budget: &mut Budget,
    each: &mut Each<'_>,
) -> Result<ArrayRef, RowsError> {
    let values = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let mut rebuilt = Rebuilt::new(values);
    let mut scratch = String::new();
    for (row, value) in values.iter().enumerate() {
        let Some(value) = value else {
            // Bytes under a null are not looked at by anyone, so nobody may get them.
            if values.value_length(row) != 0 {
                rebuilt.append(row, None, budget)?;
            }
            continue;
        };
        scratch.clear();
        match each(value, &mut scratch) {
            Cell::Same => {}
            Cell::Null => rebuilt.append(row, None, budget)?,
            Cell::Text => rebuilt.append(row, Some(&scratch), budget)?,
        }
    }
    Ok(rebuilt.finish(budget)?.unwrap_or_else(|| Arc::clone(array)))
}

/// A column of text that is copied from the first value on that changes.
struct Rebuilt<'a> {
    values: &'a StringArray,
    builder: Option<StringBuilder>,
    /// Up to here the builder has the values.
    copied: usize,
}

impl<'a> Rebuilt<'a> {
    const fn new(values: &'a StringArray) -> Self {
        Self {
            values,
            builder: None,
            copied: 0,
        }
    }

    /// Appends what became of a row, after those before it that stayed as they are.
    fn append(
        &mut self,
        row: usize,
        value: Option<&str>,
        budget: &mut Budget,
    ) -> Result<(), RowsError> {
        self.copy(row, budget)?;
        let builder = self.builder(budget)?;
        match value {
            Some(value) => append(builder, value, budget)?,
            None => builder.append_null(),
        }
        self.copied = row + 1;
        Ok(())
    }

    fn copy(&mut self, to: usize, budget: &mut Budget) -> Result<(), RowsError> {
        if to <= self.copied {
            return Ok(());
        }
        let same = self.values.slice(self.copied, to - self.copied);
        let first = same.value_offsets().first().copied().unwrap_or_default();
        let last = same.value_offsets().last().copied().unwrap_or_default();
        let bytes = usize::try_from(last.saturating_sub(first)).unwrap_or(usize::MAX);
        let builder = self.builder(budget)?;
        room(builder, bytes, budget)?;
        builder
            .append_array(&same)
            .map_err(|_error| budget.too_large())?;
        self.copied = to;
        Ok(())
    }

    fn builder(&mut self, budget: &mut Budget) -> Result<&mut StringBuilder, RowsError> {
        if self.builder.is_none() {
            budget.take(self.values.len().saturating_mul(size_of::<i32>()))?;
            // What it will take is not known; most methods make less of a text than it was.
            let bytes = self.values.value_data().len() / 2;
            self.builder = Some(StringBuilder::with_capacity(self.values.len(), bytes));
        }
        Ok(self.builder.get_or_insert_default())
    }

    /// `None`: nothing changed.
    fn finish(mut self, budget: &mut Budget) -> Result<Option<ArrayRef>, RowsError> {
        if self.builder.is_none() {
            return Ok(None);
        }
        self.copy(self.values.len(), budget)?;
        let built = self.builder.map(|mut it| it.finish());
        Ok(built.map(|it| Arc::new(it) as ArrayRef))
    }
}

fn append(builder: &mut StringBuilder, value: &str, budget: &mut Budget) -> Result<(), RowsError> {
    room(builder, value.len(), budget)?;
    builder.append_value(value);
    Ok(())
}

/// Room for so many bytes more: offsets are 32 bits wide, and wider ones are read by few drivers.
fn room(builder: &StringBuilder, bytes: usize, budget: &mut Budget) -> Result<(), RowsError> {
    budget.take(bytes)?;
    let end = builder.values_slice().len().saturating_add(bytes);
    i32::try_from(end).map_err(|_error| budget.too_large())?;
    Ok(())
}

/// Looks through the text inside nested values, keys of maps too.
pub(super) fn nested(
    array: &ArrayRef,
    budget: &mut Budget,
    each: &mut Each<'_>,
) -> Result<ArrayRef, RowsError> {
    let nulls = array.nulls().cloned();
    let rebuilt: Result<ArrayRef, _> = match array.data_type() {
        DataType::Utf8 => return column(array, budget, each),
        DataType::List(field) => {
            let list = array.as_list_opt::<i32>().ok_or(OTHER_TYPE)?;
            let values = nested(list.values(), budget, each)?;
            let offsets = list.offsets().clone();
            ListArray::try_new(Arc::clone(field), offsets, values, nulls)
                .map(|it| Arc::new(it) as _)
        }
        DataType::FixedSizeList(field, size) => {
            let list = array.as_fixed_size_list_opt().ok_or(OTHER_TYPE)?;
            let values = nested(list.values(), budget, each)?;
            FixedSizeListArray::try_new(Arc::clone(field), *size, values, nulls)
                .map(|it| Arc::new(it) as _)
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct_opt().ok_or(OTHER_TYPE)?.columns().iter();
            let parts = parts.map(|part| nested(part, budget, each));
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            StructArray::try_new(fields.clone(), parts, nulls).map(|it| Arc::new(it) as _)
        }
        DataType::Map(field, is_sorted) => {
            let map = array.as_map_opt().ok_or(OTHER_TYPE)?;
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = nested(&entries, budget, each)?;
            let entries = entries.as_struct_opt().ok_or(OTHER_TYPE)?.clone();
            let offsets = map.offsets().clone();
            MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *is_sorted)
                .map(|it| Arc::new(it) as _)
        }
        _ => return Ok(Arc::clone(array)),
    };
    rebuilt.map_err(|_error| OTHER_TYPE)
}

/// Masks values as the text that people read: the column becomes text.
pub(super) fn shown(
    cells: &mut Cells<'_>,
    shape: Shape,
    array: &ArrayRef,
    budget: &mut Budget,
) -> Result<ArrayRef, RowsError> {
    if matches!(shape, Shape::Text | Shape::Nested | Shape::Opaque) {
        return Err(OTHER_TYPE);
    }
    let scale = cells.column.field.scale;
    budget.take(array.len().saturating_mul(size_of::<i32>()))?;
    let mut builder = StringBuilder::with_capacity(array.len(), 0);
    let mut masked = String::new();
    each(shape, scale, array, &mut |text| {
        let Some(text) = text else {
            builder.append_null();
            return Ok(());
        };
        masked.clear();
        match cells.text(text, &mut masked) {
            Cell::Text => append(&mut builder, &masked, budget)?,
            Cell::Same | Cell::Null => builder.append_null(),
        }
        Ok(())
    })?;
    Ok(Arc::new(builder.finish()))
}

/// What is done with the text of each value; `None` is a null.
pub(super) type EachText<'a> = dyn FnMut(Option<&str>) -> Result<(), RowsError> + 'a;

/// Shows every value of a column as people read it.
pub(super) fn each(
    shape: Shape,
    scale: u8,
    array: &ArrayRef,
    each: &mut EachText<'_>,
) -> Result<(), RowsError> {
    let mut texts = Texts { each };
    match shape {
        Shape::Number => texts.all(integers(array)?, |value, to| {
            shown::number(value, scale, to);
        })?,
        Shape::YearMonth => texts.all(integers(array)?, shown::year_month)?,
        Shape::DayTime => texts.all(integers(array)?, shown::day_time)?,
        Shape::Time => texts.all(integers(array)?, |value, to| time(value, scale, to))?,
        Shape::Real => match array.data_type() {
            DataType::Float32 => {
                let values = array.as_primitive_opt::<Float32Type>().ok_or(OTHER_TYPE)?;
                texts.all(values.iter(), |value, to| shown::real(value.into(), to))?;
            }
            _ => {
                let values = array.as_primitive_opt::<Float64Type>().ok_or(OTHER_TYPE)?;
                texts.all(values.iter(), shown::real)?;
            }
        },
        Shape::Decfloat => {
            let parts = array.as_struct_opt().ok_or(OTHER_TYPE)?;
            let part = |position: usize| parts.columns().get(position).ok_or(OTHER_TYPE);
            let exponents = part(0)?.as_primitive_opt::<Int16Type>().ok_or(OTHER_TYPE)?;
            let significands = part(1)?.as_binary_opt::<i32>().ok_or(OTHER_TYPE)?;
            let parts = exponents.iter().zip(significands);
            let parts = parts.enumerate().map(|(row, (exponent, significand))| {
                exponent.zip(significand).filter(|_| array.is_valid(row))
            });
            texts.all(parts, |(exponent, significand), to| {
                if let Some(significand) = big_endian(significand) {
                    shown::decfloat(significand, exponent, to);
                }
            })?;
        }
        Shape::Boolean => {
            let values = array.as_boolean_opt().ok_or(OTHER_TYPE)?;
            texts.all(values.iter(), shown::boolean)?;
        }
        Shape::Date => {
            let values = array.as_primitive_opt::<Date32Type>().ok_or(OTHER_TYPE)?;
            texts.all(values.iter(), |days, to| shown::date(days.into(), to))?;
        }
        Shape::Timestamp(kind) => {
            let moments = Moments::new(kind, scale, array)?;
            texts.all(moments.iter(), |moment, to| {
                if let Ok(it) = moment {
                    shown::timestamp(it.seconds, it.nanoseconds, scale, it.offset, to);
                }
            })?;
        }
        Shape::Binary => {
            let values = array.as_binary_opt::<i32>().ok_or(OTHER_TYPE)?;
            texts.all(values.iter(), shown::binary)?;
        }
        Shape::Text => {
            let values = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
            values.iter().try_for_each(texts.each)?;
        }
        Shape::Nested | Shape::Opaque => {
            let rows = (0..array.len()).map(|row| array.is_valid(row).then_some(row));
            texts.all(rows, |row, to| parts::write(array, None, row, to))?;
        }
    }
    Ok(())
}

/// Values as text, one after the other.
struct Texts<'a, 'e> {
    each: &'a mut EachText<'e>,
}

impl Texts<'_, '_> {
    fn all<T>(
        &mut self,
        values: impl Iterator<Item = Option<T>>,
        show: impl Fn(T, &mut String),
    ) -> Result<(), RowsError> {
        let mut text = String::new();
        for value in values {
            let Some(value) = value else {
                (self.each)(None)?;
                continue;
            };
            text.clear();
            show(value, &mut text);
            (self.each)(Some(&text))?;
        }
        Ok(())
    }
}

/// A time of day in units of its scale.
fn time(value: i128, scale: u8, output: &mut String) {
    let Some(units) = 10_i128.checked_pow(u32::from(scale.min(9))) else {
        return;
    };
    let seconds = u32::try_from(value.div_euclid(units));
    let nanoseconds = u32::try_from(value.rem_euclid(units) * (1_000_000_000 / units));
    if let (Ok(seconds), Ok(nanoseconds)) = (seconds, nanoseconds) {
        shown::time(seconds, nanoseconds, scale, output);
    }
}

/// A significand: two's complement, the highest byte first. `None`: it has more digits than 38.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let mut all = [if is_negative { 0xFF } else { 0 }; 16];
    let rest = all.len().checked_sub(bytes.len())?;
    all.get_mut(rest..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(all))
}
