//! Where the answers about a recording come from: an index that is there, or one for the moment.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Which;
use super::when::Times;
use crate::cli::Misuse;
use crate::cli::output::remark;
use crate::record::index::query::{Filter, Glob, TablePattern};
use crate::record::index::{Follower, Index, IndexError, Verdict};

/// Which recording, and by which index.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    #[command(flatten)]
    which: Which,
    /// The index; made if it is not there, and kept. Without it, a recording that was named is read
    /// into an index for the moment.
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
}

/// Which sessions or statements.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// Those of workloads that fit, such as `etl-*`.
    #[arg(long, value_name = "GLOB")]
    workload: Option<String>,
    /// Those of users that fit.
    #[arg(long, value_name = "GLOB")]
    user: Option<String>,
    /// Those on accounts that fit.
    #[arg(long, value_name = "GLOB")]
    account: Option<String>,
    #[command(flatten)]
    times: Times,
    /// Those with this verdict.
    #[arg(long, value_name = "allow|hold|deny", value_parser = verdict)]
    verdict: Option<Verdict>,
    /// Those in which values of such a label were masked.
    #[arg(long, value_name = "GLOB")]
    label: Option<String>,
    /// Those that touch a table, such as `users`, `public.users`, `shop.*.*`.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl Wanted {
    pub(super) fn filter(&self) -> Result<Filter> {
        let glob = |pattern: &Option<String>| pattern.as_deref().map(Glob::new);
        let table = self.table.as_deref().map(TablePattern::parse).transpose();
        let (since, until) = self.times.milliseconds();
        Ok(Filter {
            workload: glob(&self.workload),
            user: glob(&self.user),
            account: glob(&self.account),
            label: glob(&self.label),
            table: table.map_err(|error| Misuse(error.to_string()))?,
            verdict: self.verdict,
            since,
            until,
        })
    }
}

impl Source {
    /// Opens the index and brings it up to date; says what it cannot know.
    pub(super) async fn open(&self) -> Result<Index> {
        // What is wrong with the identities is said before an index is touched.
        drop(self.follower()?);
        let mut index = match self.path()? {
            None => {
                let mut index = Index::temporary().await?;
                self.follower()?.catch_up(&mut index).await?;
                index
            }
            Some(path) => match self.open_to_write(&path).await {
                Ok(index) => index,
                // A daemon keeps it, or it is not ours to write: it is read as it is.
                Err(error @ IndexError::File { .. }) => match Index::read(&path).await {
                    Ok(index) => index,
                    Err(unreadable) if error.is_in_use() => return Err(unreadable.into()),
                    Err(_unreadable) => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
            },
        };
        self.warn(&mut index).await?;
        Ok(index)
    }

    async fn warn(&self, index: &mut Index) -> Result<()> {
        let behind = self.follower()?.behind(index).await?;
        if behind > 0 {
            let last = index.last_entry().await?;
            remark(&format!(
                "snowfence: {behind} bytes of the recording are not in the index, which ends at entry {last}"
            ));
        }
        let (closed, damaged) = index.missing().await?;
        if closed > 0 {
            remark(&format!(
                "snowfence: {closed} segments are encrypted and not in the index: \
                 `snowfence index rebuild --identity FILE` reads them"
            ));
        }
        if damaged > 0 {
            remark(&format!(
                "snowfence: {damaged} segments are damaged and only partly in the index"
            ));
        }
        Ok(())
    }

    async fn open_to_write(&self, path: &Path) -> Result<Index, IndexError> {
        let has_text = self.has_text();
        let mut index = match Index::open(path, has_text, false).await {
            Err(error) if error.wants_rebuild() => Index::replace(path, has_text).await?,
            opened => opened?,
        };
        match self.follower_of(&mut index).await {
            Err(error) if error.wants_rebuild() => {
                drop(index);
                self.rebuild_at(path).await
            }
            done => done.map(|()| index),
        }
    }

    async fn follower_of(&self, index: &mut Index) -> Result<(), IndexError> {
        let Ok(mut follower) = self.follower() else {
            return Ok(());
        };
        follower.catch_up(index).await?;
        Ok(())
    }

    /// Makes the index from nothing.
    pub(super) async fn rebuild(&self) -> Result<Index> {
        let path = self.path()?;
        let path = path.context("no index is configured; name one with `--index FILE`")?;
        // What is wrong with the directory or the identities is said before the index is gone.
        drop(self.follower()?);
        Ok(self.rebuild_at(&path).await?)
    }

    async fn rebuild_at(&self, path: &Path) -> Result<Index, IndexError> {
        let mut index = Index::replace(path, self.has_text()).await?;
        self.follower_of(&mut index).await?;
        Ok(index)
    }

    pub(super) fn follower(&self) -> Result<Follower> {
        Ok(Follower::new(self.which.dir()?, self.which.identities()?))
    }

    /// Where the index is kept, if it is.
    pub(super) fn path(&self) -> Result<Option<PathBuf>> {
        match &self.index {
            Some(path) => Ok(Some(path.clone())),
            None => self.which.index(),
        }
    }

    /// As the daemon would have it, so that neither throws the other's index away.
    fn has_text(&self) -> bool {
        let is_named = self.index.is_some() || self.which.record.is_some();
        is_named
            || self
                .which
                .config()
                .is_ok_and(|config| config.record.index_text)
    }
}

/// Runs a command that asks the index.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a runtime")?;
    runtime.block_on(work)
}

fn verdict(word: &str) -> Result<Verdict, String> {
    Verdict::parse(word).ok_or_else(|| "a verdict is `allow`, `hold` or `deny`".to_owned())
}
