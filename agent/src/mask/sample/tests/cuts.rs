//! What is left out, and that the record says so.

use serde_json::{Value, json};

use super::types::{stream, text};
use super::{
    ALL, CELL_BYTES_MAX, LABELS, Limits, Table, arrow_data, data, masks, plan, recorded, texts,
};
use crate::mask::arrow;
use crate::mask::rows::RowsError;
use crate::mask::sample::{COLUMNS_BYTES_MAX, Head};
use crate::record::told::Cell;
use crate::snowflake::result::Rows;
use crate::snowflake::rowtype::{Field, Type};

/// A clear result of one column in both formats.
#[track_caller]
fn both(values: &[&str], limits: Limits) -> Table {
    let masks = masks(LABELS);
    let plan = plan(&masks, &texts(&["A"]), &[]);
    let rows: Value = values.iter().map(|it| json!([it])).collect();
    let table = recorded(&plan, &masks, &data(&plan, &rows), limits).unwrap();
    let bytes = stream(&[text(values.iter().map(|it| Some(*it)))]);
    let other = recorded(
        &plan,
        &masks,
        &arrow_data(&plan, &bytes, values.len()),
        limits,
    );
    assert_eq!(Some(&table), other.as_ref());
    table
}

fn of(table: &Table) -> (usize, u64, Option<&str>) {
    (table.rows.len(), table.of, table.cut.as_deref())
}

#[test]
fn as_many_rows_are_recorded_as_are_wanted() {
    let limits = |rows_max| Limits { rows_max, ..ALL };
    let values = ["a", "b", "c"];
    assert_eq!(of(&both(&values, limits(2))), (2, 3, Some("rows")));
    assert_eq!(of(&both(&values, limits(3))), (3, 3, None));
    assert_eq!(of(&both(&values, limits(4))), (3, 3, None));
}

#[test]
fn as_many_rows_are_recorded_as_fit() {
    let values: Vec<String> = (0..100).map(|it| format!("{it:03}\n")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for bytes_max in 0..200 {
        let table = both(&values, Limits { bytes_max, ..ALL });
        // `["000\n"],` as JSON.
        assert_eq!(table.rows.len(), bytes_max / 10);
        assert_eq!(table.cut.as_deref(), Some("bytes"));
    }
    let exact = Limits {
        bytes_max: 1000,
        ..ALL
    };
    assert_eq!(of(&both(&values, exact)), (100, 100, None));
}

#[test]
fn a_long_cell_is_cut_between_characters_and_no_other_looks_so() {
    let cell = |text: &str| {
        let Table { rows, cut, .. } = &both(&[text], ALL);
        let Cell::Clear(text) = &rows[0][0] else {
            panic!("{rows:?}");
        };
        (text.clone(), cut.clone())
    };
    let whole = "ä".repeat(CELL_BYTES_MAX / 2);
    assert_eq!(cell(&whole), (whole.clone(), None));
    for more in ["x", "ä", "😀", &"x".repeat(5000)] {
        for before in ["", "x", "xx", "xxx"] {
            let text = format!("{before}{whole}{more}");
            let (cut, why) = cell(&text);
            assert_eq!(why.as_deref(), Some("bytes"));
            let (kept, mark) = cut.rsplit_once('…').unwrap();
            assert!(
                text.starts_with(kept) && cut.len() > CELL_BYTES_MAX,
                "{cut}"
            );
            let left = text.len() - kept.len();
            assert_eq!(mark, format!("[{left} more bytes]"));
        }
    }
}

#[test]
fn a_masked_cell_is_cut_too_and_what_is_behind_the_cut_is_masked_first() {
    let masks = masks(LABELS);
    let plan = plan(&masks, &texts(&["A"]), &[]);
    for at in CELL_BYTES_MAX - 30..CELL_BYTES_MAX + 3 {
        let text = format!("{} {} {}", "x".repeat(at), super::CARD, "y".repeat(100));
        let table = recorded(&plan, &masks, &data(&plan, &json!([[text]])), ALL).unwrap();
        let told = serde_json::to_string(&table.rows).unwrap();
        assert!(
            told.contains("\"masked\"") && !told.contains("4111"),
            "{told}"
        );
        assert_eq!(table.cut.as_deref(), Some("bytes"));
    }
}

#[test]
fn the_rest_of_a_result_may_be_in_chunks() {
    let masks = masks(LABELS);
    let plan = plan(&masks, &texts(&["A"]), &[]);
    let chunks = |inline: Value| {
        let mut data = data(&plan, &inline);
        data["total"] = json!(10);
        data["returned"] = json!(10);
        let rows = 10 - inline.as_array().unwrap().len();
        data["chunks"] = json!([{
            "url": "https://x.example/y", "rowCount": rows,
            "uncompressedSize": 10, "compressedSize": 10,
        }]);
        data["chunkHeaders"] = json!({});
        data
    };
    let some = chunks(json!([["a"], ["b"]]));
    let table = recorded(&plan, &masks, &some, ALL).unwrap();
    assert_eq!(of(&table), (2, 10, Some("chunks")));
    let one = Limits { rows_max: 1, ..ALL };
    let table = recorded(&plan, &masks, &some, one).unwrap();
    assert_eq!(of(&table), (1, 10, Some("rows")));
    let none = chunks(json!([]));
    let table = recorded(&plan, &masks, &none, ALL).unwrap();
    assert_eq!(of(&table), (0, 10, Some("chunks")));
}

#[test]
fn columns_that_do_not_fit_are_left_out_with_the_rows() {
    let masks = masks("");
    let wide = |count: usize| {
        let name = |at: usize| format!("COLUMN_{at:05}_{}", "X".repeat(200));
        let columns: Vec<_> = (0..count)
            .map(|at| (Field::new(&name(at), Type::Text, 0), &[][..]))
            .collect();
        let plan = plan(&masks, &columns, &[]);
        let row: Value = (0..count).map(|_| json!("x")).collect();
        recorded(&plan, &masks, &data(&plan, &json!([row])), ALL).unwrap()
    };
    let fits = wide(1000);
    assert_eq!((fits.columns.len(), of(&fits)), (1000, (1, 1, None)));
    let cut = wide(2000);
    assert!(cut.columns.len() < 2000);
    assert_eq!(of(&cut), (0, 1, Some("bytes")));
    let length = serde_json::to_vec(&cut).unwrap().len();
    assert!(length < COLUMNS_BYTES_MAX + 100, "{length}");
}

#[test]
fn what_cannot_be_read_is_said_to_be_so() {
    let masks = masks("");
    let plan = plan(&masks, &texts(&["A"]), &[]);
    assert!(plan.is_clear());
    for rows in [
        json!([["a"], [1]]),
        json!([["a", "b"]]),
        json!([{"A": "a"}]),
    ] {
        let table = recorded(&plan, &masks, &data(&plan, &rows), ALL).unwrap();
        let count = rows.as_array().unwrap().len() as u64;
        assert_eq!(of(&table), (0, count, Some("unreadable")), "{rows}");
        assert_eq!(table.columns.len(), 1);
    }
    let good = stream(&[text(["a"].map(Some))]);
    for bytes in [b"nonsense".as_slice(), &good[..good.len() / 2]] {
        let table = recorded(&plan, &masks, &arrow_data(&plan, bytes, 1), ALL).unwrap();
        assert_eq!(of(&table), (0, 1, Some("unreadable")));
    }
    // Fewer rows than are said.
    let table = recorded(&plan, &masks, &arrow_data(&plan, &good, 2), ALL).unwrap();
    assert_eq!(of(&table), (1, 2, Some("unreadable")));
}

/// What follows the rows that are wanted is not read: it may be anything.
#[test]
fn no_more_is_read_than_is_recorded() {
    let fields = [Field::new("A", Type::Text, 0)];
    let json = Rows::Json(br#"[["a"],["b"],!!!"#);
    let head = Head::read(Some(json), &fields, 2).unwrap();
    assert_eq!(head.values(0).collect::<Vec<_>>(), ["a", "b"]);
    Head::read(Some(json), &fields, 3).unwrap_err();

    let batch = super::types::batch(&[text(["a", "b"].map(Some))]);
    let mut bytes = super::types::write(&[batch]);
    // In place of the end of the stream: far more than is decoded at once.
    bytes.truncate(bytes.len() - 8);
    bytes.extend_from_slice(&[0xAA; 200_000]);
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    let base64 = format!("\"{}!!!!\"", base64.trim_end_matches('='));
    let arrow = Rows::Base64(base64.as_bytes());
    let head = Head::read(Some(arrow), &fields, 2).unwrap();
    assert_eq!(head.values(0).collect::<Vec<_>>(), ["a", "b"]);
    Head::read(Some(arrow), &fields, 3).unwrap_err();
}

#[test]
fn batches_follow_one_another_until_there_are_enough_rows() {
    let fields = [Field::new("A", Type::Text, 0)];
    let batches = [&["a", "b"][..], &[], &["c"], &["d", "e"]];
    let batches =
        batches.map(|values| super::types::batch(&[text(values.iter().copied().map(Some))]));
    let bytes = super::types::write(&batches);
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    // As writers of JSON may write it.
    for base64 in [
        base64.clone(),
        base64.replace('=', "\\u003d").replace('/', "\\/"),
    ] {
        let base64 = format!("\"{base64}\"");
        for rows in 0..7 {
            let head = Head::read(Some(Rows::Base64(base64.as_bytes())), &fields, rows).unwrap();
            let expected = ["a", "b", "c", "d", "e"];
            let expected = &expected[..rows.min(5)];
            assert_eq!(head.values(0).collect::<Vec<_>>(), expected);
        }
    }
    let mut head = Head::read(None, &fields, 1).unwrap();
    let wrong = arrow::head(b"\"\"", &fields, &mut head);
    assert_eq!(wrong, Ok::<(), RowsError>(()));
}
