//! Every family of statements, in a file that a person reads.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::sql::context::{Context, SessionState};
use crate::sql::facts::{Access, Effect, Facts};
use crate::sql::text::facts;

/// A session with a schema and variables.
fn context() -> Context {
    let variables = [
        ("NAME", Some("other.public.t")),
        ("STAGE", Some("@files/in")),
        ("UNKNOWN", None),
    ];
    Context {
        session: Arc::new(SessionState {
            database: Some("DB".to_owned()),
            schema: Some("SC".to_owned()),
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
                .collect(),
            ..SessionState::default()
        }),
        ..Context::default()
    }
}

fn render(facts: &Facts) -> String {
    let mut text = String::new();
    let effects: Vec<&str> = facts.effects.iter().map(|effect| effect.name()).collect();
    writeln!(
        text,
        "    {} [{}]",
        facts.kinds.join("; "),
        effects.join(" ")
    )
    .unwrap();
    for Access { effect, object } in &facts.accesses {
        let name = object.name.as_ref().map(ToString::to_string);
        let name = name.unwrap_or_default();
        let object = format!("{} {name}", object.kind.entity());
        writeln!(text, "        {} {}", effect.name(), object.trim()).unwrap();
    }
    for change in &facts.session_changes {
        writeln!(text, "        then {change:?}").unwrap();
    }
    if let Some(obscurity) = &facts.obscurity {
        writeln!(text, "        {obscurity}").unwrap();
    }
    if facts.file_transfer {
        writeln!(text, "        moves files").unwrap();
    }
    text
}

#[test]
fn every_family_is_taken_for_what_it_does() {
    let (context, mut all) = (context(), String::new());
    for line in include_str!("families.sql").lines() {
        writeln!(all, "{line}").unwrap();
        if line.is_empty() || line.starts_with("--") {
            continue;
        }
        let facts = facts(line, &context);
        let effects: std::collections::BTreeSet<Effect> =
            facts.accesses.iter().map(|access| access.effect).collect();
        assert_eq!(facts.effects, effects, "{line}");
        assert_eq!(
            facts.obscurity.is_some(),
            effects.contains(&Effect::Opaque),
            "{line}"
        );
        all.push_str(&render(&facts));
    }
    insta::assert_snapshot!("families", all);
}
