//! What an operation needs: one action on one thing for each access.

use std::collections::{BTreeMap, BTreeSet};

use crate::mask::labels::Labels;
use crate::sql::facts::{Column, Object, ObjectKind};
use crate::sql::{Effect, Facts, ObjectName};

/// Something that can be acted on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Account,
    Ask,
    Credential(String),
    Host,
    Label(String),
    Object(ObjectKind, ObjectName),
    Role(String),
}

impl Target {
    pub(super) fn of(object: &Object) -> Self {
        match (&object.name, object.kind) {
            (None, _) | (_, ObjectKind::Account) => Self::Account,
            (Some(name), kind) => Self::Object(kind, name.clone()),
        }
    }

    /// For people: `SALES.PUBLIC.ORDERS`, `warehouse WH`.
    pub(super) fn shown(&self) -> Option<String> {
        let (kind, name) = match self {
            Self::Account | Self::Ask | Self::Host => return None,
            Self::Credential(name) => ("credential ", name.clone()),
            Self::Label(name) => ("label ", name.clone()),
            Self::Role(name) => ("role ", name.clone()),
            Self::Object(kind, name) => (word(*kind), name.to_string()),
        };
        Some(format!("{kind}{name}"))
    }
}

/// Says the kind where a name alone would be taken for a table's.
const fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Account | ObjectKind::Table => "",
        ObjectKind::Database => "database ",
        ObjectKind::Function => "function ",
        ObjectKind::Integration => "integration ",
        ObjectKind::Object => "object ",
        ObjectKind::Procedure => "procedure ",
        ObjectKind::Role => "Snowflake role ",
        ObjectKind::Schema => "schema ",
        ObjectKind::Stage => "stage ",
        ObjectKind::User => "Snowflake user ",
        ObjectKind::Warehouse => "warehouse ",
    }
}

/// One action on one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) action: &'static str,
    pub(super) target: Target,
    /// Of the columns that this access touches.
    pub(super) labels: BTreeSet<String>,
}

impl Need {
    pub(super) const fn new(action: &'static str, target: Target) -> Self {
        Self {
            action,
            target,
            labels: BTreeSet::new(),
        }
    }

    /// False for an object whose name lacks the parts that tell which one it is.
    pub(super) fn is_whole(&self) -> bool {
        match &self.target {
            Target::Object(kind, name) => name.parts().len() == kind.depth(),
            Target::Account
            | Target::Ask
            | Target::Credential(_)
            | Target::Host
            | Target::Label(_)
            | Target::Role(_) => true,
        }
    }
}

/// What a statement needs.
pub(super) fn statement(facts: &Facts, account: &str, labels: &Labels) -> Vec<Need> {
    let touched = Touched::new(facts, account, labels);
    let mut needs = BTreeSet::new();
    for access in &facts.accesses {
        let target = Target::of(&access.object);
        needs.insert(Need {
            action: access.effect.name(),
            labels: touched.by(access.effect, &target),
            target,
        });
    }
    // Facts promise an access for each effect. One that has none is about the account.
    for effect in &facts.effects {
        if !facts.accesses.iter().any(|it| it.effect == *effect) {
            needs.insert(Need {
                action: effect.name(),
                labels: touched.by(*effect, &Target::Account),
                target: Target::Account,
            });
        }
    }
    for (table, found) in by_table(&facts.predicates, account, labels) {
        if !found.is_empty() {
            needs.insert(Need {
                action: "filter",
                target: Target::Object(ObjectKind::Table, table.clone()),
                labels: found,
            });
        }
    }
    needs.into_iter().collect()
}

/// The labels of a statement's columns, by the access that touches them.
#[derive(Debug, Default)]
struct Touched<'a> {
    by_table: BTreeMap<&'a ObjectName, BTreeSet<String>>,
    /// Of columns of tables that no access is about, such as those behind a view: nobody can say
    /// which access touches them, so all do.
    stray: BTreeSet<String>,
    all: BTreeSet<String>,
}

impl<'a> Touched<'a> {
    fn new(facts: &'a Facts, account: &str, labels: &Labels) -> Self {
        let mut touched = Self {
            by_table: by_table(&facts.columns, account, labels),
            ..Self::default()
        };
        for (table, found) in &touched.by_table {
            let named = facts.accesses.iter().any(|access| {
                access.object.kind == ObjectKind::Table
                    && access.object.name.as_ref() == Some(*table)
            });
            if !named {
                touched.stray.extend(found.iter().cloned());
            }
            touched.all.extend(found.iter().cloned());
        }
        touched
    }

    /// Only a read is sure to touch the columns of its own table alone: what is written, exported
    /// or handed to code may come from any column of the statement.
    fn by(&self, effect: Effect, target: &Target) -> BTreeSet<String> {
        let (Effect::Read, Target::Object(ObjectKind::Table, table)) = (effect, target) else {
            return self.all.clone();
        };
        let mut found = self.by_table.get(table).cloned().unwrap_or_default();
        found.extend(self.stray.iter().cloned());
        found
    }
}

fn by_table<'a>(
    columns: &'a BTreeSet<Column>,
    account: &str,
    labels: &Labels,
) -> BTreeMap<&'a ObjectName, BTreeSet<String>> {
    let mut found: BTreeMap<&ObjectName, BTreeSet<String>> = BTreeMap::new();
    if !labels.labels_columns() {
        return found;
    }
    for column in columns {
        let of = labels.of(account, column).into_iter().map(str::to_owned);
        found.entry(&column.table).or_default().extend(of);
    }
    found
}
