//! What is told of each access of a statement.

use std::sync::Arc;

use super::*;
use crate::policy::decisions::{ACCESSES_MAX, Decision, Decisions};
use crate::policy::explain::explain;
use crate::policy::{Demand, Judgement, decide};

const POLICIES: &str = r#"
    @id("read") permit (principal, action == Action::"read", resource);
    @id("read-too") permit (principal, action == Action::"read", resource)
    when { resource == Table::"A.B.C" };
    @id("write") permit (principal, action in Action::"write", resource) when { context.approved };
    @id("never") forbid (principal, action == Action::"read", resource)
    when { resource == Table::"A.B.SECRET" };
    @id("fails") forbid (principal, action == Action::"delete", resource)
    when { principal.uid * 9223372036854775807 > 0 };
"#;

/// Action, object, decision and policies of each, the others last.
fn told(facts: &Facts, decisions: &Decisions) -> Vec<String> {
    let decided = |action: &str, object: String, it: &Decision| {
        let decision = if it.is_permitted { "allow" } else { "deny" };
        format!("{action} {object}: {decision} by {:?}", it.policies)
    };
    let shown = |name: &Option<ObjectName>| name.as_ref().map(ToString::to_string);
    let accesses = facts.accesses.iter().zip(&decisions.accesses);
    let accesses = accesses.map(|(access, it)| {
        let object = shown(&access.object.name).unwrap_or_default();
        decided(access.effect.name(), object, it)
    });
    let others = decisions.others.iter().map(|other| {
        let object = shown(&other.object).unwrap_or_default();
        decided(other.action, object, &other.decision)
    });
    accesses.chain(others).collect()
}

#[track_caller]
fn check(accesses: &[Doing<'_>], verdict: &str, expected: &[&str]) {
    let (policies, agent, facts) = (parse(POLICIES), principal("agent"), doing(accesses));
    let asked = question(&agent, Some(&facts));
    // Asked twice: the second comes from what was judged before.
    for _ in 0..2 {
        let judgement = decide(&policies, &asked, Demand::Statement(&facts));
        assert_eq!(judgement.name(), verdict);
        assert_eq!(told(&facts, judgement.accesses()), expected);
    }
    let explained = explain(&policies, &asked, Demand::Statement(&facts));
    assert_eq!(told(&facts, explained.judgement.accesses()), expected);
    let decisions = match evaluate(&policies, &asked, query()) {
        Verdict::Allow(permit) => Arc::clone(permit.accesses()),
        Verdict::Hold(hold) => hold.accesses,
        Verdict::Deny(denial) => denial.accesses,
    };
    assert_eq!(told(&facts, &decisions), expected);
}

#[test]
fn each_access_is_told_with_the_policies_that_decided_it() {
    let read = (Effect::Read, ObjectKind::Table, "a.b.c");
    let other = (Effect::Read, ObjectKind::Table, "a.b.d");
    check(
        &[read, other],
        "allow",
        &[
            r#"read A.B.C: allow by ["read", "read-too"]"#,
            r#"read A.B.D: allow by ["read"]"#,
        ],
    );
    check(
        &[read, (Effect::Read, ObjectKind::Table, "a.b.secret")],
        "deny",
        &[
            r#"read A.B.C: allow by ["read", "read-too"]"#,
            r#"read A.B.SECRET: deny by ["never"]"#,
        ],
    );
    check(
        &[read, (Effect::Insert, ObjectKind::Table, "a.b.d")],
        "hold",
        &[
            r#"insert A.B.D: deny by ["write"]"#,
            r#"read A.B.C: allow by ["read", "read-too"]"#,
        ],
    );
    check(
        &[(Effect::Drop, ObjectKind::Table, "a.b.c"), read],
        "deny",
        &[
            "drop A.B.C: deny by []",
            r#"read A.B.C: allow by ["read", "read-too"]"#,
        ],
    );
    check(
        &[(Effect::Delete, ObjectKind::Table, "a.b.c")],
        "deny",
        &[r#"delete A.B.C: deny by ["fails"]"#],
    );
}

#[test]
fn an_approval_is_told_as_what_it_makes_of_each_access() {
    let (policies, agent) = (parse(POLICIES), principal("agent"));
    let facts = doing(&[(Effect::Insert, ObjectKind::Table, "a.b.d")]);
    let approved = Question {
        approved: true,
        ..question(&agent, Some(&facts))
    };
    let permit = allowed(evaluate(&policies, &approved, query()));
    let expected = [r#"insert A.B.D: allow by ["write"]"#];
    assert_eq!(told(&facts, permit.accesses()), expected);
    let observed = Question {
        mode: Mode::Observe,
        ..question(&agent, Some(&facts))
    };
    let permit = allowed(evaluate(&policies, &observed, query()));
    let expected = [r#"insert A.B.D: deny by ["write"]"#];
    assert_eq!(told(&facts, permit.accesses()), expected);
}

#[test]
fn an_effect_without_an_access_is_told_after_the_accesses() {
    let mut facts = doing(&[(Effect::Read, ObjectKind::Table, "a.b.c")]);
    facts.effects.insert(Effect::Admin);
    let denial = denied(ask_about(&parse(POLICIES), &facts));
    let expected = [
        r#"read A.B.C: allow by ["read", "read-too"]"#,
        "admin : deny by []",
    ];
    assert_eq!(told(&facts, &denial.accesses), expected);
    assert_eq!(denial.accesses.others_count, 1);
}

#[test]
fn a_filter_by_a_labelled_column_is_told_after_the_accesses() {
    let labels = "[[label]]\nname = \"pii\"\ncolumns = [\"*.*.*.SSN\"]\n";
    let policies = parse(POLICIES).with_labels("labels.toml", labels).unwrap();
    let mut facts = doing(&[(Effect::Read, ObjectKind::Table, "a.b.c")]);
    facts.predicates.insert(column("a.b.c", Some("SSN")));
    let denial = denied(ask_about(&policies, &facts));
    let expected = [
        r#"read A.B.C: allow by ["read", "read-too"]"#,
        "filter A.B.C: deny by []",
    ];
    assert_eq!(told(&facts, &denial.accesses), expected);
}

#[test]
fn what_is_kept_of_a_statement_of_many_accesses_has_a_limit() {
    let names: Vec<String> = (0..1000).map(|number| format!("a.b.t{number}")).collect();
    let accesses: Vec<Doing<'_>> = names
        .iter()
        .map(|name| (Effect::Read, ObjectKind::Table, name.as_str()))
        .collect();
    let permit = allowed(ask_about(&parse(POLICIES), &doing(&accesses)));
    assert_eq!(permit.accesses().accesses.len(), ACCESSES_MAX);
    assert!(permit.accesses().others.is_empty());
    // Those of one decision share its policies.
    let [first, .., last] = permit.accesses().accesses.as_slice() else {
        panic!("no accesses");
    };
    assert!(Arc::ptr_eq(&first.policies, &last.policies));
    let refused = Facts {
        file_transfer: true,
        ..doing(&accesses)
    };
    let denial = denied(ask_about(&parse(POLICIES), &refused));
    assert!(denial.accesses.accesses.is_empty());
    assert!(matches!(Judgement::Deny(denial).accesses(), it if it.others.is_empty()));
}
