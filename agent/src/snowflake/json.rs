//! JSON objects read one level at a time, without a value tree and without ambiguity.
//!
//! A key that comes twice is refused: parsers differ in which one they take, so what was judged
//! could differ from what the other side reads.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The keys of one JSON object in their order, values unparsed.
#[derive(Default)]
pub(super) struct Object<'a> {
    entries: Vec<(String, &'a RawValue)>,
}

/// Why a text is not an object that we read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("not the JSON that is expected here")]
    Malformed,
    #[error("a key comes twice")]
    DuplicateKey,
    #[error("`{0}` is missing or not of the expected type")]
    Field(&'static str),
}

impl<'a> Object<'a> {
    pub(super) fn from_slice(bytes: &'a [u8]) -> Result<Self, JsonError> {
        // One pass over the whole text is cheaper than one per value that is kept raw.
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(JsonError::Malformed);
        };
        Self::from_text(text)
    }

    pub(super) fn from_text(text: &'a str) -> Result<Self, JsonError> {
        let Ok(object) = serde_json::from_str::<Self>(text) else {
            return Err(JsonError::Malformed);
        };
        let mut seen = HashSet::with_capacity(object.entries.len());
        if object
            .entries
            .iter()
            .all(|(key, _)| seen.insert(key.as_str()))
        {
            Ok(object)
        } else {
            Err(JsonError::DuplicateKey)
        }
    }

    /// The value of a key; `None` when it is missing or `null`.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.entries.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    pub(super) fn entries(&self) -> &[(String, &'a RawValue)] {
        &self.entries
    }

    /// A nested object; `None` when it is missing or `null`.
    pub(super) fn object(&self, name: &'static str) -> Result<Option<Self>, JsonError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.get().starts_with('{') => Self::from_text(value.get()).map(Some),
            Some(_) => Err(JsonError::Field(name)),
        }
    }

    pub(super) fn string(&self, name: &'static str) -> Result<Option<String>, JsonError> {
        self.typed(name)
    }

    /// A string that is a secret; it is not copied anywhere else.
    pub(super) fn secret(
        &self,
        name: &'static str,
    ) -> Result<Option<Zeroizing<String>>, JsonError> {
        Ok(self.string(name)?.map(Zeroizing::new))
    }

    pub(super) fn bool(&self, name: &'static str) -> Result<Option<bool>, JsonError> {
        self.typed(name)
    }

    pub(super) fn u64(&self, name: &'static str) -> Result<Option<u64>, JsonError> {
        self.typed(name)
    }

    pub(super) fn typed<T: serde::de::DeserializeOwned>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, JsonError> {
        match self
            .get(name)
            .map(|value| serde_json::from_str(value.get()))
        {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err(JsonError::Field(name)),
        }
    }
}

/// The most keys of any object that a driver or the service sends at a level that we read is the
/// number of bindings of one statement; this is above the service's own limit for them.
const KEYS_MAX: usize = 65_536;

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    if entries.len() == KEYS_MAX {
                        return Err(serde::de::Error::custom("too many keys"));
                    }
                    entries.push(entry);
                }
                Ok(entries)
            }
        }

        deserializer
            .deserialize_map(Entries)
            .map(|entries| Self { entries })
    }
}

/// Writes a value as JSON. The values are strings, numbers and raw JSON: that cannot fail.
pub(super) fn write<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Writes a value that holds secrets. The buffer is made large enough at once: growing would leave
/// copies of the secret behind in freed memory.
pub(super) fn write_secret<T: serde::Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut length = Length(0);
    let mut buffer = Zeroizing::new(Vec::new());
    if serde_json::to_writer(&mut length, value).is_ok() {
        buffer.reserve_exact(length.0);
        if serde_json::to_writer(&mut *buffer, value).is_err() {
            buffer.clear();
        }
    }
    buffer
}

/// Writes `data` in the envelope of a success.
pub(super) fn success<T: serde::Serialize>(data: &T) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Success<'a, T> {
        data: &'a T,
        code: Option<&'static str>,
        message: Option<&'static str>,
        success: bool,
        headers: Option<&'static str>,
    }

    write(&Success {
        data,
        code: None,
        message: None,
        success: true,
        headers: None,
    })
}

/// Writes an object whose values are JSON already.
pub(super) fn write_object(output: &mut Vec<u8>, entries: &[(String, Bytes)]) {
    output.push(b'{');
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            output.push(b',');
        }
        output.extend_from_slice(&write(key));
        output.push(b':');
        output.extend_from_slice(value);
    }
    output.push(b'}');
}

/// Counts what is written to it.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
