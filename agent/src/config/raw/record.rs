//! `[record]`, and the reason of each default.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::{path, settings};
use super::ship;
use crate::config::reader::Reader;
use crate::config::schema;
use crate::config::value::{self, ValueError};
use crate::config::{Durability, Literals, Record};

/// Small enough to verify and ship in seconds, large enough that a busy day is some hundred files.
const SEGMENT_BYTES: u64 = 64 << 20;
/// One decided frame with the longest statement must fit.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;
const SEGMENT_BYTES_MAX: u64 = 4 << 30;

/// What is not closed is not shipped: on a quiet host an hour of the record is at risk with its disk.
const SEGMENT_AGE: Duration = Duration::from_secs(3600);
const SEGMENT_AGE_MIN: Duration = Duration::from_secs(10);
const SEGMENT_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Room for how the operations end that are open when no more are let through, some thousand
/// times over, and for a segment to be compressed.
const RESERVE_BYTES: u64 = 512 << 20;
const RESERVE_BYTES_MAX: u64 = 1 << 50;

/// A screen or two: what people look at when they ask what an agent saw.
const ROWS: u64 = 20;
const ROWS_RANGE: Range<u64> = 0..10_001;
const ROWS_BYTES: u64 = 64 << 10;
const ROWS_BYTES_MIN: u64 = 1 << 10;
/// A frame takes 8 MiB, and a statement up to six of them.
const ROWS_BYTES_MAX: u64 = 1 << 20;

/// zstd's own default: a tenth of the size at some 150 MB/s.
const COMPRESSION: u64 = 3;
const COMPRESSION_RANGE: Range<u64> = 1..20;

const KEEP_AGE_MIN: Duration = Duration::from_secs(60);
const KEEP_AGE_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

pub(super) fn record(file: &mut Reader<'_, '_>) -> Record {
    settings(file, "record", &schema::RECORD, |table| {
        let durability = [("before-forward", Durability::BeforeForward)];
        let literals = [
            ("detected", Literals::Detected),
            ("none", Literals::None),
            ("all", Literals::All),
        ];
        let segment = table.parsed("segment_bytes_max", |text| {
            value::bytes(text, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
        });
        let age = table.parsed("segment_age_max", |text| {
            value::duration(text, SEGMENT_AGE_MIN, SEGMENT_AGE_MAX)
        });
        let reserve = table.parsed("reserve_bytes", |text| {
            value::bytes(text, 0, RESERVE_BYTES_MAX)
        });
        let rows_bytes = table.parsed("rows_bytes_max", |text| {
            value::bytes(text, ROWS_BYTES_MIN, ROWS_BYTES_MAX)
        });
        let rows = table.integer("rows_max", ROWS_RANGE).unwrap_or(ROWS);
        let level = table.integer("compression_level", COMPRESSION_RANGE);
        let encrypt_to: Vec<String> = table
            .list("encrypt_to", recipient)
            .into_iter()
            .map(toml::Spanned::into_inner)
            .collect();
        let index = table.parsed("index", index);
        Record {
            dir: path(table, "dir", "/var/lib/snowfence/record"),
            durability: table
                .choice("durability", &durability)
                .unwrap_or(Durability::BeforeForward),
            segment_bytes_max: segment.unwrap_or(SEGMENT_BYTES),
            segment_age_max: age.unwrap_or(SEGMENT_AGE),
            reserve_bytes: reserve.unwrap_or(RESERVE_BYTES),
            key_file: path(table, "key_file", "/var/lib/snowfence/host.key"),
            index: index.unwrap_or_else(|| Some(PathBuf::from("/var/lib/snowfence/index.db"))),
            index_text: table.flag("index_text").unwrap_or(encrypt_to.is_empty()),
            literals: table
                .choice("literals", &literals)
                .unwrap_or(Literals::Detected),
            rows_max: usize::try_from(rows).unwrap_or(usize::MAX),
            rows_bytes_max: usize::try_from(rows_bytes.unwrap_or(ROWS_BYTES)).unwrap_or(usize::MAX),
            compression_level: i32::try_from(level.unwrap_or(COMPRESSION)).unwrap_or_default(),
            encrypt_to,
            keep_age_max: table.parsed("keep_age_max", |text| {
                value::age(text, KEEP_AGE_MIN, KEEP_AGE_MAX)
            }),
            keep_bytes_max: table.parsed("keep_bytes_max", |text| {
                value::bytes(text, SEGMENT_BYTES_MIN, RESERVE_BYTES_MAX)
            }),
            ship: table.table("ship", &schema::SHIP).and_then(ship::ship),
        }
    })
}

fn index(text: &str) -> Result<Option<PathBuf>, ValueError> {
    match text {
        "off" => Ok(None),
        path => value::path(path).map(Some),
    }
}

/// A public key of age's: `age1` and what follows it.
fn recipient(text: &str) -> Result<String, String> {
    let parsed = text.parse::<age::x25519::Recipient>();
    let recipient = parsed.map_err(|error| format!("`{text}` is no age recipient: {error}"))?;
    Ok(recipient.to_string())
}
