//! Rows in Arrow: streams that lie, in any pieces.

use std::sync::{Arc, LazyLock};

use agent::mask::arrow::Stream;
use agent::mask::column::{self, Tally, becomes_text};
use agent::mask::method::{DateRule, Method, NumberRule, Otherwise};
use agent::mask::plan::{Column, Plan, Treatment};
use agent::mask::rows::RowsError;
use agent::snowflake::rowtype::{Field, Type};
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;

use crate::masks;

/// Masks a stream. The first byte says how many columns there are, one byte each says what they are,
/// and one how large the pieces are; the rest is the stream.
pub fn arrow_rows(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else {
        return;
    };
    let count = usize::from(*count).min(COLUMNS_MAX);
    let Some((columns, rest)) = rest.split_at_checked(count) else {
        return;
    };
    let Some((piece, stream)) = rest.split_first() else {
        return;
    };
    let plan = masks::plan(columns.iter().map(|byte| made(*byte)));
    let (output, ended) = run(&plan, stream, stream.len());
    let in_pieces = run(&plan, stream, usize::from(*piece));
    assert_eq!(
        in_pieces,
        (output.clone(), ended.clone()),
        "pieces give what the whole gives"
    );
    let Some(batches) = read(&output, ended.is_ok()) else {
        return;
    };
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if let Ok(tally) = &ended {
        assert_eq!(tally.rows, u64::try_from(rows).expect("a count"));
    }
    // Also of what was given out before it was refused.
    for batch in &batches {
        assert_eq!(batch.num_columns(), count);
        for (column, array) in plan.columns.iter().zip(batch.columns()) {
            check(column, array);
        }
    }
}

fn check(column: &Column, array: &ArrayRef) {
    let Treatment::Mask(masking) = &column.treatment else {
        return;
    };
    let is_text = matches!(column.field.kind, Type::Text) || becomes_text(column);
    let is_json = column::is_json(column.field.kind);
    match &masking.rule.method {
        Method::Constant(constant) if is_text => {
            let values = array.as_string_opt::<i32>().expect("text");
            let mut values = values.iter().flatten();
            assert!(
                values.all(|it| it == constant),
                "{column:?} shows {array:?}"
            );
        }
        // JSON keeps its keys and brackets.
        Method::Null | Method::Constant(_) if is_json && array.as_string_opt::<i32>().is_some() => {
        }
        // What is not known may come as text.
        Method::Constant(_) if column.field.kind == Type::Other => {}
        Method::Null | Method::Constant(_) => {
            assert_eq!(
                array.null_count(),
                array.len(),
                "{column:?} shows {array:?}"
            );
        }
        // What is rounded can be round.
        Method::Redact
        | Method::Hash
        | Method::FormatPreserving
        | Method::Partial { .. }
        | Method::EmailDomain
        | Method::Date(_)
        | Method::Number(_) => {}
    }
}

fn run(plan: &Arc<Plan>, stream: &[u8], piece: usize) -> (Vec<u8>, Result<Tally, RowsError>) {
    let mut output = Vec::new();
    let mut masked = Stream::new(Arc::clone(plan), BYTES_MAX);
    for bytes in stream.chunks(piece.max(1)) {
        if let Err(error) = masked.push(bytes, &mut output) {
            return (output, Err(error));
        }
    }
    let ended = masked.finish(&mut output);
    (output, ended)
}

/// The batches as another reader sees them; `None` if it minds nulls in a column that denies them,
/// which goes on as it came where nobody looks at it.
fn read(stream: &[u8], is_whole: bool) -> Option<Vec<RecordBatch>> {
    let mut decoder = StreamDecoder::new();
    let mut buffer = Buffer::from(stream);
    let mut batches = Vec::new();
    while !buffer.is_empty() {
        let batch = decoder.decode(&mut buffer);
        let error = batch.as_ref().err().map(ToString::to_string);
        if error.is_some_and(|error| error.contains("non-nullable")) {
            return None;
        }
        batches.extend(batch.expect("a stream of ours"));
    }
    if is_whole {
        decoder.finish().expect("a whole stream of ours");
        assert!(decoder.schema().is_some(), "a stream has a schema");
    }
    Some(batches)
}

fn made(byte: u8) -> Column {
    let (treatments, kinds) = (TREATMENTS.len(), KINDS.len());
    let byte = usize::from(byte);
    let (kind, scale) = KINDS.get(byte / treatments % kinds).expect("a kind");
    let treatment = TREATMENTS.get(byte % treatments).expect("a treatment");
    Column::new(Field::new("C", *kind, *scale), treatment.clone())
}

static TREATMENTS: LazyLock<Vec<Treatment>> = LazyLock::new(|| {
    let constant = || Method::Constant("~".to_owned());
    let methods = [
        (Method::Null, false),
        (constant(), false),
        (constant(), true),
        (Method::Date(DateRule::Shift { days: 30 }), false),
        (Method::Number(NumberRule::Round { digits: 2 }), false),
    ];
    masks::treatments(methods, Otherwise::Null)
});

const KINDS: [(Type, u8); 20] = [
    (Type::Text, 0),
    (Type::Fixed, 0),
    (Type::Fixed, 2),
    (Type::Real, 0),
    (Type::Decfloat, 0),
    (Type::Boolean, 0),
    (Type::Date, 0),
    (Type::Time, 9),
    (Type::TimestampNtz, 3),
    (Type::TimestampLtz, 9),
    (Type::TimestampTz, 3),
    (Type::Binary, 0),
    (Type::Variant, 0),
    (Type::Object, 0),
    (Type::Array, 0),
    (Type::Map, 0),
    (Type::Vector, 0),
    (Type::IntervalYearMonth, 0),
    (Type::IntervalDayTime, 0),
    (Type::Other, 0),
];

/// More columns are only more of the same.
const COLUMNS_MAX: usize = 24;

/// More than an input has, so that the limit is met by what lies about lengths.
const BYTES_MAX: usize = 64 << 10;
