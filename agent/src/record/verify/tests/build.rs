//! A small writer, from the format's constants alone.

use std::fs;
use std::path::Path;

use crate::record::chain::{Digest, link};
use crate::record::checkpoint::{HostId, checkpoint_message, header_message};
use crate::record::format::{Kind, MAGIC, Packing, VERSION, file_name, v1};
use crate::record::key::HostKey;
use crate::record::read::Identities;
use crate::record::verify::{Finding, Head, Report, verify};

/// The time of frame n of a segment.
pub(crate) const TIME: i64 = 1_790_000_000_000_000;

/// A segment that is being built.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
    /// Where the header and each frame end.
    pub(crate) ends: Vec<usize>,
    pub(crate) digest: Digest,
    pub(crate) next_entry: u64,
}

impl Segment {
    pub(crate) fn new(key: &HostKey, number: u64, previous: Digest, next_entry: u64) -> Self {
        let mut bytes = prelude(VERSION, number, next_entry, previous);
        bytes.extend_from_slice(&key.id().0);
        bytes.extend_from_slice(&[7; 16]);
        bytes.extend_from_slice(&TIME.to_le_bytes());
        bytes.extend_from_slice(&5_u64.to_le_bytes());
        bytes.extend_from_slice(b"host");
        let digest = link(previous, &bytes);
        bytes.extend_from_slice(&digest.0);
        bytes.extend_from_slice(&key.sign(&header_message(digest)));
        Self::of(number, bytes, digest, next_entry)
    }

    pub(crate) fn version_1(number: u64, previous: Digest, next_entry: u64) -> Self {
        let mut bytes = prelude(v1::VERSION, number, next_entry, previous);
        bytes.extend_from_slice(b"host");
        let digest = link(previous, &bytes);
        bytes.extend_from_slice(&digest.0);
        Self::of(number, bytes, digest, next_entry)
    }

    fn of(number: u64, bytes: Vec<u8>, digest: Digest, next_entry: u64) -> Self {
        Self {
            number,
            ends: vec![bytes.len()],
            bytes,
            digest,
            next_entry,
        }
    }

    pub(crate) fn frame(&mut self, kind: u8, entry: u64, payload: &[u8]) -> &mut Self {
        let mut bytes = head(kind, entry, self.ends.len(), payload.len());
        bytes.extend_from_slice(payload);
        self.push(&bytes)
    }

    fn push(&mut self, bytes: &[u8]) -> &mut Self {
        self.digest = link(self.digest, bytes);
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(&self.digest.0);
        self.ends.push(self.bytes.len());
        self
    }

    pub(crate) fn says(&mut self, kind: Kind, entry: u64, payload: &str) -> &mut Self {
        self.frame(kind.to_byte(), entry, payload.as_bytes())
    }

    /// A whole entry, with a statement of its own.
    pub(crate) fn entry(&mut self) -> &mut Self {
        let entry = self.next_entry;
        self.next_entry += 1;
        let text = format!("{{\"statement\":{{\"text\":\"select {entry}\"}}}}");
        self.says(Kind::Decided, entry, &text);
        self.says(Kind::Ended, entry, "{\"outcome\":\"answer\"}")
    }

    pub(crate) fn checkpoint(&mut self, key: &HostKey, sealed: u8) -> &mut Self {
        let mut bytes = head(
            Kind::Checkpoint.to_byte(),
            self.next_entry,
            self.ends.len(),
            73,
        );
        bytes.extend_from_slice(&9_u64.to_le_bytes());
        bytes.push(sealed);
        let unsigned = bytes.first_chunk().unwrap();
        let signature = key.sign(&checkpoint_message(self.digest, unsigned));
        bytes.extend_from_slice(&signature);
        self.push(&bytes)
    }

    /// The segment after this one.
    pub(crate) fn next(&self, key: &HostKey) -> Self {
        Self::new(key, self.number + 1, self.digest, self.next_entry)
    }

    /// The bytes of frame n, counted from 0.
    pub(crate) fn range(&self, frame: usize) -> std::ops::Range<usize> {
        self.ends[frame]..self.ends[frame + 1]
    }

    pub(crate) fn head(&self) -> Head {
        Head {
            segment: self.number,
            digest: self.digest,
        }
    }
}

fn prelude(version: u16, number: u64, next_entry: u64, previous: Digest) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&4_u16.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&next_entry.to_le_bytes());
    bytes.extend_from_slice(&previous.0);
    bytes
}

fn head(kind: u8, entry: u64, frame: usize, payload: usize) -> Vec<u8> {
    let length = u32::try_from(17 + payload + 32).unwrap();
    let time = TIME + i64::try_from(frame).unwrap() * 1_000_000;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(&entry.to_le_bytes());
    bytes.extend_from_slice(&time.to_le_bytes());
    bytes
}

/// Three segments: entries 1 to 4 with a checkpoint between them, then 5 to 8, then 9 to 12, sealed.
pub(crate) fn recording(key: &HostKey) -> Vec<Segment> {
    let mut first = Segment::new(key, 1, Digest::ZERO, 1);
    fill(&mut first, key);
    let mut second = first.next(key);
    fill(&mut second, key);
    let mut third = second.next(key);
    fill(&mut third, key);
    vec![first, second, third]
}

/// Frames 0 to 3, a checkpoint (4), 5 to 8, the seal (9).
fn fill(segment: &mut Segment, key: &HostKey) {
    segment.entry().entry().checkpoint(key, 0);
    segment.entry().entry().checkpoint(key, 1);
}

/// The files of a recording: numbers and bytes.
pub(crate) fn plain(segments: &[Segment]) -> Vec<(u64, Vec<u8>)> {
    let all = segments.iter();
    all.map(|it| (it.number, it.bytes.clone())).collect()
}

pub(crate) fn write(dir: &Path, files: &[(u64, Vec<u8>)]) {
    for (number, bytes) in files {
        fs::write(dir.join(file_name(*number, Packing::Plain)), bytes).unwrap();
    }
}

pub(crate) fn report(files: &[(u64, Vec<u8>)], host: HostId, head: Option<Head>) -> Report {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    verify(dir.path(), host, &Identities::default(), head).unwrap()
}

pub(crate) fn findings(report: &Report) -> Vec<Finding> {
    let problems = report.problems.iter();
    problems.map(|it| it.finding.clone()).collect()
}

/// The same key each time, so that golden reports are the same.
pub(crate) fn fixed_key(dir: &Path) -> HostKey {
    let path = dir.join("host.key");
    let pem = "-----BEGIN PRIVATE KEY-----\n\
               MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
               -----END PRIVATE KEY-----\n";
    fs::write(&path, pem).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&path, private).unwrap();
    HostKey::open_or_create(&path).unwrap()
}
