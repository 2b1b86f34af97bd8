//! Which policies could speak to a question: the others need not be evaluated.
//!
//! Leaving a policy out is sound if its scope cannot match, because then it neither permits,
//! forbids nor fails. The index answers from the scope alone, and says yes where it cannot tell.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, Effect, EntityTypeName, EntityUid, Policy, PrincipalConstraint,
    ResourceConstraint,
};

use super::vocabulary::Vocabulary;

/// A set of policies, by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bits(Box<[u64]>);

impl Bits {
    fn none(policies: usize) -> Self {
        Self(vec![0; policies.div_ceil(64)].into_boxed_slice())
    }

    fn add(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn unite(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    fn meet(&mut self, other: &Self) {
        for (word, only) in self.0.iter_mut().zip(&other.0) {
            *word &= only;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn meets(&self, other: &Self) -> bool {
        let words = self.0.iter().zip(&other.0);
        words.fold(0, |met, (word, only)| met | (word & only)) != 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate();
        words.flat_map(|(at, word)| {
            let bits = (0..64).filter(move |bit| word & (1 << bit) != 0);
            bits.map(move |bit| at * 64 + bit)
        })
    }
}

/// One end of a scope: the principals or the resources that policies name.
#[derive(Debug)]
struct Side {
    by_type: HashMap<EntityTypeName, Bits>,
    /// Policies that name no entity.
    any: Bits,
    by_entity: HashMap<EntityUid, Bits>,
}

/// What a scope says of a principal or resource.
#[derive(Debug, Default)]
struct Scope {
    kind: Option<EntityTypeName>,
    entity: Option<EntityUid>,
}

impl Side {
    fn new(vocabulary: &Vocabulary, scopes: &[Scope]) -> Self {
        let count = scopes.len();
        let mut side = Self {
            by_type: HashMap::new(),
            any: Bits::none(count),
            by_entity: HashMap::new(),
        };
        for kind in vocabulary.types() {
            let mut bits = Bits::none(count);
            for (number, scope) in scopes.iter().enumerate() {
                if scope.kind.as_ref().is_none_or(|it| it == kind) {
                    bits.add(number);
                }
            }
            side.by_type.insert(kind.clone(), bits);
        }
        for (number, scope) in scopes.iter().enumerate() {
            let bits = match &scope.entity {
                None => &mut side.any,
                Some(entity) => side
                    .by_entity
                    .entry(entity.clone())
                    .or_insert_with(|| Bits::none(count)),
            };
            bits.add(number);
        }
        side
    }

    /// Policies that could match an entity.
    fn candidates(&self, entry: &Entry) -> Option<Bits> {
        let mut bits = self.any.clone();
        for named in entry.lineage().filter_map(|it| self.by_entity.get(it)) {
            bits.unite(named);
        }
        bits.meet(self.by_type.get(entry.uid.type_name())?);
        Some(bits)
    }
}

/// Policies by the actions, principals and resources of their scopes.
#[derive(Debug)]
pub(super) struct Index {
    actions: HashMap<EntityUid, Bits>,
    permits: Bits,
    principals: Side,
    resources: Side,
}

impl Index {
    pub(super) fn new(vocabulary: &Vocabulary, policies: &[Policy]) -> Self {
        let actions = vocabulary.actions().map(|action| {
            let mut bits = Bits::none(policies.len());
            for (number, policy) in policies.iter().enumerate() {
                if covers(policy, &action.uid, &action.groups) {
                    bits.add(number);
                }
            }
            (action.uid.clone(), bits)
        });
        let mut permits = Bits::none(policies.len());
        for (number, policy) in policies.iter().enumerate() {
            if policy.effect() == Effect::Permit {
                permits.add(number);
            }
        }
        let principals: Vec<Scope> = policies.iter().map(principal).collect();
        let resources: Vec<Scope> = policies.iter().map(resource).collect();
        Self {
            actions: actions.collect(),
            permits,
            principals: Side::new(vocabulary, &principals),
            resources: Side::new(vocabulary, &resources),
        }
    }

    /// Policies that could speak to this question; `None` for one that is not in the schema.
    pub(super) fn candidates(
        &self,
        action: &EntityUid,
        principal: &Entry,
        resource: &Entry,
    ) -> Option<Bits> {
        self.narrow(&self.spoken(action, principal)?, resource)
    }

    /// Policies that could speak of this principal's action, whatever it is on.
    pub(super) fn spoken(&self, action: &EntityUid, principal: &Entry) -> Option<Bits> {
        let mut bits = self.principals.candidates(principal)?;
        bits.meet(self.actions.get(action)?);
        Some(bits)
    }

    /// Those of them that could speak of a resource.
    pub(super) fn narrow(&self, spoken: &Bits, resource: &Entry) -> Option<Bits> {
        let mut bits = self.resources.candidates(resource)?;
        bits.meet(spoken);
        Some(bits)
    }

    /// False if none of these policies can permit anything.
    pub(super) fn could_permit(&self, candidates: &Bits) -> bool {
        self.permits.meets(candidates)
    }
}

/// An entity with everything that it is in.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) uid: EntityUid,
    pub(super) ancestors: Vec<EntityUid>,
}

impl Entry {
    fn lineage(&self) -> impl Iterator<Item = &EntityUid> {
        std::iter::once(&self.uid).chain(&self.ancestors)
    }
}

/// Whether a policy's action is this one.
pub(super) fn covers(policy: &Policy, action: &EntityUid, groups: &[EntityUid]) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == *action,
        ActionConstraint::In(any) => any.iter().any(|it| it == action || groups.contains(it)),
    }
}

fn principal(policy: &Policy) -> Scope {
    match policy.principal_constraint() {
        PrincipalConstraint::Any => Scope::default(),
        PrincipalConstraint::In(uid) => Scope::inside(None, uid),
        PrincipalConstraint::Eq(uid) => Scope::inside(Some(uid.type_name().clone()), uid),
        PrincipalConstraint::Is(kind) => Scope {
            kind: Some(kind),
            entity: None,
        },
        PrincipalConstraint::IsIn(kind, uid) => Scope::inside(Some(kind), uid),
    }
}

fn resource(policy: &Policy) -> Scope {
    match policy.resource_constraint() {
        ResourceConstraint::Any => Scope::default(),
        ResourceConstraint::In(uid) => Scope::inside(None, uid),
        ResourceConstraint::Eq(uid) => Scope::inside(Some(uid.type_name().clone()), uid),
        ResourceConstraint::Is(kind) => Scope {
            kind: Some(kind),
            entity: None,
        },
        ResourceConstraint::IsIn(kind, uid) => Scope::inside(Some(kind), uid),
    }
}

impl Scope {
    const fn inside(kind: Option<EntityTypeName>, entity: EntityUid) -> Self {
        Self {
            kind,
            entity: Some(entity),
        }
    }
}
