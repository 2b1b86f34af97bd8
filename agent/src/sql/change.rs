//! What a statement that succeeded leaves of its session.

use super::context::SessionState;
use super::facts::SessionChange;

/// Changes a session as Snowflake changes it when the statement succeeds.
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
            _ => forget_place(session),
        },
        SessionChange::Role(role) => session.role = Some(role.clone()),
        SessionChange::Warehouse(warehouse) => session.warehouse = Some(warehouse.clone()),
        SessionChange::Set(name, value) => {
            session.variables.insert(name.clone(), value.clone());
        }
        SessionChange::Unset(name) => {
            session.variables.remove(name);
        }
        SessionChange::Parameter(name, value) => parameter(session, name, value.as_deref()),
        SessionChange::UnsetParameter(name) => parameter(session, name, Some("")),
        SessionChange::Unknown => {
            forget_place(session);
            session.role = None;
            session.warehouse = None;
            // A path that is not known resolves nothing.
            session.search_path = Some(Vec::new());
            session.variables.clear();
        }
    }
}

fn forget_place(session: &mut SessionState) {
    session.database = None;
    session.schema = None;
}

/// Sets a parameter that names depend on; an empty value is its default.
fn parameter(session: &mut SessionState, name: &str, value: Option<&str>) {
    if name == "QUOTED_IDENTIFIERS_IGNORE_CASE" {
        session.quoted_identifiers_ignore_case =
            value.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    } else if name == "SEARCH_PATH" {
        session.search_path = match value {
            Some("") => None,
            Some(path) => Some(path.split(',').map(|it| it.trim().to_uppercase()).collect()),
            None => Some(Vec::new()),
        };
    }
}
