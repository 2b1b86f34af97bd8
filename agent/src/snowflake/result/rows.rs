//! The parts of an answer that are masked, out of it and back into it.

use bytes::Bytes;

use super::Admitted;
use crate::mask::rows::Format;

/// The rows in an answer itself, as the bytes of their JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows<'a> {
    /// An array of rows.
    Json(&'a [u8]),
    /// A string: an Arrow stream in base64.
    Base64(&'a [u8]),
}

impl Admitted {
    /// How the rows are written, those in chunks as well.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The columns of the result; `None` for an answer without any.
    #[must_use]
    pub fn row_type(&self) -> Option<&[u8]> {
        self.part("rowtype").map(|(_, value)| value.as_ref())
    }

    /// The rows in the answer; `None` when there are none but in chunks.
    #[must_use]
    pub fn rows(&self) -> Option<Rows<'_>> {
        match self.part(self.carrier())? {
            (_, value) if value == "\"\"" => None,
            (_, value) => Some(match self.format {
                Format::Json => Rows::Json(value),
                Format::Arrow => Rows::Base64(value),
            }),
        }
    }

    /// Puts other columns in the place of [`Self::row_type`]: as JSON, an array.
    pub fn replace_row_type(&mut self, json: Vec<u8>) {
        self.replace("rowtype", json);
    }

    /// Puts other rows in the place of [`Self::rows`], as JSON of the same kind; gives those that
    /// were there, if they differ.
    pub fn replace_rows(&mut self, json: Vec<u8>) -> Option<Bytes> {
        self.replace(self.carrier(), json)
    }

    /// The key under which rows of this format come; the other one has none of them.
    const fn carrier(&self) -> &'static str {
        match self.format {
            Format::Json => "rowset",
            Format::Arrow => "rowsetBase64",
        }
    }

    fn part(&self, name: &str) -> Option<&(String, Bytes)> {
        let found = self.data.iter().flatten().find(|(key, _)| key == name);
        found.filter(|(_, value)| value != "null")
    }

    fn replace(&mut self, name: &str, json: Vec<u8>) -> Option<Bytes> {
        let mut data = self.data.iter_mut().flatten();
        let (_, value) = data.find(|(key, value)| key == name && *value != json)?;
        // What came is no longer what goes out.
        self.whole = None;
        Some(std::mem::replace(value, json.into()))
    }
}
