//! Upstream answers: what they say, and that nothing in them carries rows where nobody looks.
//!
//! The data of an answer is read key by key against a list. Rows come in `rowset`, `rowsetBase64`
//! and `chunks`; a key that is not known and could hold rows refuses the answer, because the mask
//! would not see them. Values that stay are passed on as the bytes that came.

pub mod api;
mod keys;
mod rows;
pub(in crate::snowflake) mod texts;

pub use self::rows::Rows;

use std::fmt;

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::chunk::{Capability, ChunkSet, Chunks};
use super::envelope::Envelope;
use super::json::{self, JsonError, Object};
use super::monitor;
use super::operation::QueryId;
use crate::mask::rows::Format;

/// What the answer is an answer to.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    Query { asynchronous: bool },
    Result,
    Monitor(&'a QueryId),
    Abort,
}

/// An answer that may be shown to the mask and then to the client.
pub struct Admitted {
    pub success: bool,
    pub query_id: Option<QueryId>,
    /// The results of a multi-statement request, in the order of its statements.
    pub child_ids: Vec<QueryId>,
    pub in_progress: Option<InProgress>,
    /// The rows of the whole result, inline and in chunks.
    pub rows: Option<u64>,
    pub error: Option<UpstreamFailure>,
    pub session_changes: SessionChanges,
    pub statement_type: Option<u64>,
    chunks: Option<Chunks>,
    has_rows: bool,
    format: Format,
    body_bytes: u64,
    /// The answer as it came; `None` when it is rewritten from the parts below.
    whole: Option<Bytes>,
    envelope: Vec<(String, Bytes)>,
    /// `None` when `data` is no object and is written as `null`.
    data: Option<Vec<(String, Bytes)>>,
    /// It is an answer of the SQL API, and is written as one.
    api: Option<api::Frame>,
}

impl fmt::Debug for Admitted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Admitted")
            .field("success", &self.success)
            .field("query_id", &self.query_id)
            .field("in_progress", &self.in_progress)
            .field("rows", &self.rows)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// How the upstream says that a statement still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InProgress {
    /// `333333`: the client waits.
    Attached,
    /// `333334`: the client comes back when it likes.
    Detached,
}

/// An error of the statement, as the upstream classifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamFailure {
    pub code: String,
    pub sql_state: Option<String>,
}

/// The session's state after a statement; `None` is no change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionChanges {
    pub database: Option<String>,
    pub schema: Option<String>,
    pub warehouse: Option<String>,
    pub role: Option<String>,
}

/// Why an upstream answer does not reach the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    #[error("the upstream's answer is malformed: {0}")]
    Malformed(#[from] JsonError),
    #[error("the upstream's answer has the unknown key `{0}`, which could carry rows")]
    UnknownKey(String),
    #[error("the upstream's answer hands out a file transfer")]
    FileTransfer,
    #[error("the row counts of the upstream's answer contradict each other")]
    RowCount,
    #[error("the upstream's answer carries rows in two forms, or in another than it says")]
    RowForm,
    #[error("the upstream's in-progress answer is not one")]
    InProgress,
    #[error("the result has chunks and there is no capability for them")]
    NoCapability,
}

/// The two things about an answer that steer retries and renewals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    pub success: bool,
    pub code: Option<String>,
}

/// Reads an answer's envelope without reading its data.
pub fn peek(body: &[u8]) -> Result<Peek, JsonError> {
    let envelope = Envelope::parse(body)?;
    Ok(Peek {
        success: envelope.success,
        code: envelope.code,
    })
}

/// Reads an answer and refuses what must not reach the client.
pub fn admit(body: &Bytes, asked: Asked<'_>) -> Result<Admitted, ResultError> {
    let envelope = Envelope::parse(body)?;
    let entries = envelope_entries(&envelope, body)?;
    let mut admitted = Admitted::bare(envelope.success, entries, body);
    let data = envelope.object.object("data")?;
    if !envelope.success {
        let code = envelope.code.unwrap_or_default();
        let sql_state = data
            .as_ref()
            .map_or(Ok(None), |data| data.string("sqlState"))?;
        admitted.error = Some(UpstreamFailure { code, sql_state });
        if let Some(data) = data {
            admitted.query_id = data.string("queryId")?.and_then(|id| QueryId::parse(&id));
            admitted.data = Some(keys::failure(&data, body)?);
        }
        return Ok(admitted);
    }
    match asked {
        // Nothing in this answer is for the client but that it worked.
        Asked::Abort => return Ok(admitted),
        Asked::Monitor(id) => {
            let data = data.ok_or(JsonError::Field("data"))?;
            admitted.data = Some(vec![("queries".to_owned(), monitor::clean(&data, id)?)]);
            return Ok(admitted);
        }
        Asked::Query { .. } | Asked::Result => {}
    }
    let data = data.ok_or(JsonError::Field("data"))?;
    admitted.read_rows(&data, body)?;
    admitted.read_state(&data)?;
    admitted.read_progress(&data, envelope.code.as_deref(), asked)?;
    let kept = admitted.data.as_ref().map_or(0, Vec::len);
    let untouched = kept == data.entries().len() && data.get("getResultUrl").is_none();
    if untouched && envelope.object.get("headers").is_none() {
        admitted.whole = Some(body.clone());
    }
    Ok(admitted)
}

impl Admitted {
    /// An answer that says nothing yet but whether it worked.
    fn bare(success: bool, envelope: Vec<(String, Bytes)>, body: &Bytes) -> Self {
        Self {
            success,
            query_id: None,
            child_ids: Vec::new(),
            in_progress: None,
            rows: None,
            error: None,
            session_changes: SessionChanges::default(),
            statement_type: None,
            chunks: None,
            has_rows: false,
            format: Format::Json,
            body_bytes: body.len() as u64,
            whole: None,
            envelope,
            data: None,
            api: None,
        }
    }

    /// The rows in the answer itself; those in chunks are counted when they are fetched.
    #[must_use]
    pub fn inline_rows(&self) -> u64 {
        if let Some(frame) = &self.api {
            return frame.inline_rows();
        }
        let in_chunks = self.chunks.as_ref().map_or(0, |chunks| chunks.rows);
        self.rows.unwrap_or(0).saturating_sub(in_chunks)
    }

    /// The length of the answer.
    #[must_use]
    pub const fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Where the result's chunks are, taken out: only the table of capabilities keeps them.
    pub fn take_chunks(&mut self) -> Option<ChunkSet> {
        let chunks = self.chunks.as_mut()?;
        let empty = ChunkSet {
            urls: Vec::new(),
            sizes: Vec::new(),
            headers: Vec::new(),
            qrmk: None,
        };
        let set = std::mem::replace(&mut chunks.set, empty);
        (!set.urls.is_empty()).then_some(set)
    }

    /// Calls the answered query by the id that its client knows it by.
    pub fn call(&mut self, id: &QueryId) -> Result<(), ResultError> {
        if let Some(frame) = &mut self.api {
            frame.call(id);
            return Ok(());
        }
        let Some(data) = &mut self.data else {
            return Ok(());
        };
        self.whole = None;
        set(data, "queryId", json::write(&id.as_str()));
        if self.in_progress.is_some() {
            let url = format!("/queries/{}/result", id.as_str());
            set(data, "getResultUrl", json::write(&url));
        }
        if let Some((_, queries)) = data.iter_mut().find(|(key, _)| key == "queries") {
            *queries = monitor::call(queries, id)?;
        }
        Ok(())
    }

    /// Writes the client's answer.
    pub fn render(self, capability: Option<&Capability<'_>>) -> Result<Bytes, ResultError> {
        if let Some(frame) = &self.api {
            return Ok(frame.render(self.envelope, self.data.as_deref()));
        }
        if let Some(whole) = self.whole {
            return Ok(whole);
        }
        let mut data = self.data;
        if let Some(chunks) = &self.chunks {
            let capability = capability.ok_or(ResultError::NoCapability)?;
            let (chunks, headers) = chunks.render(capability);
            let data = data.get_or_insert_default();
            data.push(("chunks".to_owned(), chunks.into()));
            data.push(("chunkHeaders".to_owned(), headers.into()));
        }
        let length = |entries: &[(String, Bytes)]| -> usize {
            entries
                .iter()
                .map(|(key, value)| key.len() + value.len() + 4)
                .sum()
        };
        let data_length = data.as_deref().map_or(4, length);
        let mut output = Vec::with_capacity(data_length + length(&self.envelope) + 16);
        output.extend_from_slice(b"{\"data\":");
        match &data {
            Some(data) => json::write_object(&mut output, data),
            None => output.extend_from_slice(b"null"),
        }
        for (key, value) in &self.envelope {
            output.push(b',');
            output.extend_from_slice(&json::write(key));
            output.push(b':');
            output.extend_from_slice(value);
        }
        output.push(b'}');
        Ok(output.into())
    }

    /// Reads the carriers of rows and checks that their counts agree.
    fn read_rows(&mut self, data: &Object<'_>, body: &Bytes) -> Result<(), ResultError> {
        self.data = Some(keys::success(data, body)?);
        self.chunks = Chunks::parse(data, body)?;
        self.statement_type = data.u64("statementTypeId")?;
        // `GET` and `PUT`, whatever else the answer looks like.
        if matches!(self.statement_type, Some(0x7101 | 0x7102)) {
            return Err(ResultError::FileTransfer);
        }
        let rowset = match data.get("rowset") {
            None => None,
            Some(rowset) => match serde_json::from_str::<Vec<IgnoredAny>>(rowset.get()) {
                Ok(rows) => Some(rows.len() as u64),
                Err(_) => return Err(JsonError::Field("rowset").into()),
            },
        };
        let base64 = match data
            .get("rowsetBase64")
            .map(serde_json::value::RawValue::get)
        {
            None | Some("\"\"") => false,
            Some(text) if text.starts_with('"') => true,
            Some(_) => return Err(JsonError::Field("rowsetBase64").into()),
        };
        let form_fits = match data.string("queryResultFormat")?.as_deref() {
            None | Some("json") => !base64,
            Some("arrow") => {
                self.format = Format::Arrow;
                rowset.unwrap_or(0) == 0
            }
            Some(_) => false,
        };
        if !form_fits {
            return Err(ResultError::RowForm);
        }

        let in_chunks = self.chunks.as_ref().map_or(0, |chunks| chunks.rows);
        let total = data.u64("total")?;
        let returned = data.u64("returned")?;
        let whole = returned.or(total);
        let least = in_chunks
            .checked_add(rowset.unwrap_or(0))
            .ok_or(ResultError::RowCount)?;
        // Rows inside Arrow are counted where they are decoded; JSON rows are counted here.
        let counts_fit = match whole {
            None => self.chunks.is_none(),
            Some(whole) if base64 => least <= whole,
            Some(whole) => least == whole,
        };
        let truncated =
            matches!((total, returned), (Some(total), Some(returned)) if returned > total);
        if !counts_fit || truncated {
            return Err(ResultError::RowCount);
        }
        self.rows = whole.or(rowset);
        self.has_rows = base64 || least > 0;
        Ok(())
    }

    fn read_state(&mut self, data: &Object<'_>) -> Result<(), ResultError> {
        self.session_changes = SessionChanges {
            database: data.string("finalDatabaseName")?,
            schema: data.string("finalSchemaName")?,
            warehouse: data.string("finalWarehouseName")?,
            role: data.string("finalRoleName")?,
        };
        if let Some(id) = data.string("queryId")? {
            self.query_id = Some(QueryId::parse(&id).ok_or(JsonError::Field("queryId"))?);
        }
        let Some(ids) = data.string("resultIds")?.filter(|ids| !ids.is_empty()) else {
            return Ok(());
        };
        for id in ids.split(',') {
            if self.child_ids.len() == CHILDREN_MAX {
                return Err(JsonError::Field("resultIds").into());
            }
            self.child_ids
                .push(QueryId::parse(id.trim()).ok_or(JsonError::Field("resultIds"))?);
        }
        Ok(())
    }

    /// Reads an in-progress answer and gives it the address that every driver can follow.
    fn read_progress(
        &mut self,
        data: &Object<'_>,
        code: Option<&str>,
        asked: Asked<'_>,
    ) -> Result<(), ResultError> {
        self.in_progress = match code {
            Some("333333") => Some(InProgress::Attached),
            Some("333334") => Some(InProgress::Detached),
            _ => None,
        };
        let url = data.string("getResultUrl")?;
        if self.in_progress.is_none() && url.is_none() {
            return Ok(());
        }
        let (Some(id), Some(url)) = (&self.query_id, url) else {
            return Err(ResultError::InProgress);
        };
        // The id in the address is the one that the client will own.
        let names_the_query = url.to_ascii_lowercase().contains(id.as_str());
        if !names_the_query || (self.in_progress.is_some() && self.has_rows) {
            return Err(ResultError::InProgress);
        }
        let bare = json::write(&format!("/queries/{}/result", id.as_str()));
        set(self.data.get_or_insert_default(), "getResultUrl", bare);
        // gosnowflake's asynchronous mode takes every other code for the finished result.
        if matches!(asked, Asked::Query { asynchronous: true })
            && self.in_progress == Some(InProgress::Attached)
        {
            self.in_progress = Some(InProgress::Detached);
            set(&mut self.envelope, "code", b"\"333334\"".to_vec());
        }
        Ok(())
    }
}

fn envelope_entries(
    envelope: &Envelope<'_>,
    body: &Bytes,
) -> Result<Vec<(String, Bytes)>, ResultError> {
    let others = envelope
        .object
        .entries()
        .iter()
        .filter(|(key, _)| key != "data");
    let mut entries = Vec::new();
    for (key, value) in others {
        match key.as_str() {
            "code" | "message" | "success" => {}
            "headers" if value.get() == "null" => {}
            "headers" => continue,
            _ => return Err(ResultError::UnknownKey(keys::shown(key))),
        }
        entries.push((key.clone(), body.slice_ref(value.get().as_bytes())));
    }
    Ok(entries)
}

fn set(entries: &mut [(String, Bytes)], key: &str, value: Vec<u8>) {
    if let Some((_, place)) = entries.iter_mut().find(|(other, _)| other == key) {
        *place = value.into();
    }
}

/// The most statements of one request; each is at least two bytes of text in a body of some MiB, but
/// nobody sends more than some hundred.
const CHILDREN_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
