//! The keys of an answer's data.

use bytes::Bytes;

use super::ResultError;
use crate::snowflake::json::Object;

/// Keeps the known keys of a success; the carriers of chunks are left for the caller to rewrite.
pub(super) fn success(
    data: &Object<'_>,
    body: &Bytes,
) -> Result<Vec<(String, Bytes)>, ResultError> {
    keep(data, body, &SUCCESS, &CHUNKS)
}

/// Keeps the known keys of a failure, which has no rows.
pub(super) fn failure(
    data: &Object<'_>,
    body: &Bytes,
) -> Result<Vec<(String, Bytes)>, ResultError> {
    keep(data, body, &FAILURE, &[])
}

fn keep(
    data: &Object<'_>,
    body: &Bytes,
    known: &[&str],
    left_out: &[&str],
) -> Result<Vec<(String, Bytes)>, ResultError> {
    let mut kept = Vec::with_capacity(data.entries().len());
    for (key, value) in data.entries() {
        let text = value.get();
        if TRANSFER.contains(&key.as_str()) && text != "null" {
            return Err(ResultError::FileTransfer);
        }
        if left_out.contains(&key.as_str()) {
            continue;
        }
        let fits = if STRUCTURES.contains(&key.as_str()) {
            known.contains(&key.as_str())
        } else if known.contains(&key.as_str()) {
            // A known name with a value of another kind is as unknown as any.
            !text.starts_with(['{', '['])
        } else {
            harmless(key, text)
        };
        if !fits {
            return Err(ResultError::UnknownKey(shown(key)));
        }
        kept.push((key.clone(), body.slice_ref(text.as_bytes())));
    }
    Ok(kept)
}

/// True if an unknown key can be passed on: too small to carry a row, and no driver can take it for
/// a key that carries rows. Some decoders ignore case.
pub(super) fn harmless(key: &str, value: &str) -> bool {
    if value == "null" {
        return true;
    }
    let lower = key.to_ascii_lowercase();
    let looks_like_rows = [
        "rowset",
        "rowtype",
        "chunk",
        "richresult",
        "result",
        "qrmk",
        "row",
    ]
    .iter()
    .any(|prefix| lower.starts_with(prefix));
    let small = value.len() <= SMALL_BYTES_MAX && !value.starts_with(['{', '[']);
    small && !looks_like_rows
}

/// A key as an error may show it: it comes from outside and is not trusted to be short.
pub(super) fn shown(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_ascii_graphic())
        .take(64)
        .collect()
}

/// Long enough for a number, a flag, an id, a time or a name of a mode.
const SMALL_BYTES_MAX: usize = 64;

const CHUNKS: [&str; 3] = ["chunkHeaders", "chunks", "qrmk"];

/// Each of these hands out storage credentials, or is part of an answer that does.
const TRANSFER: [&str; 7] = [
    "command",
    "encryptionMaterial",
    "localLocation",
    "presignedUrls",
    "src_locations",
    "stageInfo",
    "uploadInfo",
];

/// The keys whose values are objects or arrays.
const STRUCTURES: [&str; 6] = [
    "metaDataOfBinds",
    "parameters",
    "queryContext",
    "rowset",
    "rowtype",
    "stats",
];

const SUCCESS: [&str; 29] = [
    "arrayBindSupported",
    "databaseProvider",
    "finalDatabaseName",
    "finalRoleName",
    "finalSchemaName",
    "finalWarehouseName",
    "getResultUrl",
    "metaDataOfBinds",
    "numberOfBinds",
    "parameters",
    "progressDesc",
    "queryAbortAfterSecs",
    "queryAbortsAfterSecs",
    "queryContext",
    "queryId",
    "queryResultFormat",
    "resultIds",
    "resultTypes",
    "returned",
    "rowset",
    "rowsetBase64",
    "rowtype",
    "sendResultTime",
    "sqlState",
    "statementTypeId",
    "stats",
    "total",
    "totalTruncated",
    "version",
];

const FAILURE: [&str; 10] = [
    "age",
    "errorCode",
    "errorMessage",
    "internalError",
    "line",
    "pos",
    "queryId",
    "sqlState",
    "type",
    "version",
];
