//! Every type, and that rows in JSON and in Arrow are recorded alike.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeListArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    RecordBatch, StringArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field as ArrowField, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ALL, LABELS, arrow_data, data, masks, of_json, plan, recorded};
use crate::mask::plan::Plan;
use crate::snowflake::rowtype::{Field, Type};

pub(super) fn text<'v, V: IntoIterator<Item = Option<&'v str>>>(values: V) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

pub(super) fn batch(columns: &[ArrayRef]) -> RecordBatch {
    let fields = columns.iter().enumerate();
    let fields =
        fields.map(|(at, it)| ArrowField::new(format!("C{at}"), it.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.to_vec()).unwrap()
}

pub(super) fn write(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

pub(super) fn stream(columns: &[ArrayRef]) -> Vec<u8> {
    write(&[batch(columns)])
}

fn parts(names: &[&str], parts: Vec<ArrayRef>, are_valid: &[bool]) -> ArrayRef {
    let fields = names.iter().zip(&parts);
    let fields = fields.map(|(name, it)| ArrowField::new(*name, it.data_type().clone(), true));
    let nulls = NullBuffer::from(are_valid.to_vec());
    let fields = fields.collect::<Vec<_>>().into();
    Arc::new(StructArray::new(fields, parts, Some(nulls)))
}

const KINDS: [(&str, Type, u8); 13] = [
    ("TEXT", Type::Text, 0),
    ("JSON", Type::Variant, 0),
    ("WHOLE", Type::Fixed, 0),
    ("NUMBER", Type::Fixed, 2),
    ("REAL", Type::Real, 0),
    ("DECFLOAT", Type::Decfloat, 0),
    ("BOOLEAN", Type::Boolean, 0),
    ("DAY", Type::Date, 0),
    ("TIME", Type::Time, 3),
    ("NTZ", Type::TimestampNtz, 9),
    ("LTZ", Type::TimestampLtz, 3),
    ("TZ", Type::TimestampTz, 9),
    ("BINARY", Type::Binary, 0),
];

fn everything(masks: &crate::mask::masks::Masks) -> Plan {
    let columns = KINDS.map(|(name, kind, scale)| (Field::new(name, kind, scale), &[][..]));
    plan(masks, &columns, &[])
}

/// A row of each type.
#[derive(Clone, Debug)]
struct Row {
    text: String,
    number: i64,
    real: f64,
    day: i32,
    millis_of_day: i32,
    seconds: i64,
    nanoseconds: i32,
    zone: i32,
    bytes: Vec<u8>,
    is_null: bool,
}

impl Row {
    /// As Snowflake writes it in JSON.
    fn json(&self) -> Value {
        if self.is_null {
            return KINDS.iter().map(|_| Value::Null).collect();
        }
        let Self {
            text, number, real, ..
        } = self;
        let sign = if *number < 0 { "-" } else { "" };
        let (whole, cents) = (number.unsigned_abs() / 100, number.unsigned_abs() % 100);
        let (seconds, millis) = (self.seconds, self.nanoseconds / 1_000_000);
        // Below zero the fraction counts downwards, with the sign.
        let nanoseconds = i128::from(seconds) * 1_000_000_000 + i128::from(self.nanoseconds);
        let milliseconds = i128::from(seconds) * 1000 + i128::from(millis);
        let hex: String = self
            .bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        json!([
            text,
            json!([text, number]).to_string(),
            number.to_string(),
            format!("{sign}{whole}.{cents:02}"),
            real.to_string(),
            format!("{number}e-2"),
            if number % 2 == 0 { "1" } else { "0" },
            self.day.to_string(),
            format!(
                "{}.{:03}000000",
                self.millis_of_day / 1000,
                self.millis_of_day % 1000
            ),
            fraction(nanoseconds, 9),
            fraction(milliseconds, 3),
            format!("{} {}", fraction(nanoseconds, 9), self.zone + 1440),
            hex,
        ])
    }
}

fn fraction(units: i128, digits: u32) -> String {
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let unit = 10_u128.pow(digits);
    let width = digits as usize;
    format!("{sign}{}.{:0width$}", units / unit, units % unit)
}

/// As Snowflake writes them in Arrow.
fn arrays(rows: &[Row]) -> Vec<ArrayRef> {
    fn each<'r, T>(rows: &'r [Row], of: impl Fn(&'r Row) -> T) -> Vec<Option<T>> {
        rows.iter()
            .map(|row| (!row.is_null).then(|| of(row)))
            .collect()
    }
    let are_valid: Vec<bool> = rows.iter().map(|row| !row.is_null).collect();
    let seconds: ArrayRef = Arc::new(Int64Array::from_iter_values(
        rows.iter().map(|it| it.seconds),
    ));
    let nanoseconds = rows.iter().map(|it| it.nanoseconds);
    let nanoseconds: ArrayRef = Arc::new(Int32Array::from_iter_values(nanoseconds));
    let zones = rows.iter().map(|it| it.zone + 1440);
    let zones: ArrayRef = Arc::new(Int32Array::from_iter_values(zones));
    let exponents: ArrayRef = Arc::new(Int16Array::from_iter_values(rows.iter().map(|_| -2)));
    let significands = rows.iter().map(|it| it.number.to_be_bytes());
    let significands: ArrayRef = Arc::new(BinaryArray::from_iter_values(significands));
    let json = |row: &Row| json!([row.text, row.number]).to_string();
    let decimals = each(rows, |it| i128::from(it.number));
    let decimals = Decimal128Array::from_iter(decimals).with_precision_and_scale(38, 2);
    let millis = |it: &Row| it.seconds * 1000 + i64::from(it.nanoseconds / 1_000_000);
    vec![
        Arc::new(StringArray::from_iter(each(rows, |it| it.text.as_str()))),
        Arc::new(StringArray::from_iter(each(rows, json))),
        Arc::new(Int64Array::from_iter(each(rows, |it| it.number))),
        Arc::new(decimals.unwrap()),
        Arc::new(Float64Array::from_iter(each(rows, |it| it.real))),
        parts(
            &["exponent", "significand"],
            vec![exponents, significands],
            &are_valid,
        ),
        Arc::new(BooleanArray::from_iter(each(rows, |it| it.number % 2 == 0))),
        Arc::new(Date32Array::from_iter(each(rows, |it| it.day))),
        Arc::new(Int32Array::from_iter(each(rows, |it| it.millis_of_day))),
        parts(
            &["epoch", "fraction"],
            vec![Arc::clone(&seconds), Arc::clone(&nanoseconds)],
            &are_valid,
        ),
        Arc::new(Int64Array::from_iter(each(rows, millis))),
        parts(
            &["epoch", "fraction", "timezone"],
            vec![seconds, nanoseconds, zones],
            &are_valid,
        ),
        Arc::new(BinaryArray::from_iter(each(rows, |it| it.bytes.as_slice()))),
    ]
}

#[track_caller]
fn check(rows: &[Row], detects: bool) -> Value {
    let masks = masks(if detects { LABELS } else { "" });
    let plan = everything(&masks);
    assert_eq!(plan.is_clear(), !detects);
    let json: Value = rows.iter().map(Row::json).collect();
    let of_arrow = arrow_data(&plan, &stream(&arrays(rows)), rows.len());
    let of_arrow = recorded(&plan, &masks, &of_arrow, ALL).unwrap();
    let of_json = recorded(&plan, &masks, &data(&plan, &json), ALL).unwrap();
    assert_eq!(of_json, of_arrow);
    assert_eq!(of_json.rows.len(), rows.len());
    serde_json::to_value(of_json.rows).unwrap()
}

#[test]
fn values_are_recorded_as_people_read_them() {
    let row = Row {
        text: "ä".to_owned(),
        number: -1205,
        real: 1.5,
        day: 19_782,
        millis_of_day: 3_723_500,
        seconds: 1_709_251_199,
        nanoseconds: 120_000_000,
        zone: 330,
        bytes: vec![0, 0xAB],
        is_null: false,
    };
    let null = Row {
        is_null: true,
        ..row.clone()
    };
    let seen = check(&[row, null], true);
    assert_eq!(
        seen[0],
        json!([
            "ä",
            "[\"ä\",-1205]",
            "-1205",
            "-12.05",
            "1.5",
            "-12.05",
            "false",
            "2024-02-29",
            "01:02:03.500",
            "2024-02-29 23:59:59.120000000",
            "2024-02-29 23:59:59.120",
            "2024-03-01 05:29:59.120000000 +05:30",
            "00AB",
        ])
    );
    assert!(seen[1].as_array().unwrap().iter().all(Value::is_null));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_values_are_recorded_alike_in_both_formats(
        rows in prop::collection::vec(
            (
                ("\\PC{0,20}", any::<i32>(), -1e9..1e9, -700_000..2_900_000),
                (0..86_400_000, -60_000_000_000_i64..250_000_000_000, 0..1_000_000_000),
                (-840..841, prop::collection::vec(any::<u8>(), 0..9), prop::bool::weighted(0.2)),
            ),
            1..8,
        ),
        detects in any::<bool>(),
    ) {
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|((text, number, real, day), (millis_of_day, seconds, nanoseconds), rest)| Row {
                text,
                number: number.into(),
                real,
                day,
                millis_of_day,
                seconds,
                nanoseconds,
                zone: rest.0,
                bytes: rest.1,
                is_null: rest.2,
            })
            .collect();
        check(&rows, detects);
    }
}

#[test]
fn values_of_several_parts_are_json() {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_option(Some(vec![Some("a\""), None]));
    list.append_null();
    let mut map = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
    map.keys().append_value(7);
    map.values().append_value("x");
    map.append(true).unwrap();
    map.append(false).unwrap();
    let item = Arc::new(ArrowField::new("item", DataType::Float32, true));
    let values = Arc::new(Float32Array::from(vec![0.1, 2.0, 0.0, 0.0]));
    let nulls = NullBuffer::from(vec![true, false]);
    let vector = FixedSizeListArray::new(item, 2, values, Some(nulls));
    let cents = ArrowField::new("cents", DataType::Int32, true);
    let cents = cents.with_metadata([("scale", "2")]);
    let fields = vec![
        cents,
        ArrowField::new("day", DataType::Date32, true),
        ArrowField::new("is", DataType::Boolean, true),
        ArrowField::new("bytes", DataType::Binary, true),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![-5, 0])),
        Arc::new(Date32Array::from(vec![Some(0), None])),
        Arc::new(BooleanArray::from(vec![true, false])),
        Arc::new(BinaryArray::from(vec![&b"\xAB"[..], b""])),
    ];
    let object = StructArray::new(fields.into(), columns, None);
    let columns: [ArrayRef; 4] = [
        Arc::new(list.finish()),
        Arc::new(map.finish()),
        Arc::new(vector),
        Arc::new(object),
    ];
    let kinds = [Type::Array, Type::Map, Type::Vector, Type::Object];
    let fields = kinds.map(|kind| (Field::new("X", kind, 0), &[][..]));
    let masks = masks("");
    let plan = plan(&masks, &fields, &[]);
    let table = recorded(&plan, &masks, &arrow_data(&plan, &stream(&columns), 2), ALL);
    let rows = serde_json::to_value(table.unwrap().rows).unwrap();
    let object = r#"{"cents":-0.05,"day":"1970-01-01","is":true,"bytes":"AB"}"#;
    assert_eq!(
        rows[0],
        json!([r#"["a\"",null]"#, r#"{"7":"x"}"#, "[0.1,2]", object])
    );
    let object = r#"{"cents":0.00,"day":null,"is":false,"bytes":""}"#;
    assert_eq!(rows[1], json!([null, null, null, object]));
    for cell in rows
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
    {
        if let Some(text) = cell.as_str() {
            serde_json::from_str::<Value>(text).unwrap();
        }
    }
}

#[test]
fn intervals_and_types_that_are_not_known_are_recorded() {
    let masks = masks("");
    let fields = [Type::IntervalYearMonth, Type::IntervalDayTime, Type::Other]
        .map(|kind| (Field::new("X", kind, 0), &[][..]));
    let plan = plan(&masks, &fields, &[]);
    let columns: [ArrayRef; 3] = [
        Arc::new(Int32Array::from(vec![-18])),
        Arc::new(Int64Array::from(vec![93_784_500_000_000])),
        Arc::new(Int32Array::from(vec![5])),
    ];
    let table = recorded(&plan, &masks, &arrow_data(&plan, &stream(&columns), 1), ALL);
    let rows = serde_json::to_value(table.unwrap().rows).unwrap();
    assert_eq!(rows, json!([["-1-06", "1 02:03:04.500000000", "5"]]));
    // In JSON they are shown as they came.
    let seen = of_json(&plan, &masks, &json!([["-1-06", "1 02:03:04.500", "5"]]));
    assert_eq!(seen["rows"], json!([["-1-06", "1 02:03:04.500", "5"]]));
}
