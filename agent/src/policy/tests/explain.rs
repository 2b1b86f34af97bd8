//! Why, and what would change it.

use super::*;
use crate::policy::explain::{Change, explain};
use crate::policy::{Demand, Judgement};

#[test]
fn an_explanation_agrees_with_the_verdict_and_tells_what_would_change_it() {
    let policies = parse(
        r#"@id("read") permit (principal, action == Action::"read", resource);
           @id("write") permit (principal in Role::"writer", action in Action::"write", resource);
           @id("ddl") @approvers("dba") permit (principal, action in Action::"ddl", resource) when { context.approved };
           @id("no-egress") forbid (principal, action in Action::"egress", resource);
           @id("ask") permit (principal, action == Action::"ask", resource);"#,
    );
    let cases: [(&[Doing<'_>], &str, &str); 5] = [
        (&[(Effect::Read, ObjectKind::Table, "a.b.c")], "allow", "[]"),
        (
            &[(Effect::Insert, ObjectKind::Table, "a.b.c")],
            "deny",
            "Role { role: \"writer\"",
        ),
        (
            &[(Effect::Drop, ObjectKind::Table, "a.b.c")],
            "hold",
            "Approval { terms: Terms { approvers: {\"dba\"}",
        ),
        (
            &[(Effect::Export, ObjectKind::Stage, "a.b.c")],
            "deny",
            "Without { policies: [\"no-egress\"] }",
        ),
        (
            &[(Effect::Read, ObjectKind::Table, "c")],
            "deny",
            "FullName { name: \"C\" }",
        ),
    ];
    let agent = principal("agent");
    for (accesses, verdict, change) in cases {
        let facts = doing(accesses);
        let asked = question(&agent, Some(&facts));
        let explanation = explain(&policies, &asked, Demand::Statement(&facts));
        assert_eq!(explanation.judgement.name(), verdict);
        let told = format!("{:?}", explanation.changes);
        assert!(told.contains(change), "{told}");
        assert_eq!(explanation.accesses.len(), accesses.len());
        let permitted = explanation.accesses.iter().all(|it| it.permitted);
        assert_eq!(permitted, verdict == "allow");
        let judged = match evaluate(&policies, &asked, query()) {
            Verdict::Allow(_) => "allow",
            Verdict::Hold(_) => "hold",
            Verdict::Deny(_) => "deny",
        };
        assert_eq!(judged, verdict);
    }
    let facts = facts(&[Effect::Admin]);
    let explanation = explain(
        &policies,
        &question(&agent, Some(&facts)),
        Demand::Statement(&facts),
    );
    let missing = vec![("admin".to_owned(), "Account".to_owned(), "acme".to_owned())];
    assert_eq!(explanation.changes, [Change::Permit { missing }]);
    let transfer = Facts {
        file_transfer: true,
        ..facts
    };
    let explanation = explain(
        &policies,
        &question(&agent, Some(&transfer)),
        Demand::Statement(&transfer),
    );
    assert!(matches!(explanation.judgement, Judgement::Deny(_)) && explanation.accesses.is_empty());
}
