//! Who has which role, and for how long.

use super::*;

const ACCOUNT: &str = "testorg-testacct";

async fn roles(desk: &Desk, seconds: i64) -> Vec<String> {
    desk.roles(&key(), ACCOUNT, at(seconds)).await.unwrap()
}

fn given(role: &str, minutes: u64) -> NewGrant {
    NewGrant {
        role: role.to_owned(),
        workload: "etl".to_owned(),
        anchor: None,
        user: None,
        account: None,
        duration: Duration::from_secs(60 * minutes),
        reason: None,
        ask: None,
        granted_by: vec!["root".to_owned()],
    }
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

#[tokio::test]
async fn an_approved_role_ask_is_a_grant_that_begins_with_its_first_use() {
    let place = Place::new().await;
    let desk = &place.desk;
    let ask = desk.ask(role(30), at(0)).await.unwrap();
    assert!(roles(desk, 1).await.is_empty());
    let approved = desk.vote(&ask.id, vote("ann", 1_001, true), at(10)).await;
    let approved = approved.unwrap();
    assert_eq!(approved.state, AskState::Approved);
    let [grant] = desk.grants(true).await.unwrap().try_into().unwrap();
    assert_eq!(approved.grant.as_ref(), Some(&grant.id));
    assert_eq!((grant.state, grant.activated), (GrantState::Waiting, None));
    assert_eq!(grant.granted_by, ["ann"]);
    assert_eq!(grant.use_by, at(10 + 3_600));

    assert_eq!(roles(desk, 100).await, ["sales-reader"]);
    let place = place.reopen().await;
    let [grant] = place.desk.grants(true).await.unwrap().try_into().unwrap();
    assert_eq!(grant.state, GrantState::Active);
    assert_eq!(grant.ends, Some(at(100 + 1_800)));
    assert_eq!(roles(&place.desk, 1_899).await, ["sales-reader"]);
    assert!(roles(&place.desk, 1_900).await.is_empty());
    // Not an approval to be used, nor to be taken back.
    let useless = place.desk.consume(&ask.id, "", at(200)).await;
    assert!(matches!(useless, Err(AccessError::OtherStatement)));
    let late = place.desk.withdraw(&ask.id, at(200)).await;
    assert!(matches!(late, Err(AccessError::Closed { .. })));
}

#[tokio::test]
async fn a_grant_is_for_whom_it_names() {
    let place = Place::new().await;
    let desk = &place.desk;
    let mut narrow = given("narrow", 30);
    narrow.anchor = Some("/agents/etl".to_owned());
    narrow.user = Some("bob".to_owned());
    narrow.account = Some(ACCOUNT.to_owned());
    desk.grant(narrow, at(0)).await.unwrap();
    desk.grant(given("wide", 30), at(0)).await.unwrap();
    let mut bob = key();
    bob.user = Some("bob".to_owned());
    let table = [
        (bob.clone(), ACCOUNT, vec!["narrow", "wide"]),
        (bob.clone(), "other", vec!["wide"]),
        (key(), ACCOUNT, vec!["wide"]),
        (
            PrincipalKey {
                anchor: "/agents/etl2".to_owned(),
                ..bob.clone()
            },
            ACCOUNT,
            vec!["wide"],
        ),
        (
            PrincipalKey {
                workload: "other".to_owned(),
                ..bob
            },
            ACCOUNT,
            vec![],
        ),
    ];
    for (key, account, expected) in table {
        assert_eq!(
            desk.roles(&key, account, at(1)).await.unwrap(),
            expected,
            "{key:?}"
        );
    }
}

#[tokio::test]
async fn a_question_that_is_no_use_begins_no_grant() {
    let place = Place::new().await;
    let desk = &place.desk;
    desk.grant(given("r", 30), at(0)).await.unwrap();
    let at_hand = async |seconds| desk.roles_at_hand(&key(), ACCOUNT, at(seconds)).await;
    assert_eq!(at_hand(10).await.unwrap(), ["r"]);
    let [grant] = desk.grants(true).await.unwrap().try_into().unwrap();
    assert_eq!((grant.state, grant.activated), (GrantState::Waiting, None));
    assert_eq!(roles(desk, 20).await, ["r"]);
    assert_eq!(at_hand(30).await.unwrap(), ["r"]);
    let [grant] = desk.grants(true).await.unwrap().try_into().unwrap();
    assert_eq!(grant.ends, Some(at(20 + 1_800)));
    // One that nobody used in time gives nothing any more.
    desk.grant(given("s", 300), at(20)).await.unwrap();
    assert!(at_hand(20 + 3_600).await.unwrap().is_empty());
}

#[tokio::test]
async fn many_first_uses_begin_a_grant_once() {
    let place = Place::new().await;
    place.desk.grant(given("r", 30), at(0)).await.unwrap();
    let users: Vec<_> = (0..50)
        .map(|number| {
            let desk = place.desk.clone();
            tokio::spawn(async move { roles(&desk, 10 + number).await })
        })
        .collect();
    for user in users {
        assert_eq!(user.await.unwrap(), ["r"]);
    }
    let [grant] = place.desk.grants(true).await.unwrap().try_into().unwrap();
    let activated = grant.activated.unwrap();
    assert_eq!(
        grant.ends.unwrap().duration_since(activated).as_secs(),
        1_800
    );
    assert_eq!(
        event_kinds(&place.desk).await,
        ["grant_given", "grant_activated"]
    );
}

#[tokio::test]
async fn revoking_and_extending_hold_at_once_and_after_a_restart() {
    let place = Place::new().await;
    let desk = &place.desk;
    let waiting = desk.grant(given("waiting", 30), at(0)).await.unwrap();
    let mut changes = desk.changes();
    let longer = desk
        .extend(&waiting.id, Duration::from_secs(600), "ann", at(1))
        .await
        .unwrap();
    assert_eq!(longer.duration, Duration::from_secs(2_400));
    assert_eq!(longer.granted_by, ["root", "ann"]);
    assert_eq!(roles(desk, 2).await, ["waiting"]);
    let longer = desk
        .extend(&waiting.id, Duration::from_secs(60), "ann", at(3))
        .await
        .unwrap();
    assert_eq!(longer.ends, Some(at(2 + 2_460)));
    assert_eq!(roles(desk, 2_461).await, ["waiting"]);
    let long = desk
        .extend(&waiting.id, Duration::from_secs(30 * 86_400), "ann", at(3))
        .await;
    assert!(matches!(long, Err(AccessError::Duration)));

    changes.mark_unchanged();
    let revoked = desk.revoke(&waiting.id, "ann", at(4)).await.unwrap();
    assert_eq!(
        (revoked.state, revoked.ended_by.as_deref()),
        (GrantState::Revoked, Some("ann"))
    );
    assert!(changes.has_changed().unwrap());
    assert!(roles(desk, 5).await.is_empty());
    let place = place.reopen().await;
    assert!(roles(&place.desk, 6).await.is_empty());
    for over in [
        place.desk.revoke(&waiting.id, "ann", at(7)).await,
        place
            .desk
            .extend(&waiting.id, Duration::from_secs(60), "ann", at(7))
            .await,
    ] {
        assert!(matches!(over, Err(AccessError::Over { .. })), "{over:?}");
    }
    assert!(place.desk.grants(true).await.unwrap().is_empty());
    assert_eq!(place.desk.grants(false).await.unwrap(), [revoked]);
}

#[tokio::test]
async fn time_ends_what_is_not_used_and_what_is_over_and_warns_once() {
    let place = Place::new().await;
    let desk = &place.desk;
    desk.grant(given("unused", 30), at(0)).await.unwrap();
    let mut used = given("used", 100);
    used.workload = "other".to_owned();
    let used = desk.grant(used, at(0)).await.unwrap();
    let mut key = key();
    key.workload = "other".to_owned();
    assert_eq!(desk.roles(&key, ACCOUNT, at(0)).await.unwrap(), ["used"]);
    let ask = desk.ask(statement("d1"), at(3_000)).await.unwrap();

    let table: [(i64, &[&str]); 8] = [
        (3_599, &[]),
        (3_600, &["grant_unused"]),
        (4_799, &[]),
        (4_800, &["ask_expired"]),
        (5_699, &[]),
        (5_700, &["grant_ending"]),
        (5_701, &[]),
        (5_999, &[]),
    ];
    for (seconds, expected) in table {
        let events = desk.sweep(at(seconds)).await.unwrap();
        assert_eq!(kinds(&events), expected, "at {seconds}");
    }
    assert_eq!(desk.find(&ask.id).await.unwrap().state, AskState::Expired);
    desk.extend(&used.id, Duration::from_secs(600), "ann", at(5_999))
        .await
        .unwrap();
    let place = place.reopen().await;
    let table: [(i64, &[&str]); 6] = [
        (6_000, &[]),
        (6_300, &["grant_ending"]),
        (6_301, &[]),
        (6_599, &[]),
        (6_600, &["grant_ended"]),
        (6_601, &[]),
    ];
    for (seconds, expected) in table {
        let events = place.desk.sweep(at(seconds)).await.unwrap();
        assert_eq!(kinds(&events), expected, "at {seconds}");
    }
    let ended: Vec<GrantState> = place
        .desk
        .grants(false)
        .await
        .unwrap()
        .iter()
        .map(|g| g.state)
        .collect();
    assert!(ended.contains(&GrantState::Ended) && ended.contains(&GrantState::Revoked));
}

#[tokio::test]
async fn a_grant_that_was_not_used_in_time_cannot_be_begun() {
    let place = Place::new().await;
    place.desk.grant(given("r", 30), at(0)).await.unwrap();
    // No sweep has come by.
    assert!(roles(&place.desk, 3_600).await.is_empty());
}

#[tokio::test]
async fn durations_have_two_ends() {
    let place = Place::new().await;
    let desk = &place.desk;
    for seconds in [0, 30 * 86_400 + 1] {
        let mut grant = given("r", 0);
        grant.duration = Duration::from_secs(seconds);
        let refused = desk.grant(grant, at(0)).await;
        assert!(matches!(refused, Err(AccessError::Duration)));
    }
    let mut ask = role(30);
    ask.terms.longest = Some(Duration::from_secs(60));
    let refused = desk.ask(ask, at(0)).await;
    assert!(matches!(refused, Err(AccessError::TooLong { .. })));
    assert!(desk.asks(true).await.unwrap().is_empty());
}

#[tokio::test]
async fn history_is_forgotten_after_ninety_days() {
    let place = Place::new().await;
    let desk = &place.desk;
    let ask = desk.ask(role(30), at(0)).await.unwrap();
    desk.vote(&ask.id, vote("ann", 1_001, true), at(1))
        .await
        .unwrap();
    roles(desk, 2).await;
    desk.sweep(at(3_000)).await.unwrap();
    let day = 86_400;
    desk.sweep(at(89 * day)).await.unwrap();
    assert_eq!(desk.asks(false).await.unwrap().len(), 1);
    assert_eq!(desk.grants(false).await.unwrap().len(), 1);
    desk.sweep(at(91 * day)).await.unwrap();
    assert!(desk.asks(false).await.unwrap().is_empty());
    assert!(desk.grants(false).await.unwrap().is_empty());
    assert!(event_kinds(desk).await.is_empty());
}

pub(super) async fn event_kinds(desk: &Desk) -> Vec<String> {
    let mut reader = desk.ledger.reader().await.unwrap();
    sqlx::query_scalar("SELECT kind FROM events ORDER BY seq")
        .fetch_all(reader.connection())
        .await
        .unwrap()
}
