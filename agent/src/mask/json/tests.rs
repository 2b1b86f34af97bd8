//! Rows in, masked rows out: whole, and in any pieces.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use zeroize::Zeroizing;

use super::*;
use crate::mask::column::is_json;
use crate::mask::content::Content;
use crate::mask::detect::{Detector, Hint};
use crate::mask::key::MasterKey;
use crate::mask::labels::Detection;
use crate::mask::method::{DateRule, Masking, Method, NumberRule, Otherwise, Rule};
use crate::mask::plan::{Column, Treatment};
use crate::snowflake::rowtype::{Field, Type};

fn masking(label: &str, method: Method, retype: bool) -> Arc<Masking> {
    let rule = Rule {
        method,
        otherwise: Otherwise::Null,
        retype,
    };
    let key = MasterKey::new(Zeroizing::new([7; 32])).of(label);
    Arc::new(Masking::new(label.into(), 0, rule, key))
}

fn mask(method: Method) -> Treatment {
    Treatment::Mask(masking("secret", method, false))
}

fn column(kind: Type, scale: u8, treatment: Treatment) -> Column {
    Column::new(Field::new("C", kind, scale), treatment)
}

fn plan(columns: impl IntoIterator<Item = Column>) -> Plan {
    Plan {
        columns: columns.into_iter().collect(),
        content: Arc::default(),
        cleared: [].into(),
        hides_names: false,
    }
}

fn texts(treatments: impl IntoIterator<Item = Treatment>) -> Plan {
    let texts = treatments.into_iter();
    plan(texts.map(|treatment| column(Type::Text, 0, treatment)))
}

fn whole(plan: &Plan, json: &[u8]) -> Result<(Vec<u8>, Tally), RowsError> {
    let mut tally = Tally::default();
    let output = rowset(plan, json, &mut tally)?;
    Ok((output, tally))
}

fn pieces(
    plan: &Plan,
    pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> Result<(Vec<u8>, Tally), RowsError> {
    let mut stream = Stream::new(Arc::new(plan.clone()), 1 << 20);
    let mut output = Vec::new();
    for piece in pieces {
        stream.push(piece.as_ref(), &mut output)?;
    }
    let tally = stream.finish(&mut output)?;
    Ok((output, tally))
}

fn text_of(output: Result<(Vec<u8>, Tally), RowsError>) -> String {
    String::from_utf8(output.unwrap().0).unwrap()
}

#[test]
fn columns_that_nobody_looks_at_stay_as_the_bytes_that_came() {
    let plan = texts([Treatment::Clear, Treatment::Clear]);
    let rows = [
        "[]",
        " [ ] ",
        r#"[["a","b"]]"#,
        "[ [ \"\\u00e9\\/é\\ud800\" , null ] \n,\t[\"\",\"\\n\\\"]\u{7f}\u{2028}\"]\r\n]",
    ];
    for json in rows {
        let (output, tally) = whole(&plan, json.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), json.trim());
        assert!(tally.cells.is_empty());
    }
}

#[test]
fn only_masked_cells_change() {
    let plan = texts([Treatment::Clear, mask(Method::Null), Treatment::Clear]);
    let json = br#"[ ["1" , "secret" ,null],[ null,null,"\u0041"],["]","\"],[\\","[" ] ]"#;
    let (output, tally) = whole(&plan, json).unwrap();
    let expected = r#"[ ["1" , null ,null],[ null,null,"\u0041"],["]",null,"[" ] ]"#;
    assert_eq!(String::from_utf8(output).unwrap(), expected);
    assert_eq!(tally.rows, 3);
    assert_eq!(tally.cells, [("secret".into(), 2)].into());
}

#[test]
fn a_chunk_is_an_array_without_its_brackets() {
    let plan = texts([mask(Method::Null)]);
    let json = b"[\"a\"],\n[\"b\"] ,[null]\n";
    assert_eq!(
        text_of(pieces(&plan, [&json[..]])),
        "[null],\n[null] ,[null]\n"
    );
    let (output, tally) = pieces(&plan, [b""]).unwrap();
    assert_eq!((output, tally.rows), (vec![], 0));
    assert_eq!(text_of(pieces(&plan, [&b" \n"[..]])), " \n");
}

#[test]
fn what_is_no_array_of_rows_is_refused() {
    let plan = texts([Treatment::Clear, mask(Method::Null)]);
    let bad: [&[u8]; 18] = [
        b"",
        b"[",
        b"null",
        b"{}",
        b"[[\"a\",\"b\"]",
        b"[[\"a\",\"b\"],]",
        b"[,[\"a\",\"b\"]]",
        b"[[\"a\",\"b\"],,[\"a\",\"b\"]]",
        b"[[\"a\",\"b\"] [\"a\",\"b\"]]",
        b"[[\"a\",\"b\"]]]",
        b"[[[\"a\",\"b\"]]]",
        b"[\"a\",\"b\"]",
        b"[[\"a\",1]]",
        b"[[\"a\",{\"b\":\"c\"}]]",
        b"[[\"\xff\",\"b\"]]",
        // A quote is no part of a character, whatever the byte before it promises.
        b"[[\"\xc3\",\"b\"]]",
        b"[[\"\xed\xa0\x80\",\"b\"]]",
        b"[[\"a\",\"b\"]]\x0c",
    ];
    for json in bad {
        let shown = String::from_utf8_lossy(json);
        let outcome = whole(&plan, json);
        assert!(matches!(outcome, Err(RowsError::Malformed(_))), "{shown}");
    }
    for json in [&b"[[\"a\"]]"[..], b"[[\"a\",\"b\",null]]", b"[[]]"] {
        assert_eq!(whole(&plan, json), Err(RowsError::Shape));
    }
}

#[test]
fn a_stream_that_was_refused_gives_nothing_more() {
    let plan = Arc::new(texts([Treatment::Clear]));
    let mut stream = Stream::new(Arc::clone(&plan), 100);
    let mut output = Vec::new();
    stream.push(b"[\"a\"],[\"b", &mut output).unwrap();
    assert_eq!(output, b"[\"a\"],", "a row that is cut is not given out");
    stream.push(b"\"],[1", &mut output).unwrap_err();
    let before = output.clone();
    stream.push(b"[\"c\"]", &mut output).unwrap_err();
    stream.finish(&mut output).unwrap_err();
    assert_eq!(output, before);
    for cut in ["[\"a\"],", "[\"a\"", "[", "[\"a\"],["] {
        pieces(&plan, [cut.as_bytes()]).unwrap_err();
    }
}

#[test]
fn a_row_has_a_size_however_it_comes() {
    let plan = Arc::new(texts([Treatment::Clear]));
    let row = format!("[\"{}\"]", "x".repeat(96));
    for step in [1, 7, 1000] {
        for (max, fits) in [(100, true), (99, false)] {
            let mut stream = Stream::new(Arc::clone(&plan), max);
            let rows = format!("{row},{row}");
            let mut pushed = rows.as_bytes().chunks(step);
            let outcome = pushed.try_for_each(|it| stream.push(it, &mut Vec::new()));
            let expected = if fits {
                Ok(())
            } else {
                Err(RowsError::TooLarge(max))
            };
            assert_eq!(outcome, expected);
        }
    }
    // A row that never ends is refused before it ends.
    let mut stream = Stream::new(plan, 99);
    let endless = format!("[\"{}", "x".repeat(98));
    let outcome = stream.push(endless.as_bytes(), &mut Vec::new());
    assert_eq!(outcome, Err(RowsError::TooLarge(99)));
}

/// Every type, with a cell of it.
const CELLS: [(Type, u8, &str); 18] = [
    (Type::Fixed, 2, "-12.34"),
    (Type::Real, 0, "1.5"),
    (Type::Decfloat, 0, "1.25E+3"),
    (Type::Text, 0, "text"),
    (Type::Binary, 0, "00AB"),
    (Type::Boolean, 0, "1"),
    (Type::Date, 0, "19782"),
    (Type::Time, 9, "3723.500000000"),
    (Type::TimestampNtz, 9, "1709251199.120000000"),
    (Type::TimestampLtz, 3, "-1.500"),
    (Type::TimestampTz, 0, "1709251199 1770"),
    (Type::Variant, 0, "\"v\""),
    (Type::Object, 0, "{\"k\":\"v\"}"),
    (Type::Array, 0, "[\"v\"]"),
    (Type::Vector, 0, "[1,2]"),
    (Type::IntervalYearMonth, 0, "1-06"),
    (Type::IntervalDayTime, 0, "1 02:03:04.5"),
    (Type::Other, 0, "what"),
];

fn row(cell: &str) -> Vec<u8> {
    serde_json::to_vec(&[[cell]]).unwrap()
}

#[test]
fn a_masked_cell_of_any_type_is_not_itself() {
    let methods = [
        Method::Null,
        Method::Redact,
        Method::Hash,
        Method::Constant("*".to_owned()),
    ];
    for (kind, scale, cell) in CELLS {
        for bad in [
            cell,
            "",
            "nonsense",
            "9".repeat(60).as_str(),
            "1e5 x",
            "-",
            ".",
        ] {
            for method in &methods {
                for retype in [false, true] {
                    let treatment = Treatment::Mask(masking("x", method.clone(), retype));
                    let plan = plan([column(kind, scale, treatment)]);
                    let (output, tally) = whole(&plan, &row(bad)).unwrap();
                    if !is_json(kind) || bad == cell {
                        assert_ne!(output, row(bad), "{kind:?} {method:?}");
                    }
                    serde_json::from_slice::<Value>(&output).unwrap();
                    assert_eq!(tally.cells, [("x".into(), 1)].into());
                }
            }
            if !is_json(kind) {
                let nulled = plan([column(kind, scale, mask(Method::Null))]);
                assert_eq!(whole(&nulled, &row(bad)).unwrap().0, b"[[null]]");
            }
        }
    }
}

#[track_caller]
fn check(kind: Type, scale: u8, method: Method, cell: &str, expected: Option<&str>) {
    let plan = plan([column(kind, scale, mask(method))]);
    let (output, _) = whole(&plan, &row(cell)).unwrap();
    let cells: Vec<Vec<Option<String>>> = serde_json::from_slice(&output).unwrap();
    assert_eq!(cells, [[expected.map(str::to_owned)]]);
}

#[test]
fn a_type_is_kept_where_a_method_fits_it() {
    let round = || Method::Number(NumberRule::Round { digits: 2 });
    check(Type::Fixed, 2, round(), "1234.56", Some("1200.00"));
    check(Type::Fixed, 0, round(), "1250 ", None);
    check(Type::Real, 0, round(), "1234.5", Some("1200"));
    check(Type::Boolean, 0, round(), "1", None);
    let year = || Method::Date(DateRule::Year);
    check(Type::Date, 0, year(), "19782", Some("19723"));
    let ntz = Type::TimestampNtz;
    check(ntz, 3, year(), "1709251199.120", Some("1704067200.000"));
    check(ntz, 0, year(), "1709251199", Some("1704067200"));
    check(ntz, 9, year(), "-1.500000000", Some("-31536000.000000000"));
    check(Type::Time, 9, year(), "3723.500000000", None);
    // 2023-12-31 23:30 in UTC is 2024 five hours and a half east of it: its year begins at
    // 2023-12-31 18:30 in UTC.
    let east = "1704065400.000 1770";
    check(
        Type::TimestampTz,
        3,
        year(),
        east,
        Some("1704047400.000 1770"),
    );
    check(Type::TimestampTz, 3, year(), "1704065400.000", None);
}

#[test]
fn what_becomes_text_is_masked_as_people_read_it() {
    let text = texts([Treatment::Mask(masking("x", Method::Hash, false))]);
    for (kind, scale, cell, shown) in [
        (Type::Fixed, 2, "12.3", "12.30"),
        (Type::Boolean, 0, "1", "true"),
        (Type::Date, 0, "19782", "2024-02-29"),
        (Type::TimestampTz, 0, "0 1500", "1970-01-01 01:00:00 +01:00"),
    ] {
        let retyped = Treatment::Mask(masking("x", Method::Hash, true));
        let plan = plan([column(kind, scale, retyped)]);
        let (output, _) = whole(&plan, &row(cell)).unwrap();
        assert_eq!(output, whole(&text, &row(shown)).unwrap().0, "{kind:?}");
        assert_ne!(output, b"[[null]]");
    }
}

#[test]
fn what_is_masked_is_written_as_json() {
    let constant = Method::Constant("\"\\\n\u{1}é".to_owned());
    let plan = texts([mask(constant), Treatment::Clear]);
    let (output, _) = whole(&plan, br#"[["a" ,"\u00e9"],["",null]]"#).unwrap();
    let masked = r#""\"\\\n\u0001é""#;
    let expected = format!(r#"[[{masked} ,"\u00e9"],[{masked},null]]"#);
    assert_eq!(String::from_utf8(output).unwrap(), expected);
}

#[test]
fn a_cell_that_is_only_looked_at_stays() {
    for (kind, scale, cell) in CELLS {
        let plan = plan([column(kind, scale, Treatment::Scan(Hint::default()))]);
        assert_eq!(whole(&plan, &row(cell)).unwrap().0, row(cell));
    }
}

/// Found nowhere but where a test puts it.
static MARK: Detector = Detector {
    name: "mark",
    title: "Mark",
    category: "MARK",
    pattern: "qzjx[0-9]{4}",
    check: |_| Some(100),
    context: &[],
    numeric: false,
};

fn voting(sample: usize) -> Plan {
    let masking = masking("mark", Method::Null, false);
    let detection = Detection {
        sample,
        ..Detection::default()
    };
    let content = Content::new(vec![(&MARK, masking)], detection);
    let scan = || Treatment::Scan(content.scanner().hint("C"));
    let mut plan = texts([Treatment::Clear, scan()]);
    plan.columns.push(column(Type::Fixed, 0, scan()));
    plan.columns.push(column(Type::Date, 0, scan()));
    plan.content = Arc::new(content);
    plan
}

#[test]
fn rows_that_vote_are_held_back_until_they_have() {
    let plan = Arc::new(voting(3));
    let row = |at: usize| format!("[\"{at}\",\"\\u0061{at}\" ,\"1\",null]");
    let mut stream = Stream::new(Arc::clone(&plan), 1000);
    let mut output = Vec::new();
    let mut expected = String::new();
    for at in 0..6 {
        let comma = if at == 0 { " " } else { " ,\n" };
        expected.push_str(&format!("{comma}{}", row(at)));
        let bytes = format!("{comma}{}", row(at)).into_bytes();
        stream.push(&bytes, &mut output).unwrap();
        let shown = if at < 2 { "" } else { &expected };
        assert_eq!(String::from_utf8_lossy(&output), shown, "{at}");
    }
    assert_eq!(stream.finish(&mut output).unwrap().rows, 6);
    assert_eq!(output, expected.as_bytes());

    // Fewer rows than could vote, too.
    for rows in 0..3 {
        let rows: Vec<String> = (0..rows).map(row).collect();
        let json = format!("[{}]", rows.join(","));
        assert_eq!(text_of(whole(&plan, json.as_bytes())), json);
    }
    // And a few large ones are enough.
    let large = format!("[\"{}\",null,null,null]", "x".repeat(1 << 20));
    let mut stream = Stream::new(plan, 2 << 20);
    let mut output = Vec::new();
    stream.push(large.as_bytes(), &mut output).unwrap();
    assert_eq!(output.len(), large.len());
}

/// Cells of columns: which are masked, which are scanned for nothing, which are clear.
fn columns() -> impl Strategy<Value = Vec<Column>> {
    let treatment = prop_oneof![
        Just(Treatment::Clear),
        Just(Treatment::Scan(Hint::default())),
        Just(mask(Method::Null)),
        Just(mask(Method::Redact)),
        Just(mask(Method::Hash)),
    ];
    let kind = prop_oneof![
        4 => Just(Type::Text),
        1 => Just(Type::Fixed),
        1 => Just(Type::Date),
        1 => Just(Type::TimestampTz),
        1 => Just(Type::Other),
    ];
    vec(
        (kind, treatment).prop_map(|(kind, it)| column(kind, 0, it)),
        1..5,
    )
}

/// A cell as it stands in the JSON: whole characters, or each as an escape.
fn cell() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        10 => r#"(\PC|["\\/é😀]|[\x00-\x1f]){0,12}"#,
        1 => "[a-z]{200,2000}",
        1 => "-?[0-9]{1,12}",
    ];
    let plain = text.prop_map(|it| serde_json::to_string(&it).unwrap());
    prop_oneof![
        8 => plain,
        1 => vec(any::<u16>(), 0..6).prop_map(|units| {
            let escapes: String = units.iter().map(|it| format!("\\u{it:04X}")).collect();
            format!("\"{escapes}\"")
        }),
        2 => Just("null".to_owned()),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n\t")]
}

/// Rows by their columns, as the cells' JSON; and the chunk that holds them.
fn rows() -> impl Strategy<Value = (Plan, Vec<Vec<String>>, String)> {
    columns().prop_flat_map(|columns| {
        let row = vec(cell(), columns.len());
        let rows = vec(row, 0..12);
        (Just(plan(columns)), rows, space(), space()).prop_map(|(plan, rows, one, two)| {
            let comma = format!("{one},{two}");
            let written: Vec<String> = rows
                .iter()
                .map(|row| format!("[{two}{}{one}]", row.join(&comma)))
                .collect();
            let chunk = format!("{one}{}{two}", written.join(&comma));
            (plan, rows, chunk)
        })
    })
}

fn cut(bytes: &[u8], places: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = places.iter().map(|it| it.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    let pairs = places.windows(2);
    pairs.map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #[test]
    fn masked_cells_change_and_nothing_else(
        (plan, rows, chunk) in rows(),
        places in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let (output, tally) = whole(&plan, format!("[{chunk}]").as_bytes()).unwrap();
        let cut = cut(chunk.as_bytes(), &places);
        let streamed = pieces(&plan, &cut).unwrap();
        prop_assert_eq!(&streamed.0, &output[1..output.len() - 1]);
        prop_assert_eq!(&streamed.1, &tally);

        prop_assert_eq!(tally.rows, rows.len() as u64);
        // Raw values, so that a cell that stays is seen to stay byte for byte.
        let masked: Vec<Vec<Box<serde_json::value::RawValue>>> =
            serde_json::from_slice(&output).unwrap();
        prop_assert_eq!(masked.len(), rows.len());
        let mut changed = 0;
        for (masked, row) in masked.iter().zip(&rows) {
            prop_assert_eq!(masked.len(), row.len());
            for ((masked, cell), column) in masked.iter().zip(row).zip(&plan.columns) {
                match &column.treatment {
                    Treatment::Mask(_) if cell != "null" => {
                        changed += 1;
                        let text: Option<String> = serde_json::from_str(masked.get()).unwrap();
                        let before = serde_json::from_str::<String>(cell).ok();
                        prop_assert!(text.is_none() || text != before, "{masked} of {cell}");
                    }
                    Treatment::Mask(_) | Treatment::Scan(_) | Treatment::Clear => {
                        prop_assert_eq!(masked.get(), cell);
                    }
                }
            }
        }
        prop_assert_eq!(tally.cells.values().sum::<u64>(), changed);
    }

    #[test]
    fn any_bytes_are_read_alike_in_any_pieces(
        bytes in r#"(\[|\]|,|"|\\|u00|null|a| |"a"|\["a","b"\]|\PC){0,40}"#,
        places in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let plan = texts([Treatment::Clear, mask(Method::Null)]);
        let at_once = whole(&plan, format!("[{bytes}]").as_bytes());
        let cut = cut(bytes.as_bytes(), &places);
        let streamed = pieces(&plan, &cut);
        prop_assert_eq!(at_once.is_ok(), streamed.is_ok());
        if let (Ok((at_once, _)), Ok((streamed, _))) = (at_once, streamed) {
            prop_assert_eq!(&at_once[1..at_once.len() - 1], streamed);
            // What is taken is JSON of strings and nulls.
            prop_assert!(serde_json::from_slice::<Vec<Vec<Option<String>>>>(&at_once).is_ok());
        }
    }
}
