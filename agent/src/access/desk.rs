//! Where asks are filed and decided, grants given and budgets kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus::Registry;
use tokio::sync::watch;

use super::ask::{Ask, AskId, NewAsk, Vote};
use super::budget::Running;
use super::error::AccessError;
use super::grant::{Grant, GrantId, NewGrant};
use super::ledger::Ledger;
use super::live::Roles;
use super::witness::{self, Operator, Witness};
use super::{asks, filing, grants, lists, rows, spends};
use crate::identity::PrincipalKey;
use crate::policy::Usage;
use crate::record::event::OperatorAction;

/// The desk; cheap to clone.
///
/// What returned `Ok` is on disk. Every operation runs to its end even when its caller is dropped.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(super) ledger: Arc<Ledger>,
    /// Who does what is done through this handle, where a person does it.
    operator: Option<Operator>,
}

/// What one statement used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    pub queries: u64,
    pub rows: u64,
    pub bytes: u64,
}

impl Desk {
    /// Opens the store, and brings it to the present form. What happens is shown to the witness
    /// before it is done.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn open(path: &Path, witness: Arc<dyn Witness>) -> Result<Self, AccessError> {
        Ok(Self {
            ledger: Arc::new(Ledger::open(path, witness).await?),
            operator: None,
        })
    }

    /// The same desk for a person: the grants that they give, extend and end are recorded as theirs.
    #[must_use]
    pub fn operated_by(&self, operator: Operator) -> Self {
        Self {
            ledger: Arc::clone(&self.ledger),
            operator: Some(operator),
        }
    }

    /// Records what a person had the daemon do that changes nothing here, before they are told.
    ///
    /// # Errors
    /// It could not be recorded: they are told that instead.
    pub async fn record(&self, action: OperatorAction) -> Result<(), AccessError> {
        let seen = self.ledger.witness.see(vec![witness::operated(action)]);
        match seen.await {
            Ok(_numbers) => Ok(()),
            Err(source) => Err(AccessError::NotRecorded { source }),
        }
    }

    /// Records what a person wanted and did not get.
    pub fn note(&self, action: OperatorAction) {
        self.ledger.witness.note(witness::operated(action));
    }

    /// Registers what counts the things that happen here.
    ///
    /// # Errors
    /// When the name is registered already.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.ledger.happened.clone()))
    }

    /// Changes with everything that may alter a verdict; what was judged before is to be judged
    /// again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.ledger.changes()
    }

    /// Files an ask. The same statement of the same session joins the ask that is open or
    /// approved, and the same role ask the one that is open.
    ///
    /// What the policies allow in an emergency ([`crate::policy::Terms::breakglass`]) is approved at
    /// once, marked, and told loudly.
    ///
    /// # Errors
    /// The store fails, the asker has too many open asks, or the grant would last too long.
    pub async fn ask(&self, ask: NewAsk, now: Timestamp) -> Result<Ask, AccessError> {
        self.ledger
            .write(move |store, done| {
                Box::pin(
                    async move { Box::pin(filing::file(store, &ask, now, done)).await.map(Ok) },
                )
            })
            .await
    }

    /// As [`Desk::ask`], for callers that only break the glass.
    ///
    /// # Errors
    /// As [`Desk::ask`], or the policies do not allow it without a decision.
    pub async fn break_glass(&self, ask: NewAsk, now: Timestamp) -> Result<Ask, AccessError> {
        if !filing::breaks_glass(&ask.terms) {
            return Err(AccessError::NeedsDecision);
        }
        self.ask(ask, now).await
    }

    /// # Errors
    /// It is not known, or the store fails.
    pub async fn find(&self, id: &AskId) -> Result<Ask, AccessError> {
        let mut reader = self.ledger.reader().await?;
        let found = rows::ask(reader.connection(), id).await?;
        reader.give_back();
        found.ok_or_else(|| AccessError::UnknownAsk(id.clone()))
    }

    /// Asks, newest first: the open ones, or all that are still kept, 10,000 at most. Of long
    /// statements only the beginning; [`Desk::find`] has it all.
    ///
    /// # Errors
    /// The store fails.
    pub async fn asks(&self, open_only: bool) -> Result<Vec<Ask>, AccessError> {
        let mut reader = self.ledger.reader().await?;
        let found = lists::asks(reader.connection(), open_only).await?;
        reader.give_back();
        Ok(found)
    }

    /// Counts a vote. One denial denies; enough approvals approve, and make a role ask a grant.
    /// Whether the person may vote at all was asked of the policies before.
    ///
    /// # Errors
    /// The ask is closed or the voter's own, they voted already, or the store fails.
    pub async fn vote(&self, id: &AskId, vote: Vote, now: Timestamp) -> Result<Ask, AccessError> {
        let id = id.clone();
        self.ledger
            .write(move |store, done| {
                Box::pin(async move { Box::pin(asks::vote(store, &id, &vote, now, done)).await })
            })
            .await
    }

    /// The asker went away or took it back. One that is over already stays as it is.
    ///
    /// # Errors
    /// It is not known, it is a grant already, or the store fails.
    pub async fn withdraw(&self, id: &AskId, now: Timestamp) -> Result<(), AccessError> {
        let id = id.clone();
        self.ledger
            .write(move |store, done| {
                Box::pin(async move { asks::withdraw(store, &id, now, done).await.map(Ok) })
            })
            .await
    }

    /// The policies changed: what was asked under other versions is void, unless it is a grant.
    /// From here on no approval that was asked for under another version can be used.
    ///
    /// # Errors
    /// The store fails.
    pub async fn void_other_versions(
        &self,
        policy_version: &str,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let version = policy_version.to_owned();
        self.ledger
            .write(move |store, done| {
                Box::pin(async move { asks::void_others(store, &version, now, done).await.map(Ok) })
            })
            .await
    }

    /// Uses an approval up, once, for the statement that it was given for.
    ///
    /// # Errors
    /// It is not approved, used, expired, for another digest, or the store fails.
    pub async fn consume(
        &self,
        id: &AskId,
        digest: &str,
        now: Timestamp,
    ) -> Result<Ask, AccessError> {
        let (id, digest) = (id.clone(), digest.to_owned());
        self.ledger
            .write(move |store, done| {
                Box::pin(async move { asks::consume(store, &id, &digest, now, done).await })
            })
            .await
    }

    /// The roles that a principal has on an account, sorted; a grant that is used first begins.
    ///
    /// # Errors
    /// The store fails: whoever asks goes on without roles.
    pub async fn roles(
        &self,
        key: &PrincipalKey,
        account: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, AccessError> {
        let found = self.find_roles(key, account, now).await?;
        let mut roles = found.active;
        if !found.waiting.is_empty() {
            let waiting = found.waiting.iter().map(|grant| grant.id.clone());
            roles.extend(self.begin(waiting.collect(), now).await?);
        }
        Ok(sorted(roles))
    }

    /// The roles that a principal would have if it used them now, sorted. For questions that are no
    /// use: no grant begins.
    ///
    /// # Errors
    /// As [`Desk::roles`].
    pub async fn roles_at_hand(
        &self,
        key: &PrincipalKey,
        account: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, AccessError> {
        let found = self.find_roles(key, account, now).await?;
        let waiting = found.waiting.iter().map(|grant| grant.role.clone());
        Ok(sorted(found.active.into_iter().chain(waiting).collect()))
    }

    async fn find_roles(
        &self,
        key: &PrincipalKey,
        account: &str,
        now: Timestamp,
    ) -> Result<Roles, AccessError> {
        if let Some(found) = self.ledger.live.roles(key, account, now) {
            return Ok(found);
        }
        self.ledger.reload().await?;
        let found = self.ledger.live.roles(key, account, now);
        Ok(found.ok_or(crate::store::StoreError::Ended)?)
    }

    async fn begin(&self, ids: Vec<GrantId>, now: Timestamp) -> Result<Vec<String>, AccessError> {
        self.ledger
            .write(move |store, done| {
                Box::pin(async move {
                    let mut roles = Vec::new();
                    for id in &ids {
                        let grant = grants::activate(store, id, now, done).await?;
                        roles.extend(grant.map(|grant| grant.role));
                    }
                    Ok(Ok(roles))
                })
            })
            .await
    }

    /// Gives a grant, as an operator may.
    ///
    /// # Errors
    /// Its duration is none, there are too many, or the store fails.
    pub async fn grant(&self, grant: NewGrant, now: Timestamp) -> Result<Grant, AccessError> {
        self.ledger
            .write_by(self.operator.clone(), move |store, done| {
                Box::pin(async move { grants::give(store, &grant, now, done).await.map(Ok) })
            })
            .await
    }

    /// Grants, newest first: those that count, or all that are still kept, 10,000 at most.
    ///
    /// # Errors
    /// The store fails.
    pub async fn grants(&self, live_only: bool) -> Result<Vec<Grant>, AccessError> {
        let mut reader = self.ledger.reader().await?;
        let found = lists::grants(reader.connection(), live_only).await?;
        reader.give_back();
        Ok(found)
    }

    /// Ends a grant early: an operator revokes it, or its holder drops it.
    ///
    /// # Errors
    /// It is not known or over, or the store fails.
    pub async fn revoke(
        &self,
        id: &GrantId,
        by: &str,
        now: Timestamp,
    ) -> Result<Grant, AccessError> {
        let (id, by) = (id.clone(), by.to_owned());
        self.ledger
            .write_by(self.operator.clone(), move |store, done| {
                Box::pin(async move { grants::revoke(store, &id, &by, now, done).await.map(Ok) })
            })
            .await
    }

    /// Makes a grant last longer.
    ///
    /// # Errors
    /// It is not known or over, it would last too long, or the store fails.
    pub async fn extend(
        &self,
        id: &GrantId,
        by: Duration,
        person: &str,
        now: Timestamp,
    ) -> Result<Grant, AccessError> {
        let (id, person) = (id.clone(), person.to_owned());
        self.ledger
            .write_by(self.operator.clone(), move |store, done| {
                Box::pin(async move {
                    let extended = grants::extend(store, &id, by, &person, now, done).await;
                    extended.map(Ok)
                })
            })
            .await
    }

    /// What a principal has used of its budgets, from memory.
    ///
    /// # Errors
    /// None as yet; whoever gets one refuses.
    pub async fn usage(&self, key: &PrincipalKey, now: Timestamp) -> Result<Usage, AccessError> {
        Ok(self.ledger.books.usage(key, now))
    }

    /// Counts what a statement used. When this returns, a crash no longer loses it.
    ///
    /// # Errors
    /// The store fails, and it is counted in memory only, or too many principals are counted:
    /// whoever asks refuses.
    pub async fn spend(
        &self,
        key: &PrincipalKey,
        spend: Spend,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        if !self.ledger.books.add(key, spend, now)? {
            return Ok(());
        }
        let (books, key) = (self.ledger.books.clone(), key.clone());
        self.ledger
            .write(move |store, done| {
                Box::pin(async move {
                    // Also what others are short of: they find it done.
                    done.reservations = books.short(&key);
                    spends::write(store, &done.reservations).await.map(Ok)
                })
            })
            .await
    }

    /// Counts a statement as running until the answer is dropped.
    pub fn enter(&self, key: &PrincipalKey) -> Running {
        self.ledger.books.enter(key)
    }
}

fn sorted(mut roles: Vec<String>) -> Vec<String> {
    roles.sort_unstable();
    roles.dedup();
    roles
}
