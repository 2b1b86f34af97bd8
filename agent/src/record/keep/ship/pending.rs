//! The one upload in parts that may be under way, so that its parts never stay behind.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::MultipartId;
use object_store::path::Path;

use super::error::ShipError;
use super::remote::Remote;
use crate::record::keep::disk::Disk;

const NAME: &str = "uploading";

/// A small file beside the segments, there as long as the store may hold parts.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) dir: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
}

impl Pending {
    pub(super) fn begin(&self, key: &Path, id: &MultipartId) -> Result<(), ShipError> {
        let text = format!("{key}\n{id}\n");
        let written = self.disk.replace(&self.dir, NAME, text.as_bytes());
        written.map_err(|source| self.failed(source))
    }

    pub(super) fn end(&self) -> Result<(), ShipError> {
        let removed = self.disk.remove(&self.dir.join(NAME));
        removed.map_err(|source| self.failed(source))
    }

    /// Aborts the upload that was interrupted, if there is one.
    pub(super) async fn clear(&self, remote: &Remote) -> Result<(), ShipError> {
        let text = match fs::read_to_string(self.dir.join(NAME)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(self.failed(source)),
        };
        let mut lines = text.lines();
        if let (Some(key), Some(id)) = (lines.next(), lines.next()) {
            remote.abort(key, &id.to_owned()).await?;
        }
        self.end()
    }

    fn failed(&self, source: std::io::Error) -> ShipError {
        ShipError::Local {
            path: self.dir.join(NAME),
            source,
        }
    }
}
