//! What becomes of the values of each type.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Int8Type, Int32Type};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, StringArray, StructArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field};

use super::super::columns::Budget;
use super::super::layout::Timestamp;
use super::super::text;
use super::super::timestamps::{Moment, Moments};
use super::build::{
    ALL, Sent, batch, longs, mask, masked, masking, plan, retype, scan, stream, texts, write,
};
use crate::mask::column::Cell;
use crate::mask::method::{DateRule, Method, NumberRule};
use crate::mask::plan::Treatment;
use crate::mask::rows::RowsError;
use crate::snowflake::rowtype::Type;

const SEEDS: [Option<u8>; 3] = [Some(4), None, Some(9)];

#[test]
fn null_keeps_every_type() {
    for sent in ALL {
        let column = sent.array(&SEEDS);
        let plan = plan([(sent.announced(), mask(Method::Null))]);
        let (_, batches, tally) = masked(&plan, &stream(&[batch(&[Arc::clone(&column)])]));
        let after = batches[0].column(0);
        assert_eq!(after.data_type(), column.data_type(), "{sent:?}");
        assert_eq!(after.null_count(), 3, "{sent:?}");
        assert_eq!(tally.cells.get("pii"), Some(&2), "{sent:?}");
        assert_eq!(tally.rows, 3);
    }
}

#[test]
fn nothing_lies_under_the_nulls() {
    for sent in [
        Sent::Int64,
        Sent::Scaled,
        Sent::Split,
        Sent::SplitZoned,
        Sent::Real,
    ] {
        let column = sent.array(&[Some(77); 4]);
        let plan = plan([(sent.announced(), mask(Method::Null))]);
        let stream = stream(&[batch(&[Arc::clone(&column)])]);
        let (output, ended) = super::build::run(&plan, &stream, 13, 1 << 20);
        ended.unwrap();
        let data = column.to_data();
        let part = data.child_data().first().unwrap_or(&data);
        let value = &part.buffers()[0].as_slice()[..8];
        assert!(memchr::memmem::find(&stream, value).is_some());
        assert_eq!(memchr::memmem::find(&output, value), None, "{sent:?}");
    }
}

#[test]
fn streams_without_rows_keep_their_schema() {
    let columns = ALL.map(|sent| sent.array(&[]));
    let empty = batch(&columns);
    let plan = plan(ALL.map(|sent| (sent.announced(), retype(Method::Redact))));
    for stream in [
        write(&empty.schema(), &[]),
        stream(std::slice::from_ref(&empty)),
    ] {
        let (schema, batches, tally) = masked(&plan, &stream);
        assert_eq!(schema.fields().len(), ALL.len());
        assert!(batches.iter().all(|it| it.num_rows() == 0));
        assert_eq!(tally.rows, 0);
        for (sent, field) in ALL.iter().zip(schema.fields()) {
            let becomes_text = crate::mask::shown::can_be_text(sent.announced().0);
            let is_text = field.data_type() == &DataType::Utf8;
            assert!(is_text || !becomes_text, "{sent:?}");
        }
    }
}

#[test]
fn fields_say_that_they_may_be_null_where_they_become_it() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let fields = ["A", "B", "C"].map(|name| Field::new(name, DataType::Int64, false));
    let schema = Arc::new(arrow_schema::Schema::new(fields.to_vec()));
    let columns = vec![column; 3];
    let batch = arrow_array::RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let fixed = (Type::Fixed, 0);
    let plan = plan([
        (fixed, Treatment::Clear),
        (fixed, mask(Method::Null)),
        (fixed, scan()),
    ]);
    let (after, batches, _) = masked(&plan, &write(&schema, &[batch]));
    let nullable: Vec<_> = after.fields().iter().map(|it| it.is_nullable()).collect();
    assert_eq!(nullable, [false, true, true]);
    assert_eq!(longs(batches[0].column(0)), [Some(1), Some(2)]);
    assert_eq!(longs(batches[0].column(1)), [None, None]);
    assert_eq!(longs(batches[0].column(2)), [Some(1), Some(2)]);
}

#[test]
fn a_clear_column_with_nulls_that_it_denies_passes() {
    let column: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let batch = batch(&[Arc::clone(&column), column]);
    let fields = ["A", "B"].map(|name| Field::new(name, DataType::Utf8, false));
    let denied = arrow_schema::Schema::new(fields.to_vec());
    let plan = plan([
        ((Type::Text, 0), Treatment::Clear),
        ((Type::Text, 0), mask(Method::Null)),
    ]);
    // A writer that is given another schema than its batches have.
    let stream = write(&denied, &[batch]);
    let (output, ended) = super::build::run(&plan, &stream, 9, 1 << 20);
    assert_eq!(ended.unwrap().rows, 2);
    assert!(!output.is_empty());
}

#[test]
fn widths_may_differ_between_chunks() {
    for sent in [Sent::Int8, Sent::Int32] {
        let plan = plan([((Type::Fixed, 0), mask(Method::Null))]);
        let column = sent.array(&SEEDS);
        let (_, batches, _) = masked(&plan, &stream(&[batch(&[Arc::clone(&column)])]));
        assert_eq!(batches[0].column(0).data_type(), column.data_type());
    }
}

fn upper(value: &str, to: &mut String) -> Cell {
    match value {
        "null" => Cell::Null,
        "same" | "" => Cell::Same,
        value => {
            to.push_str(&value.to_uppercase());
            Cell::Text
        }
    }
}

#[test]
fn text_is_copied_from_the_first_change_on() {
    let column: ArrayRef = Arc::new(StringArray::from(vec![
        Some("same"),
        None,
        Some("find"),
        Some(""),
        Some("same"),
        Some("null"),
        None,
        Some("same"),
    ]));
    let mut budget = Budget::new(1000);
    // Also where the column is a part of a longer one.
    for (from, to) in [(0, 8), (1, 7), (2, 8), (3, 4)] {
        let part = column.slice(from, to - from);
        let after = text::column(&part, &mut budget, &mut upper).unwrap();
        let all = [
            Some("same"),
            None,
            Some("FIND"),
            Some(""),
            Some("same"),
            None,
            None,
            Some("same"),
        ];
        assert_eq!(texts(&after), all[from..to]);
    }
    let same = column.slice(3, 2);
    let after = text::column(&same, &mut budget, &mut upper).unwrap();
    assert!(after.to_data().ptr_eq(&same.to_data()), "not copied");
}

#[test]
fn bytes_under_a_null_go_nowhere() {
    let offsets = OffsetBuffer::from_lengths([4, 6, 4]);
    let nulls = NullBuffer::from(vec![true, false, true]);
    let values = Buffer::from(b"samehiddensame");
    let column: ArrayRef = Arc::new(StringArray::new(offsets, values, Some(nulls)));
    let after = text::column(&column, &mut Budget::new(1000), &mut upper).unwrap();
    assert_eq!(texts(&after), [Some("same"), None, Some("same")]);
    assert_eq!(after.as_string::<i32>().value_data(), b"samesame");
}

#[test]
fn text_that_grows_beyond_the_limit_is_refused() {
    let column: ArrayRef = Arc::new(StringArray::from(vec!["a"; 10]));
    let mut grow = |_: &str, to: &mut String| {
        to.push_str(&"x".repeat(100));
        Cell::Text
    };
    let mut run = |bytes| text::column(&column, &mut Budget::new(bytes), &mut grow).map(|_| ());
    assert_eq!(run(1040), Ok(()));
    assert_eq!(run(1039), Err(RowsError::TooLarge(1039)));
}

#[test]
fn text_inside_nested_values_is_found() {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("find"), None]);
    list.append_null();
    list.append_value([Some("same"), Some("other")]);
    let list: ArrayRef = Arc::new(list.finish());
    let field = Field::new("it", list.data_type().clone(), true);
    let nested: ArrayRef = Arc::new(StructArray::new(vec![field].into(), vec![list], None));
    let mut seen = Vec::new();
    let after = text::nested(&nested, &mut Budget::new(1000), &mut |value, to| {
        seen.push(value.to_owned());
        upper(value, to)
    });
    let after = after.unwrap();
    assert_eq!(seen, ["find", "same", "other"]);
    assert_eq!(after.data_type(), nested.data_type());
    let list = Arc::clone(after.as_struct().column(0));
    let list = list.as_list::<i32>();
    assert_eq!(texts(&list.value(0)), [Some("FIND"), None]);
    assert!(list.is_null(1));
    assert_eq!(texts(&list.value(2)), [Some("same"), Some("OTHER")]);
    let map = Sent::Map.array(&SEEDS);
    let after = text::nested(&map, &mut Budget::new(1000), &mut upper).unwrap();
    let keys = Arc::clone(after.as_map().keys());
    assert_eq!(
        texts(&keys),
        [Some("SECRET-4@EXAMPLE.ORG"), Some("SECRET-9@EXAMPLE.ORG")]
    );
    assert_eq!(after.nulls(), map.nulls());
}

#[track_caller]
fn moment(kind: Timestamp, scale: u8, array: &ArrayRef, expected: (i64, u32, Option<i32>)) {
    let moments = Moments::new(kind, scale, array).unwrap();
    let first = moments.iter().next().unwrap().unwrap().unwrap();
    let (seconds, nanoseconds, offset) = expected;
    let expected = Moment {
        seconds,
        nanoseconds,
        offset,
    };
    assert_eq!(first, expected);
}

fn parts(parts: &[(&str, ArrayRef)]) -> ArrayRef {
    let fields = parts
        .iter()
        .map(|(name, it)| Field::new(*name, it.data_type().clone(), false));
    let fields: Vec<_> = fields.collect();
    let parts = parts.iter().map(|(_, it)| Arc::clone(it)).collect();
    Arc::new(StructArray::new(fields.into(), parts, None))
}

#[test]
fn timestamps_are_read_in_their_own_zone() {
    let epoch = |it: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![it])) };
    let small = |it: i32| -> ArrayRef { Arc::new(Int32Array::from(vec![it])) };
    moment(Timestamp::Scaled, 3, &epoch(-1), (-1, 999_000_000, None));
    moment(Timestamp::Scaled, 0, &epoch(5), (5, 0, None));
    let split = parts(&[("epoch", epoch(5)), ("fraction", small(7))]);
    moment(Timestamp::Split, 9, &split, (5, 7, None));
    let zoned = parts(&[("epoch", epoch(5_500)), ("timezone", small(1440 + 90))]);
    moment(
        Timestamp::ScaledZoned,
        3,
        &zoned,
        (5_405, 500_000_000, Some(90)),
    );
    let zoned = parts(&[
        ("epoch", epoch(5)),
        ("fraction", small(7)),
        ("timezone", small(1440 - 60)),
    ]);
    moment(Timestamp::SplitZoned, 9, &zoned, (5 - 3_600, 7, Some(-60)));
    // What is none is read as none, and is no panic.
    let wrong = parts(&[
        ("epoch", epoch(i64::MAX)),
        ("fraction", small(-1)),
        ("timezone", small(i32::MIN)),
    ]);
    let moments = Moments::new(Timestamp::SplitZoned, 9, &wrong).unwrap();
    moments.iter().next().unwrap().unwrap().unwrap_err();
}

#[test]
fn booleans_become_text_where_that_is_asked_for() {
    let column: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    let plan = plan([((Type::Boolean, 0), retype(Method::Null))]);
    let (schema, batches, _) = masked(&plan, &stream(&[batch(&[column])]));
    assert_eq!(schema.field(0).data_type(), &DataType::Utf8);
    assert_eq!(schema.field(0).metadata()["logicalType"], "TEXT");
    assert_eq!(batches[0].column(0).null_count(), 3);
}

fn only(treatment: Treatment, announced: (Type, u8), column: ArrayRef) -> ArrayRef {
    let plan = plan([(announced, treatment)]);
    let (_, batches, _) = masked(&plan, &stream(&[batch(&[column])]));
    Arc::clone(batches[0].column(0))
}

#[test]
fn numbers_that_do_not_fit_their_width_are_null() {
    let bucket = || mask(Method::Number(NumberRule::Bucket { size: 100 }));
    let column = Arc::new(Int8Array::from(vec![Some(-128), Some(-1), None, Some(127)]));
    let after = only(bucket(), (Type::Fixed, 0), column);
    let after: Vec<_> = after.as_primitive::<Int8Type>().iter().collect();
    assert_eq!(after, [None, Some(-100), None, Some(100)]);
    // Five digits do not fit a decimal of four.
    let column = Decimal128Array::from(vec![-9_999, 9_999]);
    let column = Arc::new(column.with_precision_and_scale(4, 0).unwrap());
    let after = only(bucket(), (Type::Fixed, 0), column);
    let after: Vec<_> = after.as_primitive::<Decimal128Type>().iter().collect();
    assert_eq!(after, [None, Some(9_900)]);
}

#[test]
fn timestamps_are_cut_in_their_own_zone() {
    // Half past midnight on the first of January 2024, an hour and a half east of UTC.
    let zoned = parts(&[
        ("epoch", Arc::new(Int64Array::from(vec![1_704_063_600]))),
        ("fraction", Arc::new(Int32Array::from(vec![7]))),
        ("timezone", Arc::new(Int32Array::from(vec![1440 + 90]))),
    ]);
    let year = || mask(Method::Date(DateRule::Year));
    let after = only(year(), (Type::TimestampTz, 9), zoned);
    let after = after.as_struct();
    assert_eq!(longs(after.column(0)), [Some(1_704_067_200 - 5_400)]);
    assert_eq!(after.column(1).as_primitive::<Int32Type>().values(), &[0]);
    assert_eq!(
        after.column(2).as_primitive::<Int32Type>().values(),
        &[1440 + 90]
    );
    let scaled = Arc::new(Int64Array::from(vec![Some(1_704_067_200_999), None]));
    let after = only(year(), (Type::TimestampNtz, 3), scaled);
    assert_eq!(longs(&after), [Some(1_704_067_200_000), None]);
}

#[test]
fn a_retyped_value_is_masked_as_the_text_that_people_read() {
    let hashed = |text: &str| {
        let mut hashed = String::new();
        masking(Method::Hash, true).text(text, &mut hashed);
        Some(hashed)
    };
    let check = |announced, column: ArrayRef, text: &str| {
        let after = only(retype(Method::Hash), announced, column);
        let after: Vec<_> = texts(&after)
            .into_iter()
            .map(|it| it.map(str::to_owned))
            .collect();
        assert_eq!(after, [hashed(text)], "{text}");
    };
    check(
        (Type::Date, 0),
        Arc::new(Date32Array::from(vec![19_782])),
        "2024-02-29",
    );
    check(
        (Type::Boolean, 0),
        Arc::new(BooleanArray::from(vec![true])),
        "true",
    );
    check(
        (Type::Fixed, 2),
        Arc::new(Int64Array::from(vec![-1_250])),
        "-12.50",
    );
    let time = Arc::new(Int64Array::from(vec![86_399_120]));
    check((Type::Time, 3), time, "23:59:59.120");
    let binary = Arc::new(BinaryArray::from_iter_values([[0xAB, 0x01]]));
    check((Type::Binary, 0), binary, "AB01");
    let real = Arc::new(Float64Array::from(vec![1.5]));
    check((Type::Real, 0), real, "1.5");
    let zoned = parts(&[
        ("epoch", Arc::new(Int64Array::from(vec![0]))),
        ("timezone", Arc::new(Int32Array::from(vec![1440 - 60]))),
    ]);
    check((Type::TimestampTz, 0), zoned, "1969-12-31 23:00:00 -01:00");
    let significand = BinaryArray::from_iter_values([[0xFF, 0x83]]);
    let decfloat = parts(&[
        ("exponent", Arc::new(Int16Array::from(vec![-2]))),
        ("significand", Arc::new(significand)),
    ]);
    check((Type::Decfloat, 0), decfloat, "-1.25");
}
