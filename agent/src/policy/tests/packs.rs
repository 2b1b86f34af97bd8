//! The answers of the shipped packs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::identity::User;
use crate::policy::default_policy;
use crate::policy::rights::{ask, may_see, unmask};
use crate::sql::{Analyst, Context, SessionState};

/// Every pack, with what it is used together with: most packs only take away or add.
pub(super) const PACKS: [(&str, &[&str]); 7] = [
    ("read-only-agent", &[]),
    ("analyst", &[]),
    ("no-egress", &["observe"]),
    ("pci", &["read-only-agent", "labels.toml"]),
    ("hipaa", &["read-only-agent", "labels.toml"]),
    ("break-glass", &["read-only-agent"]),
    ("observe", &[]),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

fn load(packs: &[&str]) -> PolicySet {
    let files = packs.iter().map(|pack| {
        let name = match *pack {
            "labels.toml" => "labels.toml".to_owned(),
            pack => format!("{pack}.cedar"),
        };
        let text = fs::read_to_string(directory().join(&name)).unwrap();
        (name, text)
    });
    let files: Vec<(String, String)> = files.collect();
    let files = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    PolicySet::parse(&files.collect::<Vec<_>>()).unwrap()
}

pub(super) fn pack(name: &str) -> PolicySet {
    let (_, with) = PACKS.iter().find(|(pack, _)| *pack == name).unwrap();
    load(&[&[name], *with].concat())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    files: Vec<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    workload: String,
    login: Option<String>,
    sql: Option<String>,
    database: Option<String>,
    schema: Option<String>,
    at: Option<jiff::Timestamp>,
    user: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    approved: bool,
    verdict: String,
    policies: Option<Vec<String>>,
    message: Option<String>,
    approvers: Option<Vec<String>>,
}

impl Case {
    async fn check(&self, file: &str, policies: &PolicySet, analyst: &Analyst) {
        let Principal { workload, .. } = principal(&self.workload);
        let principal = Principal {
            workload,
            user: self.user.as_ref().map(|subject| User {
                subject: subject.clone(),
                email: None,
                groups: self.groups.clone(),
            }),
            netns_cookie: 1,
        };
        let session = Arc::new(SessionState {
            database: self.database.clone(),
            schema: self.schema.clone(),
            ..SessionState::default()
        });
        let context = Context {
            session: Arc::clone(&session),
            ..Context::default()
        };
        let facts = match &self.sql {
            Some(sql) => analyst.facts(sql, &context).await,
            None => None,
        };
        let asked = question(&principal, facts.as_ref());
        let asked = Question {
            credential: self.login.as_deref(),
            session: &session,
            roles: &self.roles,
            approved: self.approved,
            now: self.at.unwrap_or(asked.now),
            ..asked
        };
        let operation = if self.login.is_some() {
            login()
        } else {
            query()
        };
        let (verdict, by, message, approvers) = match evaluate(policies, &asked, operation) {
            Verdict::Allow(permit) => ("allow", permit.policies().to_vec(), String::new(), None),
            Verdict::Hold(hold) => {
                let approvers = hold.terms.approvers.iter().cloned().collect();
                ("hold", hold.policies, hold.message, Some(approvers))
            }
            Verdict::Deny(denial) => ("deny", denial.policies, denial.message, None),
        };
        let at = format!("{file}: {}: {message}", self.name);
        assert_eq!(verdict, self.verdict, "{at}");
        if let Some(policies) = &self.policies {
            assert_eq!(by, *policies, "{at}");
        }
        assert!(
            message.contains(self.message.as_deref().unwrap_or_default()),
            "{at}"
        );
        if self.approvers.is_some() {
            assert_eq!(approvers, self.approvers, "{at}");
        }
    }
}

#[tokio::test]
async fn every_pack_answers_its_cases() {
    let analyst = Analyst::new().unwrap();
    for (name, with) in PACKS {
        let path = directory().join(format!("cases/{name}.toml"));
        let cases: Cases = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let files = [&[name], with].concat().into_iter().map(|pack| match pack {
            "labels.toml" => pack.to_owned(),
            pack => format!("{pack}.cedar"),
        });
        assert_eq!(cases.files, files.collect::<Vec<_>>(), "{name}");
        let policies = pack(name);
        for case in cases.case {
            case.check(name, &policies, &analyst).await;
        }
    }
}

#[test]
fn every_pack_is_one_that_is_checked() {
    let mut shipped: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.strip_suffix(".cedar")?.to_owned()))
        .collect();
    shipped.sort();
    let mut checked = PACKS.map(|(pack, _)| pack);
    checked.sort_unstable();
    assert_eq!(shipped, checked);
}

#[test]
fn packs_work_alone_and_together() {
    for (name, _) in PACKS {
        load(&[name]);
    }
    let all: Vec<&str> = PACKS
        .iter()
        .map(|(pack, _)| *pack)
        .chain(["labels.toml"])
        .collect();
    load(&all);
    // What one forbids, no other gives back.
    let policies = load(&[
        "read-only-agent",
        "no-egress",
        "pci",
        "hipaa",
        "break-glass",
        "labels.toml",
    ]);
    let facts = doing(&[(Effect::Export, ObjectKind::Stage, "a.b.c")]);
    let (agent, roles) = (principal("agent"), ["break-glass".to_owned()]);
    let asked = Question {
        roles: &roles,
        ..question(&agent, Some(&facts))
    };
    let denial = denied(evaluate(&policies, &asked, query()));
    assert_eq!(denial.policies, ["no-egress"]);
}

#[test]
fn the_analyst_writes_to_the_scratch_schema_and_nowhere_else() {
    let policies = pack("analyst");
    for effect in [Effect::Insert, Effect::Create, Effect::Drop, Effect::Merge] {
        let scratch = doing(&[(effect, ObjectKind::Table, "analytics.scratch.draft")]);
        check_allowed(ask_about(&policies, &scratch), &["analyst-scratch"]);
    }
    let elsewhere = doing(&[(Effect::Insert, ObjectKind::Table, "analytics.public.draft")]);
    denied(ask_about(&policies, &elsewhere));
    for schema in ["analytics.scratch", "analytics.public"] {
        let whole = doing(&[(Effect::Drop, ObjectKind::Schema, schema)]);
        drop(held(ask_about(&policies, &whole)));
    }
}

/// A search by a column of this name, with a user behind the workload or without, in these roles.
fn search(policies: &PolicySet, by: &str, user: bool, roles: &[&str]) -> Verdict {
    let facts = Facts {
        columns: BTreeSet::from([column("shop.public.t", Some(by))]),
        predicates: BTreeSet::from([column("shop.public.t", Some(by))]),
        ..doing(&[(Effect::Read, ObjectKind::Table, "shop.public.t")])
    };
    let mut agent = principal("agent");
    agent.user = user.then(|| User {
        subject: "ann".to_owned(),
        email: None,
        groups: Vec::new(),
    });
    let roles: Vec<String> = roles.iter().map(|it| (*it).to_owned()).collect();
    let asked = Question {
        roles: &roles,
        ..question(&agent, Some(&facts))
    };
    evaluate(policies, &asked, query())
}

#[test]
fn card_data_is_searched_for_only_by_agreement_or_clearance() {
    let policies = pack("pci");
    check_allowed(
        search(&policies, "REGION", false, &[]),
        &["read-only-statements"],
    );
    let hold = held(search(&policies, "CARD_NUMBER", false, &[]));
    assert_eq!(hold.policies, ["pci-no-search-by-card"]);
    assert_eq!(
        hold.terms.approvers,
        BTreeSet::from(["pci-officers".to_owned()])
    );
    drop(allowed(search(&policies, "PAN", false, &["pci-cleared"])));
    let denial = denied(search(&policies, "CVV", false, &["pci-cleared"]));
    assert_eq!(denial.policies, ["pci-no-search-by-code"]);
    let copy = Facts {
        columns: BTreeSet::from([column("shop.public.t", Some("PAN"))]),
        ..doing(&[(Effect::Insert, ObjectKind::Table, "shop.public.copy")])
    };
    assert_eq!(
        denied(ask_about(&policies, &copy)).policies,
        ["pci-no-copies"]
    );
    let (_, terms) = ask(&policies, &principal("agent"), "pci-cleared", now()).unwrap();
    assert_eq!((terms.approvals, terms.breakglass), (2, false));
    ask(&policies, &principal("unknown"), "pci-cleared", now()).unwrap_err();
}

#[test]
fn health_data_is_seen_by_people_of_the_care_team() {
    let policies = pack("hipaa");
    check_allowed(
        search(&policies, "DIAGNOSIS", true, &[]),
        &["read-only-statements"],
    );
    drop(held(search(&policies, "PATIENT_LAST_NAME", true, &[])));
    drop(allowed(search(&policies, "MRN", true, &["care-team"])));
    let roles = ["care-team".to_owned()];
    let sees = |user: bool, roles: &[String]| {
        let mut agent = principal("agent");
        agent.user = user.then(|| User {
            subject: "ann".to_owned(),
            email: None,
            groups: Vec::new(),
        });
        let asked = Question {
            roles,
            ..question(&agent, None)
        };
        unmask(&policies, &asked, "phi.health", None).is_ok()
    };
    assert!(sees(true, &roles));
    assert!(!sees(false, &roles), "a workload alone is no person");
    assert!(!sees(true, &[]));
}

#[test]
fn the_glass_is_broken_without_asking_anybody_and_for_an_hour() {
    let policies = pack("break-glass");
    let (_, terms) = ask(&policies, &principal("agent"), "break-glass", now()).unwrap();
    assert!(terms.breakglass && terms.approvals == 0);
    assert_eq!(terms.longest, Some(std::time::Duration::from_hours(1)));
    ask(&policies, &principal("unknown"), "break-glass", now()).unwrap_err();
}

pub(super) fn now() -> jiff::Timestamp {
    "2026-03-02T09:30:00Z".parse().unwrap()
}

#[test]
fn the_default_is_the_read_only_pack() {
    let shipped = fs::read_to_string(directory().join("read-only-agent.cedar")).unwrap();
    assert_eq!(shipped, default_policy());
}

#[test]
fn policies_of_the_demo_and_the_benchmark_still_load() {
    for name in ["demo", "bench"] {
        let path = directory().join(format!("../xtask/src/{name}/policy.cedar"));
        let policies = parse(&fs::read_to_string(path).unwrap());
        let facts = doing(&[(Effect::Read, ObjectKind::Table, "a.b.c")]);
        let reads = ["reporting-agent", "bench"].map(|workload| {
            let principal = principal(workload);
            let verdict = evaluate(&policies, &question(&principal, Some(&facts)), query());
            matches!(verdict, Verdict::Allow(_))
        });
        assert!(reads.contains(&true), "{name}");
    }
}

/// Who sees what carries several labels must see each of them.
#[track_caller]
fn check_sees(pack_name: &str, role: &str, with_user: bool, column: &str, expected: bool) {
    let policies = pack(pack_name);
    let Principal { workload, .. } = principal("agent");
    let user = with_user.then(|| User {
        subject: "u1".to_owned(),
        email: None,
        groups: Vec::new(),
    });
    let principal = Principal {
        workload,
        user,
        netns_cookie: 1,
    };
    let roles = [role.to_owned()];
    let question = Question {
        roles: &roles,
        ..question(&principal, None)
    };
    let table = ObjectName::parse("CLINIC.PUBLIC.PATIENTS").unwrap();
    let labels = policies.labels().of(
        "acme",
        &Column {
            table: table.clone(),
            column: Some(column.to_owned()),
        },
    );
    assert!(!labels.is_empty(), "{column} is not labelled");
    let sees = |label: &&str| may_see(&policies, &question, label, Some(&table)).is_some();
    assert_eq!(
        labels.iter().all(sees),
        expected,
        "{role} {column} {labels:?}"
    );
}

#[test]
fn a_care_team_with_a_user_sees_who_its_patients_are() {
    for column in [
        "MRN",
        "PATIENT_NAME",
        "LAST_NAME",
        "DATE_OF_BIRTH",
        "SSN",
        "MBI",
        "DIAGNOSIS",
        "PHONE",
        "EMAIL",
        "STREET_ADDRESS",
    ] {
        check_sees("hipaa", "care-team", true, column, true);
        check_sees("hipaa", "care-team", false, column, false);
        check_sees("hipaa", "other", true, column, false);
    }
    for column in ["CARD_NUMBER", "PASSWORD", "PASSPORT_NUMBER"] {
        check_sees("hipaa", "care-team", true, column, false);
    }
}

#[test]
fn who_is_cleared_sees_cards_and_no_codes() {
    for column in ["CARD_NUMBER", "PAN"] {
        check_sees("pci", "pci-cleared", false, column, true);
        check_sees("pci", "other", false, column, false);
    }
    for column in ["CVV", "EMAIL"] {
        check_sees("pci", "pci-cleared", false, column, false);
    }
}
