//! Statements that wait for people, bounds on what is allowed, and scopes that only observe.

use std::time::Duration;

use super::*;
use crate::policy::verdict::{DEFAULT_APPROVERS, DEFAULT_WAIT};

const WRITES_WAIT: &str = r#"
    @id("read") @max_rows("1000") permit (principal, action == Action::"read", resource);
    @id("write") @approvers("stewards, leads") @approvals("2") @wait("30m") @timeout("10m")
    permit (principal, action in Action::"write", resource) when { context.approved };
"#;

fn writing() -> Facts {
    doing(&[
        (Effect::Read, ObjectKind::Table, "a.b.c"),
        (Effect::Insert, ObjectKind::Table, "a.b.d"),
    ])
}

fn groups(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn what_approval_would_allow_is_held_on_the_terms_of_the_policies_that_would() {
    let hold = held(ask_about(&parse(WRITES_WAIT), &writing()));
    assert_eq!(hold.policies, ["write"]);
    assert_eq!(hold.terms.approvers, groups(&["leads", "stewards"]));
    assert_eq!(hold.terms.approvals, 2);
    assert_eq!(hold.terms.wait, Duration::from_mins(30));
    assert!(!hold.terms.freeze && !hold.terms.breakglass);
    assert_eq!(
        hold.message,
        "held for workload `agent` on account `acme`: `insert` on `A.B.D` needs approval by 2 of \
         `leads`, `stewards` within 30m, says `write`"
    );
    assert!(matches!(hold.operation(), Operation::Query(_)));
}

#[test]
fn an_approved_statement_is_allowed_with_the_bounds_of_all_that_permit() {
    let (principal, facts) = (principal("agent"), writing());
    let approved = Question {
        approved: true,
        ..question(&principal, Some(&facts))
    };
    let permit = allowed(evaluate(&parse(WRITES_WAIT), &approved, query()));
    assert_eq!(permit.policies(), ["read", "write"]);
    assert_eq!(permit.limits().max_rows, Some(1000));
    assert_eq!(permit.limits().timeout, Some(Duration::from_mins(10)));
    // What no approval would allow, an approval does not allow.
    let dropping = doing(&[(Effect::Drop, ObjectKind::Table, "a.b.c")]);
    let approved = Question {
        facts: Some(&dropping),
        ..approved
    };
    denied(evaluate(&parse(WRITES_WAIT), &approved, query()));
}

#[test]
fn what_approval_does_not_allow_is_denied_at_once() {
    let policies = parse(WRITES_WAIT);
    let mixed = doing(&[
        (Effect::Insert, ObjectKind::Table, "a.b.c"),
        (Effect::Drop, ObjectKind::Table, "a.b.c"),
    ]);
    denied(ask_about(&policies, &mixed));
    let frozen = format!(
        "{WRITES_WAIT} @id(\"never\") forbid (principal, action == Action::\"insert\", resource);"
    );
    assert_eq!(
        denied(ask_about(&parse(&frozen), &writing())).policies,
        ["never"]
    );
    // A policy that fails denies, approved or not.
    let failing = format!(
        "{WRITES_WAIT} @id(\"fails\") forbid (principal, action == Action::\"insert\", resource)
         when {{ !context.approved && principal.uid * 9223372036854775807 > 0 }};"
    );
    denied(ask_about(&parse(&failing), &writing()));
}

#[test]
fn the_strictest_of_all_that_decide_holds() {
    let policies = parse(
        r#"
        @id("all") @approvals("9") permit (principal, action == Action::"read", resource)
        when { context.approved };
        @id("a") @approvers("a") @approvals("3") @wait("2h")
        permit (principal, action in Action::"write", resource) when { context.approved };
        @id("b") @approvers("b") @wait("5m")
        permit (principal, action == Action::"insert", resource) when { context.approved };
        @id("free") permit (principal, action == Action::"read", resource);
        @id("c") @approvers("c") @freeze forbid (principal, action == Action::"insert", resource)
        unless { context.approved };
        "#,
    );
    let hold = held(ask_about(&policies, &writing()));
    // `all` would allow a read that `free` allows anyway: it decides nothing.
    assert_eq!(hold.policies, ["a", "b", "c"]);
    assert_eq!(hold.terms.approvers, groups(&["a", "b", "c"]));
    assert_eq!(hold.terms.approvals, 3);
    assert_eq!(hold.terms.wait, Duration::from_mins(5));
    assert!(hold.terms.freeze);
}

#[test]
fn a_forbid_that_approval_lifts_holds_what_others_permit() {
    let policies = parse(
        r#"
        @id("all") permit (principal, action, resource);
        @id("ddl-waits") @message("ask the platform team")
        forbid (principal, action in Action::"ddl", resource) unless { context.approved };
        "#,
    );
    let hold = held(judge(&policies, &[Effect::Drop]));
    assert_eq!(hold.policies, ["ddl-waits"]);
    assert_eq!(hold.terms.approvers, groups(&[DEFAULT_APPROVERS]));
    assert_eq!((hold.terms.approvals, hold.terms.wait), (1, DEFAULT_WAIT));
    assert!(
        hold.message
            .ends_with("says `ddl-waits` (ask the platform team)"),
        "{}",
        hold.message
    );
    check_allowed(judge(&policies, &[Effect::Read]), &["all"]);
}

#[test]
fn break_glass_needs_nobody_unless_another_policy_does() {
    let glass = r#"@id("glass") @breakglass
        permit (principal, action, resource) when { context.approved };"#;
    let hold = held(judge(&parse(glass), &[Effect::Drop]));
    let told = "`drop` goes on by breaking the glass, and everybody is told, says `glass`";
    assert!(hold.message.ends_with(told), "{}", hold.message);
    let terms = hold.terms;
    assert!(terms.breakglass && terms.approvals == 0 && terms.approvers.is_empty());
    let both = format!(
        "{glass} @id(\"people\") @approvers(\"dba\")
         permit (principal, action in Action::\"ddl\", resource) when {{ context.approved }};"
    );
    let terms = held(judge(&parse(&both), &[Effect::Drop])).terms;
    assert!(!terms.breakglass);
    assert_eq!((terms.approvals, terms.approvers), (1, groups(&["dba"])));
}

#[test]
fn the_smallest_bound_applies() {
    let policies = parse(
        r#"
        @id("a") @max_rows("500") permit (principal, action, resource);
        @id("b") @max_rows("10") @timeout("1h") permit (principal, action == Action::"read", resource);
        @id("c") @timeout("30s") permit (principal, action == Action::"ai", resource);
        @id("d") @max_rows("1") permit (principal, action == Action::"drop", resource);
        "#,
    );
    let permit = allowed(judge(&policies, &[Effect::Read, Effect::Ai]));
    assert_eq!(permit.limits().max_rows, Some(10));
    assert_eq!(permit.limits().timeout, Some(Duration::from_secs(30)));
    let permit = allowed(judge(&policies, &[Effect::Alter]));
    assert_eq!(
        (permit.limits().max_rows, permit.limits().timeout),
        (Some(500), None)
    );
}

#[test]
fn a_kill_is_for_what_its_policy_forbids() {
    let policies = parse(
        r#"@id("read") permit (principal, action == Action::"read", resource);
           @id("bomb") @kill forbid (principal, action == Action::"drop", resource);"#,
    );
    assert!(denied(judge(&policies, &[Effect::Drop])).kill);
    assert!(!denied(judge(&policies, &[Effect::Alter])).kill);
}

#[test]
fn an_observed_scope_is_told_and_not_stopped() {
    let policies = parse(
        r#"@id("read") @max_rows("5") permit (principal, action == Action::"read", resource);
           @id("wait") permit (principal, action == Action::"insert", resource) when { context.approved };
           @id("bomb") @kill forbid (principal, action == Action::"drop", resource);"#,
    );
    let principal = principal("agent");
    let watch = |facts: &Facts| {
        let observed = Question {
            mode: Mode::Observe,
            ..question(&principal, Some(facts))
        };
        evaluate(&policies, &observed, query())
    };
    let cases = [
        (Effect::Read, None),
        (Effect::Insert, Some("would be held for workload `agent`")),
        (Effect::Drop, Some("would be denied for workload `agent`")),
        (Effect::Alter, Some("would be denied for workload `agent`")),
    ];
    for (effect, expected) in cases {
        let permit = allowed(watch(&facts(&[effect])));
        let told = permit.observed().map(|it| it.message.as_str());
        match expected {
            None => assert_eq!(told, None),
            Some(start) => assert!(told.unwrap().starts_with(start), "{told:?}"),
        }
        assert!(
            permit.observed().is_none_or(|it| !it.kill),
            "nobody who is watched is killed"
        );
        assert_eq!(permit.limits().max_rows.is_some(), expected.is_none());
    }
    let transfer = Facts {
        file_transfer: true,
        ..facts(&[Effect::Read])
    };
    denied(watch(&transfer));
    denied(watch(&facts(&[])));
}

#[test]
fn a_remembered_verdict_is_only_for_the_same_question() {
    let policies = parse(
        r#"@id("day") permit (principal, action == Action::"read", resource)
           when { context.now < datetime("2026-03-02T10:00:00Z") && context.queries_hour < 5
                  && context.kinds.contains("SELECT") };
           @id("role") permit (principal in Role::"late", action == Action::"read", resource);
           @id("held") permit (principal, action == Action::"read", resource == Account::"slow")
           when { context.approved };"#,
    );
    let (agent, facts) = (principal("agent"), facts(&[Effect::Read]));
    let asked = question(&agent, Some(&facts));
    let answer = |question: Question<'_>| match evaluate(&policies, &question, query()) {
        Verdict::Allow(permit) => permit.policies().join(","),
        Verdict::Hold(_) => "hold".to_owned(),
        Verdict::Deny(_) => "deny".to_owned(),
    };
    let late = "2026-03-02T10:00:00Z".parse().unwrap();
    let usage = Usage {
        queries_hour: 5,
        ..Usage::default()
    };
    let roles = ["late".to_owned()];
    let other = Facts {
        kinds: vec!["SHOW".to_owned()],
        ..facts.clone()
    };
    for _ in 0..2 {
        assert_eq!(answer(asked), "day");
        assert_eq!(answer(Question { now: late, ..asked }), "deny");
        assert_eq!(answer(Question { usage, ..asked }), "deny");
        assert_eq!(
            answer(Question {
                facts: Some(&other),
                ..asked
            }),
            "deny"
        );
        assert_eq!(
            answer(Question {
                now: late,
                roles: &roles,
                ..asked
            }),
            "role"
        );
        let slow = Question {
            account: "slow",
            now: late,
            ..asked
        };
        assert_eq!(answer(slow), "hold");
        assert_eq!(
            answer(Question {
                approved: true,
                ..slow
            }),
            "held"
        );
        assert_eq!(
            answer(Question {
                mode: Mode::Observe,
                now: late,
                ..asked
            }),
            ""
        );
    }
}
