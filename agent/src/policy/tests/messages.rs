//! What a denial says: which rule, why, and what to do next.

use super::*;

const ROLES: &str = r#"
    @id("read") permit (principal, action == Action::"read", resource);
    @id("write") permit (principal in Role::"writer", action in Action::"write", resource);
    @id("admin") permit (principal in Role::"admin", action, resource);
    @id("secret") permit (principal in Role::"secret", action, resource);
    @id("ask") @for("20m")
    permit (principal, action == Action::"ask", resource in [Role::"writer"]);
"#;

#[test]
fn a_role_that_would_help_and_may_be_asked_for_is_offered() {
    let policies = parse(&ROLES.replace(
        "resource in [Role::\"writer\"]",
        "resource == Role::\"writer\"",
    ));
    let denial = denied(judge(&policies, &[Effect::Insert]));
    let next =
        "; run `snowfence ask writer --for 20m --reason \"…\"` and try again when it is granted";
    assert!(denial.message.ends_with(next), "{}", denial.message);
    // `admin` would help, but nobody may ask for it.
    let denial = denied(judge(&policies, &[Effect::Drop]));
    assert!(
        denial.message.contains("ask the owner of the policies in"),
        "{}",
        denial.message
    );
    // A role that the principal has is no help.
    let (agent, facts) = (principal("agent"), facts(&[Effect::Drop]));
    let roles = ["writer".to_owned()];
    let asked = Question {
        roles: &roles,
        ..question(&agent, Some(&facts))
    };
    let denial = denied(evaluate(&policies, &asked, query()));
    assert!(
        denial.message.contains("ask the owner"),
        "{}",
        denial.message
    );
}

#[test]
fn a_role_that_would_help_is_found_among_many_that_cannot_be_asked_for() {
    let mut text = String::from(
        r#"@id("ask") permit (principal == Workload::"agent", action == Action::"ask", resource == Role::"z");"#,
    );
    let roles = (0..100).map(|at| format!("r{at}")).chain(["z".to_owned()]);
    text.extend(roles.map(|role| {
        format!("@id(\"{role}\") permit (principal in Role::\"{role}\", action, resource);\n")
    }));
    let message = denied(judge(&parse(&text), &[Effect::Drop])).message;
    assert!(message.contains("snowfence ask z "), "{message}");
}

#[test]
fn a_role_that_would_let_it_wait_is_offered_after_one_that_would_allow() {
    let policies = parse(
        r#"@id("a") permit (principal in Role::"a", action == Action::"drop", resource) when { context.approved };
           @id("b") permit (principal in Role::"b", action == Action::"drop", resource);
           @id("c") permit (principal in Role::"a", action == Action::"alter", resource) when { context.approved };
           @id("ask") permit (principal, action == Action::"ask", resource);"#,
    );
    let message = denied(judge(&policies, &[Effect::Drop])).message;
    assert!(message.contains("snowfence ask b"), "{message}");
    let message = denied(judge(&policies, &[Effect::Alter])).message;
    assert!(message.contains("snowfence ask a"), "{message}");
}

#[test]
fn what_was_not_understood_is_said() {
    let facts = Facts::opaque("OPAQUE(DECLARE)".to_owned(), "a string is not closed");
    let denial = denied(ask_about(&parse(READ), &facts));
    let told =
        "no policy permits `opaque`; the statement was not understood (a string is not closed);";
    assert!(denial.message.contains(told), "{}", denial.message);
}

#[test]
fn a_message_is_one_short_line_whatever_a_statement_names() {
    let long = format!("\"{}\nx\".\"{}\".t", "ä".repeat(255), "b".repeat(255));
    let many: Vec<String> = (0..50).map(|at| format!("{long}{at}")).collect();
    let accesses: Vec<(Effect, ObjectKind, &str)> = many
        .iter()
        .map(|it| (Effect::Drop, ObjectKind::Table, it.as_str()))
        .collect();
    for text in [
        READ.to_owned(),
        format!(
            "@id(\"{}\") @message(\"{}\") forbid (principal, action, resource);",
            "i".repeat(300),
            "m".repeat(900)
        ),
        format!(
            "@id(\"w\") @message(\"{}\") permit (principal, action, resource) when {{ context.approved }};",
            "m".repeat(900)
        ),
    ] {
        let message = match ask_about(&parse(&text), &doing(&accesses)) {
            Verdict::Deny(denial) => {
                assert!(
                    denial.message.contains("ask the owner of the policies in"),
                    "{}",
                    denial.message
                );
                denial.message
            }
            Verdict::Hold(hold) => hold.message,
            Verdict::Allow(permit) => panic!("{permit:?}"),
        };
        assert!(message.len() <= 600, "{} bytes: {message}", message.len());
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}
