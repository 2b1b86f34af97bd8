//! What must hold for any stream.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef};
use arrow_schema::{DataType, Field};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::build::{ALL, Sent, batch, mask, masked, plan, read, retype, run, scan, stream};
use crate::mask::column::Tally;
use crate::mask::method::{DateRule, Method, NumberRule};
use crate::mask::plan::{Plan, Reason, Treatment};
use crate::mask::rows::rowset_base64;
use crate::mask::shown;

#[derive(Clone, Debug)]
struct Made {
    sent: Sent,
    treatment: Treatment,
    /// The values of two batches.
    seeds: [Vec<Option<u8>>; 2],
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Null),
        Just(Method::Redact),
        Just(Method::Constant("*".to_owned())),
        Just(Method::Hash),
        Just(Method::FormatPreserving),
        Just(Method::Partial { first: 1, last: 2 }),
        Just(Method::EmailDomain),
        Just(Method::Date(DateRule::Year)),
        Just(Method::Date(DateRule::Shift { days: 30 })),
        Just(Method::Number(NumberRule::Round { digits: 3 })),
    ]
}

fn treatment() -> impl Strategy<Value = Treatment> {
    prop_oneof![
        1 => Just(Treatment::Clear),
        1 => Just(scan()),
        2 => method().prop_map(mask),
        1 => method().prop_map(retype),
    ]
}

fn seeds(rows: usize) -> impl Strategy<Value = Vec<Option<u8>>> {
    proptest::collection::vec(proptest::option::weighted(0.8, 0..100_u8), rows)
}

fn columns() -> impl Strategy<Value = Vec<Made>> {
    (0..12_usize, 0..12_usize).prop_flat_map(|(first, second)| {
        let one = (
            proptest::sample::select(&ALL[..]),
            treatment(),
            seeds(first),
            seeds(second),
        );
        let one = one.prop_map(|(sent, treatment, first, second)| Made {
            sent,
            treatment,
            seeds: [first, second],
        });
        proptest::collection::vec(one, 1..6)
    })
}

fn made(columns: &[Made]) -> (Arc<Plan>, Vec<u8>) {
    let batches = [0, 1].map(|which| {
        let arrays = columns.iter().map(|it| it.sent.array(&it.seeds[which]));
        batch(&arrays.collect::<Vec<_>>())
    });
    let plan = plan(
        columns
            .iter()
            .map(|it| (it.sent.announced(), it.treatment.clone())),
    );
    (plan, stream(&batches))
}

/// Methods that may leave a value as it was: one that is round already.
fn generalises(treatment: &Treatment) -> bool {
    let Treatment::Mask(masking) = treatment else {
        return false;
    };
    matches!(masking.rule.method, Method::Date(_) | Method::Number(_))
}

fn assert_column(made: &Made, fields: (&Field, &Field), arrays: (&ArrayRef, &ArrayRef)) {
    let ((field, announced), (before, after)) = (fields, arrays);
    assert_eq!(before.len(), after.len());
    assert_eq!(announced.data_type(), after.data_type());
    assert_eq!(field.name(), announced.name());
    let Treatment::Mask(masking) = &made.treatment else {
        // Nothing is found: no detectors.
        assert_eq!(before, after);
        assert_eq!(field, announced);
        return;
    };
    if masking.retypes() && shown::can_be_text(made.sent.announced().0) {
        assert_eq!(announced.data_type(), &DataType::Utf8);
        let metadata = announced.metadata();
        assert_eq!(metadata["logicalType"], "TEXT");
        assert_eq!(metadata["byteLength"], "16777216");
        assert_eq!(metadata["charLength"], "16777216");
        assert_eq!(metadata["finalType"], "T");
        assert_eq!(metadata.len(), 4);
    } else {
        assert_eq!(field, announced);
        for row in 0..before.len() {
            let is_same = before.slice(row, 1).to_data() == after.slice(row, 1).to_data();
            let may_be = before.is_null(row) || generalises(&made.treatment);
            assert!(!is_same || may_be, "row {row} of {before:?} is clear");
        }
    }
    for row in 0..before.len() {
        assert!(
            before.is_valid(row) || after.is_null(row),
            "row {row} became a value"
        );
    }
}

proptest! {
    #[test]
    fn masked_columns_are_masked_and_the_rest_is_as_it_was(columns in columns()) {
        let (plan, stream) = made(&columns);
        let (output, tally) = run(&plan, &stream, stream.len(), 1 << 20);
        let tally = tally.unwrap();
        let ((schema, before), (announced, after)) = (read(&stream), read(&output));
        prop_assert_eq!(schema.metadata(), announced.metadata());
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.num_rows(), after.num_rows());
            prop_assert_eq!(columns.len(), after.num_columns());
            for (position, made) in columns.iter().enumerate() {
                let fields = (schema.field(position), announced.field(position));
                assert_column(made, fields, (before.column(position), after.column(position)));
            }
        }
        let rows: usize = before.iter().map(|it| it.num_rows()).sum();
        prop_assert_eq!(tally.rows, rows as u64);
        let masked = columns.iter().filter(|it| matches!(it.treatment, Treatment::Mask(_)));
        let masked: usize = masked.map(|it| it.seeds.iter().flatten().flatten().count()).sum();
        prop_assert_eq!(tally.cells.values().sum::<u64>(), masked as u64);
    }

    #[test]
    fn pieces_are_no_matter(columns in columns(), piece in 1..200_usize) {
        let (plan, stream) = made(&columns);
        let whole = run(&plan, &stream, stream.len(), 1 << 20);
        prop_assert_eq!(&run(&plan, &stream, piece, 1 << 20), &whole);
        let inline = format!("\"{}\"", STANDARD.encode(&stream));
        let mut tally = Tally::default();
        let inline = rowset_base64(&plan, inline.as_bytes(), &mut tally).unwrap();
        prop_assert_eq!(inline, format!("\"{}\"", STANDARD.encode(&whole.0)).into_bytes());
        prop_assert_eq!(tally, whole.1.unwrap());
    }
}

#[test]
fn names_that_may_be_values_are_counted_instead() {
    let sent = Sent::Text;
    let announced = sent.announced();
    let mut plan = plan([
        (announced, Treatment::Clear),
        (announced, mask(Method::Redact)),
    ]);
    let inner = Arc::make_mut(&mut plan);
    inner.hides_names = true;
    inner.columns[1].reason = Some(Reason::Unknown("of a pivot".to_owned()));
    let array = sent.array(&[Some(1)]);
    let stream = stream(&[batch(&[Arc::clone(&array), array])]);
    let (schema, _, _) = masked(&plan, &stream);
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    assert_eq!(names, ["C0", "COLUMN_2"]);
}
