//! `snowfence labels import`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::source;
use crate::access::socket::{ImportedLabels, NewLabels};
use crate::cli::Misuse;
use crate::cli::access::Access;
use crate::cli::output::{Output, remark};
use crate::cli::policy::sources::read;
use crate::mask::labels::import;
use crate::sql::ObjectName;

/// A million rows.
const ROWS_BYTES_MAX: u64 = 256 << 20;

/// Makes labels of Snowflake's own classification.
///
/// The daemon reads it, for those who may operate; with `--from` it is read from a file and no
/// daemon is asked. Prints `[[label]]` tables for `labels.toml`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The account, as the configuration calls it
    #[arg(long, value_name = "NAME", required_unless_present = "query")]
    account: Option<String>,
    /// The credential to log in with; without it: the account's default
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "query"])]
    credential: Option<String>,
    /// The rows of TAG_REFERENCES: JSON lines, or CSV with a header
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// A tag of your own, as `DB.SCHEMA.TAG`, `SCHEMA.TAG` or `TAG`; can be given more than once
    #[arg(long, value_name = "NAME")]
    tag: Vec<String>,
    /// Prints the statement whose rows are read, and nothing else
    #[arg(long, conflicts_with = "from")]
    query: bool,
    #[command(flatten)]
    access: Access,
}

impl Import {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let tags = self.tag.iter().map(|text| {
            ObjectName::parse(text)
                .ok_or_else(|| Misuse(format!("`--tag {text}`: write `DB.SCHEMA.TAG` or `TAG`")))
        });
        let tags: Vec<ObjectName> = tags.collect::<Result<_, Misuse>>()?;
        if self.query {
            return output.line(&import::query(&tags));
        }
        let account = self.account.unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.$".contains(c);
        if account.is_empty() || !account.chars().all(plain) {
            bail!(Misuse(
                "`--account` is the name of an account in the configuration".to_owned()
            ));
        }
        let imported = match self.from {
            Some(path) => from_file(&path, &account, &tags)?,
            None => {
                let new = NewLabels {
                    account: account.clone(),
                    credential: self.credential,
                    tags: self.tag,
                };
                self.access
                    .call(async |client| client.import_labels(&new).await)?
            }
        };
        check(&imported)?;
        remark(&told(&imported));
        if self.access.json {
            return output.json(&imported);
        }
        print(&account, &imported, output)
    }
}

/// Reads the rows of the view from a file.
fn from_file(path: &Path, account: &str, tags: &[ObjectName]) -> Result<ImportedLabels> {
    let text = read(path, ROWS_BYTES_MAX)?;
    let rows = import::read(&text);
    let found = rows.with_context(|| format!("the rows in `{}`", path.display()))?;
    Ok(ImportedLabels::new(account, &found, tags))
}

/// What is printed must be what the daemon reads, whoever made it.
fn check(imported: &ImportedLabels) -> Result<()> {
    let packs = toml::Value::from(imported.packs.clone());
    source::parse("imported", &format!("packs = {packs}\n{}", imported.text))
        .context("the tags make labels that could not be read")?;
    Ok(())
}

/// What is beside the labels, for a person.
fn told(imported: &ImportedLabels) -> String {
    let ImportedLabels {
        labels,
        patterns,
        rows,
        skipped,
        ..
    } = imported;
    let skipped = match skipped {
        0 => "nothing was skipped".to_owned(),
        count => format!("{count} skipped that are on nothing with columns, or on what is gone"),
    };
    format!("{rows} tags read: {labels} labels for {patterns} columns or groups of them; {skipped}")
}

fn print(account: &str, imported: &ImportedLabels, output: &mut Output<'_>) -> Result<()> {
    output.line(&format!(
        "# From SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES of the account {account}: {} labels, {} patterns.",
        imported.labels, imported.patterns
    ))?;
    if !imported.packs.is_empty() {
        let packs = imported.packs.join("\", \"");
        output.line(&format!(
            "# They extend packs: the file needs packs = [\"{packs}\"]."
        ))?;
    }
    output.text(&imported.text)
}
