//! What a session is taken to be in, and whose turn it is.

use super::*;
use crate::snowflake::Query;
use crate::sql::facts::Effect;

fn begun() -> Arc<State> {
    State::new(SessionState {
        database: Some("A".to_owned()),
        schema: Some("PUBLIC".to_owned()),
        ..SessionState::default()
    })
}

fn facts(changes: Vec<SessionChange>) -> Facts {
    Facts {
        session_changes: changes,
        ..Facts::for_test(&[Effect::Session])
    }
}

fn uses(database: &str) -> Facts {
    facts(vec![SessionChange::Database(database.to_owned())])
}

fn said(database: Option<&str>) -> SessionChanges {
    SessionChanges {
        database: database.map(ToOwned::to_owned),
        schema: database.map(|_| "PUBLIC".to_owned()),
        ..SessionChanges::default()
    }
}

/// What an answer is like; its names are in `said`.
#[derive(Clone, Copy)]
struct Like {
    seen: bool,
    success: bool,
    in_progress: bool,
}

const DONE: Like = Like {
    seen: false,
    success: true,
    in_progress: false,
};

fn answer<'a>(id: &'a QueryId, like: Like, said: &'a SessionChanges) -> Answer<'a> {
    Answer {
        query: Some(id),
        seen: like.seen,
        success: like.success,
        in_progress: like.in_progress,
        said,
    }
}

async fn begin(state: &Arc<State>, request: &str, facts: &Facts, fresh: bool) -> Course {
    let turn = state.turn(goes_alone(facts)).await.unwrap();
    let query = Query::for_test(request, "x");
    Course::begin(state, turn, &query, facts, fresh)
}

async fn run(state: &Arc<State>, request: &str, facts: &Facts, fresh: bool, like: Like) {
    run_saying(state, request, facts, fresh, like, None).await;
}

async fn run_saying(
    state: &Arc<State>,
    request: &str,
    facts: &Facts,
    fresh: bool,
    like: Like,
    names: Option<&str>,
) {
    let course = begin(state, request, facts, fresh).await;
    let number = request.trim_start_matches('r').parse().unwrap();
    let (id, said) = (QueryId::of_entry(number), said(names));
    course.answered(&answer(&id, like, &said));
}

#[track_caller]
fn check(state: &State, expected: Option<&str>) {
    let snapshot = state.snapshot(Instant::now());
    assert_eq!(snapshot.session.database.as_deref(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_succeeds_changes_the_session_and_one_that_fails_does_not() {
    let state = begun();
    run(&state, "r1", &uses("B"), true, DONE).await;
    check(&state, Some("B"));
    let failed = Like {
        success: false,
        ..DONE
    };
    run(&state, "r2", &uses("C"), true, failed).await;
    check(&state, Some("B"));
    let mut two = uses("C");
    two.kinds.push("SELECT".to_owned());
    run(&state, "r3", &two, true, failed).await;
    check(&state, None);
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_says_wins_over_what_the_text_says() {
    let state = begun();
    run_saying(&state, "r1", &uses("B"), true, DONE, Some("C")).await;
    check(&state, Some("C"));
    let unknown = facts(vec![SessionChange::Unknown]);
    run(&state, "r2", &unknown, true, DONE).await;
    check(&state, None);
    run_saying(&state, "r3", &facts(Vec::new()), true, DONE, Some("D")).await;
    check(&state, Some("D"));
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_is_only_described_changes_nothing_for_certain() {
    let state = begun();
    let turn = state.turn(true).await.unwrap();
    let mut query = Query::for_test("r1", "use database b");
    query.describe_only = true;
    let course = Course::begin(&state, turn, &query, &uses("B"), true);
    let (id, said) = (QueryId::of_entry(1), said(None));
    course.answered(&answer(&id, DONE, &said));
    check(&state, None);
}

#[tokio::test(start_paused = true)]
async fn nobody_judges_while_a_statement_changes_the_session() {
    let state = begun();
    let course = begin(&state, "r1", &uses("B"), true).await;
    let waiting = tokio::spawn({
        let state = Arc::clone(&state);
        async move {
            let turn = state.turn(false).await;
            (
                turn.is_some(),
                state.snapshot(Instant::now()).session.database.clone(),
            )
        }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let (id, said) = (QueryId::of_entry(1), said(None));
    course.answered(&answer(&id, DONE, &said));
    assert_eq!(waiting.await.unwrap(), (true, Some("B".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_does_not_come_is_given_up() {
    let state = begun();
    let _course = begin(&state, "r1", &uses("B"), true).await;
    assert!(state.turn(false).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_change_in_progress_is_unknown_until_its_end_is_seen() {
    let state = begun();
    let in_progress = Like {
        in_progress: true,
        ..DONE
    };
    run(&state, "r1", &uses("B"), true, in_progress).await;
    check(&state, None);
    let (id, none) = (QueryId::of_entry(1), said(None));
    state.polled(&id, &answer(&id, in_progress, &none));
    check(&state, None);
    state.polled(&id, &answer(&id, DONE, &none));
    check(&state, Some("B"));

    // With another change sent meanwhile, who was last is not known.
    run(&state, "r2", &uses("C"), true, in_progress).await;
    run(&state, "r3", &uses("D"), true, DONE).await;
    let id = QueryId::of_entry(2);
    state.polled(&id, &answer(&id, DONE, &none));
    check(&state, None);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_is_not_taken_for_news() {
    let state = begun();
    let quiet = facts(Vec::new());
    let old = Like { seen: true, ..DONE };
    run_saying(&state, "r1", &quiet, true, DONE, Some("A")).await;
    run(&state, "r2", &uses("B"), true, DONE).await;
    // The first request is sent again, under an id that is remembered or forgotten.
    run_saying(&state, "r1", &quiet, false, old, Some("A")).await;
    check(&state, Some("B"));
    run_saying(&state, "r1", &quiet, true, old, Some("A")).await;
    check(&state, Some("B"));
    // The same with a statement that changes the session.
    run(&state, "r3", &uses("C"), true, DONE).await;
    run(&state, "r2", &uses("B"), false, old).await;
    check(&state, Some("C"));
    // A poll for a statement that ended long ago.
    let (id, said) = (QueryId::of_entry(2), said(Some("B")));
    state.polled(&id, &answer(&id, old, &said));
    check(&state, Some("C"));
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_is_lost_is_unknown_until_it_is_settled() {
    let state = begun();
    drop(begin(&state, "r1", &uses("B"), true).await);
    check(&state, None);
    // Sent again, it is answered.
    run(&state, "r1", &uses("B"), false, DONE).await;
    check(&state, Some("B"));

    drop(begin(&state, "r2", &uses("C"), true).await);
    run_saying(&state, "r3", &facts(Vec::new()), true, DONE, Some("B")).await;
    check(&state, None);
    tokio::time::advance(SETTLE).await;
    check(&state, None);
    run_saying(&state, "r4", &facts(Vec::new()), true, DONE, Some("C")).await;
    check(&state, Some("C"));
}

#[tokio::test(start_paused = true)]
async fn too_many_open_changes_lose_the_state() {
    let state = begun();
    let in_progress = Like {
        in_progress: true,
        ..DONE
    };
    for number in 0..=OPEN_MAX {
        let set = facts(vec![SessionChange::Set("V".to_owned(), None)]);
        run(&state, &format!("r{number}"), &set, true, in_progress).await;
    }
    check(&state, None);
}

#[tokio::test(start_paused = true)]
async fn the_last_results_are_known_while_their_order_is_certain() {
    let state = begun();
    let quiet = facts(Vec::new());
    run(&state, "r1", &quiet, true, DONE).await;
    run(&state, "r2", &quiet, true, DONE).await;
    assert_eq!(state.last(), [QueryId::of_entry(1), QueryId::of_entry(2)]);
    let first = begin(&state, "r3", &quiet, true).await;
    let second = begin(&state, "r4", &quiet, true).await;
    let (id, none) = (QueryId::of_entry(3), said(None));
    first.answered(&answer(&id, DONE, &none));
    second.answered(&answer(&id, DONE, &none));
    assert!(state.last().is_empty());
    run(&state, "r5", &quiet, true, DONE).await;
    assert_eq!(state.last(), [QueryId::of_entry(5)]);
    let failed = Like {
        success: false,
        ..DONE
    };
    run(&state, "r6", &quiet, true, failed).await;
    assert!(state.last().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_is_believed_again_when_snowflake_says_it() {
    let state = begun();
    let unknown = facts(vec![SessionChange::Unknown]);
    let failed = Like {
        success: false,
        ..DONE
    };
    run(&state, "r1", &unknown, true, failed).await;
    let lost = state.snapshot(Instant::now());
    assert!(lost.astray && lost.session.quoting_unknown);
    let settings = Settings {
        search_path: "$current, $public".to_owned(),
        ignore_case: "false".to_owned(),
        place: said(Some("D")),
    };
    // Asked before another change: the answer may be older than it.
    run(&state, "r2", &uses("B"), true, DONE).await;
    state.told(&settings, lost.changes);
    assert!(state.snapshot(Instant::now()).astray);
    let changes = state.snapshot(Instant::now()).changes;
    state.told(&settings, changes);
    let found = state.snapshot(Instant::now());
    assert!(!found.astray && !found.session.quoting_unknown);
    assert_eq!(
        found.session.search_path.as_deref(),
        Some(["$current".to_owned(), "$public".to_owned()].as_slice())
    );
    check(&state, Some("D"));
}
