//! `GET /monitoring/queries/<id>`: the status of one query of the caller's own.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::json::{self, JsonError, Object};
use super::operation::QueryId;
use super::result::{ResultError, texts};

/// Writes the `queries` of a monitoring answer with what drivers read, for the asked query only.
pub(super) fn clean(data: &Object<'_>, asked: &QueryId) -> Result<Bytes, ResultError> {
    let field = JsonError::Field("queries");
    let queries = data.get("queries").ok_or_else(|| field.clone())?;
    let Ok(queries) = serde_json::from_str::<Vec<&RawValue>>(queries.get()) else {
        return Err(field.into());
    };
    // An answer about other queries is not an answer to what was permitted.
    if queries.len() > 1 {
        return Err(field.into());
    }
    let mut output = vec![b'['];
    for query in queries {
        let query = Object::from_text(query.get())?;
        let id = query.string("id")?.and_then(|id| QueryId::parse(&id));
        if id.as_ref() != Some(asked) {
            return Err(field.into());
        }
        let mut kept = Vec::new();
        for (key, value) in query.entries() {
            if KEPT.contains(&key.as_str()) && value.get().len() <= VALUE_BYTES_MAX {
                kept.push((key.clone(), Bytes::copy_from_slice(value.get().as_bytes())));
            }
        }
        json::write_object(&mut output, &kept);
    }
    output.push(b']');
    Ok(output.into())
}

/// Rewords the error message of a cleaned answer's query; `None` if it stays.
pub(super) fn reword(
    queries: &Bytes,
    reword: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<Option<Bytes>, ResultError> {
    let mut is_changed = false;
    let changed = rewrite(queries, |key, value| match key {
        "errorMessage" => {
            let text = texts::text(value.as_bytes(), reword)?;
            is_changed |= text.is_some();
            Ok(text)
        }
        _ => Ok(None),
    })?;
    Ok(is_changed.then_some(changed))
}

/// Calls the one query of a cleaned answer by another id.
pub(super) fn call(queries: &Bytes, id: &QueryId) -> Result<Bytes, ResultError> {
    rewrite(queries, |key, _| {
        let id = (key == "id").then(|| Bytes::from(json::write(&id.as_str())));
        Ok(id)
    })
}

/// Writes queries again, with other values where there are some.
fn rewrite(
    queries: &Bytes,
    mut each: impl FnMut(&str, &str) -> Result<Option<Bytes>, ResultError>,
) -> Result<Bytes, ResultError> {
    let Ok(queries) = serde_json::from_slice::<Vec<&RawValue>>(queries) else {
        return Err(JsonError::Field("queries").into());
    };
    let mut output = vec![b'['];
    for query in queries {
        let query = Object::from_text(query.get())?;
        let entries = query.entries().iter().map(|(key, value)| {
            let value = match each(key, value.get())? {
                Some(value) => value,
                None => Bytes::copy_from_slice(value.get().as_bytes()),
            };
            Ok((key.clone(), value))
        });
        let entries: Vec<(String, Bytes)> = entries.collect::<Result<_, ResultError>>()?;
        json::write_object(&mut output, &entries);
    }
    output.push(b']');
    Ok(output.into())
}

const KEPT: [&str; 14] = [
    "endTime",
    "errorCode",
    "errorMessage",
    "id",
    "sessionId",
    "sqlText",
    "startTime",
    "state",
    "stats",
    "status",
    "totalDuration",
    "warehouseExternalSize",
    "warehouseId",
    "warehouseName",
];

/// No driver needs a statement's text back whole; status and error texts are far shorter.
const VALUE_BYTES_MAX: usize = 64 << 10;
