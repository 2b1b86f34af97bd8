//! Names of objects in policies: written as facts write them, or the policy would never match.

use cedar_policy::EntityUid;

use super::vocabulary::{Type, Vocabulary};
use crate::sql::ObjectName;
use crate::sql::facts::ObjectKind;

/// Checks an entity that a policy names.
pub(super) fn check(vocabulary: &Vocabulary, literal: &EntityUid) -> Result<(), String> {
    let Some(Type::Object(kind)) = vocabulary.type_of(literal) else {
        return Ok(());
    };
    if kind == ObjectKind::Account {
        return Ok(());
    }
    let id = literal.id().unescaped();
    let needs = match kind.depth() {
        1 => "one part",
        2 => "two parts, `DATABASE.SCHEMA`",
        _ => "three parts, `DATABASE.SCHEMA.NAME`",
    };
    let entity = kind.entity();
    match ObjectName::parse(id) {
        Some(name) if name.parts().len() != kind.depth() => {
            Err(format!("the name of a {entity} has {needs}, not `{id}`"))
        }
        Some(name) if name.to_string() == id => Ok(()),
        Some(name) => Err(format!(
            "no {entity} is ever called `{id}`: write `{name}`, as Snowflake folds it"
        )),
        None => Err(format!(
            "`{id}` is not a name: it has {needs}, and a part that is not plain is in quotes"
        )),
    }
}
