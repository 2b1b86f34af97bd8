//! What names mean in a session, and how statements change it. Pure.

use std::collections::BTreeMap;

use crate::snowflake::result::SessionChanges;
use crate::snowflake::settings::Settings;
use crate::sql::SessionState;
use crate::sql::change::{self, QUOTING, SEARCH_PATH};
use crate::sql::facts::SessionChange;

/// Values that are kept of all variables of a session together, and their number. What is beyond is
/// not known, and a statement that uses it is judged so.
const VARIABLE_BYTES_MAX: usize = 256 << 10;
const VARIABLES_MAX: usize = 1024;
/// A session's state as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) session: SessionState,
    /// What the session began with: `ALTER SESSION UNSET` goes back to it.
    begun_with: Begun,
    /// Something was forgotten.
    pub(super) astray: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Begun {
    ignore_case: bool,
    search_path: Option<Vec<String>>,
}

impl Names {
    pub(super) fn new(session: SessionState) -> Self {
        Self {
            begun_with: Begun {
                ignore_case: session.quoted_identifiers_ignore_case,
                search_path: session.search_path.clone(),
            },
            session,
            astray: false,
        }
    }

    /// A statement that changes this has succeeded.
    pub(super) fn apply(&mut self, change: &SessionChange) {
        match change {
            SessionChange::Database(database) => {
                self.session.database = Some(database.clone());
                // The answer says which one it is now.
                self.session.schema = None;
            }
            SessionChange::Set(name, value) => self.set(name, value.as_deref()),
            SessionChange::Parameter(name, value) => self.set_parameter(name, value.as_deref()),
            SessionChange::UnsetParameter(name) if name == QUOTING => {
                self.session.quoted_identifiers_ignore_case = self.begun_with.ignore_case;
                self.session.quoting_unknown = false;
            }
            SessionChange::UnsetParameter(name) if name == SEARCH_PATH => {
                self.session
                    .search_path
                    .clone_from(&self.begun_with.search_path);
            }
            SessionChange::UnsetParameter(_) => {}
            SessionChange::Unknown => self.forget(change),
            SessionChange::Schema(name) if name.parts().len() > 2 => self.forget(change),
            SessionChange::Schema(_)
            | SessionChange::Role(_)
            | SessionChange::Warehouse(_)
            | SessionChange::Unset(_) => change::apply(&mut self.session, change),
        }
    }

    /// A statement may have changed this or not.
    pub(super) fn forget(&mut self, change: &SessionChange) {
        self.astray = true;
        match change {
            SessionChange::Set(name, _) | SessionChange::Unset(name) => self.set(name, None),
            SessionChange::Database(_)
            | SessionChange::Schema(_)
            | SessionChange::Role(_)
            | SessionChange::Warehouse(_)
            | SessionChange::Parameter(..)
            | SessionChange::UnsetParameter(_)
            | SessionChange::Unknown => change::forget(&mut self.session, change),
        }
    }

    /// Snowflake said where the session stands.
    pub(super) fn believe(&mut self, said: &SessionChanges) {
        if let Some(database) = &said.database {
            let database = plain(database);
            // A database without a current schema has none to say.
            if database != self.session.database {
                self.session.schema = None;
            }
            self.session.database = database;
        }
        if let Some(schema) = &said.schema {
            self.session.schema = plain(schema);
        }
        if let Some(role) = &said.role {
            self.session.role = plain(role);
        }
        if let Some(warehouse) = &said.warehouse {
            self.session.warehouse = plain(warehouse);
        }
    }

    /// Snowflake was asked, and said everything but the values of variables.
    pub(super) fn settle(&mut self, settings: &Settings) {
        self.believe(&settings.place);
        self.set_parameter(SEARCH_PATH, Some(&settings.search_path));
        self.set_parameter(QUOTING, Some(&settings.ignore_case));
        self.astray = false;
    }

    fn set(&mut self, name: &str, value: Option<&str>) {
        let variables = &mut self.session.variables;
        variables.remove(name);
        let kept: usize = variables.values().flatten().map(String::len).sum();
        let value = value.filter(|value| kept + value.len() <= VARIABLE_BYTES_MAX);
        if variables.len() < VARIABLES_MAX {
            variables.insert(name.to_owned(), value.map(ToOwned::to_owned));
        }
    }

    fn set_parameter(&mut self, name: &str, value: Option<&str>) {
        change::set_parameter(&mut self.session, name, value);
        let is_lost = match name {
            QUOTING => self.session.quoting_unknown,
            SEARCH_PATH => value.is_none(),
            _ => false,
        };
        self.astray |= is_lost;
    }
}

/// The state of a session that begins with these names and parameters.
#[must_use]
pub fn at_login<'a>(
    said: &SessionChanges,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> SessionState {
    let mut names = Names::default();
    names.believe(said);
    for (name, value) in parameters {
        names.set_parameter(&name.to_ascii_uppercase(), Some(value));
    }
    SessionState {
        variables: BTreeMap::new(),
        ..names.session
    }
}

/// A name as an answer says it, unless it could be a quoted spelling of another: then nobody knows
/// which one is meant.
fn plain(name: &str) -> Option<String> {
    (!name.is_empty() && !name.contains('"')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ObjectName;

    fn begun() -> Names {
        Names::new(SessionState {
            database: Some("SALES".to_owned()),
            schema: Some("PUBLIC".to_owned()),
            role: Some("ANALYST".to_owned()),
            ..SessionState::default()
        })
    }

    #[track_caller]
    fn check(changes: &[SessionChange], expected: &str) {
        let mut names = begun();
        for change in changes {
            names.apply(change);
        }
        assert_eq!(shown(&names), expected, "{changes:?}");
    }

    fn shown(names: &Names) -> String {
        let session = &names.session;
        let text = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".to_owned());
        format!(
            "{}.{} {} quoting={} path={:?} variables={:?}",
            text(&session.database),
            text(&session.schema),
            text(&session.role),
            if names.session.quoting_unknown {
                "?".to_owned()
            } else {
                session.quoted_identifiers_ignore_case.to_string()
            },
            session.search_path,
            session.variables,
        )
    }

    fn parameter(name: &str, value: Option<&str>) -> SessionChange {
        SessionChange::Parameter(name.to_owned(), value.map(ToOwned::to_owned))
    }

    #[test]
    fn a_change_changes_what_it_names() {
        let schema = |name: &str| SessionChange::Schema(ObjectName::parse(name).unwrap());
        let quiet = "quoting=false path=None variables={}";
        check(
            &[SessionChange::Database("HR".to_owned())],
            &format!("HR.? ANALYST {quiet}"),
        );
        check(&[schema("x")], &format!("SALES.X ANALYST {quiet}"));
        check(&[schema("hr.x")], &format!("HR.X ANALYST {quiet}"));
        check(
            &[SessionChange::Role("R".to_owned())],
            &format!("SALES.PUBLIC R {quiet}"),
        );
        check(
            &[SessionChange::Unknown],
            "?.? ? quoting=? path=Some([]) variables={}",
        );
    }

    #[test]
    fn parameters_that_steer_names_are_followed() {
        check(
            &[parameter(QUOTING, Some("TRUE"))],
            "SALES.PUBLIC ANALYST quoting=true path=None variables={}",
        );
        check(
            &[parameter(QUOTING, None)],
            "SALES.PUBLIC ANALYST quoting=? path=None variables={}",
        );
        check(
            &[
                parameter(QUOTING, None),
                SessionChange::UnsetParameter(QUOTING.to_owned()),
            ],
            "SALES.PUBLIC ANALYST quoting=false path=None variables={}",
        );
        check(
            &[parameter(SEARCH_PATH, Some("$Current, hr.x , $PUBLIC"))],
            "SALES.PUBLIC ANALYST quoting=false \
             path=Some([\"$current\", \"hr.x\", \"$public\"]) variables={}",
        );
        check(
            &[parameter(SEARCH_PATH, None)],
            "SALES.PUBLIC ANALYST quoting=false path=Some([]) variables={}",
        );
    }

    #[test]
    fn variables_are_kept_up_to_a_limit() {
        let set =
            |value: Option<&str>| SessionChange::Set("V".to_owned(), value.map(ToOwned::to_owned));
        check(
            &[set(Some("orders"))],
            "SALES.PUBLIC ANALYST quoting=false path=None variables={\"V\": Some(\"orders\")}",
        );
        let large = "x".repeat(VARIABLE_BYTES_MAX + 1);
        check(
            &[set(Some(&large))],
            "SALES.PUBLIC ANALYST quoting=false path=None variables={\"V\": None}",
        );
    }

    #[test]
    fn what_snowflake_says_wins_and_a_quoted_spelling_is_no_name() {
        let mut names = begun();
        names.believe(&SessionChanges {
            database: Some("HR".to_owned()),
            ..SessionChanges::default()
        });
        assert_eq!(names.session.database.as_deref(), Some("HR"));
        assert_eq!(names.session.schema, None);
        names.believe(&SessionChanges {
            schema: Some("\"X\"".to_owned()),
            ..SessionChanges::default()
        });
        assert_eq!(names.session.schema, None);
    }

    #[test]
    fn a_login_answer_tells_names_and_parameters() {
        let said = SessionChanges {
            database: Some("SALES".to_owned()),
            ..SessionChanges::default()
        };
        let state = at_login(&said, [("quoted_identifiers_ignore_case", "true")]);
        assert_eq!(state.database.as_deref(), Some("SALES"));
        assert!(state.quoted_identifiers_ignore_case);
    }
}
