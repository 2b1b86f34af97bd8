//! What people see of asks and grants, also when an agent would rather have them see something else.

use std::time::Duration;

use jiff::{Span, Timestamp};

use super::*;
use crate::access::{AskState, Asker, Grant, GrantState, HeldStatement, Vote};
use crate::cli::output::Output;
use crate::cli::{approve, ask, asks, grants};

fn now() -> Timestamp {
    "2026-11-22T14:05:00Z".parse().unwrap()
}

fn minutes(minutes: i64) -> Timestamp {
    now() + Span::new().minutes(minutes)
}

/// Clears the screen, writes something else over it, and turns the rest around.
const EVIL: &str = "harmless\u{1b}[2J\u{1b}[Happroved\r\u{9b}31m\u{202e}txet\u{200b}\u{7}";

fn role_ask() -> Ask {
    Ask {
        id: AskId("ask-7k3m9q2f".to_owned()),
        subject: Subject::Role {
            role: "sales-writer".to_owned(),
            duration: Duration::from_secs(1_800),
        },
        asker: Asker {
            workload: "etl".to_owned(),
            anchor: "/agents.slice/etl.service".to_owned(),
            user: None,
            uid: 4242,
            unit: Some("etl.service".to_owned()),
            exe: None,
            host: "db-7".to_owned(),
        },
        account: "testorg-testacct".to_owned(),
        reason: Some("the report of march\nneeds two rows".to_owned()),
        approvers: vec!["data-stewards".to_owned(), "on-call".to_owned()],
        approvals: 2,
        policy_version: "9f86d081884c".to_owned(),
        message: "the workload asks for role `sales-writer`".to_owned(),
        state: AskState::Open,
        asked: minutes(-5),
        expires: minutes(25),
        votes: vec![vote("alice", true, Some("seen with the owner"))],
        break_glass: false,
        grant: None,
    }
}

fn vote(person: &str, approves: bool, note: Option<&str>) -> Vote {
    Vote {
        person: person.to_owned(),
        uid: 1000,
        approves,
        note: note.map(str::to_owned),
        time: minutes(-3),
    }
}

/// A held statement of an agent that lies wherever it can.
fn statement_ask() -> Ask {
    let text = |text: &str| text.to_owned();
    Ask {
        id: AskId("ask-2c8x4n1p".to_owned()),
        subject: Subject::Statement(HeldStatement {
            session: text("s1"),
            digest: text("ab"),
            text: format!("delete from orders -- {EVIL}\nwhere id = ?"),
            kinds: vec![text("DELETE")],
            effects: vec![text("delete"), text("read")],
            objects: vec![text("SALES.PUBLIC.ORDERS"), format!("SALES.\"{EVIL}\"")],
            labels: vec![text("pii.email")],
        }),
        asker: Asker {
            user: Some(text("bob@example.com")),
            exe: Some(EVIL.to_owned()),
            unit: None,
            anchor: format!("/agents.slice/{EVIL}"),
            ..role_ask().asker
        },
        reason: Some(EVIL.repeat(100)),
        approvals: 1,
        votes: vec![vote("carol", false, Some(EVIL))],
        state: AskState::Denied,
        ..role_ask()
    }
}

fn grant(id: &str, state: GrantState) -> Grant {
    Grant {
        id: GrantId(id.to_owned()),
        role: "sales-writer".to_owned(),
        workload: "etl".to_owned(),
        anchor: Some("/agents.slice/etl.service".to_owned()),
        user: None,
        account: Some("testorg-testacct".to_owned()),
        duration: Duration::from_secs(5_400),
        reason: None,
        ask: Some(AskId("ask-7k3m9q2f".to_owned())),
        granted_by: vec!["alice".to_owned(), "carol".to_owned()],
        state,
        granted: minutes(-10),
        use_by: minutes(50),
        activated: Some(minutes(-1)),
        ends: Some(minutes(89)),
        ended_by: Some(format!("dora: {EVIL}")),
    }
}

fn printed(print: impl FnOnce(&mut Output<'_>) -> Result<()>) -> String {
    let mut bytes = Vec::new();
    print(&mut Output::plain(&mut bytes)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let steers = |it: char| it.is_control() && it != '\n' || ('\u{2000}'..'\u{2070}').contains(&it);
    let unquoted = text.replace('…', "");
    assert!(!unquoted.contains(steers), "{text:?}");
    text
}

#[test]
fn asks_are_a_table() {
    let both = [role_ask(), statement_ask()];
    insta::assert_snapshot!(printed(|output| asks::table(&both, true, now(), output)));
    let none = printed(|output| asks::table(&[], false, now(), output));
    assert_eq!(none, "No ask waits for a decision.\n");
}

#[test]
fn an_ask_shows_everything_that_a_decision_needs() {
    insta::assert_snapshot!(printed(|output| asks::detail(&role_ask(), now(), output)));
    insta::assert_snapshot!(printed(|output| asks::detail(
        &statement_ask(),
        now(),
        output
    )));
    let broken = Ask {
        break_glass: true,
        state: AskState::Approved,
        ..role_ask()
    };
    let broken = printed(|output| asks::detail(&broken, now(), output));
    assert!(broken.contains("BREAK-GLASS: nobody was asked"), "{broken}");
}

#[test]
fn grants_are_a_table() {
    let grants = [
        grant("grant-2c8x4n1p", GrantState::Waiting),
        grant("grant-3d9y5p2q", GrantState::Active),
        grant("grant-4f1z6q3r", GrantState::Ended),
        Grant {
            anchor: None,
            account: None,
            ..grant("grant-5g2a7r4s", GrantState::Revoked)
        },
    ];
    insta::assert_snapshot!(printed(|output| grants::table(&grants, now(), output)));
}

#[test]
fn who_votes_hears_what_became_of_the_ask() {
    let open = printed(|output| approve::print(&role_ask(), false, output));
    assert_eq!(open, "ask-7k3m9q2f: 1/2 approvals.\n");
    let approved = Ask {
        state: AskState::Approved,
        grant: Some(GrantId("grant-2c8x4n1p".to_owned())),
        ..role_ask()
    };
    let approved = printed(|output| approve::print(&approved, false, output));
    assert_eq!(
        approved,
        "ask-7k3m9q2f is approved: grant-2c8x4n1p, to be ended with `snowfence revoke \
         grant-2c8x4n1p`.\n"
    );
}

#[test]
fn who_waited_for_a_no_fails_with_its_reason() {
    let mut bytes = Vec::new();
    let ended = ask::finish(&statement_ask(), false, &mut Output::plain(&mut bytes));
    let error = ended.unwrap_err().to_string();
    assert!(
        error.starts_with("ask-2c8x4n1p is denied: harmless\u{fffd}"),
        "{error:?}"
    );
    let approved = Ask {
        state: AskState::Approved,
        ..role_ask()
    };
    ask::finish(&approved, false, &mut Output::plain(&mut bytes)).unwrap();
}

#[test]
fn json_is_whole_and_steers_nothing() {
    let text = printed(|output| output.json(&statement_ask()));
    let back: Ask = serde_json::from_str(&text).unwrap();
    assert_eq!(back, statement_ask());
}

#[test]
fn times_are_short() {
    for (seconds, shown) in [
        (-5, "0s"),
        (59, "59s"),
        (60, "1m"),
        (7_199, "1h"),
        (172_800, "2d"),
    ] {
        assert_eq!(span(seconds), shown);
    }
    assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
    duration("30").unwrap_err();
    duration("-30m").unwrap_err();
}

#[test]
fn an_id_cannot_climb_out_of_its_path() {
    assert_eq!(ask_id("ask-7k3m9q2f"), Ok(AskId("ask-7k3m9q2f".to_owned())));
    for wrong in [
        "",
        "ask-",
        "ask-../x",
        "ask-a/votes",
        "ask-a?b",
        "grant-2c8x4n1p",
    ] {
        assert!(ask_id(wrong).is_err(), "{wrong}");
    }
}
