//! What is in a frame, and what is not.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::config::Literals;
use crate::identity::{self, Principal, Workload};
use crate::mask::content::Content;
use crate::mask::detect;
use crate::mask::key::MasterKey;
use crate::mask::labels::Detection;
use crate::mask::method::{Masking, Method, Rule};
use crate::policy::{Mode, PolicySet, Question, Usage, Verdict, evaluate};
use crate::record::told::Told;
use crate::snowflake::Query;
use crate::sql::facts::{Access, Column, ObjectKind};
use crate::sql::{Effect, ObjectName};

const CARD: &str = "4111111111111111";
const SSN: &str = "078-05-1120";

/// Finds cards and social security numbers.
fn redaction(literals: Literals) -> Arc<Redaction> {
    let key = MasterKey::new(Zeroizing::new([7; 32]));
    let maskings = [("pci.card", "card"), ("pii.ssn", "us-ssn")].map(|(label, detector)| {
        let rule = Rule {
            method: Method::Redact,
            ..Rule::default()
        };
        let masking = Masking::new(label.into(), 0, rule, key.of(label));
        (detect::by_name(detector).unwrap(), Arc::new(masking))
    });
    let content = Content::new(maskings.into(), Detection::default());
    Arc::new(Redaction::new(Arc::new(content), literals))
}

pub(super) fn query(text: &str, bindings: &str) -> Operation {
    let bindings = (!bindings.is_empty()).then(|| RawValue::from_string(bindings.to_owned()));
    Operation::Query(Box::new(Query {
        bindings: bindings.map(Result::unwrap),
        ..Query::for_test("r", text)
    }))
}

fn decided(text: &str, bindings: &str, literals: Literals) -> Decided {
    let redaction = redaction(literals);
    Decided::of(
        &query(text, bindings),
        &redaction,
        jiff::Timestamp::UNIX_EPOCH,
    )
}

fn frame(decided: &Decided) -> Value {
    serde_json::to_value(decided).unwrap()
}

fn facts() -> Facts {
    Facts {
        fingerprint: "f".to_owned(),
        ..Facts::for_test(&[Effect::Read])
    }
}

/// What policies that ask for no circumstances say of a statement.
pub(super) fn judged(
    policies: &PolicySet,
    facts: &Facts,
    mode: Mode,
    operation: Operation,
) -> Verdict {
    let principal = Principal {
        workload: Workload::default(),
        user: None,
        netns_cookie: 1,
    };
    let question = Question {
        principal: &principal,
        account: "acme",
        credential: None,
        client: "test",
        facts: Some(facts),
        session: &crate::sql::context::NO_SESSION,
        roles: &[],
        usage: Usage::default(),
        approved: false,
        mode,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    evaluate(policies, &question, operation)
}

#[test]
fn an_error_quotes_no_literal_where_none_are_recorded() {
    let message =
        "Numeric value 'Smith' is not recognized in line 1: \"Jo\", value {\"a\":7} to DATE";
    let recorded = |literals| frame_of(&Failure::of("100038", message, &redaction(literals)));
    for value in ["Smith", "Jo", "{"] {
        assert!(recorded(Literals::Detected).contains(value), "{value}");
        assert!(!recorded(Literals::None).contains(value), "{value}");
    }
    assert!(recorded(Literals::None).contains("Numeric value"));
}

fn frame_of(failure: &Failure) -> String {
    serde_json::to_value(failure).unwrap()["message"].to_string()
}

fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[test]
fn a_caller_is_told_with_its_process_and_those_above_it() {
    let principal = Principal {
        workload: Workload {
            name: "agent".to_owned(),
            cgroup: "/agents.slice/a.service".to_owned(),
            tgid: 7,
            uid: 1000,
            gid: 100,
            comm: "python3".to_owned(),
            started: Some(4711),
            ancestors: vec![
                identity::Ancestor {
                    pid: 6,
                    exe: Some("/usr/bin/bash".into()),
                },
                identity::Ancestor { pid: 1, exe: None },
            ],
            ..Workload::default()
        },
        user: None,
        netns_cookie: 1,
    };
    let written = serde_json::to_vec(&json!({"caller": Caller::from(&principal)})).unwrap();
    let told = Told::read(crate::record::format::Kind::Ended, &written).unwrap();
    let caller = told.caller.unwrap();
    assert_eq!((caller.tgid, caller.uid, caller.gid), (7, 1000, Some(100)));
    assert_eq!(caller.comm.as_deref(), Some("python3"));
    assert_eq!(caller.started, Some(4711));
    let ancestors: Vec<_> = caller
        .ancestors
        .iter()
        .map(|it| (it.pid, it.exe.as_deref()))
        .collect();
    assert_eq!(ancestors, [(6, Some("/usr/bin/bash")), (1, None)]);
}

#[test]
fn a_redacted_statement_leaves_no_digest_of_what_it_hid() {
    let clear = format!("select 1 from t where ssn = '{SSN}'");
    let shown = "select 1 from t where ssn = '[masked:pii.ssn]'";
    let told = frame(&decided(&clear, "", Literals::Detected).with_facts(&facts()));
    let expected = json!({"text": shown, "digest": hash(shown), "redacted": true});
    assert_eq!(told["statement"], expected);
    // A string has no part in a fingerprint.
    assert_eq!(told["facts"]["fingerprint"], "f");

    for code in [
        format!("select $$ {SSN} $$"),
        format!("select 1 as \"{SSN}\""),
    ] {
        let decided = decided(&code, "", Literals::Detected).with_facts(&facts());
        assert!(frame(&decided)["facts"]["fingerprint"].is_null(), "{code}");
    }
    let obscure = Facts {
        obscurity: Some("not read for certain".to_owned()),
        ..facts()
    };
    let told = frame(&decided(&clear, "", Literals::Detected).with_facts(&obscure));
    assert!(told["facts"]["fingerprint"].is_null());
}

#[test]
fn a_statement_in_which_nothing_is_found_is_recorded_as_it_came() {
    let clear = "select \"a\", 1, 'b'";
    for literals in [Literals::Detected, Literals::All] {
        let told = frame(&decided(clear, "", literals).with_facts(&facts()));
        let expected = json!({"text": clear, "digest": hash(clear)});
        assert_eq!(told["statement"], expected);
        assert_eq!(told["facts"]["fingerprint"], "f");
    }
}

#[test]
fn where_no_literals_are_recorded_none_is() {
    let clear = format!("select a, 7, 'x', \"b\", \"{CARD}\" -- {SSN}");
    let shown = "select a, ?, ?, \"b\", \"[masked:pci.card]\" /* … */";
    let told = frame(&decided(&clear, "", Literals::None).with_facts(&facts()));
    let expected = json!({"text": shown, "digest": hash(shown), "redacted": true});
    assert_eq!(told["statement"], expected);
    assert!(told["facts"]["fingerprint"].is_null());
    let dollar = frame(&decided("select $$ x $$", "", Literals::None).with_facts(&facts()));
    assert_eq!(dollar["statement"]["text"], "select ?");
    assert!(dollar["facts"]["fingerprint"].is_null());
    let plain = "select a from t";
    let told = frame(&decided(plain, "", Literals::None).with_facts(&facts()));
    assert_eq!(
        told["statement"],
        json!({"text": plain, "digest": hash(plain)})
    );
    assert_eq!(told["facts"]["fingerprint"], "f");
}

#[test]
fn a_card_number_is_in_no_frame_wherever_it_stands() {
    let bindings = |value: &str| format!(r#"{{"1":{{"type":"TEXT","value":{value}}}}}"#);
    let statements = [
        format!("select '{CARD}'"),
        format!("select {CARD}"),
        format!("select 1 -- {CARD}"),
        format!("select 1 /* {CARD} */"),
        format!("select $${CARD}$$"),
        format!("select \"{CARD}\" from t"),
        format!("select '{CARD}"),
    ];
    let values = [
        json!(CARD),
        json!(format!("card {CARD}, and more")),
        json!([CARD, "x"]),
        json!(["4111 1111 1111 1111"]),
        json!(4_111_111_111_111_111_u64),
        json!(format!("{}{CARD}", " ".repeat(VALUE_BYTES - 8))),
    ];
    let table = format!("d.s.\"{CARD}\"");
    let facts = Facts {
        accesses: [Access::new(Effect::Read, ObjectKind::Table, name(&table))].into(),
        predicates: [Column {
            table: name(&table),
            column: Some(CARD.to_owned()),
        }]
        .into(),
        functions: [CARD.to_owned()].into(),
        missing: [name(&table)].into(),
        obscurity: Some(format!("`{CARD}` begins no statement")),
        ..facts()
    };
    for literals in [Literals::Detected, Literals::None] {
        for statement in &statements {
            let decided = decided(statement, "", literals).with_facts(&facts);
            let message = decided.message(&format!("no policy permits read on {table}"));
            let told = format!("{} {message}", frame(&decided));
            assert!(!told.contains(CARD), "{literals:?} {statement}: {told}");
        }
        for value in &values {
            let decided = decided("select ?", &bindings(&value.to_string()), literals);
            let told = frame(&decided);
            let text = told["bindings"]["values"][0]["value"].as_str().unwrap();
            assert!(!text.contains("4111"), "{literals:?} {value}: {text}");
            assert_eq!(told["bindings"]["redacted"], true);
        }
    }
    let all = frame(&decided(
        &statements[0],
        &bindings("\"4111111111111111\""),
        Literals::All,
    ));
    assert_eq!(all["statement"]["text"], *statements[0]);
    assert_eq!(all["bindings"]["values"][0]["value"], CARD);
}

const VALUE_BYTES: usize = bindings::VALUE_BYTES_MAX;

#[test]
fn bound_values_are_told_as_they_were_bound() {
    let bindings = r#"{"2":{"type":"FIXED","value":"7"},"1":{"type":"TEXT","value":["a",null]},
        "10":{"type":"REAL","value":null},"3":{"type":"ARRAY","value":"[\"4111111111111111\",1]"}}"#;
    let told = frame(&decided(
        "insert into t values (?, ?, ?, ?)",
        bindings,
        Literals::Detected,
    ));
    let values = json!([
        {"name": "1", "type": "TEXT", "value": "a"},
        {"name": "2", "type": "FIXED", "value": "7"},
        {"name": "3", "type": "ARRAY", "value": "[\"[masked:pci.card]\",1]"},
        {"name": "10", "type": "REAL", "value": null},
    ]);
    let expected = json!({"values": values, "redacted": true, "cut_from": 5});
    assert_eq!(told["bindings"], expected);
    let told = frame(&decided("select ?", bindings, Literals::None));
    let marks = told["bindings"]["values"].as_array().unwrap();
    assert!(marks.iter().all(|it| it["value"] == "?"), "{marks:?}");
    let none = frame(&decided("select 1", "{}", Literals::Detected));
    assert_eq!(none.get("bindings"), None);
    // The words of the statement say what nine digits are.
    let ssn = r#"{"1":{"type":"TEXT","value":"078051120"}}"#;
    let told = frame(&decided(
        "select * from t where ssn = ?",
        ssn,
        Literals::Detected,
    ));
    assert_eq!(told["bindings"]["values"][0]["value"], "[masked:pii.ssn]");
}

#[test]
fn names_and_types_of_bindings_hold_no_values() {
    let bindings = format!(
        r#"{{"{CARD}":{{"type":"{CARD}","value":"x"}},"it is me":{{"type":"","value":"y"}},
            "seven":{{"type":"TEXT","value":"z"}}}}"#
    );
    let told = frame(&decided("select ?", &bindings, Literals::All));
    let values = json!([
        {"name": "?", "type": "?", "value": "x"},
        {"name": "?", "type": "", "value": "y"},
        {"name": "seven", "type": "TEXT", "value": "z"},
    ]);
    assert_eq!(told["bindings"]["values"], values);
}

#[test]
fn of_long_values_and_of_many_there_is_the_beginning() {
    let long = "x".repeat(5000);
    let bindings = format!(r#"{{"1":{{"type":"TEXT","value":"{long}"}}}}"#);
    let told = frame(&decided("select ?", &bindings, Literals::Detected));
    let expected = format!("{}… [cut from 5000 bytes]", "x".repeat(VALUE_BYTES));
    assert_eq!(told["bindings"]["values"][0]["value"], expected);
    assert_eq!(told["bindings"].get("redacted"), None);
    let many: Vec<String> = (1..=300)
        .map(|number| format!(r#""{number}":{{"type":"TEXT","value":["a","b"]}}"#))
        .collect();
    let told = frame(&decided(
        "select ?",
        &format!("{{{}}}", many.join(",")),
        Literals::All,
    ));
    let values = told["bindings"]["values"].as_array().unwrap();
    assert_eq!(values.len(), 256);
    assert_eq!(values[255]["name"], "256");
    assert_eq!(told["bindings"]["cut_from"], 600);
}

#[test]
fn another_statement_is_not_taken_for_the_one_before() {
    let bound = |value: &str| format!(r#"{{"1":{{"type":"TEXT","value":"{value}"}}}}"#);
    let mut decided = decided("a", &bound("x"), Literals::Detected);
    decided.describe(&query("b", &bound("x")));
    assert_eq!(frame(&decided)["statement"]["text"], "b");
    decided.describe(&query("b", &bound("y")));
    assert_eq!(frame(&decided)["bindings"]["values"][0]["value"], "y");
    decided.describe(&query("b", ""));
    assert_eq!(frame(&decided).get("bindings"), None);
}

#[test]
fn an_error_is_told_without_what_it_quotes_and_in_short() {
    let redaction = redaction(Literals::All);
    let failure = |code: &str, message: &str| {
        serde_json::to_value(Failure::of(code, message, &redaction)).unwrap()
    };
    assert_eq!(
        failure(
            "100038",
            &format!("Numeric value '{CARD}' is not recognized")
        ),
        json!({"code": "100038", "message": "Numeric value '[masked:pci.card]' is not recognized"})
    );
    assert_eq!(failure(CARD, "x"), json!({"message": "x"}));
    let long = failure("1", &"é".repeat(10_000));
    let message = long["message"].as_str().unwrap();
    assert_eq!(message, "é".repeat(2048));
}

#[test]
fn facts_are_recorded_in_full_and_bounded() {
    let mut facts = Facts {
        accesses: BTreeSet::from([
            Access::on_account(Effect::Session),
            Access::new(Effect::Read, ObjectKind::Table, name("d.s.\"t x\"")),
        ]),
        predicates: BTreeSet::from([Column {
            table: name("d.s.t"),
            column: Some("C".to_owned()),
        }]),
        ..Facts::for_test(&[Effect::Read, Effect::Session])
    };
    let recorded = |facts: &Facts| serde_json::to_value(RecordedFacts::of(facts, None)).unwrap();
    let expected = json!({
        "kinds": ["SELECT"],
        "effects": ["read", "session"],
        "accesses": [
            {"action": "read", "type": "Table", "object": "D.S.\"t x\""},
            {"action": "session", "type": "Account"},
        ],
        "predicates": ["D.S.T.C"],
        "lineage": recorded(&facts)["lineage"],
    });
    assert_eq!(recorded(&facts), expected);

    facts.functions = (0..1000).map(|number| format!("F{number}")).collect();
    facts.functions.insert("G".repeat(10_000));
    let told = recorded(&facts);
    assert_eq!(told["functions"].as_array().unwrap().len(), 256);
    assert_eq!(told["cut"]["functions"], 1001);
    assert!(told.to_string().len() < 64 << 10);
}

#[test]
fn each_access_has_its_decision_and_what_is_not_in_the_facts_follows() {
    let policies = PolicySet::parse(&[(
        "test.cedar",
        r#"@id("read") permit (principal, action == Action::"read", resource);"#,
    )])
    .unwrap();
    let table = |text| Access::new(Effect::Read, ObjectKind::Table, name(text));
    let mut facts = Facts {
        accesses: [table("d.s.a"), table("b")].into(),
        ..Facts::for_test(&[Effect::Read])
    };
    facts.effects.insert(Effect::Admin);
    let decisions = judged(&policies, &facts, Mode::Enforce, query("select 1", ""));
    let mut decided = decided("select 1", "", Literals::Detected).with_facts(&facts);
    assert_eq!(
        frame(&decided)["facts"]["accesses"][0].get("decision"),
        None
    );
    let Verdict::Deny(denial) = decisions else {
        panic!("{decisions:?}");
    };
    decided.decide(&denial.accesses);
    let expected = json!([
        {"action": "read", "type": "Table", "object": "B", "decision": "deny"},
        {"action": "read", "type": "Table", "object": "D.S.A", "decision": "allow",
         "policies": ["read"]},
        {"action": "admin", "type": "Account", "decision": "deny"},
    ]);
    assert_eq!(frame(&decided)["facts"]["accesses"], expected);
    assert_eq!(frame(&decided)["facts"].get("cut"), None);
}
