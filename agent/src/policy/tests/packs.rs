//! The answers of the shipped packs.

use serde::Deserialize;

use super::*;
use crate::policy::default_policy;
use crate::sql::{Analyst, Context};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    workload: String,
    login: Option<String>,
    sql: Option<String>,
    verdict: String,
    policies: Vec<String>,
}

#[tokio::test]
async fn the_shipped_pack_answers_its_cases() {
    let cases = include_str!("../../../../policies/cases/read-only-agent.toml");
    let cases: Cases = toml::from_str(cases).unwrap();
    let (policies, analyst) = (parse(default_policy()), Analyst::new().unwrap());
    for case in cases.case {
        let principal = principal(&case.workload);
        let facts = match &case.sql {
            Some(sql) => analyst.facts(sql, &Context::default()).await,
            None => None,
        };
        let credential = case.login.as_deref();
        let asked = Question {
            credential,
            ..question(&principal, facts.as_ref())
        };
        let operation = if credential.is_some() {
            login()
        } else {
            query()
        };
        let (verdict, by) = match evaluate(&policies, &asked, operation) {
            Verdict::Allow(permit) => ("allow", permit.policies().to_vec()),
            Verdict::Hold(hold) => ("hold", hold.policies),
            Verdict::Deny(denial) => ("deny", denial.policies),
        };
        assert_eq!(
            (verdict, by),
            (case.verdict.as_str(), case.policies),
            "{}",
            case.name
        );
    }
}

#[test]
fn the_matrix_of_the_shipped_pack_is_as_reviewed() {
    let policies = parse(default_policy());
    let mut matrix = String::new();
    for name in ["agent", "unknown"] {
        let principal = principal(name);
        let mut row = |action: &str, verdict: Verdict| {
            let answer = match verdict {
                Verdict::Allow(permit) => format!("allow  {}", permit.policies().join(", ")),
                Verdict::Hold(hold) => format!("hold   {}", hold.policies.join(", ")),
                Verdict::Deny(denial) => format!("deny   {}", denial.policies.join(", ")),
            };
            matrix.push_str(format!("{name:8} {action:12} {answer}").trim_end());
            matrix.push('\n');
        };
        row(
            "login",
            evaluate(&policies, &question(&principal, None), login()),
        );
        for effect in Effect::ALL {
            let facts = facts(&[effect]);
            let asked = question(&principal, Some(&facts));
            row(effect.name(), evaluate(&policies, &asked, query()));
        }
    }
    insta::with_settings!({
        snapshot_path => "../../../../policies",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("matrix", matrix);
    });
}
