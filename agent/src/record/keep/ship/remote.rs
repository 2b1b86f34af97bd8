//! The object store: finds, puts once, never overwrites.

use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartId, ObjectStore, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, RetryConfig,
};
use tokio::io::AsyncReadExt as _;

use super::auth::Keys;
use super::error::ShipError;
use super::http::Connector;
use super::pending::Pending;
use crate::config::{Ship, ShipAuth, ShipTarget};
use crate::credential::Source;
use crate::record::keep::disk::Content;

/// What is sent or fetched at once. Stores take parts from 5 MiB on, and 10,000 of them.
const PART_BYTES: usize = 8 << 20;

/// Of one request. Whoever calls tries again anyway, and later.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
const RETRIES_MAX: usize = 2;

const SHA256: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("sha256"));

/// Where segments go.
#[derive(Clone)]
pub(in crate::record::keep) struct Remote {
    pub(super) store: Arc<dyn ObjectStore>,
    /// `None` where there are only whole files.
    pub(super) parts: Option<Arc<dyn MultipartStore>>,
    /// A directory that must be there.
    pub(super) dir: Option<PathBuf>,
    pub(super) base: Path,
    /// Normally [`PART_BYTES`].
    pub(super) part_bytes: usize,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Remote")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Remote {
    pub(super) async fn open(
        ship: &Ship,
        secret: Option<&Arc<Source>>,
        connector: Connector,
    ) -> Result<Self, ShipError> {
        let failed = |source| ShipError::Store {
            operation: "set up",
            source,
        };
        let opened = match &ship.target {
            ShipTarget::S3 { bucket, prefix } => {
                let builder = s3(ship, secret, bucket).with_http_connector(connector);
                Self::cloud(builder.build().map_err(failed)?, prefix)
            }
            ShipTarget::Gcs { bucket, prefix } => {
                let mut builder = GoogleCloudStorageBuilder::new()
                    .with_bucket_name(bucket)
                    .with_retry(retries());
                if let Some(endpoint) = &ship.endpoint {
                    builder = builder.with_base_url(endpoint);
                }
                if let Some(secret) = secret {
                    let key = secret.secret().await.map_err(ShipError::Secret)?;
                    builder = builder.with_service_account_key(key.reveal());
                }
                let builder = builder.with_http_connector(connector);
                Self::cloud(builder.build().map_err(failed)?, prefix)
            }
            ShipTarget::Azure { container, prefix } => {
                let mut builder = MicrosoftAzureBuilder::new()
                    .with_container_name(container)
                    .with_retry(retries());
                if let ShipAuth::Keys { id: Some(id), .. }
                | ShipAuth::Instance { account: Some(id) } = &ship.auth
                {
                    builder = builder.with_account(id);
                }
                if let Some(endpoint) = &ship.endpoint {
                    let is_plain = endpoint.starts_with("http://");
                    builder = builder.with_endpoint(endpoint.clone());
                    builder = builder.with_allow_http(is_plain);
                }
                if let Some(secret) = secret {
                    let key = secret.secret().await.map_err(ShipError::Secret)?;
                    builder = builder.with_access_key(key.reveal());
                }
                let builder = builder.with_http_connector(connector);
                Self::cloud(builder.build().map_err(failed)?, prefix)
            }
            ShipTarget::Files(dir) => Self {
                store: Arc::new(LocalFileSystem::new().with_fsync(true)),
                parts: None,
                dir: Some(dir.clone()),
                base: Path::from(dir.to_string_lossy().as_ref()),
                part_bytes: PART_BYTES,
            },
        };
        Ok(opened)
    }

    fn cloud(store: impl ObjectStore + MultipartStore, prefix: &str) -> Self {
        let store = Arc::new(store);
        let parts = Arc::clone(&store);
        Self {
            parts: Some(parts),
            store,
            dir: None,
            base: Path::from(prefix),
            part_bytes: PART_BYTES,
        }
    }

    /// A store that is open, with small parts.
    #[cfg(test)]
    pub(in crate::record::keep) fn of(
        store: Arc<impl ObjectStore + MultipartStore>,
        part_bytes: usize,
    ) -> Self {
        let parts = Arc::clone(&store);
        Self {
            parts: Some(parts),
            store,
            dir: None,
            base: Path::from("prefix"),
            part_bytes,
        }
    }

    /// True where files have attributes and the store checks what it gets.
    const fn is_cloud(&self) -> bool {
        self.dir.is_none()
    }

    pub(super) fn key(&self, host: &str, name: &str) -> Path {
        self.base.clone().join(host).join(name)
    }

    /// The bytes of an object, and the digest that whoever put it there said; `None` if there is no
    /// such object.
    pub(super) async fn find(
        &self,
        key: &Path,
    ) -> Result<Option<(u64, Option<String>)>, ShipError> {
        if let Some(path) = self.dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(ShipError::NoDirectory { path: path.clone() });
        }
        let options = object_store::GetOptions {
            head: true,
            ..object_store::GetOptions::default()
        };
        match self.store.get_opts(key, options).await {
            Ok(found) => {
                let sha256 = found.attributes.get(&SHA256);
                let sha256 = sha256.map(|it| it.as_ref().to_owned());
                Ok(Some((found.meta.size, sha256)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(ShipError::Store {
                operation: "look for a segment",
                source,
            }),
        }
    }

    /// True if the object holds exactly this. It is read: what its attributes say is no proof.
    pub(super) async fn holds(&self, key: &Path, content: &Content) -> Result<bool, ShipError> {
        let Some((bytes, _said)) = self.find(key).await? else {
            return Ok(false);
        };
        if bytes != content.bytes {
            return Ok(false);
        }
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        let mut at = 0;
        while at < bytes {
            let end = bytes.min(at.saturating_add(self.part_bytes as u64));
            let range = self.store.get_range(key, at..end).await;
            let range = range.map_err(|source| ShipError::Store {
                operation: "read a segment",
                source,
            })?;
            if range.len() as u64 != end - at {
                return Ok(false);
            }
            digest.update(&range);
            at = end;
        }
        Ok(Content::new(digest, bytes) == *content)
    }

    /// Puts a whole object; false if there is one of that name.
    pub(super) async fn put(
        &self,
        key: &Path,
        bytes: Vec<u8>,
        content: &Content,
    ) -> Result<bool, ShipError> {
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: self.attributes(content),
            ..PutOptions::default()
        };
        match self.store.put_opts(key, bytes.into(), options).await {
            Ok(_put) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(ShipError::Store {
                operation: "put a segment",
                source,
            }),
        }
    }

    fn attributes(&self, content: &Content) -> Attributes {
        let mut attributes = Attributes::new();
        if self.is_cloud() {
            attributes.insert(SHA256, content.sha256.clone().into());
        }
        attributes
    }

    /// Puts an object in parts. `pending` knows of the upload until it is complete or aborted.
    pub(super) async fn put_parts(
        &self,
        key: &Path,
        (file, content): (&FilePath, &Content),
        pending: &Pending,
    ) -> Result<(), ShipError> {
        let Some(parts) = &self.parts else {
            return self.put_file(key, (file, content)).await;
        };
        let options = PutMultipartOptions {
            attributes: self.attributes(content),
            ..PutMultipartOptions::default()
        };
        let id = parts.create_multipart_opts(key, options).await;
        let id = id.map_err(putting)?;
        pending.begin(key, &id)?;
        self.send_parts(&**parts, (key, &id), (file, content))
            .await?;
        pending.end()
    }

    async fn send_parts(
        &self,
        store: &dyn MultipartStore,
        (key, id): (&Path, &MultipartId),
        (path, content): (&FilePath, &Content),
    ) -> Result<(), ShipError> {
        let mut input = Input::open(path, self.part_bytes).await?;
        let mut parts = Vec::new();
        while let Some(part) = input.part().await? {
            let sent = store.put_part(key, id, parts.len(), part.into()).await;
            parts.push(sent.map_err(putting)?);
        }
        if input.content() != *content {
            return Err(ShipError::Differs {
                key: key.to_string(),
            });
        }
        let completed = store.complete_multipart(key, id, parts).await;
        completed.map(drop).map_err(putting)
    }

    /// Puts a file into a directory, in parts.
    async fn put_file(
        &self,
        key: &Path,
        (path, content): (&FilePath, &Content),
    ) -> Result<(), ShipError> {
        let mut upload = self.store.put_multipart(key).await.map_err(putting)?;
        let mut input = Input::open(path, self.part_bytes).await?;
        while let Some(part) = input.part().await? {
            if let Err(source) = upload.put_part(part.into()).await {
                upload.abort().await.ok();
                return Err(putting(source));
            }
        }
        if input.content() == *content {
            return upload.complete().await.map(drop).map_err(putting);
        }
        upload.abort().await.ok();
        Err(ShipError::Differs {
            key: key.to_string(),
        })
    }

    /// Has the store forget the parts of an upload that was not completed.
    pub(super) async fn abort(&self, key: &str, id: &MultipartId) -> Result<(), ShipError> {
        let Some(parts) = &self.parts else {
            return Ok(());
        };
        match parts.abort_multipart(&Path::from(key), id).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(ShipError::Store {
                operation: "abort an upload",
                source,
            }),
        }
    }
}

/// A file, part by part, and the digest of all that was read.
struct Input {
    path: PathBuf,
    file: tokio::fs::File,
    part_bytes: usize,
    digest: ring::digest::Context,
    bytes: u64,
}

impl Input {
    async fn open(path: &FilePath, part_bytes: usize) -> Result<Self, ShipError> {
        let file = tokio::fs::File::open(path).await;
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(|source| local(path, source))?,
            part_bytes,
            digest: ring::digest::Context::new(&ring::digest::SHA256),
            bytes: 0,
        })
    }

    async fn part(&mut self) -> Result<Option<Vec<u8>>, ShipError> {
        let mut part = Vec::with_capacity(self.part_bytes);
        let mut limited = (&mut self.file).take(self.part_bytes as u64);
        let read = limited.read_to_end(&mut part).await;
        read.map_err(|source| local(&self.path, source))?;
        self.digest.update(&part);
        self.bytes += part.len() as u64;
        Ok((!part.is_empty()).then_some(part))
    }

    fn content(self) -> Content {
        Content::new(self.digest, self.bytes)
    }
}

fn s3(ship: &Ship, secret: Option<&Arc<Source>>, bucket: &str) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(retries());
    if let Some(region) = &ship.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &ship.endpoint {
        builder = builder.with_endpoint(endpoint);
        builder = builder.with_allow_http(endpoint.starts_with("http://"));
    }
    if let (ShipAuth::Keys { id, .. }, Some(secret)) = (&ship.auth, secret) {
        builder = builder.with_credentials(Arc::new(Keys {
            id: id.clone().unwrap_or_default(),
            secret: Arc::clone(secret),
        }));
    }
    builder
}

fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    }
}

fn putting(source: object_store::Error) -> ShipError {
    ShipError::Store {
        operation: "put a segment",
        source,
    }
}

fn local(path: &FilePath, source: io::Error) -> ShipError {
    ShipError::Local {
        path: path.to_owned(),
        source,
    }
}
