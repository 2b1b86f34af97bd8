//! A question in Cedar's terms.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema,
};

use super::evaluate::Question;
use crate::identity::User;

/// A question that Cedar does not take: it does not fit our own schema, so the answer is no.
#[derive(Debug)]
pub(super) struct Unfit;

/// The entities that one question is about.
pub(super) struct Cast {
    pub(super) entities: Entities,
    pub(super) principal: EntityUid,
    pub(super) account: EntityUid,
    pub(super) credential: Option<EntityUid>,
    pub(super) context: Context,
}

/// Names one action.
pub(super) fn action(name: &str) -> Result<EntityUid, Unfit> {
    uid("Action", name)
}

/// Builds what the policies can see; [`Entities`] checks it against the schema.
pub(super) fn cast(question: &Question<'_>, schema: &Schema) -> Result<Cast, Unfit> {
    let workload = &question.principal.workload;
    let principal = uid("Workload", &workload.name)?;
    let account = uid("Account", question.account)?;
    let credential = question
        .credential
        .map(|name| uid("Credential", name))
        .transpose()?;
    let mut entities = vec![Entity::new_no_attrs(account.clone(), HashSet::new())];
    if let Some(credential) = &credential {
        let parents = HashSet::from([account.clone()]);
        entities.push(Entity::new_no_attrs(credential.clone(), parents));
    }
    let mut attributes = HashMap::from([
        text("name", &workload.name),
        text("cgroup", &workload.cgroup),
        (
            "uid".to_owned(),
            RestrictedExpression::new_long(workload.uid.into()),
        ),
    ]);
    let exe = workload.exe.as_ref().map(|exe| exe.to_string_lossy());
    let optional = [
        ("unit", workload.unit.as_deref()),
        ("slice", workload.slice.as_deref()),
        ("container", workload.container.as_deref()),
        ("pod", workload.pod.as_deref()),
        ("exe", exe.as_deref()),
        ("exe_sha256", workload.exe_sha256.as_deref()),
    ];
    attributes.extend(
        optional
            .iter()
            .filter_map(|(name, value)| value.map(|it| text(name, it))),
    );
    if let Some(user) = &question.principal.user {
        let uid = add_user(user, &mut entities)?;
        attributes.insert("user".to_owned(), RestrictedExpression::new_entity_uid(uid));
    }
    let entity = Entity::new(principal.clone(), attributes, HashSet::new()).or(Err(Unfit))?;
    entities.push(entity);
    Ok(Cast {
        entities: Entities::from_entities(entities, Some(schema)).or(Err(Unfit))?,
        principal,
        account,
        credential,
        context: context(question)?,
    })
}

fn add_user(user: &User, entities: &mut Vec<Entity>) -> Result<EntityUid, Unfit> {
    let user_uid = uid("User", &user.subject)?;
    let groups = user.groups.iter().map(|group| uid("Group", group));
    let groups: HashSet<EntityUid> = groups.collect::<Result<_, _>>()?;
    entities.extend(
        groups
            .iter()
            .map(|it| Entity::new_no_attrs(it.clone(), HashSet::new())),
    );
    let mut attributes = HashMap::from([text("subject", &user.subject)]);
    attributes.extend(user.email.as_deref().map(|email| text("email", email)));
    entities.push(Entity::new(user_uid.clone(), attributes, groups).or(Err(Unfit))?);
    Ok(user_uid)
}

fn context(question: &Question<'_>) -> Result<Context, Unfit> {
    let now = question.now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let kinds = question
        .facts
        .map(|facts| facts.kinds.as_slice())
        .unwrap_or_default();
    let kinds = kinds
        .iter()
        .map(|kind| RestrictedExpression::new_string(kind.clone()));
    let user_present = question.principal.user.is_some();
    let pairs = [
        ("now".to_owned(), RestrictedExpression::new_datetime(now)),
        (
            "user_present".to_owned(),
            RestrictedExpression::new_bool(user_present),
        ),
        ("kinds".to_owned(), RestrictedExpression::new_set(kinds)),
        text("client", question.client),
    ];
    Context::from_pairs(pairs).or(Err(Unfit))
}

fn text(name: &str, value: &str) -> (String, RestrictedExpression) {
    (
        name.to_owned(),
        RestrictedExpression::new_string(value.to_owned()),
    )
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Unfit> {
    let kind = EntityTypeName::from_str(kind).or(Err(Unfit))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}
