//! Rows in JSON, against another parser and in any pieces.

use std::sync::{Arc, LazyLock};

use agent::mask::column::Tally;
use agent::mask::json::{Stream, rowset};
use agent::mask::method::{DateRule, Method, NumberRule, Otherwise};
use agent::mask::plan::{Column, Plan, Treatment};
use agent::mask::rows::RowsError;
use agent::snowflake::rowtype::{Field, Type};
use serde_json::value::RawValue;

use crate::masks;

/// Masks a chunk. The first line says how: a byte for each column, and behind a `|` one for the size
/// of each piece; the rest is the chunk.
pub fn json_rows(data: &[u8]) {
    let (header, chunk) = split(data, b'\n');
    let (columns, steps) = split(header, b'|');
    if columns.len() > COLUMNS_MAX {
        return;
    }
    let plan = masks::plan(columns.iter().map(|byte| column(*byte)));
    let array = [b"[", chunk, b"]"].concat();
    let mut tally = Tally::default();
    let at_once = rowset(&plan, &array, &mut tally);
    let streamed = stream(&plan, chunk, steps);
    let expected = rows(&array, columns.len());
    assert_eq!(at_once.is_ok(), expected.is_some(), "{at_once:?}");
    assert_eq!(at_once.is_ok(), streamed.is_ok(), "{streamed:?}");
    let (Ok(at_once), Ok(streamed), Some(before)) = (at_once, streamed, expected) else {
        return;
    };
    let joined = [b"[", streamed.0.as_slice(), b"]"].concat();
    assert_eq!(joined, at_once, "pieces give what the whole gives");
    assert_eq!(streamed.1, tally, "and count as much");

    let after = rows(&at_once, columns.len()).expect("what is given out is read");
    assert_eq!(after.len(), before.len(), "no row is lost");
    assert_eq!(tally.rows, before.len() as u64);
    for (before, after) in before.iter().zip(&after) {
        for ((before, after), column) in before.iter().zip(after).zip(&plan.columns) {
            check(column, before, after);
        }
    }
}

fn check(column: &Column, before: &RawValue, after: &RawValue) {
    if before.get() == "null" {
        assert_eq!(after.get(), "null", "a null stays");
        return;
    }
    match &column.treatment {
        Treatment::Clear => assert_eq!(before.get(), after.get(), "what nobody masks stays"),
        Treatment::Scan(_) => {}
        // Keys of JSON stay, and brackets with nothing between them.
        Treatment::Mask(_) if column.field.kind == Type::Variant => {}
        Treatment::Mask(masking) => match masking.rule.method {
            Method::Null => assert_eq!(after.get(), "null"),
            Method::Redact
            | Method::Constant(_)
            | Method::Hash
            | Method::FormatPreserving
            | Method::Partial { .. }
            | Method::EmailDomain => {
                assert_ne!(before.get(), after.get(), "{column:?} shows it");
            }
            // What is rounded can be round.
            Method::Date(_) | Method::Number(_) => {}
        },
    }
}

fn stream(plan: &Arc<Plan>, chunk: &[u8], steps: &[u8]) -> Result<(Vec<u8>, Tally), RowsError> {
    let mut stream = Stream::new(Arc::clone(plan), usize::MAX);
    let mut output = Vec::new();
    let mut rest = chunk;
    let mut steps = steps.iter().cycle();
    while !rest.is_empty() {
        let step = steps
            .next()
            .map_or(rest.len(), |step| usize::from(*step) + 1);
        let (piece, after) = rest.split_at(step.min(rest.len()));
        stream.push(piece, &mut output)?;
        rest = after;
    }
    let tally = stream.finish(&mut output)?;
    Ok((output, tally))
}

/// The rows as another parser sees them; `None` if they are none.
fn rows(json: &[u8], columns: usize) -> Option<Vec<Vec<&RawValue>>> {
    let rows: Vec<Vec<&RawValue>> = serde_json::from_slice(json).ok()?;
    let is_cell = |cell: &&RawValue| cell.get() == "null" || cell.get().starts_with('"');
    let fits = |row: &Vec<&RawValue>| row.len() == columns && row.iter().all(is_cell);
    rows.iter().all(fits).then_some(rows)
}

fn split(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == at);
    let first = parts.next().unwrap_or_default();
    (first, parts.next().unwrap_or_default())
}

/// The letters of the corpus: `A` is clear text, and so on through the types for each treatment.
fn column(byte: u8) -> Column {
    let (treatments, kinds) = (TREATMENTS.len(), KINDS.len());
    let index = usize::from(byte.wrapping_sub(b'A'));
    let kind = KINDS.get(index / treatments % kinds).expect("a kind");
    let treatment = TREATMENTS.get(index % treatments).expect("a treatment");
    Column::new(Field::new("C", *kind, 2 * (byte >> 7)), treatment.clone())
}

static TREATMENTS: LazyLock<Vec<Treatment>> = LazyLock::new(|| {
    let methods = [
        (Method::Redact, false),
        (Method::Null, false),
        (Method::Hash, true),
        (Method::FormatPreserving, false),
        (Method::Partial { first: 1, last: 2 }, false),
        (Method::EmailDomain, true),
        (Method::Date(DateRule::Month), false),
        (Method::Date(DateRule::Shift { days: 30 }), false),
        (Method::Number(NumberRule::Round { digits: 2 }), false),
    ];
    masks::treatments(methods, Otherwise::Redact)
});

const KINDS: [Type; 9] = [
    Type::Text,
    Type::Fixed,
    Type::Variant,
    Type::Date,
    Type::TimestampNtz,
    Type::TimestampTz,
    Type::Real,
    Type::Boolean,
    Type::Other,
];

/// More columns are only more of the same.
const COLUMNS_MAX: usize = 8;
