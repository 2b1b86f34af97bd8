//! What the index does with files that are lost, damaged, foreign, packed, or gone.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::recording::{Recording, pack};
use super::{catch_up, dump, finds_fit, rebuilt};
use crate::record::index::query::{Filter, Words};
use crate::record::index::{Follower, Index, IndexError};
use crate::record::read::Identities;

struct Place {
    _dir: TempDir,
    path: PathBuf,
    segments: PathBuf,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let segments = dir.path().join("record");
    fs::create_dir(&segments).unwrap();
    let path = dir.path().join("index.db");
    Place {
        _dir: dir,
        path,
        segments,
    }
}

/// Three segments with a statement each.
fn three() -> Recording {
    let mut recording = Recording::new();
    recording.open("s1", "etl");
    for (at, text) in ["select alpha", "select beta", "select gamma"]
        .iter()
        .enumerate()
    {
        if at > 0 {
            recording.rotate();
            recording.clock += 7_200;
        }
        let number = recording.allow("s1", "etl", text, "A.B.C");
        recording.end(number, 1, &json!({"pii.email": 2}));
    }
    recording
}

async fn indexed(place: &Place) -> Index {
    let mut index = Index::open(&place.path, true, true).await.unwrap();
    catch_up(&place.segments, &mut index).await.unwrap();
    index
}

async fn found(index: &mut Index, words: &str) -> Vec<u64> {
    let words = Words::parse(words).unwrap();
    let hits = index.search(&words, &Filter::default(), 100).await.unwrap();
    hits.iter().map(|hit| hit.entry).collect()
}

#[tokio::test]
async fn a_damaged_file_is_made_again() {
    let place = place();
    three().write_all_to(&place.segments);
    let mut index = indexed(&place).await;
    let before = dump(&mut index).await;
    index.close().await.unwrap();
    let length = fs::metadata(&place.path).unwrap().len();
    for damage in [
        b"not a database at all".to_vec(),
        vec![0x5a; usize::try_from(length).unwrap()],
    ] {
        fs::write(&place.path, damage).unwrap();
        let error = Index::open(&place.path, true, true).await.unwrap_err();
        assert!(error.wants_rebuild(), "{error:?}");
        let (mut index, fresh) = Index::open_or_replace(&place.path, true).await.unwrap();
        assert!(fresh);
        catch_up(&place.segments, &mut index).await.unwrap();
        assert_eq!(dump(&mut index).await, before);
        index.close().await.unwrap();
    }
    // Damage within a page: the header is sound.
    let mut bytes = fs::read(&place.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[4_096..middle].fill(0xa5);
    fs::write(&place.path, bytes).unwrap();
    let (_index, fresh) = Index::open_or_replace(&place.path, true).await.unwrap();
    assert!(fresh, "the check finds it");
}

#[tokio::test]
async fn a_database_of_someone_else_is_set_aside() {
    let place = place();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&place.path)
        .create_if_missing(true);
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .unwrap();
    sqlx::query("CREATE TABLE mine (x)")
        .execute(&mut other)
        .await
        .unwrap();
    sqlx::Connection::close(other).await.unwrap();
    fs::set_permissions(
        &place.path,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let error = Index::open(&place.path, true, true).await.unwrap_err();
    assert!(matches!(error, IndexError::Foreign { .. }), "{error:?}");
    let (_index, fresh) = Index::open_or_replace(&place.path, true).await.unwrap();
    assert!(fresh);
    let aside = place.path.with_file_name("index.db.foreign");
    assert!(fs::read(aside).unwrap().windows(4).any(|it| it == b"mine"));
}

#[tokio::test]
async fn an_index_of_another_recording_is_not_believed() {
    let place = place();
    three().write_all_to(&place.segments);
    indexed(&place).await.close().await.unwrap();
    for file in fs::read_dir(&place.segments).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    three().write_all_to(&place.segments);
    let mut index = Index::open(&place.path, true, false).await.unwrap();
    let error = catch_up(&place.segments, &mut index).await.unwrap_err();
    assert!(matches!(error, IndexError::Unfit), "{error:?}");
    // Nor is one that knows more than there is.
    fs::remove_file(place.segments.join("0000000000000003.sfr")).unwrap();
    let error = catch_up(&place.segments, &mut index).await.unwrap_err();
    assert!(matches!(error, IndexError::Unfit), "{error:?}");
}

#[tokio::test]
async fn two_processes_do_not_write_one_index() {
    let place = place();
    three().write_all_to(&place.segments);
    let mut index = indexed(&place).await;
    let error = Index::open(&place.path, true, false).await.unwrap_err();
    assert!(error.is_in_use(), "{error:?}");
    // One that only reads is let in, and sees what is committed.
    let mut reader = Index::read(&place.path).await.unwrap();
    assert_eq!(
        found(&mut reader, "beta").await,
        found(&mut index, "beta").await
    );
}

#[tokio::test]
async fn packed_segments_are_read_and_encrypted_ones_with_an_identity() {
    let place = place();
    three().write_all_to(&place.segments);
    let plain = dump(&mut rebuilt(&place.segments).await).await;
    let identity = age::x25519::Identity::generate();
    pack(&place.segments, 1, None);
    pack(&place.segments, 2, Some(&identity.to_public()));
    let mut index = rebuilt(&place.segments).await;
    assert_eq!(index.missing().await.unwrap(), (1, 0));
    assert_eq!(found(&mut index, "select").await.len(), 2);

    let file = place.segments.with_file_name("identity");
    let text = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
    fs::write(&file, text).unwrap();
    let identities = Identities::read(&[file]).unwrap();
    let mut index = Index::temporary().await.unwrap();
    let mut follower = Follower::new(place.segments.clone(), identities);
    follower.catch_up(&mut index).await.unwrap();
    assert_eq!(dump(&mut index).await, plain);
}

#[tokio::test]
async fn a_segment_that_is_packed_while_it_is_read_is_read_on() {
    let place = place();
    let recording = three();
    let first = recording.segments[0].len();
    recording.write_to(&place.segments, first - 200);
    let mut index = indexed(&place).await;
    recording.write_all_to(&place.segments);
    pack(&place.segments, 1, None);
    catch_up(&place.segments, &mut index).await.unwrap();
    let made = dump(&mut rebuilt(&place.segments).await).await;
    assert_eq!(dump(&mut index).await, made);
}

#[tokio::test]
async fn what_follows_damage_in_the_next_segment_is_indexed() {
    let place = place();
    three().write_all_to(&place.segments);
    let second = place.segments.join("0000000000000002.sfr");
    let mut bytes = fs::read(&second).unwrap();
    let at = bytes.windows(4).position(|it| it == b"beta").unwrap();
    bytes[at] ^= 1;
    fs::write(&second, bytes).unwrap();
    let mut index = rebuilt(&place.segments).await;
    assert_eq!(index.missing().await.unwrap(), (0, 1));
    assert_eq!(found(&mut index, "beta").await, Vec::<u64>::new());
    assert_eq!(found(&mut index, "gamma").await.len(), 1);
}

#[tokio::test]
async fn a_statement_goes_with_its_segment() {
    let place = place();
    let mut recording = three();
    let shared = recording.allow("s1", "etl", "select alpha", "A.B.C");
    recording.write_all_to(&place.segments);
    let mut index = indexed(&place).await;
    fs::remove_file(place.segments.join("0000000000000001.sfr")).unwrap();
    fs::remove_file(place.segments.join("0000000000000002.sfr")).unwrap();
    catch_up(&place.segments, &mut index).await.unwrap();
    assert_eq!(found(&mut index, "beta").await, Vec::<u64>::new());
    // The text of another statement that is still recorded stays.
    assert_eq!(found(&mut index, "alpha").await, [shared]);
    finds_fit(&mut index).await;
    index.close().await.unwrap();
    assert!(
        !holds(&place.path, b"beta"),
        "the text is not left in the file"
    );
    assert!(holds(&place.path, b"gamma"));
}

#[tokio::test]
async fn without_text_no_statement_is_in_the_file() {
    let place = place();
    three().write_all_to(&place.segments);
    let mut index = Index::open(&place.path, false, true).await.unwrap();
    catch_up(&place.segments, &mut index).await.unwrap();
    let words = Words::parse("alpha").unwrap();
    let error = index
        .search(&words, &Filter::default(), 9)
        .await
        .unwrap_err();
    assert!(matches!(error, IndexError::NoText), "{error:?}");
    let sessions = index.sessions(&Filter::default(), false, 9).await.unwrap();
    assert_eq!((sessions[0].statements, sessions[0].masked), (3, 6));
    assert_eq!(
        index
            .statistics((None, None), None, 9)
            .await
            .unwrap()
            .all
            .statements,
        3
    );
    index.close().await.unwrap();
    assert!(!holds(&place.path, b"alpha"));
    // Another setting is another index.
    let error = Index::open(&place.path, true, true).await.unwrap_err();
    assert!(error.wants_rebuild());
}

fn holds(path: &Path, text: &[u8]) -> bool {
    fs::read(path)
        .unwrap()
        .windows(text.len())
        .any(|it| it == text)
}
