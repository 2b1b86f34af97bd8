//! Who may ask, decide, operate and see.

use std::time::Duration;

use super::*;
use crate::policy::rights::{AskView, Person, approve, ask, askable, may_see, operate, unmask};
use crate::policy::{Terms, default_policy};

fn person(name: &str, groups: &[&str]) -> Person {
    Person {
        name: name.to_owned(),
        uid: 1000,
        groups: groups.iter().map(|it| (*it).to_owned()).collect(),
    }
}

fn now() -> jiff::Timestamp {
    "2026-03-02T09:30:00Z".parse().unwrap()
}

#[test]
fn a_role_is_asked_for_on_the_terms_of_the_policy_that_permits_it() {
    let policies = parse(
        r#"@id("may-ask") @approvers("leads") @approvals("2") @wait("10m") @for("2h")
           permit (principal == Workload::"agent", action == Action::"ask", resource == Role::"writer");
           @id("cleared") @breakglass
           permit (principal, action == Action::"ask", resource == Role::"glass");"#,
    );
    let (right, terms) = ask(&policies, &principal("agent"), "writer", now()).unwrap();
    assert_eq!(right.policies, ["may-ask"]);
    assert_eq!(right.policy_version, policies.version());
    assert_eq!(terms.approvers, BTreeSet::from(["leads".to_owned()]));
    assert_eq!((terms.approvals, terms.wait), (2, Duration::from_mins(10)));
    assert_eq!(terms.longest, Some(Duration::from_hours(2)));
    let (_, terms) = ask(&policies, &principal("other"), "glass", now()).unwrap();
    assert!(terms.breakglass && terms.approvals == 0 && terms.longest.is_none());
    let denial = ask(&policies, &principal("other"), "writer", now()).unwrap_err();
    assert!(
        denial
            .message
            .contains("no policy permits `ask` on `role writer`"),
        "{}",
        denial.message
    );
    ask(&policies, &principal("agent"), "root", now()).unwrap_err();
}

#[test]
fn every_role_that_may_be_asked_for_is_askable() {
    let roles = ["a", "b", "c"];
    let cases: [(&str, &[&str]); 9] = [
        ("permit (principal, action, resource);", &roles),
        (
            "permit (principal is Workload, action == Action::\"ask\", resource is Role);",
            &roles,
        ),
        (
            "permit (principal == Workload::\"agent\", action == Action::\"ask\", resource == Role::\"b\");",
            &["b"],
        ),
        (
            "permit (principal, action == Action::\"ask\", resource in Role::\"c\") when { context.user_present };",
            &["c"],
        ),
        (
            "permit (principal == Workload::\"other\", action == Action::\"ask\", resource);",
            &[],
        ),
        (
            "permit (principal, action == Action::\"read\", resource);",
            &[],
        ),
        (
            "permit (principal in Role::\"a\", action == Action::\"ask\", resource);",
            &[],
        ),
        (
            "forbid (principal, action == Action::\"ask\", resource);",
            &[],
        ),
        (
            "permit (principal, action == Action::\"ask\", resource) unless { resource == Role::\"a\" };",
            &roles,
        ),
    ];
    let named = roles.map(|role| {
        format!("@id(\"{role}\") permit (principal in Role::\"{role}\", action == Action::\"drop\", resource);")
    });
    for (policy, expected) in cases {
        let policies = parse(&format!("@id(\"p\") {policy}\n{}", named.join("\n")));
        let agent = principal("agent");
        let askable: Vec<&String> = askable(&policies, &agent).collect();
        assert_eq!(askable, expected, "{policy}");
        for role in policies.roles() {
            let may = ask(&policies, &agent, role, now()).is_ok();
            assert!(!may || askable.contains(&role), "{policy}: {role}");
        }
    }
}

#[test]
fn the_shipped_pack_lets_the_groups_of_an_ask_decide_and_root_operate() {
    let policies = parse(default_policy());
    let terms = Terms {
        approvers: BTreeSet::from(["leads".to_owned(), "dba".to_owned()]),
        ..Terms::default()
    };
    for role in [None, Some("writer")] {
        let asked = AskView {
            role,
            workload: "agent",
            account: "acme",
            terms: &terms,
        };
        let decides = |who: &Person| approve(&policies, who, &asked, now());
        assert_eq!(
            decides(&person("ann", &["dba"])).unwrap().policies,
            ["approvers-decide"]
        );
        assert_eq!(
            decides(&person("root", &[])).unwrap().policies,
            ["root-operates"]
        );
        let denial = decides(&person("bob", &["users"])).unwrap_err();
        let told = "denied for `bob` on account `acme`: no policy permits `approve`; a member of `dba`, `leads`";
        assert!(denial.message.starts_with(told), "{}", denial.message);
        decides(&person("dba", &[])).unwrap_err();
    }
    operate(&policies, &person("root", &[]), now()).unwrap();
    operate(&policies, &person("ann", &["dba", "root"]), now()).unwrap_err();
    operate(&parse(""), &person("root", &[]), now()).unwrap_err();
}

#[test]
fn policies_see_what_an_ask_is_about() {
    let policies = parse(
        r#"@id("p") permit (principal is User, action == Action::"approve", resource in Account::"acme")
           when { principal has uid && principal.uid == 1000 && resource.workload == Workload::"agent"
                  && resource.account == Account::"acme"
                  && (resource.statement || (resource has role && resource.role == Role::"writer")) };"#,
    );
    let terms = Terms::default();
    let may = |role, workload, account| {
        let asked = AskView {
            role,
            workload,
            account,
            terms: &terms,
        };
        approve(&policies, &person("ann", &[]), &asked, now()).is_ok()
    };
    assert!(may(Some("writer"), "agent", "acme"));
    assert!(may(None, "agent", "acme"));
    assert!(!may(Some("admin"), "agent", "acme"));
    assert!(!may(None, "other", "acme"));
    assert!(!may(None, "agent", "other"));
}

#[test]
fn a_forbid_and_a_failure_take_a_right_away() {
    let all = r#"@id("all") permit (principal, action, resource);"#;
    let forbidding =
        format!("{all} @id(\"no\") forbid (principal, action == Action::\"operate\", resource);");
    let denial = operate(&parse(&forbidding), &person("root", &[]), now()).unwrap_err();
    assert_eq!(denial.policies, ["no"]);
    let failing = format!(
        "{all} @id(\"fails\") forbid (principal is User, action == Action::\"operate\", resource)
         when {{ principal has uid && principal.uid * 9223372036854775807 > 0 }};"
    );
    operate(&parse(&failing), &person("root", &[]), now()).unwrap_err();
    operate(&parse(all), &person("root", &[]), now()).unwrap();
}

#[test]
fn a_label_is_shown_to_whom_a_policy_names() {
    let policies = parse(
        r#"@id("cleared") permit (principal in Role::"cleared", action == Action::"unmask",
                                  resource == Label::"pci.card");
           @id("may-ask") permit (principal, action == Action::"ask", resource == Role::"cleared");"#,
    );
    let agent = principal("agent");
    let asked = question(&agent, None);
    let denial = unmask(&policies, &asked, "pci.card", None).unwrap_err();
    assert!(
        denial
            .message
            .contains("run `snowfence ask cleared --for 30m"),
        "{}",
        denial.message
    );
    let roles = ["cleared".to_owned()];
    let cleared = Question {
        roles: &roles,
        ..asked
    };
    assert_eq!(
        unmask(&policies, &cleared, "pci.card", None)
            .unwrap()
            .policies,
        ["cleared"]
    );
    unmask(&policies, &cleared, "pii.email", None).unwrap_err();
}

#[test]
fn a_label_is_shown_in_the_tables_that_a_policy_names() {
    let policies = parse(
        r#"@id("fraud") permit (principal in Role::"fraud", action == Action::"unmask",
                                resource == Label::"pci.card")
           when { context has table && context.table in Schema::"SALES.PUBLIC" };
           @id("never") forbid (principal, action == Action::"unmask", resource)
           when { context has table && context.table == Table::"SALES.PUBLIC.VAULT" };"#,
    );
    let agent = principal("agent");
    let roles = ["fraud".to_owned()];
    let asked = Question {
        roles: &roles,
        mode: Mode::Observe,
        ..question(&agent, None)
    };
    let name = |text: &str| ObjectName::parse(text).unwrap();
    let cases = [
        (Some("SALES.PUBLIC.CARDS"), true),
        (Some("SALES.PUBLIC.\"cards\""), true),
        (Some("SALES.OTHER.CARDS"), false),
        (Some("SALES.PUBLIC.VAULT"), false),
        // Which table it is, is not known.
        (Some("CARDS"), false),
        (None, false),
    ];
    for (table, expected) in cases {
        let table = table.map(name);
        let seen = may_see(&policies, &asked, "pci.card", table.as_ref());
        assert_eq!(seen.is_some(), expected, "{table:?}");
        let told = unmask(&policies, &asked, "pci.card", table.as_ref());
        assert_eq!(told.ok(), seen, "{table:?}");
    }
    // What was found once is found again, and for nobody else.
    let cards = name("SALES.PUBLIC.CARDS");
    may_see(&policies, &asked, "pci.card", Some(&cards)).unwrap();
    assert_eq!(may_see(&policies, &asked, "pii.email", Some(&cards)), None);
    let others = question(&agent, None);
    assert_eq!(may_see(&policies, &others, "pci.card", Some(&cards)), None);
}
