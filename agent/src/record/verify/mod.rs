//! Proves what a recording says, from its files and the host's public key alone.
//!
//! It shares nothing with the writer but the format: [`mod@super::format`], [`super::chain::link`]
//! and what is signed ([`super::checkpoint`]). It takes bytes apart by itself, so that a mistake of
//! the reader or of the writer is not made twice.
//!
//! ```text
//! files  ──► walk: one segment, byte by byte ──► judge: segments against each other ──► Report
//! ```
//!
//! A *run* is a stretch of frames that each continue the digest stored before them. The signature of
//! a header, of a checkpoint in a run, or of the next segment's header covers a run from its beginning
//! up to there: that is *proven*. What is linked but under no signature is *not proven*: everyone can
//! compute a chain. After damage the walk looks for the next frame that continues the 32 bytes that
//! stand before it, and a run begins there.
#![forbid(unsafe_code)]

mod check;
mod files;
mod judge;
mod ledger;
mod parse;
mod problem;
mod report;
mod statement;
mod walk;
mod window;

use std::io::Read;
use std::path::Path;

use super::checkpoint::HostId;
use super::read::Identities;

pub use check::{CheckError, Summary, check};
pub use files::VerifyError;
pub use problem::{Finding, Near, Problem, Says, time};
pub use report::{Broken, Count, Head, NoHead, Note, Report, Stretch};

use judge::{Contents, Item};
use walk::{Expected, walk};

/// Checks every segment of a directory, or one segment alone.
///
/// # Errors
/// There is nothing to check. What is wrong with a recording is in the report.
pub fn verify(
    path: &Path,
    host: HostId,
    identities: &Identities,
    head: Option<Head>,
) -> Result<Report, VerifyError> {
    let (files, is_all) = files::list(path)?;
    let items = files::walk_all(&files, host, identities, head);
    Ok(judge::judge(items, is_all, head))
}

/// Checks the bytes of one segment, unpacked.
pub fn segment(input: impl Read, number: u64, host: HostId) -> Report {
    let expected = Expected {
        host,
        number,
        head: None,
    };
    let item = Item {
        number,
        file: String::new(),
        contents: Contents::Walked(Box::new(walk(input, expected))),
        archived: None,
        has_grown: false,
    };
    judge::judge(vec![item], false, None)
}

#[cfg(test)]
pub(crate) mod tests;
