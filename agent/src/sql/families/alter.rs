//! `ALTER` of every type of object.

use super::create::{name, read_type, run, touch};
use super::types::Type;
use super::{Judged, expression, foreign_code, session};
use crate::sql::cursor::{Cursor, Piece, Scope};
use crate::sql::facts::{Column, Effect, ObjectKind, Sources};
use crate::sql::finding::Finding;
use crate::sql::lexer::Token;
use crate::sql::name::ObjectName;
use crate::sql::opaque::Obscurity;

/// Judges an `ALTER` from the word after it.
pub(super) fn alter(mut cursor: Cursor<'_>, scope: Scope<'_>) -> Judged {
    let is_policy = cursor.peek_at(1).is_some_and(|token| token.is("POLICY"));
    if !is_policy && cursor.take(&["SESSION"]) {
        return session::alter_session(cursor);
    }
    let object = read_type("ALTER", &mut cursor)?;
    cursor.if_exists();
    let mut finding = Finding::new(format!("ALTER {}", object.words));
    // Without a name it is the user or the warehouse of the session.
    let actions = ["SET", "UNSET", "SUSPEND", "RESUME", "ABORT"];
    let is_own = matches!(object.kind, ObjectKind::User | ObjectKind::Warehouse)
        && cursor.peek().is_some_and(|token| token.is_any(&actions));
    if object.kind == ObjectKind::Account || is_own {
        finding.account(Effect::Alter);
        finding.account(Effect::Admin);
    } else {
        let name = name(&mut cursor, object, scope)?;
        touch(&mut finding, Effect::Alter, object, &name);
        cursor.brackets();
        if cursor.is_done() {
            return Err(Obscurity::Form(format!("`{}`", finding.kind)));
        }
        govern(&mut finding, object, &name, cursor.rest());
        other_name(&mut finding, object, &name, cursor.rest(), scope)?;
        if object.kind == ObjectKind::Table {
            renamed_column(&mut finding, &name, cursor.rest());
        }
    }
    let rest = cursor.rest();
    expression::add_integrations(&mut finding, Effect::Alter, rest, scope)?;
    expression::add_queries(&mut finding, rest, scope)?;
    leave(&mut finding, object, rest);
    start(&mut finding, object, rest, scope)?;
    Ok(finding)
}

/// To put a policy or a tag on an object, or to take it off, changes who sees what.
fn govern(finding: &mut Finding, object: Type, name: &ObjectName, rest: Piece<'_>) {
    let governs = rest.has("POLICY")
        || rest.has("POLICIES")
        || rest.has_all(&["SET", "TAG"])
        || rest.has_all(&["UNSET", "TAG"])
        || rest.has("REPLICATION")
        || rest.has("FAILOVER");
    if governs {
        finding.add(Effect::Admin, object.kind, name.clone());
    }
}

/// The other object of a renaming or a swap.
fn other_name(
    finding: &mut Finding,
    object: Type,
    table: &ObjectName,
    rest: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    for words in [["RENAME", "TO"], ["SWAP", "WITH"]] {
        let mut cursor = Cursor::new(rest);
        if cursor.take(&words) {
            let other = name(&mut cursor, object, scope)?;
            touch(finding, Effect::Alter, object, &other);
            if object.kind == ObjectKind::Table {
                // Either may have the rows of the other from now on.
                let mut like = |of: &ObjectName, source: &ObjectName| {
                    let written = finding.writes.entry(of.clone()).or_default();
                    written.like.insert(source.clone());
                };
                like(&other, table);
                like(table, &other);
            }
        }
    }
    Ok(())
}

/// `RENAME COLUMN a TO b`: the labels of the one go with its values.
fn renamed_column(finding: &mut Finding, table: &ObjectName, rest: Piece<'_>) {
    if rest.has_all(&["RENAME", "COLUMN"]) {
        let tokens = rest.tokens.iter().skip_while(|token| !token.is("COLUMN"));
        let names: Vec<Option<String>> = tokens.skip(1).take(3).map(Token::name).collect();
        let [old, _to, new] = names.as_slice() else {
            return;
        };
        let source = Column {
            table: table.clone(),
            column: old.clone(),
        };
        let written = finding.writes.entry(table.clone()).or_default();
        written.add(new.clone(), Sources::Known([source].into()));
    }
}

/// What makes data leave the account.
fn leave(finding: &mut Finding, object: Type, rest: Piece<'_>) {
    let accounts = rest.has("ACCOUNTS") || rest.has("ALLOWED_ACCOUNTS");
    let leaves = match object.words {
        "SHARE" | "DATABASE" => accounts && !rest.has("REMOVE") && !rest.has("DISABLE"),
        "REPLICATION GROUP" | "FAILOVER GROUP" => accounts && !rest.has("REMOVE"),
        "LISTING" | "ORGANIZATION LISTING" => true,
        _ => false,
    };
    if leaves {
        finding.account(Effect::Export);
    }
}

/// What brings other code into force, or makes it run.
const RELEASES: [&str; 6] = ["ADD", "COMMIT", "FROM", "PULL", "RESUME", "UPGRADE"];

/// What makes code run, or be other code.
fn start(
    finding: &mut Finding,
    object: Type,
    rest: Piece<'_>,
    scope: Scope<'_>,
) -> Result<(), Obscurity> {
    let mut cursor = Cursor::new(rest);
    match object.words {
        "TASK" | "ALERT" => {
            if cursor.take(&["RESUME"]) {
                finding.account(Effect::Execute);
            } else if cursor.take(&["MODIFY", "AS"]) || cursor.take(&["MODIFY", "ACTION"]) {
                finding.account(Effect::Execute);
                run(finding, cursor.rest(), scope)?;
            } else if cursor.take(&["MODIFY", "CONDITION"]) {
                finding.account(Effect::Execute);
                expression::add(finding, cursor.rest(), scope)?;
            }
        }
        "PIPE" => {
            if cursor.take(&["REFRESH"]) {
                finding.account(Effect::Import);
            }
            if rest.has("PIPE_EXECUTION_PAUSED") {
                finding.account(Effect::Execute);
            }
        }
        "SERVICE" | "STREAMLIT" | "NOTEBOOK" | "APPLICATION" | "DBT PROJECT"
            if RELEASES.iter().any(|it| rest.has(it)) =>
        {
            foreign_code(finding);
        }
        _ => {}
    }
    Ok(())
}
