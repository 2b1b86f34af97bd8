//! Our block in a PEM bundle that belongs to someone else. Pure.

use super::{Authority, Effect, TrustError};

/// The bundle with our block at its end, and what that changed.
pub(super) fn with_block(
    bundle: &[u8],
    authority: &Authority,
) -> Result<(Effect, Vec<u8>), TrustError> {
    let (mut changed, found) = split(bundle)?;
    let block = block(authority);
    let effect = match found.as_slice() {
        [] => Effect::Added,
        [only] if *only == block.as_bytes() => return Ok((Effect::Unchanged, bundle.to_vec())),
        _ => Effect::Replaced,
    };
    if changed.last().is_some_and(|&last| last != b'\n') {
        changed.push(b'\n');
    }
    changed.extend_from_slice(block.as_bytes());
    Ok((effect, changed))
}

/// The bundle without our block, and what that changed.
pub(super) fn without_block(bundle: &[u8]) -> Result<(Effect, Vec<u8>), TrustError> {
    let (rest, found) = split(bundle)?;
    let effect = if found.is_empty() {
        Effect::Absent
    } else {
        Effect::Removed
    };
    Ok((effect, rest))
}

/// Whether our block is there with this authority in it.
pub(super) fn state(bundle: &[u8], authority: &Authority) -> Result<Effect, TrustError> {
    let (_rest, found) = split(bundle)?;
    Ok(match found.as_slice() {
        [] => Effect::Absent,
        [only] if *only == block(authority).as_bytes() => Effect::Unchanged,
        _ => Effect::Outdated,
    })
}

fn block(authority: &Authority) -> String {
    format!("{BEGIN}{}{END}", authority.pem)
}

/// Everything that is not ours, and each block of ours with its marks.
fn split(bundle: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), TrustError> {
    let (mut rest, mut blocks) = (Vec::new(), Vec::new());
    let mut open: Option<Vec<u8>> = None;
    for line in bundle.split_inclusive(|&byte| byte == b'\n') {
        match &mut open {
            // Without an end, all that follows would be taken for ours.
            Some(_) if line == BEGIN.as_bytes() => return Err(TrustError::BrokenBlock),
            Some(block) => {
                block.extend_from_slice(line);
                if line == END.as_bytes() {
                    blocks.extend(open.take());
                }
            }
            None if line == BEGIN.as_bytes() => open = Some(line.to_vec()),
            None => rest.extend_from_slice(line),
        }
    }
    match open {
        Some(_) => Err(TrustError::BrokenBlock),
        None => Ok((rest, blocks)),
    }
}

const BEGIN: &str = "# BEGIN SNOWFENCE CA (kept by `snowfence trust`)\n";
const END: &str = "# END SNOWFENCE CA\n";

/// certifi's bundle takes 300 KiB; companies add tens of their own.
pub(super) const BUNDLE_BYTES_MAX: u64 = 16 * 1024 * 1024;
