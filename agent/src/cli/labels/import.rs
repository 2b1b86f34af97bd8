//! `snowfence labels import`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::source;
use crate::cli::Misuse;
use crate::cli::output::Output;
use crate::cli::policy::sources::read;
use crate::mask::labels::import::{self, Imported, Reference};
use crate::sql::ObjectName;

/// A million rows.
const ROWS_BYTES_MAX: u64 = 256 << 20;

/// Makes labels of Snowflake's own classification.
///
/// Prints `[[label]]` tables for `labels.toml`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The account, as the configuration calls it
    #[arg(long, value_name = "NAME", required_unless_present = "query")]
    account: Option<String>,
    /// The rows of TAG_REFERENCES: JSON lines, or CSV with a header
    #[arg(long, value_name = "FILE", required_unless_present = "query")]
    from: Option<PathBuf>,
    /// A tag of your own, as `DB.SCHEMA.TAG`, `SCHEMA.TAG` or `TAG`; can be given more than once
    #[arg(long, value_name = "NAME")]
    tag: Vec<String>,
    /// Prints the statement whose rows are read, and nothing else
    #[arg(long, conflicts_with = "from")]
    query: bool,
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
        let references = references(self.from)?;
        let imported = import::labels(&account, &references, &tags);
        check(&imported)?;
        print(&account, &imported, output)
    }
}

/// Reads the rows of the view.
fn references(file: Option<PathBuf>) -> Result<Vec<Reference>> {
    let path = file.unwrap_or_default();
    let text = read(&path, ROWS_BYTES_MAX)?;
    import::read(&text).with_context(|| format!("the rows in `{}`", path.display()))
}

/// What is printed must be what the daemon reads.
fn check(imported: &Imported) -> Result<()> {
    let packs: Vec<String> = imported
        .packs
        .iter()
        .map(|it| format!("\"{it}\""))
        .collect();
    let packs = match packs.is_empty() {
        true => String::new(),
        false => format!("packs = [{}]\n", packs.join(", ")),
    };
    source::parse("imported", &format!("{packs}{}", imported.text))
        .context("the tags make labels that could not be read")?;
    Ok(())
}

fn print(account: &str, imported: &Imported, output: &mut Output<'_>) -> Result<()> {
    output.line(&format!(
        "# From SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES of the account {account}: {} labels, {} patterns.",
        imported.labels, imported.patterns
    ))?;
    if !imported.packs.is_empty() {
        let packs: Vec<&str> = imported.packs.iter().copied().collect();
        let packs = packs.join("\", \"");
        output.line(&format!(
            "# They extend packs: the file needs packs = [\"{packs}\"]."
        ))?;
    }
    output.text(&imported.text)
}
