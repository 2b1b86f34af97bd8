//! What policy promises, and the answers of the shipped packs.

mod decide;
mod decisions;
mod explain;
mod files;
mod holds;
mod matrix;
mod messages;
mod objects;
mod packs;
mod random;
mod rights;
mod speed;

use std::collections::BTreeSet;

use super::verdict::Hold;
use super::{Denial, Mode, Permit, PolicySet, Question, Usage, Verdict, evaluate};
use crate::identity::{Principal, Workload};
use crate::snowflake::{Login, Operation, Query};
use crate::sql::context::NO_SESSION;
use crate::sql::facts::{Access, Column, ObjectKind};
use crate::sql::{Effect, Facts, ObjectName};

fn principal(workload: &str) -> Principal {
    let workload = Workload {
        name: workload.to_owned(),
        uid: 1000,
        ..Workload::default()
    };
    Principal {
        workload,
        user: None,
        netns_cookie: 1,
    }
}

fn facts(effects: &[Effect]) -> Facts {
    Facts::for_test(effects)
}

fn query() -> Operation {
    Operation::Query(Box::new(Query::for_test("", "select 1")))
}

fn login() -> Operation {
    Operation::Login(Box::new(Login::of_ours("test")))
}

fn question<'a>(principal: &'a Principal, facts: Option<&'a Facts>) -> Question<'a> {
    let now = "2026-03-02T09:30:00Z".parse().unwrap();
    Question {
        principal,
        account: "acme",
        credential: Some("reader"),
        client: "test",
        facts,
        session: &NO_SESSION,
        roles: &[],
        usage: Usage::default(),
        approved: false,
        mode: Mode::Enforce,
        now,
    }
}

fn parse(text: &str) -> PolicySet {
    PolicySet::parse(&[("test.cedar", text)]).unwrap()
}

fn judge(policies: &PolicySet, effects: &[Effect]) -> Verdict {
    let (principal, facts) = (principal("agent"), facts(effects));
    evaluate(policies, &question(&principal, Some(&facts)), query())
}

#[track_caller]
fn check_allowed(verdict: Verdict, policies: &[&str]) {
    match verdict {
        Verdict::Allow(permit) => assert_eq!(permit.policies(), policies),
        Verdict::Hold(hold) => panic!("held: {hold:?}"),
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

#[track_caller]
fn check_denied(verdict: Verdict, policies: &[&str], message: &str) -> Denial {
    match verdict {
        Verdict::Allow(permit) => panic!("allowed: {permit:?}"),
        Verdict::Hold(hold) => panic!("held: {hold:?}"),
        Verdict::Deny(denial) => {
            assert_eq!(denial.policies, policies);
            assert!(denial.message.contains(message), "{:?}", denial.message);
            denial
        }
    }
}

const READ: &str = r#"@id("read") permit (principal, action == Action::"read", resource);"#;

#[track_caller]
fn allowed(verdict: Verdict) -> Permit {
    match verdict {
        Verdict::Allow(permit) => permit,
        Verdict::Hold(hold) => panic!("held: {hold:?}"),
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

#[track_caller]
fn held(verdict: Verdict) -> Hold {
    match verdict {
        Verdict::Hold(hold) => hold,
        Verdict::Allow(permit) => panic!("allowed: {permit:?}"),
        Verdict::Deny(denial) => panic!("denied: {denial:?}"),
    }
}

#[track_caller]
fn denied(verdict: Verdict) -> Denial {
    match verdict {
        Verdict::Deny(denial) => denial,
        Verdict::Allow(permit) => panic!("allowed: {permit:?}"),
        Verdict::Hold(hold) => panic!("held: {hold:?}"),
    }
}

fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

fn column(table: &str, column: Option<&str>) -> Column {
    Column {
        table: name(table),
        column: column.map(str::to_owned),
    }
}

type Doing<'a> = (Effect, ObjectKind, &'a str);

/// Facts of a statement that does this to these objects.
fn doing(accesses: &[Doing<'_>]) -> Facts {
    let accesses = accesses
        .iter()
        .map(|(effect, kind, object)| Access::new(*effect, *kind, name(object)));
    let accesses: BTreeSet<Access> = accesses.collect();
    Facts {
        effects: accesses.iter().map(|it| it.effect).collect(),
        accesses,
        ..facts(&[])
    }
}

fn ask_about(policies: &PolicySet, facts: &Facts) -> Verdict {
    let principal = principal("agent");
    evaluate(policies, &question(&principal, Some(facts)), query())
}
