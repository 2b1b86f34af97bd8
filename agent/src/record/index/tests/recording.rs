//! Recordings made for tests, byte by byte as the format says.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::record::chain::{Digest, link};
use crate::record::format::{Kind, MAGIC, Packing, file_name, v1};
use crate::record::key::HostKey;
use crate::record::segment::{Beginning, Clocks, Draft, encode_header, write_checkpoint};

/// 2026-11-20T08:00:00Z.
pub(crate) const START: i64 = 1_795_161_600;

/// Segments in memory.
pub(crate) struct Recording {
    key: HostKey,
    version: u16,
    digest: Digest,
    next: u64,
    /// Seconds since [`START`].
    pub(crate) clock: i64,
    pub(crate) segments: Vec<Vec<u8>>,
}

impl Recording {
    pub(crate) fn new() -> Self {
        Self::of_version(2)
    }

    pub(crate) fn of_version(version: u16) -> Self {
        let mut recording = Self {
            key: HostKey::generate().unwrap(),
            version,
            digest: Digest::ZERO,
            next: 1,
            clock: 0,
            segments: Vec::new(),
        };
        recording.rotate();
        recording
    }

    pub(crate) fn rotate(&mut self) {
        let number = self.segments.len() as u64 + 1;
        if self.version == v1::VERSION {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(v1::VERSION.to_le_bytes());
            bytes.extend(4_u16.to_le_bytes());
            bytes.extend(number.to_le_bytes());
            bytes.extend(self.next.to_le_bytes());
            bytes.extend(self.digest.0);
            bytes.extend(b"host");
            self.digest = link(self.digest, &bytes);
            bytes.extend(self.digest.0);
            self.segments.push(bytes);
            return;
        }
        if let Some(segment) = self.segments.last_mut() {
            let end = (self.digest, &self.key);
            self.digest = write_checkpoint(self.next, Clocks::read(), true, end, segment);
        }
        let header = Beginning {
            number,
            next_entry: self.next,
            previous: self.digest,
            host: "host",
            boot: [7; 16],
            clocks: Clocks::read(),
        };
        let (bytes, digest) = encode_header(&header, &self.key);
        self.digest = digest;
        self.segments.push(bytes);
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    pub(crate) fn frame(&mut self, kind: Kind, number: u64, payload: &Value) {
        let time = jiff::Timestamp::from_second(START + self.clock).unwrap();
        let payload = serde_json::to_vec(payload).unwrap();
        let draft = Draft::new(kind, number, time, &payload).unwrap();
        let segment = self.segments.last_mut().unwrap();
        self.digest = draft.write(self.digest, segment);
    }

    pub(crate) fn open(&mut self, session: &str, workload: &str) {
        let number = self.number();
        let opened = json!({
            "session": session, "account": "acct.snowflakecomputing.com", "credential": "svc",
            "client": "PythonConnector", "login": 1, "snowflake_session": 9,
            "caller": {"workload": workload, "user": "ann@example.org"},
        });
        self.frame(Kind::Opened, number, &opened);
    }

    pub(crate) fn close(&mut self, session: &str, reason: &str) {
        let number = self.number();
        self.frame(
            Kind::Closed,
            number,
            &json!({"session": session, "reason": reason}),
        );
    }

    /// What is told of a statement when it is decided.
    pub(crate) fn decision(
        session: &str,
        workload: &str,
        text: &str,
        table: &str,
        verdict: &str,
    ) -> Value {
        json!({
            "connection": 3, "session": session, "account": "acct.snowflakecomputing.com",
            "operation": "query", "caller": {"workload": workload, "user": "ann@example.org"},
            "statement": {"text": text, "digest": "x"}, "verdict": verdict, "policies": ["p"],
            "facts": {"kinds": ["SELECT"], "accesses": [
                {"action": "read", "type": "Table", "object": table},
                {"action": "read", "type": "Warehouse", "object": "WH"},
            ]},
        })
    }

    pub(crate) fn allow(&mut self, session: &str, workload: &str, text: &str, table: &str) -> u64 {
        let number = self.number();
        let decision = Self::decision(session, workload, text, table, "allow");
        self.frame(Kind::Decided, number, &decision);
        number
    }

    pub(crate) fn end(&mut self, number: u64, rows: u64, masked: &Value) {
        let ended = json!({
            "outcome": "answer", "rows": rows, "bytes": 1000, "duration_us": 5000 + rows,
            "masked": masked, "table": {"columns": [], "rows": [["secret"]], "of": 1},
        });
        self.frame(Kind::Ended, number, &ended);
    }

    pub(crate) fn refuse(
        &mut self,
        session: &str,
        workload: &str,
        text: &str,
        table: &str,
        verdict: &str,
    ) -> u64 {
        let number = self.number();
        let mut ended = Self::decision(session, workload, text, table, verdict);
        let more = json!({"outcome": "refusal", "reason": "denied", "duration_us": 90});
        ended
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.frame(Kind::Ended, number, &ended);
        number
    }

    /// Writes what is not on disk yet of the first `bytes` bytes.
    pub(crate) fn write_to(&self, dir: &Path, bytes: usize) {
        let mut left = bytes;
        for (at, segment) in self.segments.iter().enumerate() {
            if left == 0 {
                break;
            }
            let upto = left.min(segment.len());
            left -= upto;
            let path = dir.join(file_name(at as u64 + 1, Packing::Plain));
            let mut options = fs::OpenOptions::new();
            let mut file = options.create(true).append(true).open(&path).unwrap();
            let there = usize::try_from(file.metadata().unwrap().len()).unwrap();
            file.write_all(segment.get(there..upto).unwrap_or_default())
                .unwrap();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.iter().map(Vec::len).sum()
    }

    pub(crate) fn write_all_to(&self, dir: &Path) {
        self.write_to(dir, self.len());
    }
}

/// Packs a segment as it is when it is closed.
pub(crate) fn pack(dir: &Path, number: u64, to: Option<&age::x25519::Recipient>) {
    let plain = dir.join(file_name(number, Packing::Plain));
    let bytes = fs::read(&plain).unwrap();
    let compressed = zstd::encode_all(bytes.as_slice(), 3).unwrap();
    match to {
        None => fs::write(dir.join(file_name(number, Packing::Zstd)), compressed).unwrap(),
        Some(recipient) => {
            let encrypted = age::encrypt(recipient, &compressed).unwrap();
            fs::write(dir.join(file_name(number, Packing::Age)), encrypted).unwrap();
        }
    }
    fs::remove_file(plain).unwrap();
}
