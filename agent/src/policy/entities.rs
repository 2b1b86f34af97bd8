//! A question in Cedar's terms.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression as Value, Schema};

use super::demand::{Need, Target};
use super::evaluate::Usage;
use super::index::Entry;
use super::load::PolicySet;
use super::mentions::Mentions;
use super::moment::datetime;
use super::scene::{Actor, Scene};
use super::vocabulary::{Type, Vocabulary};
use crate::identity::{Principal, User};
use crate::mask::labels::Labels;
use crate::policy::rights::{AskView, Person};
use crate::sql::ObjectName;
use crate::sql::facts::{Lineage, ObjectKind, Sources};

/// A question that Cedar does not take: it does not fit our own schema, so the answer is no.
#[derive(Debug)]
pub(super) struct Unfit;

/// Makes what the policies can see of a question; only what some policy looks at.
#[derive(Debug)]
pub(super) struct Cast<'a> {
    vocabulary: &'static Vocabulary,
    labels: &'a Labels,
    mentions: &'a Mentions,
    scene: &'a Scene<'a>,
    account: EntityUid,
}

/// One question to Cedar.
#[derive(Debug)]
pub(super) struct Posed {
    pub(super) action: EntityUid,
    pub(super) resource: Entry,
}

impl<'a> Cast<'a> {
    pub(super) fn new(
        policies: &'a PolicySet,
        mentions: &'a Mentions,
        scene: &'a Scene<'a>,
    ) -> Result<Self, Unfit> {
        let vocabulary = policies.vocabulary();
        let account = uid(vocabulary, Type::Object(ObjectKind::Account), scene.account)?;
        Ok(Self {
            vocabulary,
            labels: policies.labels(),
            mentions,
            scene,
            account,
        })
    }

    /// The principal and everything that it is in or points to.
    pub(super) fn principal(&self, entities: &mut Gathered) -> Result<Entry, Unfit> {
        match self.scene.actor {
            Actor::Workload(principal, roles) => self.workload(principal, roles, entities),
            Actor::Person(person) => self.person(person, entities),
        }
    }

    /// The action and the resource of a need, added to the entities.
    pub(super) fn pose(&self, need: &Need, entities: &mut Gathered) -> Result<Posed, Unfit> {
        let action = self.vocabulary.action(need.action).ok_or(Unfit)?;
        entities.push(action.entity.clone());
        if let Some(table) = self.table() {
            self.object(ObjectKind::Table, table, entities)?;
        }
        Ok(Posed {
            action: action.uid.clone(),
            resource: self.target(&need.target, entities)?,
        })
    }

    fn workload(
        &self,
        principal: &Principal,
        roles: &[String],
        entities: &mut Gathered,
    ) -> Result<Entry, Unfit> {
        let workload = &principal.workload;
        let entry = Entry {
            uid: self.uid(Type::Workload, &workload.name)?,
            ancestors: self.uids(Type::Role, roles)?,
        };
        let exe = workload.exe.as_ref().map(|exe| exe.to_string_lossy());
        let texts = [
            ("name", Some(workload.name.as_str())),
            ("cgroup", Some(&workload.cgroup)),
            ("unit", workload.unit.as_deref()),
            ("slice", workload.slice.as_deref()),
            ("container", workload.container.as_deref()),
            ("pod", workload.pod.as_deref()),
            ("exe", exe.as_deref()),
            ("exe_sha256", workload.exe_sha256.as_deref()),
        ];
        let mut attributes = self.texts(texts);
        self.put(&mut attributes, "uid", || {
            Value::new_long(workload.uid.into())
        });
        if let Some(user) = &principal.user
            && self.mentions.has("user")
        {
            let uid = self.user(user, entities)?;
            attributes.insert("user".to_owned(), Value::new_entity_uid(uid));
        }
        add(entities, &entry, attributes)?;
        Ok(entry)
    }

    fn user(&self, user: &User, entities: &mut Gathered) -> Result<EntityUid, Unfit> {
        let entry = Entry {
            uid: self.uid(Type::User, &user.subject)?,
            ancestors: self.uids(Type::Group, &user.groups)?,
        };
        let texts = [
            ("subject", Some(user.subject.as_str())),
            ("email", user.email.as_deref()),
        ];
        add(entities, &entry, self.texts(texts))?;
        Ok(entry.uid)
    }

    fn person(&self, person: &Person, entities: &mut Gathered) -> Result<Entry, Unfit> {
        let entry = Entry {
            uid: self.uid(Type::User, &person.name)?,
            ancestors: self.uids(Type::Group, &person.groups)?,
        };
        let mut attributes = self.texts([("subject", Some(person.name.as_str()))]);
        self.put(&mut attributes, "uid", || {
            Value::new_long(person.uid.into())
        });
        add(entities, &entry, attributes)?;
        Ok(entry)
    }

    fn target(&self, target: &Target, entities: &mut Gathered) -> Result<Entry, Unfit> {
        let inside = vec![self.account.clone()];
        let (kind, id, ancestors) = match target {
            Target::Account => (
                Type::Object(ObjectKind::Account),
                self.scene.account,
                Vec::new(),
            ),
            Target::Credential(name) => (Type::Credential, name.as_str(), inside),
            Target::Label(name) => (Type::Label, name.as_str(), Vec::new()),
            Target::Role(name) => (Type::Role, name.as_str(), Vec::new()),
            Target::Host => (Type::Host, "this", Vec::new()),
            Target::Ask => return self.ask(self.scene.ask.ok_or(Unfit)?, entities),
            Target::Object(kind, name) => return self.object(*kind, name, entities),
        };
        let entry = Entry {
            uid: self.uid(kind, id)?,
            ancestors,
        };
        let attributes = match kind {
            Type::Host | Type::Role => HashMap::new(),
            Type::Ask
            | Type::Credential
            | Type::Group
            | Type::Label
            | Type::User
            | Type::Workload
            | Type::Object(_) => self.texts([("name", Some(id))]),
        };
        add(entities, &entry, attributes)?;
        Ok(entry)
    }

    fn object(
        &self,
        kind: ObjectKind,
        name: &ObjectName,
        entities: &mut Gathered,
    ) -> Result<Entry, Unfit> {
        let id = name.to_string();
        let mut ancestors = Vec::new();
        let mut above = name.parent();
        while let Some(parent) = above {
            let kind = match parent.parts().len() {
                1 => ObjectKind::Database,
                _ => ObjectKind::Schema,
            };
            ancestors.push(self.uid(Type::Object(kind), &parent.to_string())?);
            above = parent.parent();
        }
        ancestors.push(self.account.clone());
        let entry = Entry {
            uid: self.uid(Type::Object(kind), &id)?,
            ancestors,
        };
        let mut attributes = self.texts([("name", Some(id.as_str()))]);
        if kind == ObjectKind::Table {
            self.put(&mut attributes, "labels", || {
                set(self.labels.of_table(self.scene.account, name))
            });
        }
        add(entities, &entry, attributes)?;
        Ok(entry)
    }

    fn ask(&self, ask: &AskView<'_>, entities: &mut Gathered) -> Result<Entry, Unfit> {
        let entry = Entry {
            uid: self.uid(Type::Ask, "this")?,
            ancestors: vec![self.account.clone()],
        };
        let groups: Vec<String> = ask.terms.approvers.iter().cloned().collect();
        let groups = self.uids(Type::Group, &groups)?.into_iter();
        let mut attributes = HashMap::from([
            (
                "workload".to_owned(),
                Value::new_entity_uid(self.uid(Type::Workload, ask.workload)?),
            ),
            (
                "account".to_owned(),
                Value::new_entity_uid(self.account.clone()),
            ),
            (
                "approvers".to_owned(),
                Value::new_set(groups.map(Value::new_entity_uid)),
            ),
            ("statement".to_owned(), Value::new_bool(ask.role.is_none())),
        ]);
        if let Some(role) = ask.role {
            let role = Value::new_entity_uid(self.uid(Type::Role, role)?);
            attributes.insert("role".to_owned(), role);
        }
        add(entities, &entry, attributes)?;
        Ok(entry)
    }

    /// The circumstances of one access.
    pub(super) fn context(
        &self,
        labels: &BTreeSet<String>,
        approved: bool,
    ) -> Result<Context, Unfit> {
        let scene = self.scene;
        let mut pairs = self.texts([("client", Some(scene.client))]);
        self.put(&mut pairs, "now", || datetime(scene.now));
        self.put(&mut pairs, "user_present", || {
            Value::new_bool(scene.user_present())
        });
        self.put(&mut pairs, "approved", || Value::new_bool(approved));
        self.put(&mut pairs, "labels", || set(labels.iter().cloned()));
        let facts = scene.facts;
        self.put(&mut pairs, "kinds", || {
            set(facts.iter().flat_map(|it| &it.kinds).cloned())
        });
        self.put(&mut pairs, "functions", || {
            set(facts.iter().flat_map(|it| &it.functions).cloned())
        });
        self.put(&mut pairs, "lineage_known", || {
            Value::new_bool(facts.is_none_or(|it| is_known(&it.lineage)))
        });
        self.put(&mut pairs, "fingerprint", || {
            let text = facts.map_or("", |it| &it.fingerprint);
            Value::new_string(text.to_owned())
        });
        if let Some(table) = self.table() {
            let uid = self.uid(Type::Object(ObjectKind::Table), &table.to_string())?;
            pairs.insert("table".to_owned(), Value::new_entity_uid(uid));
        }
        for (name, count) in COUNTERS.into_iter().zip(counts(scene.usage)) {
            // Cedar counts to 2^63.
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.put(&mut pairs, name, || Value::new_long(count));
        }
        if self.mentions.has("session") {
            // Whole: a record can be compared without naming what is in it.
            let session = scene.session;
            let texts = [
                ("database", &session.database),
                ("schema", &session.schema),
                ("role", &session.role),
                ("warehouse", &session.warehouse),
            ];
            let texts = texts.into_iter().filter_map(|(name, text)| {
                Some((name.to_owned(), Value::new_string(text.clone()?)))
            });
            let record = Value::new_record(texts).or(Err(Unfit))?;
            pairs.insert("session".to_owned(), record);
        }
        Context::from_pairs(pairs).or(Err(Unfit))
    }

    /// The table that policies are told of.
    fn table(&self) -> Option<&ObjectName> {
        self.scene.table.filter(|_| self.mentions.has("table"))
    }

    fn texts<const N: usize>(&self, texts: [(&str, Option<&str>); N]) -> HashMap<String, Value> {
        let told = texts
            .into_iter()
            .filter(|(name, _)| self.mentions.has(name));
        told.filter_map(|(name, text)| Some((name.to_owned(), Value::new_string(text?.to_owned()))))
            .collect()
    }

    fn put(&self, pairs: &mut HashMap<String, Value>, name: &str, value: impl FnOnce() -> Value) {
        if self.mentions.has(name) {
            pairs.insert(name.to_owned(), value());
        }
    }

    fn uid(&self, kind: Type, id: &str) -> Result<EntityUid, Unfit> {
        uid(self.vocabulary, kind, id)
    }

    fn uids(&self, kind: Type, ids: &[String]) -> Result<Vec<EntityUid>, Unfit> {
        ids.iter().map(|id| self.uid(kind, id)).collect()
    }
}

/// What one question speaks of; several accesses may share an entity.
#[derive(Debug, Default)]
pub(super) struct Gathered(HashMap<EntityUid, Entity>);

impl Gathered {
    fn push(&mut self, entity: Entity) {
        self.0.insert(entity.uid(), entity);
    }

    /// Checking against the schema costs more than judging does; our own tests do it.
    pub(super) fn finish(self, schema: Option<&Schema>) -> Result<Entities, Unfit> {
        let entities = Entities::empty().add_entities(self.0.into_values(), schema);
        entities.or(Err(Unfit))
    }
}

fn uid(vocabulary: &Vocabulary, kind: Type, id: &str) -> Result<EntityUid, Unfit> {
    vocabulary.uid(kind, id).ok_or(Unfit)
}

fn add(
    entities: &mut Gathered,
    entry: &Entry,
    attributes: HashMap<String, Value>,
) -> Result<(), Unfit> {
    let parents: HashSet<EntityUid> = entry.ancestors.iter().cloned().collect();
    let entity = if attributes.is_empty() {
        Entity::new_no_attrs(entry.uid.clone(), parents)
    } else {
        Entity::new(entry.uid.clone(), attributes, parents).or(Err(Unfit))?
    };
    entities.push(entity);
    Ok(())
}

fn set(texts: impl IntoIterator<Item: Into<String>>) -> Value {
    let texts = texts.into_iter();
    Value::new_set(texts.map(|text| Value::new_string(text.into())))
}

pub(super) fn is_known(lineage: &Lineage) -> bool {
    match lineage {
        Lineage::NoData => true,
        Lineage::Columns(outputs) => outputs
            .iter()
            .all(|output| matches!(output.sources, Sources::Known(_))),
        Lineage::Unknown(_) => false,
    }
}

/// What a principal used, as policies call it.
pub(super) const COUNTERS: [&str; 7] = [
    "queries_hour",
    "queries_day",
    "rows_hour",
    "rows_day",
    "bytes_hour",
    "bytes_day",
    "running",
];

const fn counts(usage: Usage) -> [u64; 7] {
    [
        usage.queries_hour,
        usage.queries_day,
        usage.rows_hour,
        usage.rows_day,
        usage.bytes_hour,
        usage.bytes_day,
        usage.running,
    ]
}
