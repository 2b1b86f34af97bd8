//! What the cache knows, for whom, and until when.

use super::*;
use crate::identity::PrincipalKey;
use crate::session::{NewSession, Registry};
use crate::sql::SessionState;
use crate::sql::context::Catalog as _;
use crate::sql::facts::{Access, Effect, Facts, ObjectKind};

fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

/// A session's id: only a registry makes them.
fn sessions() -> [SessionId; 2] {
    let registry = Registry::new(8, 1, Box::new(|_, _| {}));
    [(); 2].map(|()| {
        let new = NewSession {
            key: PrincipalKey::for_test("a"),
            account: String::new(),
            credential: String::new(),
            client: String::new(),
            snowflake_id: 1,
            state: SessionState::default(),
            upstream: (),
        };
        registry.open(new, Instant::now()).unwrap().0.id
    })
}

struct Bench {
    catalog: Catalog,
    state: Arc<State>,
    sessions: [SessionId; 2],
}

impl Bench {
    fn new() -> Self {
        Self {
            catalog: Catalog::default(),
            state: State::new(SessionState::default()),
            sessions: sessions(),
        }
    }

    fn view_of(&self, role: Option<&str>, session: usize, changes: u64) -> View {
        let place = role.map(|role| Place {
            account: "acct".to_owned(),
            credential: "c".to_owned(),
            role: role.to_owned(),
        });
        let session = self.sessions[session];
        let now = Instant::now();
        self.catalog.view(place, session, &self.state, changes, now)
    }

    fn view(&self) -> View {
        self.view_of(Some("R"), 0, 0)
    }

    async fn tell(&self, object: &str, lookup: Lookup) {
        let view = self.view();
        let flight = view.flight(&name(object)).await.unwrap();
        view.land(&flight, lookup, Instant::now());
    }
}

fn table(column: &str) -> Lookup {
    Lookup::Known(Arc::new(Relation {
        columns: vec![column.to_owned()],
        definition: None,
    }))
}

#[tokio::test(start_paused = true)]
async fn what_was_told_is_known_to_the_same_role_for_a_time() {
    let bench = Bench::new();
    let object = name("d.s.t");
    assert_eq!(bench.view().relation(&object), Lookup::Unknown);
    bench.tell("d.s.t", table("X")).await;
    assert_eq!(bench.view().relation(&object), table("X"));
    assert_eq!(bench.view_of(Some("R"), 1, 9).relation(&object), table("X"));
    assert_eq!(
        bench.view_of(Some("S"), 0, 0).relation(&object),
        Lookup::Unknown
    );
    assert_eq!(bench.view_of(None, 0, 0).relation(&object), Lookup::Unknown);
    tokio::time::advance(KNOWN_FOR).await;
    assert_eq!(bench.view().relation(&object), Lookup::Unknown);
}

#[tokio::test(start_paused = true)]
async fn absence_holds_for_one_session_in_one_state() {
    let bench = Bench::new();
    let object = name("d.s.t");
    bench.tell("d.s.t", Lookup::Absent).await;
    assert_eq!(bench.view().relation(&object), Lookup::Absent);
    assert_eq!(
        bench.view_of(Some("R"), 1, 0).relation(&object),
        Lookup::Unknown
    );
    assert_eq!(
        bench.view_of(Some("R"), 0, 1).relation(&object),
        Lookup::Unknown
    );
    tokio::time::advance(ABSENT_FOR).await;
    assert_eq!(bench.view().relation(&object), Lookup::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_a_session_made_is_its_own_affair() {
    let bench = Bench::new();
    let object = name("d.s.t");
    bench.state.created(Some(&object));
    bench.tell("d.s.t", table("TEMPORARY")).await;
    assert_eq!(bench.view().relation(&object), table("TEMPORARY"));
    assert_eq!(
        bench.view_of(Some("R"), 1, 0).relation(&object),
        Lookup::Unknown
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_makes_what_it_covers_unknown_until_it_has_ended_and_forgotten_after() {
    let bench = Bench::new();
    bench.tell("d.s.t", table("OLD")).await;
    bench.tell("d.x.u", table("OLD")).await;
    let schema = vec![Extent::Below(name("d.s"))];
    let asked_before = bench.view();
    let change = bench.catalog.change("acct", schema.clone());
    assert_eq!(bench.view().relation(&name("d.s.t")), Lookup::Unknown);
    assert_eq!(bench.view().relation(&name("d.x.u")), table("OLD"));
    assert!(asked_before.flight(&name("d.s.t")).await.is_none());
    drop(change);
    assert_eq!(bench.view().relation(&name("d.s.t")), Lookup::Unknown);

    // A question that was asked before the change and answered after it.
    let flight = asked_before.flight(&name("d.s.t")).await.unwrap();
    drop(bench.catalog.change("acct", schema.clone()));
    asked_before.land(&flight, table("OLD"), Instant::now());
    drop(flight);
    assert_eq!(bench.view().relation(&name("d.s.t")), Lookup::Unknown);

    // One that goes on at Snowflake.
    let id = QueryId::of_entry(1);
    let change = bench.catalog.change("acct", schema);
    change.goes_on_as(&id, Instant::now());
    assert!(bench.view().flight(&name("d.s.t")).await.is_none());
    bench.catalog.ended(&id);
    bench.tell("d.s.t", table("NEW")).await;
    assert_eq!(bench.view().relation(&name("d.s.t")), table("NEW"));
    // In another account nothing happened.
    drop(bench.catalog.change("other", vec![Extent::All]));
    assert_eq!(bench.view().relation(&name("d.s.t")), table("NEW"));
}

#[tokio::test(start_paused = true)]
async fn one_asks_and_the_others_wait_for_the_answer() {
    let bench = Bench::new();
    let (first, second) = (bench.view(), bench.view());
    let object = name("d.s.t");
    let flight = first.flight(&object).await.unwrap();
    let waiting = tokio::spawn(async move { second.flight(&name("d.s.t")).await.is_none() });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    first.land(&flight, Lookup::Unknown, Instant::now());
    drop(flight);
    assert!(
        waiting.await.unwrap(),
        "what was asked in vain is not asked again at once"
    );
}

#[tokio::test(start_paused = true)]
async fn the_oldest_go_when_there_is_no_room() {
    let bench = Bench::new();
    let large = "x".repeat(RELATION_BYTES_MAX / 2);
    let count = 2 * BYTES_MAX / RELATION_BYTES_MAX + 1;
    for number in 0..count {
        bench.tell(&format!("d.s.t{number}"), table(&large)).await;
    }
    assert_eq!(bench.view().relation(&name("d.s.t0")), Lookup::Unknown);
    let last = name(&format!("d.s.t{}", count - 1));
    assert_eq!(bench.view().relation(&last), table(&large));
    bench
        .tell("d.s.huge", table(&"x".repeat(RELATION_BYTES_MAX)))
        .await;
    assert_eq!(bench.view().relation(&name("d.s.huge")), Lookup::Unknown);
}

#[test]
fn what_a_statement_can_change_is_told_by_its_accesses() {
    #[track_caller]
    fn check(effect: Effect, kind: ObjectKind, object: &str, expected: &[Extent]) {
        let facts = Facts {
            accesses: [Access::new(effect, kind, name(object))].into(),
            ..Facts::for_test(&[effect])
        };
        assert_eq!(Extent::of(&facts), expected, "{effect:?} {object}");
    }
    let below = |text: &str| [Extent::Below(name(text))];
    check(Effect::Create, ObjectKind::Table, "d.s.t", &below("d.s.t"));
    check(Effect::Drop, ObjectKind::Schema, "d.s", &below("d.s"));
    check(Effect::Alter, ObjectKind::Database, "d", &below("d"));
    check(Effect::Alter, ObjectKind::Table, "t", &[Extent::All]);
    check(
        Effect::Execute,
        ObjectKind::Procedure,
        "d.s.p",
        &[Extent::All],
    );
    check(Effect::Read, ObjectKind::Table, "d.s.t", &[]);
    check(Effect::Create, ObjectKind::Stage, "d.s.t", &[]);
    let opaque = Facts::opaque("OPAQUE".to_owned(), "x");
    assert_eq!(Extent::of(&opaque), [Extent::All]);
}
