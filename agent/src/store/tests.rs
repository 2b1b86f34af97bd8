//! Files that are fit and files that are not.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;
use crate::telemetry::ErrorChain;

struct Place {
    dir: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state").join("access.db");
        Self { dir, path }
    }

    /// A store that was used and closed.
    async fn used() -> Self {
        let place = Self::new();
        let store = Store::open(&place.path).await.unwrap();
        let mut turn = store.turn().await.unwrap();
        for number in 0..200 {
            sqlx::query("INSERT INTO facts (name, value) VALUES ($1, $2)")
                .bind(format!("n{number}"))
                .bind("v".repeat(500))
                .execute(turn.connection())
                .await
                .unwrap();
        }
        turn.commit().await.unwrap();
        drop(turn);
        close(store).await;
        place
    }

    /// Why it is not opened, without the directory.
    async fn refusal(&self) -> String {
        let error = Store::open(&self.path).await.unwrap_err();
        let text = ErrorChain(&error).to_string();
        text.replace(self.dir.path().to_str().unwrap(), "")
    }
}

/// Ends the writer, which writes the log back into the file.
async fn close(store: Store) {
    let writer = Arc::try_unwrap(store.writer).unwrap().into_inner();
    writer.connection.close().await.unwrap();
}

async fn count(store: &Store) -> i64 {
    let mut reader = store.reader().await.unwrap();
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM facts")
        .fetch_one(reader.connection())
        .await
        .unwrap();
    reader.give_back();
    count
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn the_files_are_ours_alone() {
    let place = Place::new();
    let _store = Store::open(&place.path).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(place.path.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let path = PathBuf::from(format!("{}{suffix}", place.path.display()));
        assert_eq!(mode(&path), 0o600, "{suffix}");
    }
}

#[tokio::test]
async fn durability_is_set_as_it_is_told() {
    let place = Place::new();
    let store = Store::open(&place.path).await.unwrap();
    let mut turn = store.turn().await.unwrap();
    for (pragma, expected) in [
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "5000"),
    ] {
        let found: i64 = sqlx::query_scalar(pragma)
            .fetch_one(turn.connection())
            .await
            .unwrap();
        assert_eq!(found.to_string(), expected, "{pragma}");
    }
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(turn.connection())
        .await
        .unwrap();
    assert_eq!(journal, "wal");
}

#[tokio::test]
async fn one_daemon_uses_it() {
    let place = Place::new();
    let store = Store::open(&place.path).await.unwrap();
    assert_eq!(
        place.refusal().await,
        "another process uses the store `/state/access.db`; stop it first"
    );
    close(store).await;
}

#[tokio::test]
async fn what_others_can_read_or_write_is_refused() {
    let place = Place::used().await;
    set_mode(&place.path, 0o640);
    assert!(
        place
            .refusal()
            .await
            .starts_with("`/state/access.db` is open to others (mode 0640)")
    );
    set_mode(&place.path, 0o600);
    set_mode(place.path.parent().unwrap(), 0o720);
    assert!(
        place
            .refusal()
            .await
            .starts_with("`/state` is open to others (mode 0720)")
    );
    set_mode(place.path.parent().unwrap(), 0o755);
    close(Store::open(&place.path).await.unwrap()).await;

    let elsewhere = place.dir.path().join("elsewhere");
    fs::rename(&place.path, &elsewhere).unwrap();
    symlink(&elsewhere, &place.path).unwrap();
    assert_eq!(
        place.refusal().await,
        "`/state/access.db` is not a regular file"
    );
}

#[tokio::test]
async fn another_users_file_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can give a file away.
        return;
    }
    let place = Place::used().await;
    std::os::unix::fs::chown(&place.path, Some(65_534), None).unwrap();
    let refusal = place.refusal().await;
    assert!(
        refusal.starts_with("`/state/access.db` belongs to uid 65534"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_told_from_other_faults() {
    let expected = "the store `/state/access.db` is damaged: stop the daemon, keep the file, and";
    let place = Place::used().await;
    let length = fs::metadata(&place.path).unwrap().len();
    assert!(length > 20 * 4_096, "{length}");
    // The middle, with the tables; the header stays good.
    let mut file = OpenOptions::new().write(true).open(&place.path).unwrap();
    file.seek(SeekFrom::Start(4_096)).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(length).unwrap() - 4_096])
        .unwrap();
    let refusal = place.refusal().await;
    assert!(refusal.starts_with(expected), "{refusal}");

    let place = Place::new();
    fs::create_dir(place.path.parent().unwrap()).unwrap();
    fs::write(&place.path, "no database".repeat(1_000)).unwrap();
    set_mode(&place.path, 0o600);
    let refusal = place.refusal().await;
    assert!(refusal.starts_with(expected), "{refusal}");
}

#[tokio::test]
async fn the_file_of_a_newer_version_is_left_alone() {
    let place = Place::used().await;
    let store = Store::open(&place.path).await.unwrap();
    let mut turn = store.turn().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', 1, x'00', 0)",
    )
    .execute(turn.connection())
    .await
    .unwrap();
    turn.commit().await.unwrap();
    drop(turn);
    close(store).await;
    let refusal = place.refusal().await;
    let expected = "the store `/state/access.db` was written by a newer version (its form 9000)";
    assert!(refusal.starts_with(expected), "{refusal}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_told() {
    let place = Place::used().await;
    // As on a read-only mount, where root cannot write either.
    let options = SqliteConnectOptions::new()
        .filename(&place.path)
        .read_only(true);
    let error = prepare(&options).await.unwrap_err();
    let error = StoreError::open(Path::new("/x.db"), error);
    let expected = "the store `/x.db` cannot be written: its disk or file is read-only";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_turn_that_does_not_end_leaves_nothing() {
    let place = Place::used().await;
    let store = Store::open(&place.path).await.unwrap();
    let before = count(&store).await;
    let insert = "INSERT INTO facts (name, value) VALUES ('half', 'x')";
    for undo in [true, false] {
        let mut turn = store.turn().await.unwrap();
        sqlx::query(insert)
            .execute(turn.connection())
            .await
            .unwrap();
        // Nobody sees what is not committed.
        assert_eq!(count(&store).await, before);
        if undo {
            turn.abandon().await;
        }
        drop(turn);
        let mut turn = store.turn().await.unwrap();
        assert_eq!(turn.is_fresh(), !undo);
        turn.abandon().await;
        drop(turn);
        assert_eq!(count(&store).await, before);
    }
    let mut reader = store.reader().await.unwrap();
    let refused = sqlx::query(insert).execute(reader.connection()).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

#[tokio::test]
async fn who_comes_when_too_many_wait_is_told_so() {
    let place = Place::new();
    let store = Store::open(&place.path).await.unwrap();
    let places = Arc::clone(&store.waiting);
    let all = u32::try_from(WAITING_MAX).unwrap();
    let taken = places.try_acquire_many_owned(all).unwrap();
    assert!(matches!(store.turn().await, Err(StoreError::Busy)));
    drop(taken);
    let mut turn = store.turn().await.unwrap();
    turn.abandon().await;
}
