//! How fast rows go through a plan, beside what a machine does with the same bytes anyway.
//!
//! `cargo xtask bench mask` runs this. Ten columns of text, 6 of them of the kinds that detectors
//! look for; everything on one core, the best of some runs. With `--values FILE` a sample of the
//! values is written to a file, one JSON object a line, for others to be measured on.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent::mask::column::Tally;
use agent::mask::content::Content;
use agent::mask::key::MasterKey;
use agent::mask::labels::Labels;
use agent::mask::masks::Masks;
use agent::mask::plan::{Column, Plan, Treatment};
use agent::mask::rows::{self, Chunk, Format, rowset_base64};
use agent::mask::sample::{self, Limits, Returned};
use agent::snowflake::result::Rows;
use agent::snowflake::rowtype::{Field, Type};
use anyhow::{Context as _, Result, ensure};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field as ArrowField, Schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;
use zeroize::Zeroizing;

const ROWS: usize = 20_000;
/// Rows of one record batch: Snowflake's have some thousand.
const BATCH_ROWS: usize = 4_000;
const RUNS: usize = 5;
/// Presidio takes about a millisecond for each.
const VALUES: usize = 2_000;
const NAMES: [&str; 10] = [
    "ID_TEXT",
    "FULL_NAME",
    "EMAIL",
    "CARD_NUMBER",
    "PHONE",
    "CITY",
    "IBAN",
    "NOTE",
    "STATUS",
    "IP",
];

type Table = Vec<[String; 10]>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let table = table();
    if arguments.any(|argument| argument == "--values") {
        let path = arguments.next().context("`--values` needs a file")?;
        write_values(Path::new(&path), &table)?;
    }
    let json = json(&table);
    let arrow = arrow(&table)?;
    let base64 = format!("\"{}\"", STANDARD.encode(&arrow));
    println!(
        "{ROWS} rows, 10 columns of text: {:.1} MB of JSON, {:.1} MB of Arrow",
        megabytes(json.len()),
        megabytes(arrow.len())
    );
    anyway(&json, &base64)?;
    println!();
    println!(
        "{:<40} {:>10} {:>10} {:>10}",
        "MB/s", "JSON", "Arrow", "base64"
    );
    println!(
        "{:<40} {:>10} {:>10} {:>10}",
        "no column masked, detectors off", "not read", "not read", "not read"
    );
    let cases = [
        ("no column masked, detectors on", 0, true),
        ("one column masked, detectors off", 1, false),
        ("one column masked, detectors on", 1, true),
        ("all columns masked, detectors off", 10, false),
    ];
    for (name, masked, detects) in cases {
        let plan = plan(masked, detects)?;
        let of_json = best(json.len(), || stream(&plan, Format::Json, &json))?;
        let of_arrow = best(arrow.len(), || stream(&plan, Format::Arrow, &arrow))?;
        let of_base64 = best(base64.len(), || {
            let mut tally = Tally::default();
            let masked = rowset_base64(&plan, base64.as_bytes(), &mut tally)?;
            ensure!(tally.rows == ROWS as u64, "rows were lost");
            Ok(masked.len())
        })?;
        println!("{name:<40} {of_json:>10.0} {of_arrow:>10.0} {of_base64:>10.0}");
    }
    println!();
    recorded(&json, &base64)
}

/// What it costs to record the first rows of a result, beside masking it.
fn recorded(json: &[u8], base64: &str) -> Result<()> {
    let rowset = [b"[", json, b"]"].concat();
    let limits = Limits {
        rows_max: 20,
        bytes_max: 64 << 10,
    };
    println!(
        "{:<40} {:>10} {:>10} {:>10} {:>10}",
        "ms: 20 rows recorded, of an answer in", "JSON", "masked in", "base64", "masked in"
    );
    let cases = [
        ("no column masked, detectors off", 0, false),
        ("no column masked, detectors on", 0, true),
        ("one column masked, detectors on", 1, true),
    ];
    for (name, masked, detects) in cases {
        let plan = plan(masked, detects)?;
        let mask = |rows: Rows<'_>| {
            let mut tally = Tally::default();
            Ok::<_, anyhow::Error>(match rows {
                Rows::Json(json) => rows::rowset(&plan, json, &mut tally)?,
                Rows::Base64(json) => rowset_base64(&plan, json, &mut tally)?,
            })
        };
        let mut told = Vec::new();
        for came in [Rows::Json(&rowset), Rows::Base64(base64.as_bytes())] {
            let masked = mask(came)?;
            let (bytes, goes) = match came {
                Rows::Json(bytes) => (bytes, Rows::Json(&masked)),
                Rows::Base64(bytes) => (bytes, Rows::Base64(&masked)),
            };
            told.push(sampled(&plan, bytes, goes, limits)?);
            told.push(milliseconds(|| mask(came).map(|it| it.len()))?);
        }
        let told: Vec<String> = told.iter().map(|it| format!("{it:>10.3}")).collect();
        println!("{name:<40} {}", told.join(" "));
    }
    Ok(())
}

fn sampled(plan: &Plan, came: &[u8], goes: Rows<'_>, limits: Limits) -> Result<f64> {
    let fields: Vec<Field> = plan.columns.iter().map(|it| it.field.clone()).collect();
    let returned = Returned {
        fields: &fields,
        shown: Some(goes),
        original: (!plan.is_clear()).then_some(came),
        inline: ROWS as u64,
        of: ROWS as u64,
    };
    let masks = Masks::default();
    milliseconds(|| {
        let table = sample::table(plan, &masks, &returned, limits).context("no table")?;
        ensure!(table.rows.len() == 20, "rows are missing");
        Ok(table.rows.len())
    })
}

fn milliseconds(work: impl FnMut() -> Result<usize>) -> Result<f64> {
    // Of a megabyte, the rate is one by the seconds.
    Ok(1e3 / best(1_000_000, work)?)
}

/// What is done with the bytes of a result without us, too, or instead of us.
fn anyway(json: &[u8], base64: &str) -> Result<()> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    gzip.write_all(json)?;
    let gzip = gzip.finish()?;
    println!("{:<40} {:>10}", "MB/s of plain bytes", "");
    let mut copy = vec![0; json.len()];
    let rate = best(json.len(), || {
        copy.copy_from_slice(json);
        Ok(std::hint::black_box(&copy).len())
    })?;
    println!("{:<40} {rate:>10.0}", "memcpy of the JSON");
    let rate = best(json.len(), || {
        let mut plain = Vec::with_capacity(json.len());
        flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut plain)?;
        Ok(plain.len())
    })?;
    println!("{:<40} {rate:>10.0}", "gunzip to the JSON");
    let rate = best(json.len(), || {
        let mut again = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        again.write_all(json)?;
        Ok(again.finish()?.len())
    })?;
    println!("{:<40} {rate:>10.0}", "gzip -1 of the JSON");
    let rate = best(base64.len(), || {
        let text = base64.trim_matches('"');
        Ok(STANDARD.encode(STANDARD.decode(text)?).len())
    })?;
    println!("{:<40} {rate:>10.0}", "base64 of the Arrow, off and on");
    Ok(())
}

fn stream(plan: &Arc<Plan>, format: Format, bytes: &[u8]) -> Result<usize> {
    let mut chunk = Chunk::new(Arc::clone(plan), format, 64 << 20);
    let (mut output, mut length) = (Vec::new(), 0);
    for piece in bytes.chunks(64 << 10) {
        chunk.push(piece, &mut output)?;
        length += output.len();
        output.clear();
    }
    let tally = chunk.finish(&mut output)?;
    ensure!(tally.rows == ROWS as u64, "rows were lost");
    Ok(length + output.len())
}

/// Megabytes a second of the fastest run.
fn best(bytes: usize, mut work: impl FnMut() -> Result<usize>) -> Result<f64> {
    let mut fastest = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        ensure!(std::hint::black_box(work()?) > 0, "nothing came out");
        fastest = fastest.min(start.elapsed());
    }
    Ok(megabytes(bytes) / fastest.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "for a table")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// The first columns masked, the others looked at or not.
fn plan(masked: usize, detects: bool) -> Result<Arc<Plan>> {
    let labels = Labels::parse(
        "packs = [\"pci\", \"pii\", \"phi\", \"secrets\"]\n\
         [[label]]\nname = \"bench\"\ncolumns = [\"*.*.*.BENCH\"]\nmethod = \"redact\"\n",
    );
    let labels = labels.map_err(|findings| anyhow::anyhow!("{findings:?}"))?;
    let masks = Masks::new(&labels, &MasterKey::new(Zeroizing::new([7; 32])));
    let content = match detects {
        true => Arc::clone(masks.content()),
        false => Arc::new(Content::default()),
    };
    let masking = masks.get("bench").context("no label")?;
    let columns = NAMES.iter().enumerate().map(|(at, name)| {
        let treatment = match (at < masked, detects) {
            (true, _) => Treatment::Mask(Arc::clone(masking)),
            (false, true) => Treatment::Scan(content.scanner().hint(name)),
            (false, false) => Treatment::Clear,
        };
        Column::new(Field::new(name, Type::Text, 0), treatment)
    });
    let columns = columns.collect();
    Ok(Arc::new(Plan {
        columns,
        content,
        ..Plan::default()
    }))
}

/// Rows joined by commas, as JSON chunks have them.
fn json(table: &Table) -> Vec<u8> {
    let rows = table.iter().map(|row| {
        let cells: Vec<String> = row.iter().map(|cell| format!("\"{cell}\"")).collect();
        format!("[{}]", cells.join(","))
    });
    rows.collect::<Vec<_>>().join(",").into_bytes()
}

fn arrow(table: &Table) -> Result<Vec<u8>> {
    let fields = NAMES.map(|name| {
        let metadata = HashMap::from([("logicalType".to_owned(), "TEXT".to_owned())]);
        ArrowField::new(name, DataType::Utf8, true).with_metadata(metadata)
    });
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    for rows in table.chunks(BATCH_ROWS) {
        let column = |at: usize| -> ArrayRef {
            let values = rows.iter().map(|row| row.get(at).map(String::as_str));
            Arc::new(values.collect::<StringArray>())
        };
        let columns = (0..NAMES.len()).map(column).collect();
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
    }
    writer.finish()?;
    Ok(writer.into_inner()?)
}

fn write_values(path: &Path, table: &Table) -> Result<()> {
    let mut lines = String::new();
    for row in table.iter().take(VALUES / NAMES.len()) {
        for (name, value) in NAMES.iter().zip(row) {
            let line = serde_json::json!({ "text": value, "column": name });
            writeln!(lines, "{line}")?;
        }
    }
    fs::write(path, lines).with_context(|| format!("cannot write `{}`", path.display()))
}

/// The same values each time.
fn table() -> Table {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..ROWS).map(|row| random.row(row)).collect()
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        // Marsaglia's xorshift64: order does not matter here.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn one<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.next(words.len() as u64);
        usize::try_from(at)
            .ok()
            .and_then(|at| words.get(at))
            .copied()
            .unwrap_or_default()
    }

    fn row(&mut self, row: usize) -> [String; 10] {
        let first = self.one(&[
            "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances",
        ]);
        let last = self.one(&[
            "Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth",
        ]);
        let number = self.next(10_000);
        let city = self.one(&["Berlin", "Lisbon", "Osaka", "Toronto", "Nairobi", "Lima"]);
        let status = self.one(&["open", "paid", "cancelled", "returned"]);
        let (octet, other) = (self.next(256), self.next(256));
        let email = format!("{first}.{last}{number}@example.com").to_lowercase();
        [
            format!("order-{row:08}"),
            format!("{first} {last}"),
            email.clone(),
            card(self.next(1_000_000_000)),
            format!("+1 212 555 {:04}", self.next(10_000)),
            city.to_owned(),
            "DE89370400440532013000".to_owned(),
            format!("{first} called about order {row} and will write from {email}"),
            status.to_owned(),
            format!("10.{octet}.{other}.17"),
        ]
    }
}

/// A card number of the range 4111 11, with its check digit.
fn card(number: u64) -> String {
    let body = format!("411111{number:09}");
    let digits = body.bytes().rev().map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => digit * 2 / 10 + digit * 2 % 10,
            _ => digit,
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}
