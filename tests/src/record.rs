//! Reads what a daemon recorded.
//!
//! It follows the format's description and shares no code with the writer, so that both cannot be
//! wrong together. It does not check the chain: `snowfence` itself does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// One frame of the recording.
#[derive(Clone, Debug)]
pub struct Frame {
    pub kind: Kind,
    pub entry: u64,
    /// `null` for a checkpoint.
    pub payload: Value,
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Decided,
    Ended,
    Opened,
    Closed,
    Ask,
    Vote,
    Grant,
    Policy,
    Operator,
    Canary,
    Gap,
    Checkpoint,
    Carried,
    Archived,
    Pruned,
}

const KINDS: [Kind; 15] = [
    Kind::Decided,
    Kind::Ended,
    Kind::Opened,
    Kind::Closed,
    Kind::Ask,
    Kind::Vote,
    Kind::Grant,
    Kind::Policy,
    Kind::Operator,
    Kind::Canary,
    Kind::Gap,
    Kind::Checkpoint,
    Kind::Carried,
    Kind::Archived,
    Kind::Pruned,
];

/// Reads every frame of every segment below `dir`, oldest first.
///
/// # Errors
/// When something there is not a recording.
pub fn frames(dir: &Path) -> Result<Vec<Frame>> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(dir).context("cannot list the recording")? {
        let path = entry.context("cannot list the recording")?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Their names are numbers of one length.
        if let Some(number) = name.strip_suffix(".sfr") {
            segments.insert(number.to_owned(), path);
        } else if let Some(number) = name.strip_suffix(".sfr.zst") {
            // Where both are there, the plain one is whole.
            segments.entry(number.to_owned()).or_insert(path);
        }
    }
    let mut frames = Vec::new();
    for path in segments.into_values() {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = match path.extension().is_some_and(|extension| extension == "zst") {
            true => zstd::decode_all(&*bytes).context("cannot decompress a segment")?,
            false => bytes,
        };
        parse(&bytes, &mut frames).with_context(|| format!("in {}", path.display()))?;
    }
    Ok(frames)
}

fn parse(bytes: &[u8], frames: &mut Vec<Frame>) -> Result<()> {
    let mut rest = Input(bytes);
    ensure!(rest.take(8)? == MAGIC, "this is not a segment");
    ensure!(
        rest.take(2)? == [2, 0],
        "this is another version of the format"
    );
    let host = rest.array::<2>()?;
    // Segment number, next entry, previous digest, host key, boot, time, uptime.
    rest.take(8 + 8 + DIGEST + 32 + 16 + 8 + 8)?;
    // Host, own digest, signature.
    rest.take(usize::from(u16::from_le_bytes(host)) + DIGEST + 64)?;
    while !rest.0.is_empty() {
        let length = usize::try_from(u32::from_le_bytes(rest.array()?))?;
        let mut frame = Input(rest.take(length)?);
        let [kind] = frame.array()?;
        let kind = usize::from(kind)
            .checked_sub(1)
            .and_then(|at| KINDS.get(at));
        let kind = *kind.context("there is no such kind of frame")?;
        let entry = u64::from_le_bytes(frame.array()?);
        let _time = frame.take(8)?;
        let payload = frame
            .0
            .len()
            .checked_sub(DIGEST)
            .context("a frame has no digest")?;
        let payload = frame.take(payload)?;
        let payload = if kind == Kind::Checkpoint {
            Value::Null
        } else {
            serde_json::from_slice(payload).context("a payload")?
        };
        frames.push(Frame {
            kind,
            entry,
            payload,
        });
    }
    Ok(())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .context("the segment is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .context("the segment is cut short")?;
        self.0 = rest;
        Ok(*taken)
    }
}

const MAGIC: &[u8] = b"SNOWFREC";
const DIGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([2, 0, 4, 0]);
        bytes.extend([0; 124 - 12]);
        bytes.extend(b"host");
        bytes.extend([0; DIGEST + 64]);
        let payload = br#"{"a":1}"#;
        bytes.extend(
            u32::try_from(17 + payload.len() + DIGEST)
                .unwrap()
                .to_le_bytes(),
        );
        bytes.push(2);
        bytes.extend(7_u64.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(payload);
        bytes.extend([0; DIGEST]);
        bytes
    }

    #[test]
    fn frames_are_read_as_the_format_describes_them() {
        let mut frames = Vec::new();
        parse(&segment(), &mut frames).unwrap();
        let [frame] = frames.as_slice() else {
            panic!("{frames:?}")
        };
        assert_eq!((frame.kind, frame.entry), (Kind::Ended, 7));
        assert_eq!(frame.payload, serde_json::json!({"a": 1}));
    }

    #[test]
    fn a_segment_that_is_cut_anywhere_in_a_frame_is_an_error() {
        let whole = segment();
        let header = 124 + 4 + DIGEST + 64;
        for end in header + 1..whole.len() {
            parse(&whole[..end], &mut Vec::new()).unwrap_err();
        }
    }
}
