//! A recording against itself, where no key is at hand.

use std::path::Path;

use super::files::{self, VerifyError};
use super::parse;
use super::problem::Problem;
use super::window::Window;
use super::{Report, verify};
use crate::record::chain::Digest;
use crate::record::checkpoint::HostId;
use crate::record::read::{Identities, open};

/// Why a recording is not whole.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("segment {}: {} ({} problems in all)", first.segment, first.finding, report.problems.len())]
    Wrong {
        first: Box<Problem>,
        report: Box<Report>,
    },
}

/// What a recording that is whole holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub segments: u64,
    pub frames: u64,
    /// The end of what is signed.
    pub digest: Digest,
}

/// Verifies every segment of a directory by the key that its newest segment names: shows that the
/// recording is whole, not who wrote it.
///
/// # Errors
/// At the first thing that is not as it was written.
pub fn check(dir: &Path) -> Result<Summary, CheckError> {
    let (files, _is_dir) = files::list(dir)?;
    let newest = files.iter().rev();
    let identities = Identities::default();
    let host = newest.into_iter().find_map(|file| {
        let mut window = Window::new(open(file, &identities).ok()?);
        let (host, _is_signed) = parse::header(&mut window).ok()?.signed?;
        Some(host)
    });
    let report = verify(dir, host.unwrap_or(HostId([0; 32])), &identities, None)?;
    if let Some(first) = report.problems.first() {
        let (first, report) = (Box::new(first.clone()), Box::new(report));
        return Err(CheckError::Wrong { first, report });
    }
    Ok(Summary {
        segments: report.segments,
        frames: report.proven.frames + report.unproven.frames,
        digest: report.head.map_or(Digest::ZERO, |head| head.digest),
    })
}
