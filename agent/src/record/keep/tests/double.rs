//! An object store in memory whose n-th operation fails.

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What goes wrong, at which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It is not done.
    Before(usize),
    /// It is done, but the answer is lost.
    After(usize),
    /// From it on, nothing is done.
    Gone(usize),
}

#[derive(Debug)]
pub(super) struct Double {
    pub(super) inner: InMemory,
    pub(super) fault: Mutex<Fault>,
    pub(super) operations: Mutex<Vec<&'static str>>,
    /// Uploads of which the store holds parts.
    pub(super) uploads: Mutex<BTreeSet<MultipartId>>,
}

impl Double {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            inner: InMemory::new(),
            fault: Mutex::new(fault),
            operations: Mutex::default(),
            uploads: Mutex::default(),
        }
    }

    async fn run<T>(&self, name: &'static str, run: impl Future<Output = Result<T>>) -> Result<T> {
        let at = {
            let mut operations = self.operations.lock().unwrap();
            operations.push(name);
            operations.len() - 1
        };
        let fault = *self.fault.lock().unwrap();
        let failed = || Error::Generic {
            store: "double",
            source: "it was to fail".into(),
        };
        if fault == Fault::Before(at) || matches!(fault, Fault::Gone(from) if at >= from) {
            return Err(failed());
        }
        let done = run.await;
        match fault == Fault::After(at) {
            true => Err(failed()),
            false => done,
        }
    }
}

impl std::fmt::Display for Double {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("double")
    }
}

#[async_trait]
impl ObjectStore for Double {
    async fn put_opts(&self, at: &Path, what: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.run("put", self.inner.put_opts(at, what, how)).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, how).await
    }

    async fn get_opts(&self, at: &Path, how: GetOptions) -> Result<GetResult> {
        let name = if how.head { "head" } else { "get" };
        self.run(name, self.inner.get_opts(at, how)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, how).await
    }
}

#[async_trait]
impl MultipartStore for Double {
    async fn create_multipart(&self, at: &Path) -> Result<MultipartId> {
        self.create_multipart_opts(at, PutMultipartOptions::default())
            .await
    }

    async fn create_multipart_opts(
        &self,
        at: &Path,
        _how: PutMultipartOptions,
    ) -> Result<MultipartId> {
        self.run("create", self.inner.create_multipart(at)).await
    }

    async fn put_part(
        &self,
        at: &Path,
        id: &MultipartId,
        number: usize,
        what: PutPayload,
    ) -> Result<PartId> {
        let put = async {
            self.uploads.lock().unwrap().insert(id.clone());
            self.inner.put_part(at, id, number, what).await
        };
        self.run("part", put).await
    }

    async fn complete_multipart(
        &self,
        at: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> Result<PutResult> {
        let complete = async {
            let done = self.inner.complete_multipart(at, id, parts).await?;
            self.uploads.lock().unwrap().remove(id);
            Ok(done)
        };
        self.run("complete", complete).await
    }

    async fn abort_multipart(&self, at: &Path, id: &MultipartId) -> Result<()> {
        let abort = async {
            if !self.uploads.lock().unwrap().remove(id) {
                // As S3 answers.
                let (path, source) = (at.to_string(), "no such upload".into());
                return Err(Error::NotFound { path, source });
            }
            self.inner.abort_multipart(at, id).await
        };
        self.run("abort", abort).await
    }
}
