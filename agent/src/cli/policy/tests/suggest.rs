//! A recording becomes a policy that permits what was recorded, and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{check, write};
use crate::config;
use crate::identity::{Principal, Workload};
use crate::policy::{Mode, PolicySet, Question, Usage, Verdict, evaluate};
use crate::record::{Caller, Decided, Ending, Opening, Outcome, Recorder};
use crate::snowflake::{Operation, Query};
use crate::sql::facts::{Access, ObjectKind};
use crate::sql::{Context, Effect, Facts, ObjectName};

const EVERYTHING_BUT_DROP: &str = r#"
@id("all") permit (principal, action, resource);
@id("no-drop") forbid (principal, action == Action::"drop", resource);
"#;

struct Recording {
    dir: tempfile::TempDir,
    recorder: Recorder,
    policies: PolicySet,
}

impl Recording {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&config::Record::for_test(dir.path()));
        Self {
            recorder: recorder.unwrap(),
            dir,
            policies: PolicySet::parse(&[("all.cedar", EVERYTHING_BUT_DROP)]).unwrap(),
        }
    }

    fn path(&self) -> String {
        self.dir.path().join("record").display().to_string()
    }

    /// Judges and records one statement of the workload as the daemon does.
    async fn statement<const N: usize>(&self, workload: &str, kind: &str, accesses: [Access; N]) {
        let principal = principal(workload);
        let facts = facts(kind, &accesses);
        let mut entry = self.recorder.entry(Opening {
            caller: Some(Caller::from(&principal)),
            ..Opening::default()
        });
        let operation = Operation::Query(Box::new(Query::for_test("r", "select 'secret'")));
        let mut about = Decided::of(&operation, &Arc::default(), jiff::Timestamp::UNIX_EPOCH)
            .with_facts(&facts);
        about.account = Some("acme".to_owned());
        match judge(&self.policies, &principal, &facts) {
            Verdict::Allow(permit) => {
                let recorded = Box::pin(entry.decided(permit, about)).await.unwrap();
                drop(recorded);
            }
            Verdict::Hold(hold) => panic!("held: {hold:?}"),
            Verdict::Deny(denial) => entry.denied(&denial, about),
        }
        let now = jiff::Timestamp::UNIX_EPOCH;
        let ending = Ending::new(Outcome::Answer, now, Duration::ZERO);
        Box::pin(entry.close(ending)).await.unwrap();
    }
}

fn principal(workload: &str) -> Principal {
    Principal {
        workload: Workload {
            name: workload.to_owned(),
            cgroup: "/agents".to_owned(),
            ..Workload::default()
        },
        user: None,
        netns_cookie: 1,
    }
}

fn facts(kind: &str, accesses: &[Access]) -> Facts {
    let accesses = accesses
        .iter()
        .cloned()
        .collect::<std::collections::BTreeSet<_>>();
    Facts {
        kinds: vec![kind.to_owned()],
        effects: accesses.iter().map(|access| access.effect).collect(),
        accesses,
        ..Facts::for_test(&[])
    }
}

fn judge(policies: &PolicySet, principal: &Principal, facts: &Facts) -> Verdict {
    let context = Context::default();
    let question = Question {
        principal,
        account: "acme",
        credential: None,
        client: "",
        facts: Some(facts),
        session: &context.session,
        roles: &[],
        usage: Usage::default(),
        approved: false,
        mode: Mode::Enforce,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let operation = Operation::Query(Box::new(Query::for_test("r", "")));
    evaluate(policies, &question, operation)
}

fn on(effect: Effect, kind: ObjectKind, name: &str) -> Access {
    Access::new(effect, kind, ObjectName::parse(name).unwrap())
}

fn table(effect: Effect, name: &str) -> Access {
    on(effect, ObjectKind::Table, name)
}

/// Asks the suggestion about one access of a workload.
fn allows(policies: &PolicySet, workload: &str, access: Access) -> bool {
    let verdict = judge(policies, &principal(workload), &facts("SELECT", &[access]));
    matches!(verdict, Verdict::Allow(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suggestion_permits_what_was_seen_and_no_more() {
    let recording = Recording::new();
    let orders = table(Effect::Read, "SALES.PUBLIC.ORDERS");
    let odd = table(Effect::Insert, "SALES.PUBLIC.\"Odd \"\" name\"");
    for _ in 0..3 {
        recording.statement("etl", "SELECT", [orders.clone()]).await;
    }
    recording
        .statement("etl", "INSERT", [odd.clone(), orders.clone()])
        .await;
    for number in 0..12 {
        let many = table(Effect::Read, &format!("LOGS.DAILY.DAY_{number}"));
        recording.statement("etl", "SELECT", [many]).await;
    }
    recording
        .statement(
            "etl",
            "ALTER SESSION",
            [Access::on_account(Effect::Session)],
        )
        .await;
    recording
        .statement("etl", "OPAQUE(BEGIN)", [Access::on_account(Effect::Opaque)])
        .await;
    recording
        .statement(
            "etl",
            "DROP TABLE",
            [table(Effect::Drop, "SALES.PUBLIC.ORDERS")],
        )
        .await;
    recording
        .statement("etl", "SELECT", [table(Effect::Read, "SHORT")])
        .await;
    recording.statement("web", "SELECT", [orders.clone()]).await;

    let path = recording.path();
    let text = tokio::task::spawn_blocking(move || check(&path, &["suggest", &path], 0));
    let text = text.await.unwrap();
    insta::assert_snapshot!(text);

    suggests_that(&recording, &text);
}

/// What `check` says of the suggestion, and what it answers.
fn suggests_that(recording: &Recording, text: &str) {
    let orders = table(Effect::Read, "SALES.PUBLIC.ORDERS");
    let odd = table(Effect::Insert, "SALES.PUBLIC.\"Odd \"\" name\"");
    let dir = recording.dir.path().join("policies");
    write(Path::new(&dir), "suggested.cedar", text);
    let shown = dir.display().to_string();
    let said = check(&shown, &["check", &shown], 0);
    assert!(said.ends_with("no errors\n"), "{said}");

    let suggested = PolicySet::load(&dir).unwrap();
    assert!(allows(&suggested, "etl", orders.clone()));
    assert!(allows(&suggested, "etl", odd.clone()));
    assert!(allows(
        &suggested,
        "etl",
        table(Effect::Read, "LOGS.DAILY.DAY_99")
    ));
    assert!(allows(
        &suggested,
        "etl",
        Access::on_account(Effect::Session)
    ));
    assert!(allows(&suggested, "web", orders));
    for (workload, access) in [
        ("web", odd),
        ("other", table(Effect::Read, "SALES.PUBLIC.ORDERS")),
        ("etl", table(Effect::Insert, "SALES.PUBLIC.ORDERS")),
        ("etl", table(Effect::Delete, "LOGS.DAILY.DAY_1")),
        ("etl", table(Effect::Read, "SALES.PUBLIC.OTHER")),
        (
            "etl",
            on(Effect::Read, ObjectKind::Stage, "LOGS.DAILY.DAY_1"),
        ),
        ("etl", Access::on_account(Effect::Opaque)),
        ("etl", table(Effect::Drop, "SALES.PUBLIC.ORDERS")),
    ] {
        assert!(
            !allows(&suggested, workload, access.clone()),
            "{workload} {access:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_a_recording_do_not_become_policy() {
    let recording = Recording::new();
    let name = "x\"]);\n@id(\"evil\") permit (principal, action, resource);//";
    let evil = table(
        Effect::Read,
        &format!("D.S.\"{}\"", name.replace('"', "\"\"")),
    );
    recording.statement(name, "SELECT", [evil.clone()]).await;
    recording
        .statement(
            name,
            "OPAQUE\npermit (",
            [Access::on_account(Effect::Opaque)],
        )
        .await;
    let path = recording.path();
    let text = tokio::task::spawn_blocking(move || check(&path, &["suggest", &path], 0));
    let text = text.await.unwrap();
    let suggested = PolicySet::parse(&[("suggested.cedar", &text)]).unwrap();
    assert!(suggested.is_empty(), "{text}");
    assert!(!allows(&suggested, name, table(Effect::Read, "D.S.T")));
    assert!(
        !text.contains("secret"),
        "statement text is not repeated: {text}"
    );
}
