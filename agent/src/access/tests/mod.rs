//! Asks, votes and grants, in a store on disk.

mod asks;
mod budgets;
mod faults;
mod grants;
mod kill;
mod witnessed;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::witness::Blind;
use super::*;
use crate::identity::PrincipalKey;
use crate::policy::Terms;
use crate::store::StoreError;

/// A desk in a directory of its own.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) desk: Desk,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::open(&dir.path().join("access.db"), Arc::new(Blind))
            .await
            .unwrap();
        Self { dir, desk }
    }

    /// Closes the store and opens it again, as a new daemon would.
    pub(crate) async fn reopen(self) -> Self {
        let Self { dir, desk } = self;
        drop(desk);
        let path = dir.path().join("access.db");
        // What a caller that went away had begun is still being ended, and has the lock meanwhile.
        let opening = async {
            loop {
                match Desk::open(&path, Arc::new(Blind)).await {
                    Err(AccessError::Store { source })
                        if matches!(source.downcast_ref(), Some(StoreError::InUse { .. })) =>
                    {
                        tokio::task::yield_now().await;
                    }
                    opened => return opened,
                }
            }
        };
        let limit = Duration::from_secs(10);
        let desk = tokio::time::timeout(limit, opening).await.unwrap().unwrap();
        Self { dir, desk }
    }
}

/// So many seconds after some day.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn asker() -> Asker {
    Asker {
        workload: "etl".to_owned(),
        anchor: "/agents/etl".to_owned(),
        user: None,
        uid: 1_000,
        unit: Some("etl.service".to_owned()),
        exe: Some("/usr/bin/python3".to_owned()),
        host: "h1".to_owned(),
    }
}

pub(crate) fn key() -> PrincipalKey {
    PrincipalKey::for_test("etl")
}

pub(crate) fn terms(approvals: u32) -> Terms {
    Terms {
        approvers: BTreeSet::from(["data-stewards".to_owned()]),
        approvals,
        wait: Duration::from_secs(1_800),
        ..Terms::default()
    }
}

pub(crate) fn statement(digest: &str) -> NewAsk {
    NewAsk {
        subject: Subject::Statement(HeldStatement {
            session: "s1".to_owned(),
            digest: digest.to_owned(),
            text: "DELETE FROM orders WHERE id = ?".to_owned(),
            kinds: vec!["DELETE".to_owned()],
            effects: vec!["delete".to_owned()],
            objects: vec!["SALES.PUBLIC.ORDERS".to_owned()],
            labels: Vec::new(),
        }),
        asker: asker(),
        account: "testorg-testacct".to_owned(),
        reason: None,
        terms: terms(1),
        policy_version: "v1".to_owned(),
        message: "`delete` on `SALES.PUBLIC.ORDERS` needs approval".to_owned(),
    }
}

pub(crate) fn role(minutes: u64) -> NewAsk {
    NewAsk {
        subject: Subject::Role {
            role: "sales-reader".to_owned(),
            duration: Duration::from_secs(60 * minutes),
        },
        reason: Some("month end".to_owned()),
        message: "role `sales-reader`".to_owned(),
        ..statement("")
    }
}

pub(crate) fn vote(person: &str, uid: u32, approves: bool) -> Vote {
    Vote {
        person: person.to_owned(),
        uid,
        approves,
        note: Some("looked at it".to_owned()),
        time: at(0),
    }
}

/// Votes and state belong together, and nobody voted twice.
#[track_caller]
pub(super) fn check_votes(ask: &Ask) {
    let people: BTreeSet<&str> = ask.votes.iter().map(|vote| vote.person.as_str()).collect();
    assert_eq!(people.len(), ask.votes.len(), "{ask:?}");
    let approvals = ask.votes.iter().filter(|vote| vote.approves).count();
    let denials = ask.votes.len() - approvals;
    let enough = approvals == ask.approvals as usize;
    match ask.state {
        AskState::Open => assert!(!enough && denials == 0, "{ask:?}"),
        AskState::Approved | AskState::Used => assert!(enough && denials == 0, "{ask:?}"),
        AskState::Denied => assert!(!enough && denials == 1, "{ask:?}"),
        AskState::Expired | AskState::Withdrawn | AskState::Void => {
            assert!(
                approvals <= ask.approvals as usize && denials == 0,
                "{ask:?}"
            );
        }
    }
}
