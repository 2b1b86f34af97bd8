//! Properties over policies and questions that chance makes.

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::identity::User;
use crate::policy::Demand;
use crate::policy::evaluate::needs;
use crate::policy::judge::{Court, Finding, judge_plainly};
use crate::policy::scene::Scene;
use crate::sql::SessionState;

proptest! {
    // Each case reads two policy sets.
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

/// Policies whose scopes and conditions overlap in every way that the index tells apart.
const POLICIES: [&str; 27] = [
    "permit (principal, action, resource);",
    "permit (principal is Workload, action in Action::\"observe\", resource);",
    "permit (principal == Workload::\"agent\", action == Action::\"read\", resource is Table);",
    "permit (principal == Workload::\"other\", action, resource);",
    "permit (principal in Role::\"writer\", action in Action::\"write\", resource);",
    "permit (principal is Workload in Role::\"writer\", action, resource in Database::\"A\");",
    "permit (principal, action in [Action::\"insert\", Action::\"ddl\"], resource in Schema::\"A.B\");",
    "permit (principal, action, resource == Table::\"A.B.C\");",
    "permit (principal, action, resource is Table in Schema::\"A.B\");",
    "permit (principal, action, resource in Account::\"acme\");",
    "permit (principal, action, resource is Warehouse);",
    "permit (principal is Workload, action in Action::\"write\", resource) when { context.approved };",
    "permit (principal is Workload, action, resource) when { principal has user && principal.user in Group::\"g\" };",
    "permit (principal is Workload, action, resource) when { context.session has database && context.session.database == \"A\" };",
    "permit (principal is Workload, action, resource) when { principal has user.email && principal.user.email like \"a*\" };",
    "permit (principal, action, resource) when { context has session.database && [context.session].contains(context.session) };",
    "forbid (principal is User, action, resource);",
    "forbid (principal in Role::\"barred\", action, resource);",
    "forbid (principal, action in Action::\"egress\", resource) unless { context.approved };",
    "forbid (principal, action == Action::\"read\", resource) when { context.labels.contains(\"l\") };",
    "forbid (principal, action, resource is Table) when { resource.labels.contains(\"l\") && context.kinds.contains(\"SELECT\") };",
    "forbid (principal, action, resource in Schema::\"A.X\");",
    "forbid (principal, action, resource == Warehouse::\"W\");",
    "forbid (principal is Workload, action, resource) when { principal.uid * 9223372036854775807 > 0 };",
    "forbid (principal, action, resource) when { context.queries_hour > 5 || context.now > datetime(\"2027-01-01\") };",
    "forbid (principal, action, resource is Stage) when { resource.name like \"A.B.*\" };",
    "forbid (principal, action == Action::\"filter\", resource) unless { context.lineage_known };",
];

const OBJECTS: [(ObjectKind, &str); 9] = [
    (ObjectKind::Table, "A.B.C"),
    (ObjectKind::Table, "A.B.D"),
    (ObjectKind::Table, "A.X.C"),
    (ObjectKind::Table, "Z.B.C"),
    (ObjectKind::Table, "C"),
    (ObjectKind::Schema, "A.B"),
    (ObjectKind::Database, "A"),
    (ObjectKind::Stage, "A.B.S"),
    (ObjectKind::Warehouse, "W"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Leaving out what cannot match changes nothing, nor does leaving untold what nobody looks at.
    #[test]
    fn the_index_agrees_with_plain_evaluation(
        chosen in prop::collection::btree_set(0..POLICIES.len(), 0..10),
        accesses in prop::collection::vec(
            (prop::sample::select(Effect::ALL.to_vec()), 0..OBJECTS.len()), 1..5),
        columns in prop::collection::vec((0..5_usize, prop::bool::ANY), 0..3),
        roles in prop::sample::subsequence(vec!["barred".to_owned(), "writer".to_owned()], 0..=2),
        user in prop::option::of(prop::sample::subsequence(vec!["g".to_owned(), "h".to_owned()], 0..=2)),
        queries_hour in 0..10_u64,
        approved in prop::bool::ANY,
        database in prop::option::of(prop::sample::select(vec!["A".to_owned(), "B".to_owned()])),
    ) {
        let text: String = chosen
            .iter()
            .map(|at| format!("@id(\"p{at}\") {}\n", POLICIES[*at]))
            .collect();
        let labels = "[[label]]\nname = \"l\"\ncolumns = [\"A.B.*.SECRET\"]\n";
        let files = [("test.cedar", text.as_str()), ("labels.toml", labels)];
        let policies = PolicySet::parse(&files).unwrap();
        let objects: Vec<(Effect, ObjectKind, &str)> = accesses
            .iter()
            .map(|(effect, at)| (*effect, OBJECTS[*at].0, OBJECTS[*at].1))
            .collect();
        let touched: BTreeSet<Column> = columns
            .iter()
            .map(|(at, secret)| column(OBJECTS[*at].1, secret.then_some("SECRET")))
            .collect();
        let facts = Facts {
            predicates: touched.clone(),
            columns: touched,
            ..doing(&objects)
        };
        let mut agent = principal("agent");
        agent.user = user.map(|groups| User {
            subject: "ann".to_owned(),
            email: Some("ann@example.org".to_owned()),
            groups,
        });
        let session = SessionState { database, ..SessionState::default() };
        let asked = Question {
            roles: &roles,
            session: &session,
            usage: Usage { queries_hour, ..Usage::default() },
            approved,
            ..question(&agent, Some(&facts))
        };
        let scene = Scene::of(&asked);
        let needs = needs(&policies, &asked, Demand::Statement(&facts)).unwrap();
        let plain = judge_plainly(&policies, &scene, &needs, approved).unwrap();
        let indexed = Court::new(&policies, &scene, &needs).unwrap().judge(approved).unwrap();
        prop_assert_eq!(&indexed, &plain, "{}", text);
        let judged = evaluate(&policies, &asked, query());
        let allows = plain.iter().all(Finding::is_permitted);
        prop_assert_eq!(matches!(judged, Verdict::Allow(_)), allows, "{}", text);
        // A hold is what approval, and nothing less, would allow.
        let after = judge_plainly(&policies, &scene, &needs, true).unwrap();
        let would = after.iter().all(Finding::is_permitted);
        let failed = plain.iter().any(|it| !it.failed.is_empty());
        let holds = !approved && !allows && would && !failed;
        prop_assert_eq!(matches!(judged, Verdict::Hold(_)), holds, "{}", text);
    }
}
