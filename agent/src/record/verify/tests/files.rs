//! Files in every packing, and what the recorder itself writes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use ring::digest::{SHA256, digest};

use super::build::{Segment, findings, plain, recording, write};
use crate::config;
use crate::policy::Permit;
use crate::record::chain::Digest;
use crate::record::format::{Kind, Packing, file_name};
use crate::record::key::{HostKey, public_path, read_public};
use crate::record::read::Identities;
use crate::record::verify::{Finding, Note, Report, VerifyError, check, verify};
use crate::record::{Decided, Ending, Opening, Outcome, Recorder};
use crate::snowflake::{Operation, Query};

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn age(bytes: &[u8], to: &x25519::Recipient) -> Vec<u8> {
    let recipients = std::iter::once(to as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
    let mut packed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut packed).unwrap();
    writer.write_all(&zstd(bytes)).unwrap();
    writer.finish().unwrap();
    packed
}

fn put(dir: &Path, number: u64, packing: Packing, bytes: &[u8]) {
    fs::write(dir.join(file_name(number, packing)), bytes).unwrap();
}

/// A frame that tells the digest of a file.
fn archived(segment: &mut Segment, number: u64, packing: Packing, bytes: &[u8]) {
    let sha256 = digest(&SHA256, bytes);
    let digits = sha256.as_ref().iter().map(|byte| format!("{byte:02x}"));
    let says = serde_json::json!({
        "segment": number,
        "file": file_name(number, packing),
        "bytes": bytes.len(),
        "sha256": digits.collect::<String>(),
    });
    let next_entry = segment.next_entry;
    segment.says(Kind::Archived, next_entry, &says.to_string());
    segment.next_entry += 1;
}

/// A recording whose first segment is encrypted, its second compressed, and whose fourth says so.
struct Packed {
    dir: tempfile::TempDir,
    key: HostKey,
    identity: x25519::Identity,
    files: [Vec<u8>; 2],
}

impl Packed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = HostKey::generate().unwrap();
        let identity = x25519::Identity::generate();
        let segments = recording(&key);
        let first = age(&segments[0].bytes, &identity.to_public());
        let second = zstd(&segments[1].bytes);
        let mut last = segments[2].next(&key);
        archived(&mut last, 1, Packing::Age, &first);
        archived(&mut last, 2, Packing::Zstd, &second);
        last.checkpoint(&key, 0);
        write(dir.path(), &plain(&[segments[2].clone(), last]));
        let packed = Self {
            dir,
            key,
            identity,
            files: [first, second],
        };
        packed.put(Packing::Age, &packed.files[0]);
        packed.put(Packing::Zstd, &packed.files[1]);
        packed
    }

    fn put(&self, packing: Packing, bytes: &[u8]) {
        let number = if packing == Packing::Age { 1 } else { 2 };
        put(self.dir.path(), number, packing, bytes);
    }

    fn report(&self, with_identity: bool) -> Report {
        let file = self.dir.path().join("identity");
        fs::write(&file, self.identity.to_string().expose_secret()).unwrap();
        let given = if with_identity { vec![file] } else { vec![] };
        let identities = Identities::read(&given).unwrap();
        verify(self.dir.path(), self.key.id(), &identities, None).unwrap()
    }
}

#[test]
fn every_packing_is_proven() {
    let packed = Packed::new();
    let report = packed.report(true);
    assert_eq!(findings(&report), []);
    assert_eq!((report.proven.frames, report.proven.entries), (33, 12));
    assert_eq!(report.proven_as_files, 0);
    let unread = packed.report(false);
    assert_eq!(findings(&unread), []);
    assert_eq!((unread.proven.frames, unread.proven_as_files), (23, 1));
    assert!(unread.notes.contains(&Note::AsFile { segment: 1 }));
}

#[test]
fn a_changed_file_is_found_whether_it_can_be_read_or_not() {
    let packed = Packed::new();
    for at in (0..packed.files[0].len()).step_by(97) {
        let mut bytes = packed.files[0].clone();
        bytes[at] ^= 1;
        packed.put(Packing::Age, &bytes);
        assert!(
            findings(&packed.report(false)).contains(&Finding::Archived),
            "byte {at}"
        );
        assert!(!packed.report(true).is_proven(), "byte {at}");
    }
    packed.put(Packing::Age, &packed.files[0]);
    let longer = [&packed.files[1][..], &zstd(b"")].concat();
    packed.put(Packing::Zstd, &longer);
    let report = packed.report(true);
    assert_eq!(findings(&report), [Finding::Archived]);
    assert_eq!(report.proven.frames, 33, "the contents are the same");
}

#[test]
fn a_file_that_no_proven_frame_tells_of_is_not_believed() {
    let packed = Packed::new();
    let last = packed.dir.path().join(file_name(4, Packing::Plain));
    let mut bytes = fs::read(&last).unwrap();
    // Its checkpoint goes.
    bytes.truncate(bytes.len() - 126);
    fs::write(&last, bytes).unwrap();
    let report = packed.report(false);
    assert_eq!(findings(&report), [Finding::Encrypted]);
    assert_eq!(report.proven_as_files, 0);
}

#[test]
fn a_compressed_segment_that_is_cut_is_proven_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let key = HostKey::generate().unwrap();
    let mut segment = Segment::new(&key, 1, Digest::ZERO, 1);
    for _ in 0..4_000 {
        segment.entry().checkpoint(&key, 0);
    }
    segment.checkpoint(&key, 1);
    let packed = zstd(&segment.bytes);
    put(
        dir.path(),
        1,
        Packing::Zstd,
        &packed[..packed.len() * 3 / 4],
    );
    let report = verify(dir.path(), key.id(), &Identities::default(), None).unwrap();
    let is_unreadable = |it: &Finding| matches!(it, Finding::Unreadable { .. });
    assert!(findings(&report).iter().any(is_unreadable), "{report:#?}");
    assert!(report.proven.frames > 1_000, "{:?}", report.proven);
}

#[test]
fn a_segment_that_is_there_twice_must_be_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let key = HostKey::generate().unwrap();
    let segments = recording(&key);
    write(dir.path(), &plain(&segments));
    let check = || verify(dir.path(), key.id(), &Identities::default(), None).unwrap();
    put(dir.path(), 2, Packing::Zstd, &zstd(&segments[1].bytes));
    assert_eq!(findings(&check()), []);
    assert_eq!(check().proven.frames, 30, "it is counted once");
    put(dir.path(), 2, Packing::Zstd, &zstd(&segments[2].bytes));
    let other = file_name(2, Packing::Plain);
    assert_eq!(findings(&check()), [Finding::Differs { other }]);
}

#[test]
fn one_segment_is_proven_alone() {
    let dir = tempfile::tempdir().unwrap();
    let key = HostKey::generate().unwrap();
    let segments = recording(&key);
    write(dir.path(), &plain(&segments));
    let path = dir.path().join(file_name(2, Packing::Plain));
    let report = verify(&path, key.id(), &Identities::default(), None).unwrap();
    assert_eq!(findings(&report), []);
    assert_eq!(report.proven.frames, 10);
    assert_eq!(report.notes, [Note::Alone]);
    let named = dir.path().join("segment");
    fs::rename(path, &named).unwrap();
    let error = verify(&named, key.id(), &Identities::default(), None).unwrap_err();
    assert!(matches!(error, VerifyError::Name { .. }), "{error}");
}

#[tokio::test]
async fn what_the_recorder_writes_is_proven() {
    let dir = tempfile::tempdir().unwrap();
    let config = config::Record {
        segment_bytes_max: 4_000,
        ..config::Record::for_test(dir.path())
    };
    for _ in 0..2 {
        let recorder = Recorder::open(&config).unwrap();
        for number in 0..50 {
            let query = Query::for_test("r", &format!("select {number}"));
            let permit = Permit::for_test(Operation::Query(Box::new(query)));
            let mut entry = recorder.entry(Opening::default());
            let _recorded = entry.decided(permit, Decided::default()).await.unwrap();
            let now = jiff::Timestamp::UNIX_EPOCH;
            let ending = Ending::new(Outcome::Answer, now, Duration::from_micros(7));
            entry.close(ending).await.unwrap();
        }
    }
    let host = read_public(&public_path(&config.key_file)).unwrap();
    let report = verify(&config.dir, host, &Identities::default(), None).unwrap();
    assert_eq!(findings(&report), []);
    assert!(report.proven.frames >= 200, "{:?}", report.proven);
    assert_eq!((report.proven.entries, report.unproven.frames), (100, 0));
    assert!(report.segments > 4, "{}", report.segments);
    assert_eq!(check(&config.dir).unwrap().segments, report.segments);
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let key = HostKey::generate().unwrap();
    let segments = recording(&key);
    write(dir.path(), &plain(&segments[..1]));
    let path = |number, packing| dir.path().join(file_name(number, packing));
    let mode = nix::sys::stat::Mode::S_IRUSR;
    for packing in [Packing::Plain, Packing::Zstd] {
        nix::unistd::mkfifo(&path(2, packing), mode).unwrap();
    }
    std::os::unix::fs::symlink("/dev/zero", path(3, Packing::Plain)).unwrap();
    let report = verify(dir.path(), key.id(), &Identities::default(), None).unwrap();
    let is_unreadable = |it: &Finding| matches!(it, Finding::Unreadable { .. });
    let found = findings(&report);
    assert_eq!(found.iter().filter(|it| is_unreadable(it)).count(), 2);
    assert_eq!(report.proven.frames, 10);
}

#[test]
fn damage_without_end_is_not_searched_to_its_end() {
    let key = HostKey::generate().unwrap();
    let mut bytes = recording(&key).swap_remove(0).bytes;
    let from = bytes.len() as u64;
    bytes.extend_from_slice(&[0; 9]);
    let endless = bytes.as_slice().chain(std::io::repeat(0).take(3 << 19));
    let report = crate::record::verify::segment(endless, 1, key.id());
    let is_left = |it: &Finding| matches!(it, Finding::Unsearched { .. });
    assert!(findings(&report).iter().any(is_left));
    assert_eq!(report.bytes, from + 9 + (3 << 19));
}
