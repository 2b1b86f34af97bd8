//! From a text to its facts: lexer, then each statement in its session, then their union.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::Context;
use super::cursor::{Piece, Scope};
use super::facts::{Effect, Facts, Lineage, ObjectKind, Sources};
use super::finding::Finding;
use super::lexer::{Token, lex};
use super::opaque::{self, Obscurity};
use super::{change, families, fingerprint, results, split};

/// Finds the facts of a text. Needs [`super::analyst::STACK_BYTES`] of stack.
pub(super) fn facts(text: &str, context: &Context) -> Facts {
    let mut tokens = Vec::new();
    let lexed = lex(text, &mut tokens);
    let is_whole = lexed.is_ok();
    let whole = Piece {
        text,
        tokens: &tokens,
    };
    let pieces = split::statements(whole);
    let named = results::named(&tokens, context, pieces.len());
    let judged = lexed.and_then(|()| {
        if named.hidden {
            Err(Obscurity::HiddenResult)
        } else if pieces.is_empty() {
            Err(Obscurity::Empty)
        } else {
            Ok(judge(&pieces, context))
        }
    });
    // A string that is run, now or later, names results that are no literals of this text.
    let runs_text = judged.as_ref().is_ok_and(|facts| {
        facts.effects.contains(&Effect::Execute) || facts.effects.contains(&Effect::Create)
    });
    let is_understood = judged.as_ref().is_ok_and(|facts| facts.obscurity.is_none());
    let mut facts = judged.unwrap_or_else(|obscurity| opaque::facts(&tokens, &obscurity));
    let named = if is_understood && !runs_text {
        named
    } else {
        results::suspected(text, is_whole.then_some(&tokens), named)
    };
    facts.fingerprint = fingerprint::of(text, is_whole.then_some(&tokens));
    facts.names_by_values = text.to_ascii_uppercase().contains("PIVOT");
    facts.file_transfer = pieces.iter().any(|piece| is_transfer(piece.tokens));
    facts.named_results = named.ids;
    facts.hides_result = named.hidden;
    facts.uses_last_query_id = named.last_query_id;
    facts
}

/// Judges statement after statement, each in the session that those before it leave.
fn judge(pieces: &[Piece<'_>], context: &Context) -> Facts {
    let mut context = context.clone();
    let mut kinds = Vec::new();
    let mut all = Finding::new("");
    let mut parts = Vec::new();
    for piece in pieces {
        let scope = Scope::new(&context);
        let mut finding = families::statement(*piece, scope);
        note_unread(&mut finding);
        let lineage = std::mem::replace(&mut finding.lineage, Lineage::NoData);
        if pieces.len() > 1 {
            parts.push(lineage.clone());
        }
        if lineage != Lineage::NoData || all.kind.is_empty() {
            all.lineage = lineage;
        }
        kinds.push(std::mem::take(&mut finding.kind));
        let changes = finding.changes.clone();
        all.absorb(finding);
        for change in &changes {
            change::apply(Arc::make_mut(&mut context.session), change);
        }
    }
    let effects: BTreeSet<_> = all.accesses.iter().map(|access| access.effect).collect();
    Facts {
        kinds,
        effects,
        accesses: all.accesses,
        functions: all.functions,
        columns: all.columns,
        predicates: all.predicates,
        lineage: all.lineage,
        parts,
        missing: all.missing,
        writes: all.writes,
        names_by_values: false,
        session_changes: all.changes,
        fingerprint: String::new(),
        obscurity: all.obscurity.map(|it| format!("not understood: {it}")),
        file_transfer: false,
        named_results: Vec::new(),
        hides_result: false,
        uses_last_query_id: false,
    }
}

/// Notes tables that get rows in a way that was told by its words alone: from where is not known.
fn note_unread(finding: &mut Finding) {
    for access in &finding.accesses {
        let writes = match access.effect {
            Effect::Insert | Effect::Merge | Effect::Update => true,
            Effect::Admin
            | Effect::Ai
            | Effect::Alter
            | Effect::Create
            | Effect::Delete
            | Effect::Describe
            | Effect::Drop
            | Effect::Execute
            | Effect::Export
            | Effect::Grant
            | Effect::Import
            | Effect::Opaque
            | Effect::Read
            | Effect::Session
            | Effect::Transaction
            | Effect::Truncate => false,
        };
        let table = access.object.name.as_ref();
        let table = table.filter(|_| access.object.kind == ObjectKind::Table);
        if let (true, Some(table)) = (writes, table)
            && !finding.writes.contains_key(table)
        {
            let why = format!("what was put into `{table}` was not followed");
            let written = finding.writes.entry(table.clone()).or_default();
            written.add(None, Sources::Unknown(why));
        }
    }
}

/// `PUT` and `GET` move files through storage that we do not see, whether or not they are
/// understood; also as a step of a flow.
fn is_transfer(tokens: &[Token<'_>]) -> bool {
    tokens
        .split(|token| token.lexeme == super::lexer::Lexeme::Flow)
        .filter_map(<[Token<'_>]>::first)
        .any(|first| first.is_any(&["PUT", "GET"]))
}

/// Analyses on this thread, which must not be given long chains of operators.
#[cfg(test)]
pub(super) fn facts_for_test(text: &str) -> Facts {
    facts(text, &Context::default())
}
