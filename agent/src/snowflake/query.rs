//! `POST /queries/v1/query-request`: the statement and everything that can change its meaning.

use serde_json::value::RawValue;

use super::json::{JsonError, Object};
use super::operation::{Query, RequestId, Via};
use super::parameters;
use super::route::DecodeError;
use crate::http::CanonicalRequest;

/// Reads a statement.
///
/// A key that we do not know is dropped when its value is too small to say anything, and refused
/// otherwise: it could be a second way to carry a statement.
pub(super) fn parse(request: &CanonicalRequest) -> Result<Query, DecodeError> {
    let request_id = request_id(request.parameter("requestId"))?;
    let retry_count = match request.parameter("retryCount") {
        None => 0,
        Some(count) => count.parse().or(Err(JsonError::Field("retryCount")))?,
    };
    let body = Object::from_slice(&request.body)?;
    for (key, value) in body.entries() {
        check_key(key, value)?;
    }

    let text = body.string("sqlText")?.ok_or(JsonError::Field("sqlText"))?;
    // Without text the service would run `dataframeAst`, which nobody here can judge.
    if text.trim().is_empty() {
        return Err(DecodeError::Statement {
            what: "`sqlText` is empty",
        });
    }
    check_length(&text)?;
    let parameters = match body.object("parameters")? {
        None => Vec::new(),
        Some(object) => parameters::allowed(&object)?,
    };
    Ok(Query {
        request_id,
        text,
        describe_only: body.bool("describeOnly")?.unwrap_or(false),
        asynchronous: body.bool("asyncExec")?.unwrap_or(false),
        sequence_id: body.u64("sequenceId")?,
        query_submission_time: body.u64("querySubmissionTime")?,
        parameters,
        bindings: bindings(&body)?,
        query_context: query_context(&body)?,
        is_internal: body.bool("isInternal")?.unwrap_or(false),
        retry_count,
        via: Via::Driver,
    })
}

pub(super) const fn check_length(text: &str) -> Result<(), DecodeError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(DecodeError::Statement {
            what: "the statement is longer than 4 MiB",
        });
    }
    Ok(())
}

/// Reads a request id: drivers send UUIDs.
pub(super) fn request_id(text: Option<&str>) -> Result<RequestId, JsonError> {
    let plain = |text: &&str| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let text = text.filter(plain).ok_or(JsonError::Field("requestId"))?;
    Ok(RequestId(text.to_owned()))
}

fn check_key(key: &str, value: &RawValue) -> Result<(), DecodeError> {
    let value = value.get();
    match key {
        "sqlText"
        | "describeOnly"
        | "asyncExec"
        | "sequenceId"
        | "querySubmissionTime"
        | "isInternal"
        | "parameters"
        | "bindings"
        | "queryContextDTO" => Ok(()),
        // Dropped: a second form of the statement that `sqlText` makes redundant, the id of an
        // earlier description, and the old form of `queryContextDTO`.
        "dataframeAst" | "describedJobId" | "queryContext" => Ok(()),
        "bindStage" if value == "null" => Ok(()),
        "bindStage" => Err(DecodeError::Statement {
            what: "bindings in a stage file are not supported: bind the values in the statement",
        }),
        _ if value.len() <= SMALL_BYTES_MAX && !value.starts_with(['{', '[', '"']) => Ok(()),
        _ if matches!(value, "{}" | "[]" | "\"\"") => Ok(()),
        _ => Err(DecodeError::Statement {
            what: "the request has a key that is not known here",
        }),
    }
}

/// Checks `bindings` down to its values and keeps it as it came.
pub(super) fn bindings(body: &Object<'_>) -> Result<Option<Box<RawValue>>, DecodeError> {
    let field = JsonError::Field("bindings");
    let Some(bindings) = body.object("bindings")? else {
        return Ok(None);
    };
    for (_, binding) in bindings.entries() {
        let binding = Object::from_text(binding.get())?;
        let known = ["type", "value", "fmt", "schema"];
        if binding
            .entries()
            .iter()
            .any(|(key, _)| !known.contains(&key.as_str()))
        {
            return Err(field.into());
        }
        drop((
            binding.string("type")?,
            binding.string("fmt")?,
            binding.object("schema")?,
        ));
        let Some(value) = binding.get("value") else {
            continue;
        };
        if !value.get().starts_with('[') {
            scalar(value).ok_or_else(|| field.clone())?;
            continue;
        }
        let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else {
            return Err(field.into());
        };
        values
            .into_iter()
            .try_for_each(scalar)
            .ok_or_else(|| field.clone())?;
    }
    Ok(body.get("bindings").map(ToOwned::to_owned))
}

fn scalar(value: &RawValue) -> Option<()> {
    (!value.get().starts_with(['{', '['])).then_some(())
}

/// Checks that `queryContextDTO` has the shape of a cache of version numbers, and keeps it.
fn query_context(body: &Object<'_>) -> Result<Option<Box<RawValue>>, DecodeError> {
    let field = JsonError::Field("queryContextDTO");
    let Some(context) = body.object("queryContextDTO")? else {
        return Ok(None);
    };
    if context.entries().iter().any(|(key, _)| key != "entries") {
        return Err(field.into());
    }
    let raw = body
        .get("queryContextDTO")
        .filter(|raw| raw.get().len() <= CONTEXT_BYTES_MAX);
    raw.map(|raw| Some(raw.to_owned()))
        .ok_or_else(|| field.into())
}

/// The service takes one MiB of compressed text; SQL seldom compresses better than four to one.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// A UUID has 36.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// A number, `true`, `false` or `null`.
const SMALL_BYTES_MAX: usize = 32;
/// Twenty entries, the most a driver keeps, of about 200 bytes, with a lot of room.
const CONTEXT_BYTES_MAX: usize = 64 << 10;
