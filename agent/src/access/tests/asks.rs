//! What an ask can become.

use super::*;
use crate::access::state::{Step, next};
use proptest::prelude::*;

#[tokio::test]
async fn an_approval_is_used_once_for_the_statement_it_was_given_for() {
    let place = Place::new().await;
    let desk = &place.desk;
    let ask = desk.ask(statement("d1"), at(0)).await.unwrap();
    assert_eq!(ask.state, AskState::Open);
    assert_eq!(ask.expires, at(1_800));
    let early = desk.consume(&ask.id, "d1", at(1)).await.unwrap_err();
    assert!(matches!(
        early,
        AccessError::NotApproved { state: "open", .. }
    ));

    let approved = desk.vote(&ask.id, vote("ann", 1_001, true), at(2)).await;
    assert_eq!(approved.unwrap().state, AskState::Approved);
    let other = desk.consume(&ask.id, "d2", at(3)).await.unwrap_err();
    assert!(matches!(other, AccessError::OtherStatement));
    let used = desk.consume(&ask.id, "d1", at(3)).await.unwrap();
    assert_eq!(used.state, AskState::Used);
    let again = desk.consume(&ask.id, "d1", at(4)).await.unwrap_err();
    assert!(matches!(
        again,
        AccessError::NotApproved { state: "used", .. }
    ));

    let place = place.reopen().await;
    assert_eq!(place.desk.find(&ask.id).await.unwrap(), used);
    assert_eq!(used.votes[0].note.as_deref(), Some("looked at it"));
}

#[tokio::test]
async fn of_many_that_use_one_approval_at_once_one_succeeds() {
    let place = Place::new().await;
    let ask = place.desk.ask(statement("d1"), at(0)).await.unwrap();
    let vote = vote("ann", 1_001, true);
    place.desk.vote(&ask.id, vote, at(1)).await.unwrap();
    let consumers: Vec<_> = (0..200)
        .map(|_| {
            let (desk, id) = (place.desk.clone(), ask.id.clone());
            tokio::spawn(async move { desk.consume(&id, "d1", at(2)).await.is_ok() })
        })
        .collect();
    let mut used = 0;
    for consumer in consumers {
        used += usize::from(consumer.await.unwrap());
    }
    assert_eq!(used, 1);
}

#[tokio::test]
async fn a_retry_joins_and_anything_else_does_not() {
    let place = Place::new().await;
    let desk = &place.desk;
    let first = desk.ask(statement("d1"), at(0)).await.unwrap();
    let again = desk.ask(statement("d1"), at(9)).await.unwrap();
    assert_eq!(again, first);

    let mut others = vec![statement("d2"); 7];
    let change = |ask: &mut NewAsk, what: usize| match what {
        0 => {}
        1 => ask.asker.anchor.push('x'),
        2 => ask.asker.user = Some("bob".to_owned()),
        3 => ask.policy_version.push('x'),
        4 => ask.terms.approvals = 2,
        5 => ask.account.push('x'),
        _ => ask.asker.uid = 1,
    };
    for (what, ask) in others.iter_mut().enumerate() {
        change(ask, what);
    }
    let mut session = statement("d2");
    if let Subject::Statement(statement) = &mut session.subject {
        statement.session.push('x');
    }
    others.push(session);
    let mut ids = BTreeSet::from([first.id.clone()]);
    for ask in others {
        ids.insert(desk.ask(ask, at(1)).await.unwrap().id);
    }
    assert_eq!(ids.len(), 9);

    // Approved and not used: a retry is what uses it.
    desk.vote(&first.id, vote("ann", 1_001, true), at(2))
        .await
        .unwrap();
    let joined = desk.ask(statement("d1"), at(3)).await.unwrap();
    assert_eq!(
        (joined.id, joined.state),
        (first.id.clone(), AskState::Approved)
    );
    desk.consume(&first.id, "d1", at(4)).await.unwrap();
    let fresh = desk.ask(statement("d1"), at(5)).await.unwrap();
    assert_eq!(fresh.state, AskState::Open);
    assert_ne!(fresh.id, first.id);
}

#[tokio::test]
async fn callers_that_ask_for_the_same_at_once_get_one_ask() {
    let place = Place::new().await;
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let desk = place.desk.clone();
            tokio::spawn(async move { desk.ask(statement("d1"), at(0)).await.unwrap().id })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for caller in callers {
        ids.insert(caller.await.unwrap());
    }
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn nobody_decides_alone_what_takes_two_and_one_denial_denies() {
    let place = Place::new().await;
    let desk = &place.desk;
    let mut both = statement("d1");
    both.terms = terms(2);
    let ask = desk.ask(both.clone(), at(0)).await.unwrap();
    let one = desk
        .vote(&ask.id, vote("ann", 1_001, true), at(1))
        .await
        .unwrap();
    assert_eq!(one.state, AskState::Open);
    for (again, uid) in [("ann", 1_001), ("Ann", 1_009), ("ann2", 1_001)] {
        let again = desk.vote(&ask.id, vote(again, uid, true), at(2)).await;
        assert!(
            matches!(again, Err(AccessError::VotedAlready(_))),
            "{again:?}"
        );
    }
    let two = desk
        .vote(&ask.id, vote("cid", 1_002, true), at(3))
        .await
        .unwrap();
    assert_eq!(two.state, AskState::Approved);
    let late = desk
        .vote(&ask.id, vote("dora", 1_003, false), at(4))
        .await
        .unwrap_err();
    assert!(matches!(
        late,
        AccessError::Closed {
            state: "approved",
            ..
        }
    ));

    both.asker.anchor.push('x');
    let ask = desk.ask(both, at(0)).await.unwrap();
    desk.vote(&ask.id, vote("ann", 1_001, true), at(1))
        .await
        .unwrap();
    let denied = desk
        .vote(&ask.id, vote("cid", 1_002, false), at(2))
        .await
        .unwrap();
    assert_eq!(denied.state, AskState::Denied);
    let useless = desk.consume(&ask.id, "d1", at(3)).await.unwrap_err();
    assert!(matches!(
        useless,
        AccessError::NotApproved {
            state: "denied",
            ..
        }
    ));
}

#[tokio::test]
async fn nobody_decides_their_own_ask() {
    let place = Place::new().await;
    let mut own = statement("d1");
    own.asker.user = Some("Bob@example.com".to_owned());
    let ask = place.desk.ask(own, at(0)).await.unwrap();
    for (person, uid) in [("bob@example.com", 7), ("etl-user", 1_000)] {
        for approves in [true, false] {
            let own = place
                .desk
                .vote(&ask.id, vote(person, uid, approves), at(1))
                .await;
            assert!(matches!(own, Err(AccessError::OwnAsk)), "{own:?}");
        }
    }
    // A workload that runs as root: any root shell has its uid.
    let mut root = statement("d2");
    root.asker.uid = 0;
    let ask = place.desk.ask(root, at(0)).await.unwrap();
    let approved = place.desk.vote(&ask.id, vote("root", 0, true), at(1)).await;
    assert_eq!(approved.unwrap().state, AskState::Approved);
}

#[tokio::test]
async fn what_is_over_is_neither_decided_nor_used() {
    let place = Place::new().await;
    let desk = &place.desk;
    let open = desk.ask(statement("open"), at(0)).await.unwrap();
    let approved = desk.ask(statement("approved"), at(0)).await.unwrap();
    desk.vote(&approved.id, vote("ann", 1_001, true), at(1))
        .await
        .unwrap();
    let late = desk
        .vote(&open.id, vote("ann", 1_001, true), at(1_800))
        .await;
    assert!(
        matches!(
            late,
            Err(AccessError::Closed {
                state: "expired",
                ..
            })
        ),
        "{late:?}"
    );
    let late = desk.consume(&approved.id, "approved", at(1_800)).await;
    assert!(
        matches!(
            late,
            Err(AccessError::NotApproved {
                state: "expired",
                ..
            })
        ),
        "{late:?}"
    );
    for id in [&open.id, &approved.id] {
        assert_eq!(desk.find(id).await.unwrap().state, AskState::Expired);
    }
    let fresh = desk.ask(statement("open"), at(1_801)).await.unwrap();
    assert_ne!(fresh.id, open.id);

    desk.withdraw(&fresh.id, at(1_802)).await.unwrap();
    desk.withdraw(&fresh.id, at(1_803)).await.unwrap();
    assert_eq!(
        desk.find(&fresh.id).await.unwrap().state,
        AskState::Withdrawn
    );
    let unknown = AskId("ask-00000000".to_owned());
    assert!(matches!(
        desk.find(&unknown).await,
        Err(AccessError::UnknownAsk(_))
    ));
    assert!(matches!(
        desk.withdraw(&unknown, at(0)).await,
        Err(AccessError::UnknownAsk(_))
    ));
}

#[tokio::test]
async fn approvals_under_other_policies_are_void() {
    let place = Place::new().await;
    let desk = &place.desk;
    let open = desk.ask(statement("open"), at(0)).await.unwrap();
    let approved = desk.ask(statement("approved"), at(0)).await.unwrap();
    desk.vote(&approved.id, vote("ann", 1_001, true), at(1))
        .await
        .unwrap();
    let mut changes = desk.changes();
    desk.void_other_versions("v1", at(2)).await.unwrap();
    assert!(!changes.has_changed().unwrap());
    desk.void_other_versions("v2", at(2)).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    for id in [&open.id, &approved.id] {
        assert_eq!(desk.find(id).await.unwrap().state, AskState::Void);
    }

    // Judged before the change, filed after it.
    let late = desk.ask(statement("late"), at(3)).await.unwrap();
    desk.vote(&late.id, vote("ann", 1_001, true), at(4))
        .await
        .unwrap();
    let place = place.reopen().await;
    let void = place.desk.consume(&late.id, "late", at(5)).await;
    assert!(
        matches!(void, Err(AccessError::NotApproved { state: "void", .. })),
        "{void:?}"
    );
    assert_eq!(
        place.desk.find(&late.id).await.unwrap().state,
        AskState::Void
    );
}

#[tokio::test]
async fn one_workload_does_not_bury_the_asks_of_others() {
    let place = Place::new().await;
    for number in 0..64 {
        place
            .desk
            .ask(statement(&format!("d{number}")), at(0))
            .await
            .unwrap();
    }
    let full = place.desk.ask(statement("d64"), at(1)).await.unwrap_err();
    assert!(matches!(full, AccessError::TooManyAsks(_)));
    assert_eq!(
        place.desk.ask(statement("d63"), at(1)).await.unwrap().state,
        AskState::Open
    );
    let mut other = statement("d64");
    other.asker.workload = "other".to_owned();
    place.desk.ask(other, at(1)).await.unwrap();
    assert_eq!(place.desk.asks(true).await.unwrap().len(), 65);
    // What has expired takes no place.
    place.desk.ask(statement("d64"), at(1_800)).await.unwrap();
}

#[tokio::test]
async fn breaking_the_glass_takes_the_policies_word_for_it() {
    let place = Place::new().await;
    let desk = &place.desk;
    for (approvals, breakglass) in [(0, false), (1, true)] {
        let mut ask = statement(&format!("d{approvals}"));
        ask.terms = Terms {
            approvals,
            breakglass,
            ..terms(0)
        };
        let refused = desk.break_glass(ask.clone(), at(0)).await.unwrap_err();
        assert!(matches!(refused, AccessError::NeedsDecision));
        let ask = desk.ask(ask, at(0)).await.unwrap();
        assert_eq!((ask.state, ask.break_glass), (AskState::Open, false));
        assert_eq!(ask.approvals, 1);
    }
    let mut ask = statement("d3");
    ask.terms = Terms {
        breakglass: true,
        ..terms(0)
    };
    let ask = desk.break_glass(ask, at(0)).await.unwrap();
    assert_eq!((ask.state, ask.break_glass), (AskState::Approved, true));
    desk.consume(&ask.id, "d3", at(1)).await.unwrap();
}

#[tokio::test]
async fn what_is_kept_of_a_statement_is_bounded() {
    let place = Place::new().await;
    let mut long = statement("d1");
    long.reason = Some("ä".repeat(10_000));
    if let Subject::Statement(statement) = &mut long.subject {
        statement.text = "ä".repeat(100_000);
        statement.objects = vec!["o".repeat(5_000); 100];
    }
    let ask = place.desk.ask(long, at(0)).await.unwrap();
    let found = place.desk.find(&ask.id).await.unwrap();
    assert_eq!(found, ask);
    assert!(found.reason.unwrap().len() <= 4_096);
    let Subject::Statement(statement) = found.subject else {
        panic!()
    };
    assert!(statement.text.len() <= 65_536 && statement.text.ends_with(" …"));
    assert_eq!(statement.objects.len(), 65);
    assert_eq!(statement.objects[64], "and 36 more");
    let [listed] = place.desk.asks(false).await.unwrap().try_into().unwrap();
    let Subject::Statement(statement) = listed.subject else {
        panic!()
    };
    assert_eq!(statement.text.chars().count(), 1_024);
}

#[test]
fn states_that_are_over_are_never_left() {
    for state in AskState::ALL {
        assert_eq!(AskState::parse(state.name()), Some(state));
        for is_statement in [true, false] {
            let steps = STEPS.map(|step| next(state, is_statement, step));
            let leaves = steps.iter().flatten().count();
            let expected = match (state, is_statement) {
                (AskState::Open, _) => 5,
                (AskState::Approved, true) => 4,
                _ => 0,
            };
            assert_eq!(leaves, expected, "{state:?} {is_statement}");
        }
    }
}

const STEPS: [Step; 6] = [
    Step::Approve,
    Step::Deny,
    Step::Expire,
    Step::Withdraw,
    Step::Void,
    Step::Use,
];

/// What may happen to an ask from outside.
#[derive(Clone, Debug)]
enum Act {
    Vote { person: u32, approves: bool },
    Consume { right: bool },
    Withdraw,
    Reload { version: u8 },
    Wait { seconds: i64 },
    Sweep,
    Retry,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_u32..4, prop::bool::weighted(0.85))
            .prop_map(|(person, approves)| Act::Vote { person, approves }),
        2 => prop::bool::weighted(0.8).prop_map(|right| Act::Consume { right }),
        1 => Just(Act::Withdraw),
        1 => (1_u8..3).prop_map(|version| Act::Reload { version }),
        2 => (1_i64..1_000).prop_map(|seconds| Act::Wait { seconds }),
        1 => Just(Act::Sweep),
        1 => Just(Act::Retry),
    ]
}

/// Does the acts at a desk, and holds every step against what may be.
async fn play(approvals: u32, acts: &[Act]) {
    let place = Place::new().await;
    let desk = &place.desk;
    let mut new = statement("d1");
    new.terms = terms(approvals);
    let ask = desk.ask(new.clone(), at(0)).await.unwrap();
    let (mut now, mut in_force, mut uses) = (0, None, 0);
    let mut last = ask.clone();
    for act in acts {
        match act {
            Act::Vote { person, approves } => {
                let vote = vote(&format!("p{person}"), 2_000 + person, *approves);
                let counted = desk.vote(&ask.id, vote, at(now)).await.is_ok();
                assert!(!counted || (last.state == AskState::Open && now < 1_800));
            }
            Act::Consume { right } => {
                let digest = if *right { "d1" } else { "d2" };
                if desk.consume(&ask.id, digest, at(now)).await.is_ok() {
                    uses += 1;
                    assert!(*right && last.state == AskState::Approved && now < 1_800);
                    assert!(in_force.is_none_or(|version| version == 1));
                }
            }
            Act::Withdraw => desk.withdraw(&ask.id, at(now)).await.unwrap(),
            Act::Reload { version } => {
                in_force = Some(*version);
                let version = format!("v{version}");
                desk.void_other_versions(&version, at(now)).await.unwrap();
            }
            Act::Wait { seconds } => now += seconds,
            Act::Sweep => drop(desk.sweep(at(now)).await.unwrap()),
            Act::Retry => {
                let joined = desk.ask(new.clone(), at(now)).await.unwrap();
                let open = [AskState::Open, AskState::Approved].contains(&last.state);
                assert_eq!(joined.id == ask.id, open && now < 1_800);
            }
        }
        let found = desk.find(&ask.id).await.unwrap();
        check_step(&last, &found);
        last = found;
    }
    assert!(uses <= 1);
    assert_eq!(uses == 1, last.state == AskState::Used);
}

#[track_caller]
fn check_step(before: &Ask, after: &Ask) {
    let possible = STEPS.map(|step| next(before.state, true, step));
    assert!(before.state == after.state || possible.contains(&Some(after.state)));
    check_votes(after);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_an_ask_keeps_to_its_way(
        approvals in 1_u32..4,
        acts in prop::collection::vec(act(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(approvals, &acts));
    }
}
