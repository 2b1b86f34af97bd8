//! What policy promises, and the answers of the shipped packs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};
use serde::Deserialize;

use super::{
    Denial, LoadError, Mode, PolicySet, Problem, Question, Store, Usage, Verdict, default_policy,
    evaluate,
};
use crate::identity::{Principal, User, Workload};
use crate::snowflake::{Login, Operation, Query, QueryId};
use crate::sql::context::NO_SESSION;
use crate::sql::{Analyst, Context, Effect, Facts};

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
    Operation::Login(Box::new(Login {
        user: None,
        account: None,
        database: None,
        schema: None,
        warehouse: None,
        role: None,
        client_app_id: "test".to_owned(),
        client_app_version: "1".to_owned(),
        client_environment: serde_json::value::RawValue::from_string("{}".to_owned()).unwrap(),
        session_parameters: Vec::new(),
        authenticator: "SNOWFLAKE".to_owned(),
    }))
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

#[test]
fn what_no_policy_permits_is_denied() {
    check_denied(
        judge(&parse(""), &[Effect::Read]),
        &[],
        "no policy permits `read`",
    );
    check_denied(
        judge(&parse(READ), &[Effect::Delete]),
        &[],
        "no policy permits `delete`",
    );
}

#[test]
fn every_access_must_be_permitted() {
    let policies = parse(READ);
    check_allowed(judge(&policies, &[Effect::Read]), &["read"]);
    check_denied(
        judge(&policies, &[Effect::Read, Effect::Insert]),
        &[],
        "`insert`",
    );
}

#[test]
fn a_forbid_wins_and_its_message_reaches_the_client() {
    let policies = parse(
        r#"
        @id("all") permit (principal, action, resource);
        @id("no-exports") @message("ask
            the data office") forbid (principal, action in Action::"egress", resource);
        "#,
    );
    check_allowed(judge(&policies, &[Effect::Read]), &["all"]);
    let denial = check_denied(
        judge(&policies, &[Effect::Read, Effect::Export]),
        &["no-exports"],
        "`export` is forbidden by `no-exports` (ask the data office)",
    );
    assert!(
        !denial.message.contains('\n'),
        "one line: {:?}",
        denial.message
    );
    assert!(
        denial.message.contains("ask the owner of the policies in"),
        "{}",
        denial.message
    );
}

#[test]
fn a_policy_that_fails_to_evaluate_denies() {
    // Cedar would skip the failing forbid and allow.
    for effect in ["permit", "forbid"] {
        let failing = format!(
            "{READ} @id(\"fails\") {effect} (principal, action == Action::\"read\", resource) \
             when {{ principal.uid * 9223372036854775807 > 0 }};"
        );
        let verdict = judge(&parse(&failing), &[Effect::Read]);
        check_denied(verdict, &[], "`fails` failed to evaluate");
    }
}

#[test]
fn a_query_without_facts_is_denied() {
    let policies = parse(r#"@id("all") permit (principal, action, resource);"#);
    let principal = principal("agent");
    check_denied(
        evaluate(&policies, &question(&principal, None), query()),
        &[],
        "not analysed",
    );
    check_denied(judge(&policies, &[]), &[], "not analysed");
    let transfer = Facts {
        file_transfer: true,
        ..facts(&[Effect::Read])
    };
    let question = question(&principal, Some(&transfer));
    check_denied(
        evaluate(&policies, &question, query()),
        &[],
        "file transfers",
    );
}

#[test]
fn a_login_needs_a_credential_and_its_permission() {
    let text = r#"@id("one") permit (principal, action == Action::"login",
                  resource == Credential::"reader");"#;
    let (policies, principal) = (parse(text), principal("agent"));
    let asked = question(&principal, None);
    check_allowed(evaluate(&policies, &asked, login()), &["one"]);
    let other = Question {
        credential: Some("writer"),
        ..asked
    };
    check_denied(
        evaluate(&policies, &other, login()),
        &[],
        "no policy permits `login`",
    );
    let none = Question {
        credential: None,
        ..asked
    };
    check_denied(evaluate(&policies, &none, login()), &[], "cannot be judged");
}

#[test]
fn a_follow_up_is_permitted_by_no_policy() {
    let (policies, principal) = (parse(""), principal("agent"));
    let id = QueryId::parse("01b2c3d4-0000-1111-0000-00000000000a").unwrap();
    for operation in [
        Operation::Heartbeat,
        Operation::Close,
        Operation::Result(id),
    ] {
        check_allowed(
            evaluate(&policies, &question(&principal, None), operation),
            &[],
        );
    }
}

#[test]
fn policies_see_user_time_kind_and_account() {
    let policies = parse(
        r#"@id("narrow") permit (principal, action == Action::"read", resource == Account::"acme")
           when { principal has user && principal.user in Group::"analysts"
                  && context.user_present
                  && context.now < datetime("2026-03-02T10:00:00Z")
                  && context.kinds.contains("SELECT") };"#,
    );
    let mut asker = principal("agent");
    let facts = facts(&[Effect::Read]);
    let verdict = evaluate(&policies, &question(&asker, Some(&facts)), query());
    check_denied(verdict, &[], "no policy permits");
    let groups = vec!["analysts".to_owned()];
    asker.user = Some(User {
        subject: "u".to_owned(),
        email: None,
        groups,
    });
    let asked = question(&asker, Some(&facts));
    check_allowed(evaluate(&policies, &asked, query()), &["narrow"]);
    let late = Question {
        now: "2026-03-02T10:00:00Z".parse().unwrap(),
        ..asked
    };
    check_denied(
        evaluate(&policies, &late, query()),
        &[],
        "no policy permits",
    );
    let elsewhere = Question {
        account: "other",
        ..asked
    };
    check_denied(
        evaluate(&policies, &elsewhere, query()),
        &[],
        "no policy permits",
    );
}

#[test]
fn every_effect_is_an_action_of_the_schema() {
    let policies = parse(r#"@id("all") permit (principal, action, resource);"#);
    for effect in Effect::ALL {
        check_allowed(judge(&policies, &[effect]), &["all"]);
    }
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let files = [
        (
            "b.cedar",
            "@id(\"b\")\npermit (principal, action == Action::\"red\", resource);",
        ),
        (
            "a.cedar",
            "@id(\"b\") permit (principal, action, resource);\npermit (principal, action, resource);",
        ),
        (
            "c.cedar",
            "@id(\"c\")\npermit (principal, action resource);",
        ),
        (
            "d.cedar",
            "@id(\"d\") permit (principal, action, resource)\n  when { principal.nome == \"x\" };",
        ),
    ];
    let Err(LoadError::Invalid { problems }) = PolicySet::parse(&files) else {
        panic!("invalid policies were loaded");
    };
    let seen: Vec<String> = problems.iter().map(Problem::to_string).collect();
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn the_version_tells_sets_apart_and_not_their_order() {
    let (a, b) = (("a.cedar", READ), ("b.cedar", "// nothing\n"));
    let version = |files: &[(&str, &str)]| PolicySet::parse(files).unwrap().version().to_owned();
    assert_eq!(version(&[a, b]), version(&[b, a]));
    assert_ne!(version(&[a, b]), version(&[a]));
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn a_bad_reload_keeps_what_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.cedar", READ);
    let store = Store::open(dir.path()).unwrap();
    let before = store.snapshot().version().to_owned();
    write(dir.path(), "b.cedar", "permit (");
    assert!(matches!(store.reload(), Err(LoadError::Invalid { .. })));
    assert_eq!(store.snapshot().version(), before);
    let why = store.rejected().unwrap();
    assert!(why.contains("b.cedar"), "{why}");
    check_allowed(judge(&store.snapshot(), &[Effect::Read]), &["read"]);
    write(
        dir.path(),
        "b.cedar",
        r#"@id("none") forbid (principal, action, resource);"#,
    );
    store.reload().unwrap();
    assert_eq!(store.rejected(), None);
    check_denied(
        judge(&store.snapshot(), &[Effect::Read]),
        &["none"],
        "forbidden",
    );
}

#[test]
fn files_that_others_can_change_are_not_policies() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Empty { .. })
    ));
    write(dir.path(), "a.cedar", READ);
    let policies = PolicySet::load(dir.path()).unwrap();
    assert_eq!(policies.len(), 1);
    fs::set_permissions(
        dir.path().join("a.cedar"),
        fs::Permissions::from_mode(0o664),
    )
    .unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Exposed { .. })
    ));
    fs::rename(dir.path().join("a.cedar"), dir.path().join("a")).unwrap();
    fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(0o644)).unwrap();
    symlink(dir.path().join("a"), dir.path().join("b.cedar")).unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Read { .. })
    ));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(
        PolicySet::load(dir.path()),
        Err(LoadError::Exposed { .. })
    ));
}

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

proptest! {
    // Each case reads the schema twice.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn adding_a_forbid_never_turns_a_denial_into_a_permit(
        effects in prop::collection::btree_set(prop::sample::select(Effect::ALL.to_vec()), 1..4),
        permits in prop::collection::vec(prop::sample::select(SCOPES.to_vec()), 0..4),
        forbids in prop::collection::vec(prop::sample::select(SCOPES.to_vec()), 0..3),
        extra in prop::sample::select(SCOPES.to_vec()),
    ) {
        let policy = |effect: &str, at: usize, scope: &str| {
            format!("@id(\"{effect}-{at}\") {effect} (principal, {scope};\n")
        };
        let mut text: String =
            permits.iter().enumerate().map(|(at, scope)| policy("permit", at, scope)).collect();
        text.extend(forbids.iter().enumerate().map(|(at, scope)| policy("forbid", at, scope)));
        let effects: Vec<Effect> = effects.into_iter().collect();
        let before = judge(&parse(&text), &effects);
        text.push_str(&policy("forbid", 99, extra));
        let after = judge(&parse(&text), &effects);
        let widened = matches!((&before, &after), (Verdict::Deny(_), Verdict::Allow(_)));
        prop_assert!(!widened, "{text}");
        // Against a model of the rules that knows nothing of Cedar.
        let model = effects.iter().all(|effect| {
            let fits = |scope: &&&str| covers(scope, *effect);
            permits.iter().any(|it| fits(&it)) && !forbids.iter().any(|it| fits(&it))
        });
        prop_assert_eq!(matches!(before, Verdict::Allow(_)), model, "{}", text);
    }
}

const SCOPES: [&str; 6] = [
    "action, resource)",
    "action == Action::\"read\", resource)",
    "action in Action::\"write\", resource)",
    "action in Action::\"ddl\", resource)",
    "action == Action::\"read\", resource) when { principal.uid == 0 }",
    "action == Action::\"delete\", resource) unless { context.user_present }",
];

fn covers(scope: &str, effect: Effect) -> bool {
    use Effect::{Alter, Create, Delete, Drop, Import, Insert, Merge, Truncate, Update};
    let write = BTreeSet::from([Insert, Update, Delete, Merge, Truncate, Import]);
    match SCOPES.iter().position(|it| *it == scope) {
        Some(0) => true,
        Some(1) => effect == Effect::Read,
        Some(2) => write.contains(&effect),
        Some(3) => [Create, Alter, Drop].contains(&effect),
        Some(4) => false,
        _ => effect == Delete,
    }
}
