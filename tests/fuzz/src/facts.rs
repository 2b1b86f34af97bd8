//! The whole analysis, on the threads that the daemon uses.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use agent::catalog::file::CatalogFile;
use agent::sql::facts::{Column, Lineage, ObjectKind, Sources};
use agent::sql::{Analyst, Context, Effect, Facts, SessionState};
use tokio::runtime::Runtime;

/// Two tables and a view, so that stars, joins and view definitions lead somewhere.
const CATALOG: &str = r#"{
    "tables": {"D.S.T": ["A", "B", "\"c d\""], "D.S.U": ["A", "E"]},
    "views": {"D.S.V": "select a, e as b from u"}
}"#;

struct Bench {
    analyst: Analyst,
    runtime: Runtime,
    context: Context,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    Bench {
        analyst: Analyst::new().expect("threads"),
        runtime: runtime.expect("a runtime"),
        context: Context {
            session: Arc::new(SessionState {
                database: Some("D".to_owned()),
                schema: Some("S".to_owned()),
                ..SessionState::default()
            }),
            catalog: Arc::new(CatalogFile::parse(CATALOG).expect("a catalog")),
            ..Context::default()
        },
    }
});

fn analyse(text: &str) -> Facts {
    let bench = &*BENCH;
    let facts = bench.analyst.facts(text, &bench.context);
    // A panic of the analysis is caught, and comes here as no facts.
    bench.runtime.block_on(facts).expect("facts in time")
}

/// Analyses any bytes that are text.
pub fn facts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let facts = analyse(text);
    consistent(&facts);
    assert_eq!(facts, analyse(text), "the same text has the same facts");
    // Whatever is understood ends where a statement ends: what follows is not hidden by it.
    if facts.obscurity.is_none() {
        let more = analyse(&format!("{text}\n;\ndelete from d.s.victim"));
        let seen = more.effects.contains(&Effect::Delete) || more.effects.contains(&Effect::Opaque);
        assert!(seen, "a write is hidden: {more:?}");
    }
}

fn consistent(facts: &Facts) {
    let effects: BTreeSet<Effect> = facts.accesses.iter().map(|access| access.effect).collect();
    assert!(!effects.is_empty(), "something is done");
    assert_eq!(effects, facts.effects, "effects are those of the accesses");
    assert!(!facts.kinds.is_empty(), "a text is something");
    for access in &facts.accesses {
        let parts = access
            .object
            .name
            .as_ref()
            .map_or(0, |name| name.parts().len());
        // A role of a database is named in its database.
        let is_role = access.object.kind == ObjectKind::Role;
        let most = access.object.kind.depth() + usize::from(is_role);
        assert!(parts <= most, "{access:?}");
    }
    if facts.obscurity.is_some() {
        assert!(
            facts.effects.contains(&Effect::Opaque),
            "what is obscure is opaque"
        );
    }
    for column in &facts.predicates {
        assert!(
            touched(facts, column),
            "{column:?} decides and is not touched"
        );
    }
    if let Lineage::Columns(outputs) = &facts.lineage {
        for output in outputs {
            if let Sources::Known(sources) = &output.sources {
                for column in sources {
                    assert!(
                        touched(facts, column),
                        "{column:?} is shown and not touched"
                    );
                }
            }
        }
    }
}

/// The taint holds the column, or every column of its table.
fn touched(facts: &Facts, column: &Column) -> bool {
    let every = Column {
        table: column.table.clone(),
        column: None,
    };
    facts.columns.contains(column) || facts.columns.contains(&every)
}
