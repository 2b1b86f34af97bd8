//! What a statement leaves of its session.

use super::context::SessionState;
use super::facts::SessionChange;

/// A path has a handful of entries.
const PATH_ENTRIES_MAX: usize = 64;

/// The parameter by which quoted names are folded, too.
pub const QUOTING: &str = "QUOTED_IDENTIFIERS_IGNORE_CASE";
/// The parameter that says where names without a schema are looked for.
pub const SEARCH_PATH: &str = "SEARCH_PATH";

/// Changes a session as Snowflake changes it when the statement succeeds; what the statement does
/// not tell is forgotten.
pub fn apply(session: &mut SessionState, change: &SessionChange) {
    match change {
        SessionChange::Database(database) => {
            session.database = Some(database.clone());
            // Whether the database has a schema PUBLIC is not known; if it has, that is it.
            session.schema = Some("PUBLIC".to_owned());
        }
        SessionChange::Schema(name) => match name.parts() {
            [database, schema] => {
                session.database = Some(database.clone());
                session.schema = Some(schema.clone());
            }
            [schema] => session.schema = Some(schema.clone()),
            _ => forget(session, change),
        },
        SessionChange::Role(role) => session.role = Some(role.clone()),
        SessionChange::Warehouse(warehouse) => session.warehouse = Some(warehouse.clone()),
        SessionChange::Set(name, value) => {
            session.variables.insert(name.clone(), value.clone());
        }
        SessionChange::Unset(name) => {
            session.variables.remove(name);
        }
        SessionChange::Parameter(name, value) => set_parameter(session, name, value.as_deref()),
        // What it goes back to is the account's or the user's, and not said.
        SessionChange::UnsetParameter(_) | SessionChange::Unknown => forget(session, change),
    }
}

/// Forgets what a statement may have changed or not.
pub fn forget(session: &mut SessionState, change: &SessionChange) {
    match change {
        SessionChange::Database(_) | SessionChange::Schema(_) => {
            session.database = None;
            session.schema = None;
        }
        SessionChange::Role(_) => session.role = None,
        SessionChange::Warehouse(_) => session.warehouse = None,
        SessionChange::Set(name, _) | SessionChange::Unset(name) => {
            session.variables.insert(name.clone(), None);
        }
        SessionChange::Parameter(name, _) | SessionChange::UnsetParameter(name) => {
            forget_parameter(session, name);
        }
        SessionChange::Unknown => {
            session.database = None;
            session.schema = None;
            session.role = None;
            session.warehouse = None;
            session.variables.clear();
            forget_parameter(session, QUOTING);
            forget_parameter(session, SEARCH_PATH);
        }
    }
}

/// Sets a parameter that names depend on; `None` is a value that is not known.
pub fn set_parameter(session: &mut SessionState, name: &str, value: Option<&str>) {
    match (name, value) {
        (QUOTING, Some(value)) if is_bool(value) => {
            session.quoted_identifiers_ignore_case = value.eq_ignore_ascii_case("true");
            session.quoting_unknown = false;
        }
        (SEARCH_PATH, Some(value)) => session.search_path = Some(path(value)),
        _ => forget_parameter(session, name),
    }
}

fn forget_parameter(session: &mut SessionState, name: &str) {
    match name {
        QUOTING => session.quoting_unknown = true,
        // Without entries no bare name is found: what is not known resolves nothing.
        SEARCH_PATH => session.search_path = Some(Vec::new()),
        _ => {}
    }
}

fn is_bool(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

/// The entries of a search path as they are written; a path that is too long has none.
fn path(value: &str) -> Vec<String> {
    let entries: Vec<String> = value
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(|entry| match entry.strip_prefix('$') {
            Some(_) => entry.to_ascii_lowercase(),
            None => entry.to_owned(),
        })
        .collect();
    if entries.len() > PATH_ENTRIES_MAX {
        Vec::new()
    } else {
        entries
    }
}
