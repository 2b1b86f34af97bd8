//! Who is allowed what.

use super::*;
use crate::identity::User;
use crate::snowflake::QueryId;

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
