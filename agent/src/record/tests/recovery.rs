//! What a start makes of what it finds.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::record::chain::{Digest, link};
use crate::record::format::{HEADER_FIXED_BYTES, Packing, file_name, v1};
use crate::record::head::Head;
use crate::record::verify::check as verify;

/// A machine that crashed: the files of a recording as they are at this moment.
fn crash(config: &config::Record) -> (tempfile::TempDir, config::Record) {
    let dir = tempfile::tempdir().unwrap();
    let copy = config::Record {
        dir: dir.path().join("record"),
        ..config.clone()
    };
    copy_dir(&config.dir, &copy.dir);
    (dir, copy)
}

fn copy_dir(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Starts, and ends in order.
fn restart(config: &config::Record) {
    drop(Recorder::open(config).unwrap());
}

fn gaps(config: &config::Record) -> Vec<Value> {
    let gaps = of(&config.dir, Kind::Gap).into_iter();
    gaps.map(|seen| seen.payload).collect()
}

fn reasons(config: &config::Record) -> Vec<String> {
    let gaps = gaps(config).into_iter();
    gaps.map(|gap| gap["reason"].as_str().unwrap().to_owned())
        .collect()
}

fn last_path(config: &config::Record) -> std::path::PathBuf {
    segments(&config.dir).unwrap().pop().unwrap().1
}

/// Every session that was opened was closed once, and the chain holds.
#[track_caller]
fn check_whole(config: &config::Record, why: &str) {
    verify(&config.dir).unwrap();
    let mut open = BTreeMap::new();
    for seen in all(&config.dir) {
        if seen.kind == Kind::Opened {
            open.insert(seen.session().to_owned(), 0);
        } else if seen.kind == Kind::Closed {
            *open.get_mut(seen.session()).expect(why) += 1;
        }
    }
    assert!(open.values().all(|closed| *closed == 1), "{why}: {open:?}");
}

#[tokio::test]
async fn after_a_crash_the_next_start_says_so_and_closes_the_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    recorder.event(&opened("s1")).await.unwrap();
    recorder.event(&opened("s2")).await.unwrap();
    recorder.event(&closed("s1")).await.unwrap();
    let (_crashed, config) = crash(&config);
    let second = Recorder::open(&config).unwrap();
    let found = all(&config.dir);
    let begun = found.iter().position(|seen| seen.segment == 2).unwrap();
    let kinds: Vec<Kind> = found[begun..].iter().map(|seen| seen.kind).collect();
    assert_eq!(
        kinds,
        [Kind::Carried, Kind::Gap, Kind::Closed, Kind::Checkpoint],
        "all of it is there when the recorder is"
    );
    assert_eq!(found[begun].payload, json!({"sessions": ["s2"]}));
    assert_eq!(found[begun + 1].payload["reason"], "unclean_end");
    assert_eq!(found[begun + 1].payload["detail"]["segment"], 1);
    let ended = json!({"session": "s2", "reason": "daemon_ended"});
    assert_eq!(found[begun + 2].payload, ended);
    assert_eq!(found[begun + 2].entry, 4, "an entry of its own");
    drop(second);
    restart(&config);
    check_whole(&config, "two starts");
    assert_eq!(reasons(&config), ["unclean_end"], "said once");
}

#[tokio::test]
async fn a_crash_at_any_byte_loses_no_session_nor_closes_one_twice() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 900);
    let recorder = Recorder::open(&config).unwrap();
    for number in 0..4 {
        recorder
            .event(&opened(&format!("s{number}")))
            .await
            .unwrap();
        answer(&recorder, "select 1").await.unwrap();
    }
    recorder.event(&closed("s0")).await.unwrap();
    recorder.event(&closed("s2")).await.unwrap();
    let length = fs::metadata(last_path(&config)).unwrap().len();
    assert!(segments(&config.dir).unwrap().len() > 2);
    // Each start costs syncs; what is skipped differs from what is not in no other way.
    for cut in (0..=length).step_by(7) {
        let (_crashed, config) = crash(&config);
        let torn = fs::OpenOptions::new().write(true).open(last_path(&config));
        torn.unwrap().set_len(cut).unwrap();
        // The next start crashes as well, wherever this happens to be.
        let second = Recorder::open(&config).unwrap();
        let (_crashed, config) = crash(&config);
        drop(second);
        let path = last_path(&config);
        let again = fs::metadata(&path).unwrap().len() * (cut % 11) / 10;
        let torn = fs::OpenOptions::new().write(true).open(path);
        torn.unwrap().set_len(again.max(1)).unwrap();
        restart(&config);
        check_whole(&config, &format!("cut at {cut}, then at {again}"));
        restart(&config);
        check_whole(
            &config,
            &format!("cut at {cut}, then at {again}, once more"),
        );
    }
}

#[tokio::test]
async fn each_torn_piece_is_kept_and_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    answer(&recorder, "select 1").await.unwrap();
    drop(recorder);
    // The start after a tear ends before it has begun a segment; then come two more.
    for _ in 0..2 {
        fs::write(config.dir.join(file_name(2, Packing::Plain)), b"SNOW").unwrap();
        let key = HostKey::open_or_create(&config.key_file).unwrap();
        crate::record::recover::recover(&config.dir, key.id()).unwrap();
    }
    restart(&config);
    restart(&config);
    let kept: Vec<_> = gaps(&config)
        .into_iter()
        .map(|gap| gap["detail"].clone())
        .collect();
    let names = ["0000000000000002.2.torn", "0000000000000002.torn"];
    let expected = names.map(|name| json!({"segment": 2, "bytes": 4, "kept_in": name}));
    assert_eq!(kept, expected);
    for name in names {
        assert_eq!(fs::read(config.dir.join(name)).unwrap(), b"SNOW");
    }
}

#[tokio::test]
async fn what_was_durable_and_is_gone_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 900);
    let recorder = Recorder::open(&config).unwrap();
    for _ in 0..4 {
        answer(&recorder, "select 1").await.unwrap();
    }
    let next = recorder.status().next_entry;
    drop(recorder);

    let (_crashed, short) = crash(&config);
    fs::remove_file(last_path(&short)).unwrap();
    let recorder = Recorder::open(&short).unwrap();
    assert_eq!(recorder.status().next_entry, next, "no number comes twice");
    drop(recorder);
    assert_eq!(reasons(&short), ["missing"], "the segment before is sealed");
    assert_eq!(gaps(&short)[0]["detail"]["head"]["next_entry"], next);
    verify(&short.dir).unwrap();
    restart(&short);
    assert_eq!(gaps(&short).len(), 1, "told once");

    let (_crashed, short) = crash(&config);
    let path = last_path(&short);
    let length = fs::metadata(&path).unwrap().len();
    let seal = 21 + 73 + 32;
    let cut = fs::OpenOptions::new().write(true).open(path).unwrap();
    cut.set_len(length - seal).unwrap();
    restart(&short);
    assert_eq!(reasons(&short), ["unclean_end", "missing"]);

    let (_crashed, short) = crash(&config);
    for (_number, path) in segments(&short.dir).unwrap() {
        fs::remove_file(path).unwrap();
    }
    restart(&short);
    assert_eq!(reasons(&short), ["missing"]);
}

#[tokio::test]
async fn a_head_that_does_not_fit_is_told_and_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    restart(&config);
    let noted = fs::read(config.dir.join("head")).unwrap();
    let noted: Head = serde_json::from_slice(&noted).unwrap();
    let other_host = Head {
        host: "00".repeat(32),
        segment: 99,
        ..noted.clone()
    };
    let other_digest = Head {
        digest: "00".repeat(32),
        ..noted.clone()
    };
    let no_digest = Head {
        digest: "é".to_owned(),
        ..noted
    };
    let cases: [(Vec<u8>, &str); 5] = [
        (b"\xff{".to_vec(), "the file is not a head"),
        (b"{}".to_vec(), "the file is not a head"),
        (
            serde_json::to_vec(&no_digest).unwrap(),
            "the file is not a head",
        ),
        (
            serde_json::to_vec(&other_host).unwrap(),
            "the file is of another host",
        ),
        (
            serde_json::to_vec(&other_digest).unwrap(),
            "the recording has another digest where the file says",
        ),
    ];
    for (bytes, message) in cases {
        let (_crashed, config) = crash(&config);
        fs::write(config.dir.join("head"), bytes).unwrap();
        restart(&config);
        let told = json!({"reason": "head", "detail": {"message": message}});
        assert_eq!(gaps(&config), [told]);
        restart(&config);
        assert_eq!(gaps(&config).len(), 1, "the head is replaced");
    }
}

#[tokio::test]
async fn another_hosts_recording_is_neither_continued_nor_touched() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    answer(&recorder, "select 1").await.unwrap();
    drop(recorder);
    let path = last_path(&config);
    // Torn, too: another host's tail is not ours to cut.
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 5);
    fs::write(&path, &bytes).unwrap();
    fs::remove_file(&config.key_file).unwrap();
    let error = Recorder::open(&config).unwrap_err();
    assert!(matches!(error, RecordError::OtherHost { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("restore the key"), "{message}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(segments(&config.dir).unwrap().len(), 1);
}

/// A segment as version 1 wrote it.
fn v1_segment(number: u64, previous: Digest) -> (Vec<u8>, Digest) {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"SNOWFREC");
    bytes.extend_from_slice(&v1::VERSION.to_le_bytes());
    bytes.extend_from_slice(&4_u16.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&previous.0);
    assert_eq!(bytes.len(), v1::HEADER_FIXED_BYTES);
    bytes.extend_from_slice(b"host");
    let header = link(previous, &bytes);
    bytes.extend_from_slice(&header.0);
    let payload = br#"{"outcome":"answer","duration_us":7}"#;
    let mut frame = Vec::new();
    let length = u32::try_from(17 + payload.len() + 32).unwrap();
    frame.extend_from_slice(&length.to_le_bytes());
    frame.push(2);
    frame.extend_from_slice(&41_u64.to_le_bytes());
    frame.extend_from_slice(&0_i64.to_le_bytes());
    frame.extend_from_slice(payload);
    let end = link(header, &frame);
    bytes.extend_from_slice(&frame);
    bytes.extend_from_slice(&end.0);
    (bytes, end)
}

#[tokio::test]
async fn a_recording_of_version_1_goes_on_in_version_2() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    restart(&config);
    fs::remove_file(last_path(&config)).unwrap();
    fs::remove_file(config.dir.join("head")).unwrap();
    let (bytes, _end) = v1_segment(1, Digest::ZERO);
    fs::write(config.dir.join(file_name(1, Packing::Plain)), bytes).unwrap();
    let recorder = Recorder::open(&config).unwrap();
    assert_eq!(recorder.status().next_entry, 42);
    answer(&recorder, "select 1").await.unwrap();
    drop(recorder);
    assert_eq!(verify(&config.dir).unwrap().segments, 2);
    assert_eq!(gaps(&config), Vec::<Value>::new());
    let second = fs::read(config.dir.join(file_name(2, Packing::Plain))).unwrap();
    assert_eq!(second[8], 2);
    assert!(second.len() > HEADER_FIXED_BYTES);
}

/// Packs the last segment with zstd.
fn pack(config: &config::Record) -> (std::path::PathBuf, Vec<u8>) {
    let path = last_path(config);
    let packed = zstd::encode_all(fs::File::open(&path).unwrap(), 3).unwrap();
    fs::remove_file(&path).unwrap();
    (path, packed)
}

#[tokio::test]
async fn a_packed_end_is_continued() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    let recorder = Recorder::open(&config).unwrap();
    recorder.event(&opened("s1")).await.unwrap();
    drop(recorder);
    let end = verify(&config.dir).unwrap().digest;

    let (_crashed, packed) = crash(&config);
    let (path, bytes) = pack(&packed);
    fs::write(path.with_extension("sfr.zst"), &bytes).unwrap();
    let recorder = Recorder::open(&packed).unwrap();
    assert_eq!(recorder.status().next_entry, 3);
    drop(recorder);
    let found = all(&packed.dir);
    assert_eq!(of(&packed.dir, Kind::Closed)[0].session(), "s1");
    assert_eq!(found[0].segment, 2);
    let second = fs::File::open(last_path(&packed)).unwrap();
    assert_eq!(Reader::open(second).unwrap().header().previous, end);

    // Nobody here can open this one: the head tells how it ends.
    let (_crashed, sealed) = crash(&config);
    let (path, _bytes) = pack(&sealed);
    fs::write(path.with_extension("sfr.zst.age"), b"age-encryption.org/v1").unwrap();
    restart(&sealed);
    let second = fs::File::open(last_path(&sealed)).unwrap();
    assert_eq!(Reader::open(second).unwrap().header().previous, end);
    assert_eq!(reasons(&sealed), ["unread"], "a session was open in it");

    let (_crashed, headless) = crash(&config);
    let (path, _bytes) = pack(&headless);
    fs::write(path.with_extension("sfr.zst.age"), b"age-encryption.org/v1").unwrap();
    fs::remove_file(headless.dir.join("head")).unwrap();
    let error = Recorder::open(&headless).unwrap_err();
    assert!(matches!(error, RecordError::Encrypted { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_segment_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), 1 << 20);
    restart(&config);
    let names = ["notes.txt", "1.sfr", "000000000000000x.sfr", "z.torn", "é"];
    for name in names {
        fs::write(config.dir.join(name), "mine").unwrap();
    }
    restart(&config);
    for name in names {
        assert_eq!(fs::read_to_string(config.dir.join(name)).unwrap(), "mine");
    }
    assert_eq!(gaps(&config), Vec::<Value>::new());
    assert_eq!(verify(&config.dir).unwrap().segments, 2);
}
