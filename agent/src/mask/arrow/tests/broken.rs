//! Streams that lie.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use std::sync::Arc;

use super::build::{ALL, Sent, batch, mask, plan, run, schema, stream, write};
use crate::mask::column::Tally;
use crate::mask::method::Method;
use crate::mask::plan::{Plan, Treatment};
use crate::mask::rows::{RowsError, rowset_base64};
use crate::snowflake::rowtype::Type;

const SEEDS: [Option<u8>; 4] = [Some(1), None, Some(2), Some(3)];

const END: usize = 8;

/// Text that is masked between two columns that are not.
fn secrets() -> (Arc<Plan>, Vec<u8>) {
    let shown: ArrayRef = Arc::new(StringArray::from(vec!["a", "bb", "ccc", "dddd"]));
    let columns = [shown, Sent::Text.array(&SEEDS), Sent::Int64.array(&SEEDS)];
    let plan = plan([
        (Sent::Text.announced(), Treatment::Clear),
        (Sent::Text.announced(), mask(Method::Redact)),
        (Sent::Int64.announced(), Treatment::Clear),
    ]);
    (plan, stream(&[batch(&columns)]))
}

#[track_caller]
fn assert_no_secret(output: &[u8]) {
    let found = memchr::memmem::find(output, b"secret");
    assert_eq!(found, None, "a masked value was given out");
}

#[test]
fn a_flipped_byte_shows_nothing_and_breaks_nothing() {
    let (plan, stream) = secrets();
    let mut refused = 0;
    for place in 0..stream.len() {
        for flip in [0x01, 0x08, 0x80, 0xFF] {
            let mut broken = stream.clone();
            broken[place] ^= flip;
            let (output, ended) = run(&plan, &broken, broken.len(), 1 << 20);
            assert_no_secret(&output);
            refused += usize::from(ended.is_err());
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn flipped_bytes_of_any_type_break_nothing() {
    let columns = ALL.map(|sent| sent.array(&SEEDS));
    let masked = plan(ALL.map(|sent| (sent.announced(), mask(Method::Redact))));
    let stream = stream(&[batch(&columns)]);
    let mut refused = 0;
    for place in (0..stream.len()).step_by(3) {
        let mut broken = stream.clone();
        broken[place] ^= 0xFF;
        let (output, ended) = run(&masked, &broken, broken.len(), 1 << 20);
        assert_no_secret(&output);
        refused += usize::from(ended.is_err());
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_cut_stream_is_refused() {
    let (plan, stream) = secrets();
    for length in 0..stream.len() {
        let (output, ended) = run(&plan, &stream[..length], length, 1 << 20);
        assert_eq!(ended, Err(RowsError::Malformed("the stream was cut")));
        assert_no_secret(&output);
    }
}

#[test]
fn nothing_may_follow_the_end() {
    let (plan, stream) = secrets();
    let twice = [&stream[..], &stream[..]].concat();
    let (output, ended) = run(&plan, &twice, 7, 1 << 20);
    let what = "something follows the end of the stream";
    assert_eq!(ended, Err(RowsError::Malformed(what)));
    assert_no_secret(&output);
}

#[test]
fn a_refused_stream_stays_refused() {
    let (plan, stream) = secrets();
    let mut chunk = super::super::Stream::new(plan, 1 << 20);
    let mut output = Vec::new();
    let refused = chunk.push(&[0xFF; 12], &mut output);
    assert_eq!(refused, Err(RowsError::TooLarge(1 << 20)));
    assert_eq!(chunk.push(&stream, &mut output), refused);
    assert_eq!(chunk.finish(&mut output).map(|_| ()), refused);
    assert!(output.is_empty());
}

#[track_caller]
fn check(plan: &Arc<Plan>, stream: &[u8], expected: RowsError) {
    let (output, ended) = run(plan, stream, stream.len(), 1 << 20);
    assert_eq!(ended, Err(expected));
    assert_no_secret(&output);
}

#[test]
fn lengths_are_held_against_the_limit_before_anything_is_allocated() {
    let (plan, stream) = secrets();
    let limit = RowsError::TooLarge(64);
    assert_eq!(run(&plan, &stream, stream.len(), 64).1, Err(limit));
    check(
        &plan,
        &[0xFF, 0xFF, 0xFF, 0x7F],
        RowsError::TooLarge(1 << 20),
    );
    // A batch that grows: four markers do not fit, the batch itself does.
    let (plan, stream) = (
        super::build::plan([(
            (Type::Boolean, 0),
            super::build::retype(Method::Constant("x".repeat(4096))),
        )]),
        super::build::stream(&[batch(&[Sent::Boolean.array(&[Some(1); 64])])]),
    );
    let (_, ended) = run(&plan, &stream, stream.len(), 16 << 10);
    // Methods that write nothing leave it small.
    if let Err(error) = ended {
        assert_eq!(error, RowsError::TooLarge(16 << 10));
    }
}

#[test]
fn other_columns_than_announced_are_refused() {
    let (_, stream) = secrets();
    let text = (Type::Text, 0);
    let refused = |columns: &[(Type, u8)], what: &str| {
        let columns = columns.iter().map(|it| (*it, mask(Method::Redact)));
        check(&plan(columns), &stream, RowsError::Schema(what.to_owned()));
    };
    refused(&[text, text], "3 columns instead of 2");
    refused(&[text; 4], "3 columns instead of 4");
    refused(&[text; 3], "Text came as Int64");
    refused(&[text, (Type::Fixed, 0), text], "Fixed came as Utf8");
    refused(
        &[text, (Type::TimestampTz, 9), text],
        "TimestampTz came as Utf8",
    );
}

#[test]
fn what_snowflake_does_not_send_is_refused() {
    use arrow_array::{DictionaryArray, LargeStringArray, NullArray, StringViewArray, UInt64Array};
    let keys = arrow_array::Int32Array::from(vec![0, 0]);
    let text = || StringArray::from(vec!["secret-1", "secret-2"]);
    let others: Vec<ArrayRef> = vec![
        Arc::new(DictionaryArray::new(keys, Arc::new(text()))),
        Arc::new(LargeStringArray::from(vec!["secret-1", "secret-2"])),
        Arc::new(StringViewArray::from(vec!["secret-1", "secret-2"])),
        Arc::new(NullArray::new(2)),
        Arc::new(UInt64Array::from(vec![1, 2])),
    ];
    for other in others {
        let kind = other.data_type().clone();
        let stream = stream(&[batch(&[other])]);
        for treatment in [Treatment::Clear, mask(Method::Redact)] {
            let plan = plan([((Type::Text, 0), treatment)]);
            let what = format!("a column of type {kind}");
            check(&plan, &stream, RowsError::Schema(what));
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    use arrow_array::ListArray;
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::Field;
    let mut nested = Sent::Text.array(&[Some(1)]);
    for _ in 0..40 {
        let field = Arc::new(Field::new("item", nested.data_type().clone(), true));
        nested = Arc::new(ListArray::new(
            field,
            OffsetBuffer::from_lengths([1]),
            nested,
            None,
        ));
    }
    let plan = plan([((Type::Array, 0), Treatment::Clear)]);
    let stream = stream(&[batch(&[nested])]);
    let what = "values are nested too deep";
    // The verifier of the messages has a limit of its own.
    let (output, ended) = run(&plan, &stream, stream.len(), 1 << 20);
    let error = ended.unwrap_err();
    assert!(
        [
            RowsError::Malformed(what),
            RowsError::Malformed("a message is broken")
        ]
        .contains(&error),
        "{error:?}"
    );
    assert!(output.is_empty());
}

/// The bytes of a stream with a number of a batch replaced, that stands in it as an `i64`.
#[track_caller]
fn replaced(stream: &[u8], from: &[i64], to: &[i64]) -> Vec<u8> {
    let bytes =
        |numbers: &[i64]| -> Vec<u8> { numbers.iter().flat_map(|it| it.to_le_bytes()).collect() };
    let (from, to) = (bytes(from), bytes(to));
    let place = memchr::memmem::find(stream, &from).expect("the number stands in the stream");
    let mut stream = stream.to_vec();
    stream[place..place + from.len()].copy_from_slice(&to);
    stream
}

#[test]
fn batches_that_lie_about_their_parts_are_refused() {
    let values: Vec<Option<i64>> = vec![Some(5); 77];
    let column: ArrayRef = Arc::new(Int64Array::from(values));
    let masked = plan([((Type::Fixed, 0), mask(Method::Redact))]);
    let stream = stream(&[batch(&[Arc::clone(&column)])]);
    // A node: 77 values, no nulls.
    let node = |length, nulls| replaced(&stream, &[77, 0], &[length, nulls]);
    let bits = RowsError::Malformed("a column has more values than bits");
    check(&masked, &node(i64::MAX, 0), bits.clone());
    check(&masked, &node(-1, 0), bits.clone());
    check(&masked, &node(77, 78), bits.clone());
    check(&masked, &node(77, -1), bits);
    let other = RowsError::Malformed("a batch of rows does not hold what it says");
    check(&masked, &node(78, 0), other.clone());
    check(&masked, &node(76, 0), other);
    // The buffer of values: 616 bytes, and no bitmap before them.
    let buffer = |from, length| replaced(&stream, &[0, 616], &[from, length]);
    let outside = RowsError::Malformed("a column lies outside its batch");
    check(&masked, &buffer(0, i64::MAX), outside.clone());
    check(&masked, &buffer(-8, 616), outside.clone());
    check(&masked, &buffer(0, -616), outside.clone());
    check(&masked, &buffer(8, 640), outside.clone());
    check(&masked, &buffer(1 << 40, 0), outside);
    let short = RowsError::Malformed("a batch of rows does not hold what it says");
    check(&masked, &buffer(0, 608), short);
}

#[test]
fn a_clear_column_cannot_name_the_bytes_of_a_masked_one() {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(5); 77]));
    let plan = plan([
        ((Type::Fixed, 0), Treatment::Clear),
        ((Type::Fixed, 0), mask(Method::Redact)),
    ]);
    let stream = stream(&[batch(&[Arc::clone(&column), column])]);
    // The first column's values, and the second's, which begin at a multiple of 64.
    let shared = replaced(&stream, &[0, 616], &[640, 616]);
    let what = "columns share their bytes";
    check(&plan, &shared, RowsError::Malformed(what));
    let shared = replaced(&stream, &[640, 616], &[0, 616]);
    check(&plan, &shared, RowsError::Malformed(what));
}

#[test]
fn bad_offsets_and_text_that_is_none_are_refused() {
    let (plan, stream) = secrets();
    let broken = RowsError::Malformed("a batch of rows does not hold what it says");
    let place = memchr::memmem::find(&stream, b"secret-2").unwrap();
    let mut other = stream.clone();
    other[place] = 0xFF;
    check(&plan, &other, broken.clone());
    // The offsets of `a`, `bb`, `ccc`, `dddd`.
    let offsets: Vec<u8> = [0, 1, 3, 6, 10_i32]
        .iter()
        .flat_map(|it| it.to_le_bytes())
        .collect();
    let place = memchr::memmem::find(&stream, &offsets).unwrap();
    for wrong in [-1, 11, 2, i32::MAX] {
        let mut other = stream.clone();
        other[place + 16..place + 20].copy_from_slice(&wrong.to_le_bytes());
        check(&plan, &other, broken.clone());
    }
}

#[test]
fn half_an_offset_is_refused() {
    let column: ArrayRef = Arc::new(StringArray::from(vec!["secret-1"; 76]));
    let plan = plan([((Type::Text, 0), mask(Method::Redact))]);
    let stream = stream(&[batch(&[column])]);
    // 77 offsets, and no bitmap before them.
    let half = replaced(&stream, &[0, 308], &[0, 309]);
    check(&plan, &half, RowsError::Malformed("a part of an offset"));
}

#[test]
fn batches_before_the_schema_and_second_schemas_are_refused() {
    let (plan, stream) = secrets();
    let empty = write(&batch(&[Sent::Text.array(&SEEDS)]).schema(), &[]);
    let head = stream.len() - {
        let none: &[RecordBatch] = &[];
        let columns = [
            Sent::Text.array(&SEEDS),
            Sent::Text.array(&SEEDS),
            Sent::Int64.array(&SEEDS),
        ];
        write(&schema(&columns), none).len() - END
    };
    let schema = &stream[..stream.len() - head];
    let what = "the stream does not begin with a schema";
    check(&plan, &stream[schema.len()..], RowsError::Malformed(what));
    let again = [schema, &stream[..]].concat();
    check(&plan, &again, RowsError::Malformed("a second schema"));
    check(
        &plan,
        &empty[empty.len() - END..],
        RowsError::Malformed("a stream without a schema"),
    );
}

#[test]
fn compressed_batches_are_refused() {
    // No codec is built in, so the writer cannot make one: the field is put in by hand where the
    // writer leaves it out is not worth it; that none is built in is what keeps bodies plain.
    let options = IpcWriteOptions::default();
    let lz4 = options.try_with_compression(Some(arrow_ipc::CompressionType::LZ4_FRAME));
    let column = batch(&[Sent::Text.array(&[Some(1); 64])]);
    let writer = StreamWriter::try_new_with_options(Vec::new(), &column.schema(), lz4.unwrap());
    writer.unwrap().write(&column).unwrap_err();
}

#[test]
fn inline_rows_are_strings_of_base64() {
    let (plan, stream) = secrets();
    let run = |json: &str| rowset_base64(&plan, json.as_bytes(), &mut Tally::default());
    assert_eq!(run("\"\""), Ok(b"\"\"".to_vec()));
    let string = RowsError::Malformed("`rowsetBase64` is not a string");
    for not in ["", "\"", "null", "\"abc", "[\"\"]", "\"\\x\""] {
        assert_eq!(run(not), Err(string.clone()), "{not}");
    }
    let not = RowsError::Malformed("`rowsetBase64` is not base64");
    for json in [
        "\"a\"",
        "\"_w==\"",
        "\"/w=\"",
        "\"/x==\"",
        "\" /w==\"",
        "\"/w==\\n\"",
    ] {
        assert_eq!(run(json), Err(not.clone()), "{json}");
    }
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &stream);
    let plain = run(&format!("\"{text}\"")).unwrap();
    let escaped = format!("\"{}\"", text.replace('/', "\\/").replace('=', "\\u003d"));
    assert!(escaped.contains('\\'));
    assert_eq!(run(&escaped).unwrap(), plain);
    assert_eq!(
        run("\"/////w==\"").unwrap_err(),
        RowsError::Malformed("the stream was cut")
    );
}
