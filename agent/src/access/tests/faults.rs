//! A store that fails: nothing is widened, nothing is believed that is not on disk.

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::*;

const ACCOUNT: &str = "testorg-testacct";

impl Place {
    /// Changes the file behind the desk's back.
    async fn tamper(&self, statement: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.dir.path().join("access.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    async fn active_grant(&self) -> GrantId {
        let ask = self.desk.ask(role(30), at(0)).await.unwrap();
        self.desk
            .vote(&ask.id, vote("ann", 1_001, true), at(0))
            .await
            .unwrap();
        assert_eq!(self.roles().await.unwrap(), ["sales-reader"]);
        let [grant] = self.desk.grants(true).await.unwrap().try_into().unwrap();
        grant.id
    }

    async fn roles(&self) -> Result<Vec<String>, AccessError> {
        self.desk.roles(&key(), ACCOUNT, at(1)).await
    }
}

#[tokio::test]
async fn a_statement_that_fails_leaves_nothing_half_done() {
    let place = Place::new().await;
    let grant = place.active_grant().await;
    place
        .tamper(
            "CREATE TRIGGER fault BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .await;
    // The grant was changed already when the outbox failed.
    let failed = place.desk.revoke(&grant, "ann", at(1)).await;
    assert!(matches!(failed, Err(AccessError::Store { .. })));
    let failed = place.desk.ask(statement("d1"), at(1)).await;
    assert!(matches!(failed, Err(AccessError::Store { .. })));
    assert_eq!(place.roles().await.unwrap(), ["sales-reader"]);
    assert!(place.desk.asks(true).await.unwrap().is_empty());

    place.tamper("DROP TRIGGER fault").await;
    place.desk.revoke(&grant, "ann", at(1)).await.unwrap();
    assert!(place.roles().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_commit_that_fails_is_not_believed_either_way() {
    let place = Place::new().await;
    let grant = place.active_grant().await;
    let mut changes = place.desk.changes();
    changes.mark_unchanged();
    // Every commit fails that changes a grant: the reference is looked at then.
    place
        .tamper(
            "CREATE TABLE doom (ask TEXT REFERENCES asks (id) DEFERRABLE INITIALLY DEFERRED); \
             CREATE TRIGGER fault AFTER UPDATE ON grants \
             BEGIN INSERT INTO doom VALUES ('nobody'); END",
        )
        .await;
    let failed = place.desk.revoke(&grant, "ann", at(1)).await;
    assert!(matches!(failed, Err(AccessError::Store { .. })));
    // What was judged by memory is judged again.
    assert!(changes.has_changed().unwrap());
    assert!(place.desk.ledger.live.is_doubted());
    assert_eq!(place.roles().await.unwrap(), ["sales-reader"]);
    assert!(!place.desk.ledger.live.is_doubted());

    // While the store cannot be read, nobody has a role by what memory says.
    let failed = place.desk.revoke(&grant, "ann", at(1)).await;
    assert!(matches!(failed, Err(AccessError::Store { .. })));
    place.tamper("ALTER TABLE grants RENAME TO hidden").await;
    assert!(matches!(
        place.roles().await,
        Err(AccessError::Store { .. })
    ));
    place
        .tamper("ALTER TABLE hidden RENAME TO grants; DROP TRIGGER fault")
        .await;
    assert_eq!(place.roles().await.unwrap(), ["sales-reader"]);
    place.desk.revoke(&grant, "ann", at(2)).await.unwrap();
    assert!(place.roles().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_first_use_that_cannot_be_written_gives_no_role() {
    let place = Place::new().await;
    let ask = place.desk.ask(role(30), at(0)).await.unwrap();
    place
        .desk
        .vote(&ask.id, vote("ann", 1_001, true), at(0))
        .await
        .unwrap();
    place
        .tamper(
            "CREATE TRIGGER fault BEFORE UPDATE ON grants BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .await;
    assert!(matches!(
        place.roles().await,
        Err(AccessError::Store { .. })
    ));
    place.tamper("DROP TRIGGER fault").await;
    assert_eq!(place.roles().await.unwrap(), ["sales-reader"]);
}

#[tokio::test]
async fn an_approval_that_cannot_be_used_up_is_not_used() {
    let place = Place::new().await;
    let ask = place.desk.ask(statement("d1"), at(0)).await.unwrap();
    place
        .desk
        .vote(&ask.id, vote("ann", 1_001, true), at(0))
        .await
        .unwrap();
    place
        .tamper("CREATE TRIGGER fault BEFORE UPDATE ON asks BEGIN SELECT RAISE(ABORT, 'full'); END")
        .await;
    let failed = place.desk.consume(&ask.id, "d1", at(1)).await;
    assert!(matches!(failed, Err(AccessError::Store { .. })));
    place.tamper("DROP TRIGGER fault").await;
    place.desk.consume(&ask.id, "d1", at(1)).await.unwrap();
}

#[tokio::test]
async fn an_operation_whose_caller_goes_away_is_done_and_known() {
    let place = Place::new().await;
    let grant = place.active_grant().await;
    let mut changes = place.desk.changes();
    changes.mark_unchanged();
    // Polled once, then dropped, done or not: the store has threads of its own.
    let revoking = place.desk.revoke(&grant, "ann", at(1));
    drop(tokio::time::timeout(Duration::ZERO, revoking).await);
    changes.changed().await.unwrap();
    assert!(place.roles().await.unwrap().is_empty());
    let place = place.reopen().await;
    assert!(place.roles().await.unwrap().is_empty());
}
