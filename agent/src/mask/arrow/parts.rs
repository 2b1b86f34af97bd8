//! Values of several parts, and those of types that are not known, as JSON that people read.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types of Arrow that are not named are not sent by Snowflake, those to come neither"
)]

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Float32Type, Float64Type};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::{DataType, Field};

use super::layout;
use super::numbers::integers;
use super::timestamps::Moments;
use crate::mask::shown;

/// Appends one value of an array. `field` is what the schema says of the array, where it is a part of
/// another. What is not known is `?`.
pub(super) fn write(array: &ArrayRef, field: Option<&Field>, row: usize, output: &mut String) {
    if array.is_null(row) {
        return output.push_str("null");
    }
    let written = match array.data_type() {
        DataType::Utf8 => text(array, row, output),
        DataType::List(field) => array.as_list_opt::<i32>().map(|list| {
            items(&list.value(row), field, output);
        }),
        DataType::FixedSizeList(field, _) => array.as_fixed_size_list_opt().map(|list| {
            items(&list.value(row), field, output);
        }),
        kind @ DataType::Struct(_) if layout::timestamp(kind).is_some() => {
            timestamp(array, field, row, output)
        }
        DataType::Struct(fields) => array.as_struct_opt().map(|parts| {
            let parts = fields.iter().zip(parts.columns());
            list(output, ['{', '}'], parts, |(field, part), output| {
                quote(field.name(), output);
                output.push(':');
                write(part, Some(field), row, output);
            });
        }),
        DataType::Map(..) => map(array, row, output),
        _ => scalar(array, field, row, output),
    };
    if written.is_none() {
        output.push('?');
    }
}

fn scalar(array: &ArrayRef, field: Option<&Field>, row: usize, output: &mut String) -> Option<()> {
    match array.data_type() {
        DataType::Boolean => shown::boolean(array.as_boolean_opt()?.value(row), output),
        DataType::Float64 => {
            let values = array.as_primitive_opt::<Float64Type>()?;
            shown::real(values.value(row), output);
        }
        DataType::Float32 => {
            let values = array.as_primitive_opt::<Float32Type>()?;
            // By way of text: as a wider number it would have digits that it never had.
            shown::real(values.value(row).to_string().parse().ok()?, output);
        }
        DataType::Date32 => {
            let values = array.as_primitive_opt::<Date32Type>()?;
            output.push('"');
            shown::date(values.value(row).into(), output);
            output.push('"');
        }
        DataType::Binary => {
            output.push('"');
            shown::binary(array.as_binary_opt::<i32>()?.value(row), output);
            output.push('"');
        }
        _ => {
            let value = integers(&array.slice(row, 1)).ok()?.next()??;
            shown::number(value, scale(field).unwrap_or(0), output);
        }
    }
    Some(())
}

fn text(array: &ArrayRef, row: usize, output: &mut String) -> Option<()> {
    quote(array.as_string_opt::<i32>()?.value(row), output);
    Some(())
}

fn timestamp(
    array: &ArrayRef,
    field: Option<&Field>,
    row: usize,
    output: &mut String,
) -> Option<()> {
    /// The most that there are, where it is not told.
    const SCALE: u8 = 9;
    let scale = scale(field).unwrap_or(SCALE);
    let kind = layout::timestamp(array.data_type())?;
    let one = array.slice(row, 1);
    let moments = Moments::new(kind, scale, &one).ok()?;
    let moment = moments.iter().next()??.ok()?;
    output.push('"');
    shown::timestamp(
        moment.seconds,
        moment.nanoseconds,
        scale,
        moment.offset,
        output,
    );
    output.push('"');
    Some(())
}

fn map(array: &ArrayRef, row: usize, output: &mut String) -> Option<()> {
    let entries = array.as_map_opt()?.value(row);
    let [keys, values] = entries.columns() else {
        return None;
    };
    let field = entries.fields().get(1)?;
    list(output, ['{', '}'], 0..entries.len(), |at, output| {
        let mut key = String::new();
        write(keys, None, at, &mut key);
        // Keys that are numbers are keys in quotes all the same.
        if key.starts_with('"') {
            output.push_str(&key);
        } else {
            quote(&key, output);
        }
        output.push(':');
        write(values, Some(field), at, output);
    });
    Some(())
}

fn items(values: &ArrayRef, field: &Field, output: &mut String) {
    list(output, ['[', ']'], 0..values.len(), |at, output| {
        write(values, Some(field), at, output);
    });
}

fn list<T>(
    output: &mut String,
    [open, close]: [char; 2],
    parts: impl Iterator<Item = T>,
    mut each: impl FnMut(T, &mut String),
) {
    output.push(open);
    for (at, part) in parts.enumerate() {
        if at > 0 {
            output.push(',');
        }
        each(part, output);
    }
    output.push(close);
}

fn quote(text: &str, output: &mut String) {
    // A string is always JSON.
    output.push_str(&serde_json::to_string(text).unwrap_or_default());
}

fn scale(field: Option<&Field>) -> Option<u8> {
    field?.metadata().get("scale")?.parse().ok()
}
