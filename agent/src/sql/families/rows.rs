//! Queries and changes of rows: their trees tell, or their words where the parser has a gap.

use super::{Judged, unparsed};
use crate::sql::classify::{self, Class};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Effect, ObjectKind};
use crate::sql::finding::Finding;
use crate::sql::opaque::Obscurity;
use crate::sql::parse::{Parsed, parse};
use crate::sql::tree;

/// Judges a `SELECT`, `WITH`, `VALUES`, or one of these in brackets.
pub(super) fn query(piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let finding = Finding::new("SELECT");
    // `SELECT … INTO :variable` of a block is nothing that the parser knows.
    if scope.is_in_block() && piece.has("INTO") {
        return unparsed::complete(finding, piece, scope);
    }
    judge("SELECT", finding, piece, scope)
}

/// Judges an `INSERT`, `UPDATE`, `DELETE` or `MERGE`.
pub(super) fn change(verb: &str, piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let finding = head(verb, piece, scope)?;
    judge(verb, finding, piece, scope)
}

/// What the first words of a change of rows tell: the table that is changed.
fn head(verb: &str, piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let mut finding = Finding::new(verb);
    let mut cursor = Cursor::new(piece);
    cursor.skip(1);
    let effect = match verb {
        "INSERT" => {
            let overwrites = cursor.take(&["OVERWRITE"]);
            if cursor.is("ALL") || cursor.is("FIRST") {
                return targets(piece, scope, overwrites);
            }
            if !cursor.take(&["INTO"]) {
                return Err(Obscurity::Form("`INSERT`".to_owned()));
            }
            cursor.take(&["TABLE"]);
            if overwrites {
                let name = { cursor }.name(ObjectKind::Table, scope)?;
                finding.add(Effect::Truncate, ObjectKind::Table, name);
            }
            Effect::Insert
        }
        "DELETE" if !cursor.take(&["FROM"]) => {
            return Err(Obscurity::Form("`DELETE`".to_owned()));
        }
        "DELETE" => Effect::Delete,
        "MERGE" if !cursor.take(&["INTO"]) => {
            return Err(Obscurity::Form("`MERGE`".to_owned()));
        }
        "MERGE" => Effect::Merge,
        _ => Effect::Update,
    };
    let name = cursor.name(ObjectKind::Table, scope)?;
    // The condition reads, also where it names no other table.
    if effect != Effect::Insert {
        finding.add(Effect::Read, ObjectKind::Table, name.clone());
    }
    finding.add(effect, ObjectKind::Table, name);
    Ok(finding)
}

/// `INSERT ALL … INTO a … INTO b SELECT …`.
fn targets(piece: Piece<'_>, scope: Scope<'_>, overwrites: bool) -> Judged {
    let mut finding = Finding::new("INSERT");
    for (at, token) in piece.tokens.iter().enumerate() {
        if token.is("INTO") {
            let name = Cursor::new(piece.from(at + 1)).name(ObjectKind::Table, scope)?;
            if overwrites {
                finding.add(Effect::Truncate, ObjectKind::Table, name.clone());
            }
            finding.add(Effect::Insert, ObjectKind::Table, name);
        }
    }
    if !finding.does(Effect::Insert) {
        return Err(Obscurity::Form("`INSERT`".to_owned()));
    }
    Ok(finding)
}

/// Completes what the words say by the tree, if both say the same kind of statement.
fn judge(kind: &str, mut finding: Finding, piece: Piece<'_>, scope: Scope<'_>) -> Judged {
    let statement = match parse(piece) {
        Parsed::Disagreement => return Err(Obscurity::Readings),
        Parsed::Gap => return unparsed::complete(finding, piece, scope),
        Parsed::Tree(statement) => statement,
    };
    let class: Class = classify::class(&statement);
    if class.kind != kind {
        return Err(Obscurity::Disagreement(
            class.kind.to_owned(),
            kind.to_owned(),
        ));
    }
    // A reserved word: in a query it is scripting, or a write that hides.
    if kind == "SELECT" && piece.has("INTO") {
        return Err(Obscurity::HiddenVerb("INTO".to_owned()));
    }
    match tree::walk(&statement, scope.context) {
        Some(found) => finding.absorb_tree(found),
        None => unparsed::add(&mut finding, piece, scope)?,
    }
    for effect in class.effects {
        if !finding.does(effect) {
            finding.account(effect);
        }
    }
    Ok(finding)
}
