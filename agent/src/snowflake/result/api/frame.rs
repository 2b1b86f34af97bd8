//! What an answer of the SQL API has besides rows, and how it is written.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::{CHILDREN_MAX, ResultError};
use super::{Head, ROW_TYPE, ROWSET};
use crate::snowflake::api::status_url;
use crate::snowflake::json::{self, JsonError, Object};
use crate::snowflake::operation::QueryId;

/// What an answer has besides rows.
#[derive(Debug)]
pub(in super::super) struct Frame {
    pub(super) status: u16,
    /// The handle that the client knows it by.
    pub(super) handle: Option<QueryId>,
    pub(super) children: Vec<QueryId>,
    pub(super) kind: Kind,
    pub(super) inline_rows: u64,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A status, a failure or the end of a cancellation: no rows.
    Status,
    Result {
        rows: u64,
        partitions: Vec<Partition>,
    },
    Partition(u32, u32),
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Partition {
    pub(super) row_count: u64,
    uncompressed_size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compressed_size: Option<u64>,
}

impl Frame {
    pub(super) fn of(status: u16, object: &Object<'_>, kind: Kind) -> Result<Self, ResultError> {
        let field = JsonError::Field("statementHandle");
        let handle = match object.string("statementHandle")? {
            None => None,
            Some(text) => Some(QueryId::parse(&text).ok_or(field)?),
        };
        let field = JsonError::Field("statementHandles");
        let texts: Vec<String> = object.typed("statementHandles")?.unwrap_or_default();
        if texts.len() > CHILDREN_MAX {
            return Err(field.into());
        }
        let children = texts.iter().map(|text| QueryId::parse(text));
        Ok(Self {
            status,
            handle,
            children: children.collect::<Option<_>>().ok_or(field)?,
            kind,
            inline_rows: 0,
        })
    }

    pub(in super::super) const fn inline_rows(&self) -> u64 {
        self.inline_rows
    }

    pub(in super::super) fn call(&mut self, id: &QueryId) {
        self.handle = Some(id.clone());
    }

    pub(super) fn head(&self) -> Head {
        let (number, count) = match &self.kind {
            Kind::Status => (0, 0),
            Kind::Result { partitions, .. } => {
                (0, u32::try_from(partitions.len()).unwrap_or(u32::MAX))
            }
            Kind::Partition(number, count) => (*number, *count),
        };
        let link = self.handle.as_ref().filter(|_| count > 0).map(|handle| {
            let place = |number: u32, rel: &str| {
                format!("<{}?partition={number}>;rel=\"{rel}\"", status_url(handle))
            };
            let mut links = vec![place(0, "first")];
            if number > 0 {
                links.push(place(number - 1, "prev"));
            }
            if number + 1 < count {
                links.push(place(number + 1, "next"));
            }
            links.push(place(count - 1, "last"));
            links.join(",")
        });
        Head {
            status: self.status,
            link,
        }
    }

    /// Writes the answer from the parts that were kept.
    pub(in super::super) fn render(
        &self,
        envelope: Vec<(String, Bytes)>,
        data: Option<&[(String, Bytes)]>,
    ) -> Bytes {
        let mut entries = envelope;
        let mut add = |key: &str, value: Vec<u8>| entries.push((key.to_owned(), value.into()));
        let part = |name: &str| {
            let mut parts = data.unwrap_or_default().iter();
            let found = parts.find(|(key, _)| key == name);
            found.map_or_else(|| Bytes::from_static(b"[]"), |(_, value)| value.clone())
        };
        // A partition says nothing but its rows.
        if let (Some(handle), false) = (&self.handle, matches!(self.kind, Kind::Partition(..))) {
            add("statementHandle", json::write(&handle.as_str()));
            add("statementStatusUrl", json::write(&status_url(handle)));
        }
        if !self.children.is_empty() {
            let children: Vec<&str> = self.children.iter().map(QueryId::as_str).collect();
            add("statementHandles", json::write(&children));
        }
        match &self.kind {
            Kind::Status => {}
            Kind::Result {
                rows, partitions, ..
            } => {
                let meta = [
                    ("numRows".to_owned(), json::write(rows).into()),
                    ("format".to_owned(), Bytes::from_static(b"\"jsonv2\"")),
                    ("partitionInfo".to_owned(), json::write(partitions).into()),
                    ("rowType".to_owned(), part(ROW_TYPE)),
                ];
                let mut output = Vec::new();
                json::write_object(&mut output, &meta);
                add("resultSetMetaData", output);
                entries.push(("data".to_owned(), part(ROWSET)));
            }
            Kind::Partition(..) => entries.push(("data".to_owned(), part(ROWSET))),
        }
        let mut output = Vec::new();
        json::write_object(&mut output, &entries);
        output.into()
    }
}
