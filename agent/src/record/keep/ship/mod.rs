//! Copies closed segments to an object store, each once, and knows which are there.
//!
//! The host's public key goes first: if another host's is there, this host's segments would mix with
//! those of a namesake, and nothing is shipped. Every shipped segment is also a head: a reader that
//! compares the recording with it sees whether later ones were cut off.

mod auth;
mod error;
mod http;
mod ledger;
mod pending;
mod remote;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;

pub use error::ShipError;

use self::http::Connector;
use self::ledger::Ledger;
use self::pending::Pending;
pub(super) use self::remote::Remote;
use super::disk::{Content, Disk};
use super::metrics::Metrics;
use crate::config::{self, ShipAuth};
use crate::credential::Source;
use crate::record::format::Packing;
use crate::record::key::public_path;
use crate::record::read::SegmentFile;
use crate::tls::client;

const HOST_PUB: &str = "host.pub";

/// Ships the segments of one recording.
#[derive(Debug)]
pub(super) struct Shipper {
    opening: Option<Opening>,
    remote: OnceCell<Remote>,
    host: String,
    host_pub: PathBuf,
    /// The store was seen to have this host's key.
    introduced: OnceCell<()>,
    ledger: Ledger,
    pending: Pending,
    disk: Arc<dyn Disk>,
    metrics: Metrics,
}

/// What the store is opened with.
#[derive(Debug)]
struct Opening {
    ship: config::Ship,
    secret: Option<Arc<Source>>,
    connector: Connector,
}

/// What a shipper is besides its store.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) dir: PathBuf,
    pub(super) host: String,
    pub(super) key_file: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) metrics: Metrics,
}

impl Shipper {
    /// Reads the secret and the roots; the store itself is first asked when there is a segment.
    pub(super) fn open(
        ship: &config::Ship,
        systemd: Option<&Path>,
        around: Around,
    ) -> Result<Self, ShipError> {
        let secret = match &ship.auth {
            ShipAuth::None | ShipAuth::Instance { .. } => None,
            ShipAuth::Keys { secret, .. } => {
                let source = Source::open(secret, systemd).map_err(ShipError::Secret)?;
                Some(Arc::new(source))
            }
        };
        let tls = client::connector(&ship.ca_files).map_err(ShipError::Tls)?;
        let endpoint = ship.endpoint.as_deref().unwrap_or("-");
        let place = format!("{} {endpoint} {}", ship.target, around.host);
        let opening = Opening {
            ship: ship.clone(),
            secret,
            connector: Connector { tls },
        };
        Ok(Self::new(Some(opening), OnceCell::new(), (place, around)))
    }

    /// Ships to a store that is open.
    #[cfg(test)]
    pub(super) fn to(remote: Remote, around: Around) -> Self {
        let place = format!("test {}", around.host);
        Self::new(None, OnceCell::new_with(Some(remote)), (place, around))
    }

    fn new(
        opening: Option<Opening>,
        remote: OnceCell<Remote>,
        (place, around): (String, Around),
    ) -> Self {
        Self {
            opening,
            remote,
            ledger: Ledger::open(&around.dir, place),
            pending: Pending {
                dir: around.dir,
                disk: Arc::clone(&around.disk),
            },
            host: around.host,
            host_pub: public_path(&around.key_file),
            introduced: OnceCell::new(),
            disk: around.disk,
            metrics: around.metrics,
        }
    }

    pub(super) fn is_shipped(&self, number: u64) -> bool {
        self.ledger.get(number).is_some()
    }

    /// Ships what is packed and not shipped, oldest first. One that is in conflict does not keep the
    /// others from being shipped.
    pub(super) async fn ship(&self, closed: &[SegmentFile]) -> Result<(), ShipError> {
        let remote = self.remote().await?;
        self.pending.clear(remote).await?;
        let introduced = self.introduced.get_or_try_init(|| self.introduce(remote));
        introduced.await?;
        let oldest = closed.first().map_or(0, |segment| segment.number);
        let mut conflict = Ok(());
        for segment in closed {
            if segment.packing == Packing::Plain || self.is_shipped(segment.number) {
                continue;
            }
            match self.ship_one(remote, segment).await {
                Ok(content) => {
                    let bytes = content.bytes;
                    let entry = (segment.number, content);
                    let added = self.ledger.add(&*self.disk, oldest, entry);
                    added.map_err(|source| local(&segment.path, source))?;
                    self.metrics.shipped.inc();
                    self.metrics.shipped_bytes.inc_by(bytes);
                }
                Err(error @ ShipError::Conflict { .. }) => conflict = Err(error),
                Err(error) => return Err(error),
            }
        }
        conflict
    }

    /// True if the segment is in the store, and what is here is what is there. It is asked for before
    /// the file here is deleted.
    pub(super) async fn confirm(&self, segment: &SegmentFile) -> Result<bool, ShipError> {
        let Some(shipped) = self.ledger.get(segment.number) else {
            return Ok(false);
        };
        let remote = self.remote().await?;
        let found = remote.find(&self.key(remote, &segment.path)).await?;
        let is_there = found.is_some_and(|(bytes, said)| {
            bytes == shipped.bytes && said.is_none_or(|said| said == shipped.sha256)
        });
        if is_there && read_content(&segment.path).await? == shipped {
            return Ok(true);
        }
        // The next round looks at what is there.
        self.ledger.forget(segment.number);
        Ok(false)
    }

    async fn remote(&self) -> Result<&Remote, ShipError> {
        let open = async || match &self.opening {
            Some(it) => {
                let connector = it.connector.clone();
                Remote::open(&it.ship, it.secret.as_ref(), connector).await
            }
            None => Err(ShipError::NoDirectory {
                path: PathBuf::new(),
            }),
        };
        self.remote.get_or_try_init(open).await
    }

    /// Puts the host's public key beside its segments.
    async fn introduce(&self, remote: &Remote) -> Result<(), ShipError> {
        let key = remote.key(&self.host, HOST_PUB);
        let read = tokio::fs::read(&self.host_pub).await;
        let bytes = read.map_err(|source| local(&self.host_pub, source))?;
        let content = Content::of(&bytes);
        if remote.find(&key).await?.is_none() {
            remote.put(&key, bytes, &content).await?;
        }
        if remote.holds(&key, &content).await? {
            return Ok(());
        }
        Err(ShipError::Conflict {
            key: key.to_string(),
        })
    }

    async fn ship_one(&self, remote: &Remote, segment: &SegmentFile) -> Result<Content, ShipError> {
        let content = read_content(&segment.path).await?;
        let key = self.key(remote, &segment.path);
        let is_sent = remote.find(&key).await?.is_none()
            && if content.bytes > remote.part_bytes as u64 {
                let what = (segment.path.as_path(), &content);
                let put = remote.put_parts(&key, what, &self.pending).await;
                if put.is_err() {
                    // What is left is aborted before anything else is sent.
                    self.pending.clear(remote).await.ok();
                }
                put.map(|()| true)?
            } else {
                let read = tokio::fs::read(&segment.path).await;
                let bytes = read.map_err(|source| local(&segment.path, source))?;
                remote.put(&key, bytes, &content).await?
            };
        if !is_sent {
            // Sent before and forgotten, or somebody else's.
            return match remote.holds(&key, &content).await? {
                true => Ok(content),
                false => Err(ShipError::Conflict {
                    key: key.to_string(),
                }),
            };
        }
        let found = remote.find(&key).await?;
        let is_there = found.is_some_and(|(bytes, said)| {
            bytes == content.bytes && said.is_none_or(|said| said == content.sha256)
        });
        match is_there {
            true => Ok(content),
            false => Err(ShipError::Differs {
                key: key.to_string(),
            }),
        }
    }

    fn key(&self, remote: &Remote, file: &Path) -> object_store::path::Path {
        let name = file.file_name().unwrap_or_default();
        remote.key(&self.host, &name.to_string_lossy())
    }
}

async fn read_content(path: &Path) -> Result<Content, ShipError> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || File::open(owned).and_then(Content::read));
    let read = read.await.map_err(std::io::Error::other);
    read.and_then(|it| it).map_err(|source| local(path, source))
}

fn local(path: &Path, source: std::io::Error) -> ShipError {
    ShipError::Local {
        path: path.to_owned(),
        source,
    }
}
