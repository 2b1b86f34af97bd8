//! The types and actions of our schema, as Cedar names them: made once, used for every question.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::LazyLock;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, Schema, Validator};

use super::problem::{Problem, problem};
use crate::sql::facts::ObjectKind;

pub(super) const SCHEMA: &str = include_str!("schema.cedarschema");

/// Everything that policies can name by a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Type {
    Ask,
    Credential,
    Group,
    Host,
    Label,
    Role,
    User,
    Workload,
    /// An object in Snowflake.
    Object(ObjectKind),
}

const TYPES: [Type; 20] = [
    Type::Ask,
    Type::Credential,
    Type::Group,
    Type::Host,
    Type::Label,
    Type::Role,
    Type::User,
    Type::Workload,
    Type::Object(ObjectKind::Account),
    Type::Object(ObjectKind::Database),
    Type::Object(ObjectKind::Function),
    Type::Object(ObjectKind::Integration),
    Type::Object(ObjectKind::Object),
    Type::Object(ObjectKind::Procedure),
    Type::Object(ObjectKind::Role),
    Type::Object(ObjectKind::Schema),
    Type::Object(ObjectKind::Stage),
    Type::Object(ObjectKind::Table),
    Type::Object(ObjectKind::User),
    Type::Object(ObjectKind::Warehouse),
];

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ask => "Ask",
            Self::Credential => "Credential",
            Self::Group => "Group",
            Self::Host => "Host",
            Self::Label => "Label",
            Self::Role => "Role",
            Self::User => "User",
            Self::Workload => "Workload",
            Self::Object(kind) => kind.entity(),
        }
    }
}

/// An action with the groups that it is in.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) uid: EntityUid,
    pub(super) entity: Entity,
    pub(super) groups: Vec<EntityUid>,
}

/// What our schema says, in Cedar's terms.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) validator: Validator,
    types: BTreeMap<Type, EntityTypeName>,
    actions: BTreeMap<String, Action>,
}

static VOCABULARY: LazyLock<Result<Vocabulary, Problem>> = LazyLock::new(Vocabulary::read);

/// The vocabulary; the error is a mistake in our own schema.
pub(super) fn vocabulary() -> Result<&'static Vocabulary, Problem> {
    VOCABULARY.as_ref().map_err(Clone::clone)
}

impl Vocabulary {
    fn read() -> Result<Self, Problem> {
        let wrong = |message: String| Problem {
            file: "schema.cedarschema".to_owned(),
            line: 1,
            column: 1,
            message,
        };
        let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA)
            .map_err(|error| problem(("schema.cedarschema", SCHEMA), &error))?;
        let mut types = BTreeMap::new();
        for kind in TYPES {
            let name = EntityTypeName::from_str(kind.name());
            types.insert(kind, name.map_err(|error| wrong(error.to_string()))?);
        }
        let entities = schema
            .action_entities()
            .map_err(|error| wrong(error.to_string()))?;
        let mut actions = BTreeMap::new();
        for entity in entities.iter() {
            let uid = entity.uid();
            let groups = entities.ancestors(&uid).into_iter().flatten();
            let action = Action {
                groups: groups.cloned().collect(),
                entity: entity.clone(),
                uid: uid.clone(),
            };
            actions.insert(uid.id().unescaped().to_owned(), action);
        }
        Ok(Self {
            validator: Validator::new(schema),
            types,
            actions,
        })
    }

    #[cfg(test)]
    pub(super) fn schema(&self) -> &Schema {
        self.validator.schema()
    }

    /// Names one entity; `None` for a type that the schema does not have.
    pub(super) fn uid(&self, kind: Type, id: &str) -> Option<EntityUid> {
        let name = self.types.get(&kind)?.clone();
        Some(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
    }

    pub(super) fn type_of(&self, uid: &EntityUid) -> Option<Type> {
        let mut types = self.types.iter();
        types
            .find(|(_, name)| *name == uid.type_name())
            .map(|(kind, _)| *kind)
    }

    pub(super) fn types(&self) -> impl Iterator<Item = &EntityTypeName> {
        self.types.values()
    }

    pub(super) fn action(&self, name: &str) -> Option<&Action> {
        self.actions.get(name)
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = &Action> {
        self.actions.values()
    }
}
