//! `snowfence index`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::source::{Source, block_on};
use crate::cli::output::Output;
use crate::record::index::Index;

/// Makes the index of a recording again, or shows how far it is.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum IndexCommand {
    /// Makes the index again from the segments alone, in place of what is there.
    Rebuild(Rebuild),
    /// Shows what the index has.
    Status(IndexStatus),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Rebuild {
    #[command(flatten)]
    source: Source,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct IndexStatus {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

impl IndexCommand {
    pub(in crate::cli) fn run(self, output: &mut Output<'_>) -> Result<()> {
        match self {
            Self::Rebuild(command) => command.run(output),
            Self::Status(command) => command.run(output),
        }
    }
}

impl Rebuild {
    fn run(self, output: &mut Output<'_>) -> Result<()> {
        let condition = block_on(async {
            let mut index = self.source.rebuild().await?;
            let condition = index.condition().await?;
            index.close().await?;
            Ok(condition)
        })?;
        output.line(&format!(
            "{} segments read, {} entries indexed",
            condition.segments, condition.entries
        ))
    }
}

impl IndexStatus {
    fn run(self, output: &mut Output<'_>) -> Result<()> {
        let Some(path) = self.source.path()? else {
            bail!("no index is configured; name one with `--index FILE`");
        };
        let (condition, behind) = block_on(async {
            let mut index = Index::read(&path).await?;
            let behind = self.source.follower()?.behind(&mut index).await?;
            Ok((index.condition().await?, behind))
        })?;
        if self.json {
            let mut value = serde_json::to_value(&condition)?;
            if let Some(object) = value.as_object_mut() {
                object.insert("behind_bytes".to_owned(), behind.into());
            }
            return output.json(&value);
        }
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let searched = match condition.has_text {
            true => condition.texts.to_string(),
            false => "none (`record.index_text`)".to_owned(),
        };
        output.table(&[
            row("index", path.display().to_string()),
            row("bytes", condition.bytes.to_string()),
            row("segments", condition.segments.to_string()),
            row("not opened", condition.segments_closed.to_string()),
            row("damaged", condition.segments_damaged.to_string()),
            row("frames", condition.frames.to_string()),
            row("entries", condition.entries.to_string()),
            row("last entry", condition.last_entry.to_string()),
            row("sessions", condition.sessions.to_string()),
            row("statements", searched),
            row("behind", format!("{behind} bytes")),
        ])
    }
}
