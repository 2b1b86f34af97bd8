//! Grants over the socket: operators give, end and extend them, agents see and drop their own.

use std::time::Duration;

use super::Counter;
use super::caller::Caller;
use super::checks;
use super::people::Speaker;
use super::refused::Refused;
use super::shapes::NewRoleGrant;
use crate::access::{AccessError, Grant, GrantId, NewGrant};
use crate::clock;
use crate::identity::Principal;
use crate::policy::rights::Person;

/// More than a person reads; the newest come first.
const LISTED_MAX: usize = 500;

/// What the desk keeps a grant for. Whoever has a role for longer is to have a policy.
const LONGEST: Duration = Duration::from_hours(30 * 24);

impl Counter {
    /// Lists an agent's own grants, or all of them to a person who operates.
    pub(super) async fn list_grants(
        &self,
        caller: &Caller,
        live_only: bool,
    ) -> Result<Vec<Grant>, Refused> {
        if let Caller::Person(speaker) = caller {
            self.operates(speaker)?;
        }
        let grants = self.desk.grants(live_only).await?.into_iter();
        let seen = grants.filter(|grant| match caller {
            Caller::Agent(principal) => holds(principal, grant),
            Caller::Person(_) => true,
        });
        Ok(seen.take(LISTED_MAX).collect())
    }

    /// Gives a role without an ask.
    pub(super) async fn give_grant(
        &self,
        caller: &Caller,
        new: NewRoleGrant,
    ) -> Result<Grant, Refused> {
        let speaker = caller.person(
            "an agent gives no role; it asks for one with `snowfence ask`, and people decide",
        )?;
        let person = self.operates(speaker)?;
        let NewRoleGrant {
            role,
            workload,
            for_seconds,
            reason,
            account,
        } = new;
        checks::name("role", &role)?;
        checks::text("reason", &reason)?;
        let policies = (self.policies)();
        if !policies.roles().contains(&role) {
            let known = policies.roles().join(", ");
            let message = format!("no policy speaks of this role; there is {known}");
            return Err(Refused::bad_request(message));
        }
        if !self.workloads.contains(&workload) {
            let known = self.workloads.join(", ");
            let message = format!("no [[workload]] is called that; there is {known}");
            return Err(Refused::bad_request(message));
        }
        let account = account.map(|name| self.known_account(name)).transpose()?;
        let new = NewGrant {
            role,
            workload,
            anchor: None,
            user: None,
            account,
            duration: checks::duration(for_seconds, LONGEST)?,
            reason: Some(reason),
            ask: None,
            granted_by: vec![person.name.clone()],
        };
        let grant = self.desk_of(person).grant(new, clock::now()).await?;
        tracing::info!(
            target: "access-desk",
            grant = %grant.id,
            caller = %caller,
            role = grant.role,
            workload = grant.workload,
            "granted"
        );
        Ok(grant)
    }

    /// Ends a grant: an operator any, an agent one that is its own alone.
    pub(super) async fn revoke_grant(
        &self,
        caller: &Caller,
        id: &GrantId,
        reason: Option<String>,
    ) -> Result<Grant, Refused> {
        if let Some(reason) = &reason {
            checks::text("reason", reason)?;
        }
        let (by, desk) = match caller {
            Caller::Agent(principal) => {
                self.expect_own(principal, id).await?;
                ("its holder".to_owned(), self.desk.clone())
            }
            Caller::Person(speaker) => {
                let person = self.operates(speaker)?;
                (person.name.clone(), self.desk_of(person))
            }
        };
        let by = match reason {
            Some(reason) => format!("{by}: {reason}"),
            None => by,
        };
        let grant = desk.revoke(id, &by, clock::now()).await?;
        tracing::info!(target: "access-desk", grant = %id, caller = %caller, "revoked");
        Ok(grant)
    }

    /// Lets a grant last longer.
    pub(super) async fn extend_grant(
        &self,
        caller: &Caller,
        id: &GrantId,
        by: Duration,
    ) -> Result<Grant, Refused> {
        let speaker =
            caller.person("an agent extends no grant; it asks again with `snowfence ask`")?;
        let person = self.operates(speaker)?;
        let by = checks::duration(by.as_secs(), LONGEST)?;
        let desk = self.desk_of(person);
        let grant = desk.extend(id, by, &person.name, clock::now()).await?;
        tracing::info!(
            target: "access-desk",
            grant = %id,
            caller = %caller,
            seconds = by.as_secs(),
            "extended"
        );
        Ok(grant)
    }

    /// The person, if they may operate.
    pub(super) fn operates<'s>(&self, speaker: &'s Speaker) -> Result<&'s Person, Refused> {
        speaker.may_operate(&(self.policies)(), clock::now())?;
        Ok(&speaker.person)
    }

    /// A grant to every instance of a workload is none of one instance's to end: the others would
    /// lose it too.
    async fn expect_own(&self, principal: &Principal, id: &GrantId) -> Result<(), Refused> {
        let grants = self.desk.grants(true).await?;
        let grant = grants.iter().find(|grant| grant.id == *id);
        let Some(grant) = grant.filter(|grant| holds(principal, grant)) else {
            return Err(AccessError::UnknownGrant(id.clone()).into());
        };
        if grant.anchor.is_none() {
            let message = "this grant is for every instance of the workload; an operator ends it \
                           with `snowfence revoke`";
            return Err(Refused::not_permitted(message));
        }
        Ok(())
    }
}

/// Whether a grant gives a role to a principal.
fn holds(principal: &Principal, grant: &Grant) -> bool {
    let workload = &principal.workload;
    grant.workload == workload.name
        && grant
            .anchor
            .as_ref()
            .is_none_or(|anchor| *anchor == workload.anchor)
}
