//! Result chunks: where the upstream keeps them, and the addresses that a client gets instead.

use std::fmt;

use bytes::Bytes;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::json::{self, JsonError, Object};

/// The header that carries the second half of a capability.
pub const CHUNK_HEADER: &str = "x-snowfence-chunk";

/// What an answer says of one chunk's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub rows: u64,
    /// Compressed; 0 when the answer does not say.
    pub bytes: u64,
}

/// Where the chunks of one result are, and the secrets that open them. Never leaves the daemon.
pub struct ChunkSet {
    pub urls: Vec<Zeroizing<String>>,
    /// As the answer announces them, one for each url.
    pub sizes: Vec<Size>,
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// The key of the encryption at rest, for results without `headers`.
    pub qrmk: Option<Zeroizing<String>>,
}

impl fmt::Debug for ChunkSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ChunkSet")
            .field("chunks", &self.urls.len())
            .finish_non_exhaustive()
    }
}

impl ChunkSet {
    /// The headers that storage wants with every chunk: those of the answer or, without any, the
    /// ones that drivers make from the key (`result_batch.py`, `SSE_C_ALGORITHM`).
    #[must_use]
    pub fn request_headers(&self) -> Vec<(String, Zeroizing<String>)> {
        match &self.qrmk {
            Some(key) if self.headers.is_empty() => vec![
                (
                    "x-amz-server-side-encryption-customer-algorithm".to_owned(),
                    Zeroizing::new("AES256".to_owned()),
                ),
                (
                    "x-amz-server-side-encryption-customer-key".to_owned(),
                    key.clone(),
                ),
            ],
            Some(_) | None => self.headers.clone(),
        }
    }
}

/// What a client needs to fetch chunks from us.
pub struct Capability<'a> {
    /// The account host, as the client named it.
    pub host: &'a str,
    pub path_token: &'a str,
    pub header_value: &'a str,
}

impl fmt::Debug for Capability<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Capability")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// The chunks of an answer: the entries as they came but for their urls, and their row counts.
pub(super) struct Chunks {
    pub(super) set: ChunkSet,
    pub(super) rows: u64,
    entries: Vec<Vec<(String, Bytes)>>,
}

impl Chunks {
    /// Reads the chunks of an answer's data; `None` when all rows are inline.
    pub(super) fn parse(data: &Object<'_>, body: &Bytes) -> Result<Option<Self>, JsonError> {
        let field = JsonError::Field("chunks");
        let Some(chunks) = data.get("chunks") else {
            return Ok(None);
        };
        let Ok(chunks) = serde_json::from_str::<Vec<&RawValue>>(chunks.get()) else {
            return Err(field);
        };
        if chunks.is_empty() {
            return Ok(None);
        }
        if chunks.len() > CHUNKS_MAX {
            return Err(field);
        }
        let mut urls = Vec::with_capacity(chunks.len());
        let mut sizes = Vec::with_capacity(chunks.len());
        let mut entries = Vec::with_capacity(chunks.len());
        let mut rows: u64 = 0;
        for chunk in chunks {
            let chunk = Object::from_text(chunk.get())?;
            urls.push(chunk.secret("url")?.ok_or_else(|| field.clone())?);
            let count = chunk.u64("rowCount")?.ok_or_else(|| field.clone())?;
            rows = rows.checked_add(count).ok_or_else(|| field.clone())?;
            sizes.push(Size {
                rows: count,
                bytes: chunk.u64("compressedSize")?.unwrap_or(0),
            });
            entries.push(rest(&chunk, body)?);
        }
        let set = ChunkSet {
            urls,
            sizes,
            headers: headers(data)?,
            qrmk: data.secret("qrmk")?,
        };
        Ok(Some(Self { set, rows, entries }))
    }

    /// Writes `chunks` and `chunkHeaders` for the client.
    pub(super) fn render(&self, capability: &Capability<'_>) -> (Vec<u8>, Vec<u8>) {
        let mut chunks = vec![b'['];
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                chunks.push(b',');
            }
            let (host, token) = (capability.host, capability.path_token);
            let url = json::write(&format!("https://{host}/sfc-results/{token}/{index}"));
            let mut whole = vec![("url".to_owned(), Bytes::from(url))];
            whole.extend_from_slice(entry);
            json::write_object(&mut chunks, &whole);
        }
        chunks.push(b']');
        let mut headers = Vec::new();
        let value = Bytes::from(json::write(&capability.header_value));
        json::write_object(&mut headers, &[(CHUNK_HEADER.to_owned(), value)]);
        (chunks, headers)
    }
}

/// Everything of a chunk's entry but its url: sizes and counts, or we do not know what it is.
fn rest(chunk: &Object<'_>, body: &Bytes) -> Result<Vec<(String, Bytes)>, JsonError> {
    let mut rest = Vec::new();
    for (key, value) in chunk.entries().iter().filter(|(key, _)| key != "url") {
        if value.get().starts_with(['{', '[', '"']) {
            return Err(JsonError::Field("chunks"));
        }
        rest.push((key.clone(), body.slice_ref(value.get().as_bytes())));
    }
    Ok(rest)
}

fn headers(data: &Object<'_>) -> Result<Vec<(String, Zeroizing<String>)>, JsonError> {
    let field = JsonError::Field("chunkHeaders");
    let Some(object) = data.object("chunkHeaders")? else {
        return Ok(Vec::new());
    };
    if object.entries().len() > HEADERS_MAX {
        return Err(field);
    }
    let mut headers = Vec::with_capacity(object.entries().len());
    for (name, value) in object.entries() {
        let Ok(value) = serde_json::from_str::<String>(value.get()) else {
            return Err(field);
        };
        headers.push((name.clone(), Zeroizing::new(value)));
    }
    Ok(headers)
}

/// A chunk has at least some hundred KiB, so this many are more than a driver can read in the six
/// hours that links live.
const CHUNKS_MAX: usize = 65_536;
/// The service sends two or three.
const HEADERS_MAX: usize = 16;
