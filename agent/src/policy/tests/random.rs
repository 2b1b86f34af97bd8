//! Properties over policies and questions that chance makes.

use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

use super::*;

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
