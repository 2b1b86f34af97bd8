//! Asks Cedar about every access that an operation needs.

use std::cell::{OnceCell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Entities, EntityUid, PolicyId, Request,
    Response,
};

use super::demand::Need;
use super::entities::{Cast, Gathered, Posed, Unfit};
use super::index::Bits;
use super::load::PolicySet;
use super::scene::Scene;

/// What the policies say of one access, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) permitted_by: BTreeSet<usize>,
    pub(super) forbidden_by: BTreeSet<usize>,
    /// Failed to evaluate. Cedar leaves such a policy out, and a forbid that is left out would
    /// widen access: here it denies.
    pub(super) failed: BTreeSet<usize>,
}

impl Finding {
    pub(super) fn is_permitted(&self) -> bool {
        !self.permitted_by.is_empty() && self.forbidden_by.is_empty() && self.failed.is_empty()
    }
}

/// Everything that is the same whether or not people have approved.
#[derive(Debug)]
pub(super) struct Court<'a> {
    policies: &'a PolicySet,
    cast: Cast<'a>,
    needs: &'a [Need],
    principal: EntityUid,
    posed: Vec<Posed>,
    /// For each need, the policies that could speak to it.
    candidates: Vec<Bits>,
    gathered: RefCell<Gathered>,
    /// Made when a policy must be evaluated; `None` when they cannot be.
    entities: OnceCell<Option<Entities>>,
}

impl<'a> Court<'a> {
    pub(super) fn new(
        policies: &'a PolicySet,
        scene: &'a Scene<'a>,
        needs: &'a [Need],
    ) -> Result<Self, Unfit> {
        let cast = Cast::new(policies, policies.mentions(), scene)?;
        let mut gathered = Gathered::default();
        let principal = cast.principal(&mut gathered)?;
        let posed = needs.iter().map(|need| cast.pose(need, &mut gathered));
        let posed: Vec<Posed> = posed.collect::<Result<_, _>>()?;
        let index = policies.index();
        let candidates = posed
            .iter()
            .map(|it| index.candidates(&it.action, &principal, &it.resource));
        Ok(Self {
            policies,
            cast,
            needs,
            candidates: candidates.collect::<Option<_>>().ok_or(Unfit)?,
            principal: principal.uid,
            posed,
            gathered: RefCell::new(gathered),
            entities: OnceCell::new(),
        })
    }

    /// True if some need has no policy that could permit it: then nothing in the circumstances, and
    /// nobody's approval, makes it permitted.
    pub(super) fn is_hopeless(&self) -> bool {
        let index = self.policies.index();
        let mut each = self.needs.iter().zip(&self.candidates);
        each.any(|(need, candidates)| !need.is_whole() || !index.could_permit(candidates))
    }

    /// One finding for each need, in order.
    pub(super) fn judge(&self, approved: bool) -> Result<Vec<Finding>, Unfit> {
        let by_labels = self.policies.mentions().has("labels");
        // Labels are all that tells the contexts of one question's accesses apart.
        let mut contexts: BTreeMap<Option<&BTreeSet<String>>, Context> = BTreeMap::new();
        let mut findings = Vec::with_capacity(self.needs.len());
        let posed = self.posed.iter().zip(&self.candidates);
        for (need, (posed, candidates)) in self.needs.iter().zip(posed) {
            // Which one it is cannot be told, so nothing that is said of it counts; or nothing is
            // said of it.
            if !need.is_whole() || candidates.is_empty() {
                findings.push(Finding::default());
                continue;
            }
            let context = match contexts.entry(by_labels.then_some(&need.labels)) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(vacant) => {
                    let context = self.cast.context(&need.labels, approved)?;
                    vacant.insert(context).clone()
                }
            };
            findings.push(self.ask(posed, candidates, context)?);
        }
        Ok(findings)
    }

    fn ask(&self, posed: &Posed, candidates: &Bits, context: Context) -> Result<Finding, Unfit> {
        let candidates = self.policies.subset(candidates)?;
        let principal = self.principal.clone();
        let (action, resource) = (posed.action.clone(), posed.resource.uid.clone());
        // The schema is ours, and so is the request: the tests check that they fit.
        let request = Request::new(principal, action, resource, context, None).or(Err(Unfit))?;
        let response = Authorizer::new().is_authorized(&request, &candidates, self.entities()?);
        finding(self.policies, &response)
    }

    fn entities(&self) -> Result<&Entities, Unfit> {
        let made = || self.gathered.take().finish(None).ok();
        self.entities.get_or_init(made).as_ref().ok_or(Unfit)
    }
}

/// A response in numbers; a policy that is not ours cannot be.
fn finding(policies: &PolicySet, response: &Response) -> Result<Finding, Unfit> {
    let number = |id: &PolicyId| policies.number(id).ok_or(Unfit);
    let diagnostics = response.diagnostics();
    let reasons = diagnostics.reason().map(number);
    let reasons = reasons.collect::<Result<_, _>>()?;
    let failed = diagnostics.errors().map(|error| match error {
        AuthorizationError::PolicyEvaluationError(error) => number(error.policy_id()),
    });
    let (permitted_by, forbidden_by) = match response.decision() {
        Decision::Allow => (reasons, BTreeSet::new()),
        Decision::Deny => (BTreeSet::new(), reasons),
    };
    Ok(Finding {
        permitted_by,
        forbidden_by,
        failed: failed.collect::<Result<_, _>>()?,
    })
}

/// The same by every policy and with everything that could be told, checked against the schema:
/// what the index and the mentions must agree with.
#[cfg(test)]
pub(super) fn judge_plainly(
    policies: &PolicySet,
    scene: &Scene<'_>,
    needs: &[Need],
    approved: bool,
) -> Result<Vec<Finding>, Unfit> {
    let everything = super::mentions::Mentions::all();
    let cast = Cast::new(policies, &everything, scene)?;
    let schema = policies.vocabulary().schema();
    let mut gathered = Gathered::default();
    let principal = cast.principal(&mut gathered)?.uid;
    let posed: Vec<Posed> = needs
        .iter()
        .map(|need| cast.pose(need, &mut gathered))
        .collect::<Result<_, _>>()?;
    let entities = gathered.finish(Some(schema))?;
    let all = policies.all()?;
    needs
        .iter()
        .zip(posed)
        .map(|(need, Posed { action, resource })| {
            if !need.is_whole() {
                return Ok(Finding::default());
            }
            let context = cast.context(&need.labels, approved)?;
            let (principal, resource) = (principal.clone(), resource.uid);
            let request = Request::new(principal, action, resource, context, Some(schema));
            let request = request.or(Err(Unfit))?;
            let response = Authorizer::new().is_authorized(&request, &all, &entities);
            finding(policies, &response)
        })
        .collect()
}

/// Policies that a question's candidates make up, kept ready for the next one.
pub(super) type Subset = Arc<cedar_policy::PolicySet>;
