//! What people are asked about a statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::refusal::{Reason, Refusal};
use super::case::{Case, Standing};
use super::{Held, words};
use crate::access::{AccessError, Ask, Asker, HeldStatement, NewAsk, Subject};
use crate::clock;
use crate::telemetry::ErrorChain;

/// To whom an approval is bound, besides the principal, the account and the exact statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    Session,
    /// To nobody else: for drivers whose next run has another session.
    Principal,
}

impl Case {
    pub(super) async fn file(&self, standing: &Standing, binding: Binding) -> Result<Ask, Refusal> {
        let (desk, now) = (&self.services.desk, clock::now());
        let new = self.ask(standing, binding);
        let filed = match standing.terms.breakglass {
            true => desk.break_glass(new, now).await,
            false => desk.ask(new, now).await,
        };
        filed.map_err(|error| match &error {
            AccessError::TooManyAsks(_) | AccessError::TooManyAsksInAll => {
                Refusal::new(Reason::LimitReached, error.to_string())
            }
            AccessError::Store { .. }
            | AccessError::NotRecorded { .. }
            | AccessError::UnknownAsk(_)
            | AccessError::UnknownGrant(_)
            | AccessError::Closed { .. }
            | AccessError::OwnAsk
            | AccessError::VotedAlready(_)
            | AccessError::OtherStatement
            | AccessError::NotApproved { .. }
            | AccessError::TooManyGrants
            | AccessError::Over { .. }
            | AccessError::Duration
            | AccessError::NeedsDecision
            | AccessError::TooLong { .. }
            | AccessError::TooManyPrincipals => {
                tracing::error!(error = %ErrorChain(&error), "ask not filed");
                words::unavailable()
            }
        })
    }

    fn ask(&self, standing: &Standing, binding: Binding) -> NewAsk {
        let workload = &self.connection.principal.workload;
        let user = &self.connection.principal.user;
        let facts = self.question.facts();
        let names = |names: Vec<String>| -> Vec<String> {
            let unique: BTreeSet<String> = names.into_iter().collect();
            unique.into_iter().collect()
        };
        let session = match binding {
            Binding::Session => super::session_name(&self.services, &self.session),
            Binding::Principal => format!("any of {}", self.connection.key.anchor),
        };
        let statement = HeldStatement {
            session,
            digest: self.digest.clone(),
            text: self.text.clone(),
            kinds: facts.map_or_else(Vec::new, |facts| facts.kinds.clone()),
            effects: facts.map_or_else(Vec::new, |facts| {
                facts
                    .effects
                    .iter()
                    .map(|it| it.name().to_owned())
                    .collect()
            }),
            objects: names(facts.map_or_else(Vec::new, |facts| {
                let objects = facts.accesses.iter().map(|access| &access.object.name);
                objects.flatten().map(ToString::to_string).collect()
            })),
            labels: names(facts.map_or_else(Vec::new, |facts| {
                let policies = self.services.policies.snapshot();
                let labels = policies.labels();
                let columns = facts.columns.iter();
                columns
                    .flat_map(|column| labels.of(&self.session.account, column))
                    .map(str::to_owned)
                    .collect()
            })),
        };
        NewAsk {
            subject: Subject::Statement(statement),
            asker: Asker {
                workload: workload.name.clone(),
                anchor: workload.anchor.clone(),
                user: user.as_ref().map(|user| user.subject.clone()),
                uid: workload.uid,
                unit: workload.unit.clone(),
                exe: workload
                    .exe
                    .as_ref()
                    .map(|exe| exe.to_string_lossy().into_owned()),
                host: self.services.state.host.clone(),
            },
            account: self.session.account.clone(),
            reason: None,
            terms: standing.terms.clone(),
            policy_version: standing.policy_version.clone(),
            message: standing.message.clone(),
        }
    }

    /// Takes the ask back that it waits under, unless another execution waits under it too.
    pub(super) async fn withdraw(&self, held: &Arc<Held>) {
        let Some(ask) = held.ask() else { return };
        let others = self.services.state.holds.open_ones();
        let shared = others
            .iter()
            .any(|other| other.id != held.id && other.ask().as_ref() == Some(&ask));
        if shared {
            return;
        }
        if let Err(error) = self.services.desk.withdraw(&ask, clock::now()).await {
            tracing::warn!(error = %ErrorChain(&error), %ask, "ask not withdrawn");
        }
    }
}
