//! Asks over the socket: agents make and follow them, people decide them.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Counter;
use super::caller::Caller;
use super::checks;
use super::refused::Refused;
use super::shapes::{NewRoleAsk, NewVote, Offer};
use super::sight::{Sight, is_own, terms, view};
use crate::access::{AccessError, Ask, AskId, AskState, Asker, NewAsk, Subject, Vote};
use crate::clock;
use crate::identity::Principal;
use crate::policy::rights;

/// Of a role for which no policy has `@for`.
const LONGEST: Duration = Duration::from_hours(24);
/// More than a person reads; the newest come first.
const LISTED_MAX: usize = 500;
/// Of a statement in a list: whoever decides looks at the ask itself.
const LISTED_CHARS_MAX: usize = 200;

const ONLY_AGENTS_ASK: &str = "only a process in an enforced scope asks for a role; outside, a \
                               person gives one with `snowfence grant`";

impl Counter {
    /// Lists the roles that an agent may ask for.
    pub(super) fn list_roles(&self, caller: &Caller) -> Result<Vec<Offer>, Refused> {
        let principal = caller.agent(ONLY_AGENTS_ASK)?;
        let policies = (self.policies)();
        let now = clock::now();
        let offers = policies.roles().iter().filter_map(|role| {
            let (_, terms) = rights::ask(&policies, principal, role, now).ok()?;
            Some(Offer {
                role: role.clone(),
                longest_seconds: terms.longest.unwrap_or(LONGEST).as_secs(),
                break_glass: terms.breakglass && terms.approvals == 0,
                approvals: terms.approvals,
                approvers: terms.approvers.into_iter().collect(),
            })
        });
        Ok(offers.collect())
    }

    /// Files an agent's ask for a role.
    pub(super) async fn ask_for_role(
        &self,
        caller: &Caller,
        new: NewRoleAsk,
    ) -> Result<Ask, Refused> {
        let principal = caller.agent(ONLY_AGENTS_ASK)?;
        let NewRoleAsk {
            role,
            for_seconds,
            reason,
            account,
        } = new;
        checks::name("role", &role)?;
        checks::text("reason", &reason)?;
        let account = self.account(account)?;
        let now = clock::now();
        let policies = (self.policies)();
        let (right, terms) = rights::ask(&policies, principal, &role, now)?;
        let duration = checks::duration(for_seconds, terms.longest.unwrap_or(LONGEST))?;
        let asked = NewAsk {
            message: format!("the workload asks for role `{role}`"),
            subject: Subject::Role { role, duration },
            asker: self.asker(principal),
            account,
            reason: Some(reason),
            terms,
            policy_version: right.policy_version,
        };
        let ask = self.desk.ask(asked, now).await?;
        if ask.break_glass {
            // Nobody was asked: everybody is told.
            tracing::warn!(target: "access-desk", ask = %ask.id, caller = %caller, "break-glass");
        } else {
            tracing::info!(target: "access-desk", ask = %ask.id, caller = %caller, "asked");
        }
        Ok(ask)
    }

    /// Lists the asks that a caller may see, newest first.
    pub(super) async fn list_asks(
        &self,
        caller: &Caller,
        open_only: bool,
    ) -> Result<Vec<Ask>, Refused> {
        let policies = (self.policies)();
        let sight = Sight::of(caller, &policies, clock::now());
        let asks = self.desk.asks(open_only).await?.into_iter();
        let seen = asks.filter(|ask| sight.covers(ask));
        Ok(seen.take(LISTED_MAX).map(shortened).collect())
    }

    /// Shows an ask, as soon as it is decided or `wait` is over.
    pub(super) async fn show_ask(
        &self,
        caller: &Caller,
        id: &AskId,
        wait: Duration,
    ) -> Result<Ask, Refused> {
        let deadline = Instant::now() + wait;
        let mut changes = self.desk.changes();
        loop {
            // Before the look, so that a change during it is seen.
            changes.mark_unchanged();
            let ask = self.visible(caller, id).await?;
            if ask.state != AskState::Open {
                return Ok(ask);
            }
            match timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_ended)) => return Ok(ask),
                Err(_elapsed) => return Ok(ask),
            }
        }
    }

    /// Counts a person's vote, if the policies in force permit it.
    pub(super) async fn vote(
        &self,
        caller: &Caller,
        id: &AskId,
        new: NewVote,
    ) -> Result<Ask, Refused> {
        let speaker =
            caller.person("an agent decides nothing; a person does, outside every scope")?;
        let person = &speaker.person;
        let NewVote { approves, note } = new;
        match &note {
            Some(note) => checks::text("note", note)?,
            None if approves => {}
            None => {
                return Err(Refused::bad_request(
                    "a denial needs a `note` that says why",
                ));
            }
        }
        let ask = self.visible(caller, id).await?;
        if is_own(&ask.asker, person) {
            return Err(Refused::own_ask());
        }
        let now = clock::now();
        let policies = (self.policies)();
        let right = speaker.may_approve(&policies, &view(&ask, &terms(&ask)), now)?;
        let vote = Vote {
            person: person.name.clone(),
            uid: person.uid,
            approves,
            note,
            time: now,
        };
        let ask = self.desk.vote(id, vote, now).await?;
        tracing::info!(
            target: "access-desk",
            ask = %ask.id,
            caller = %caller,
            approves,
            policies = ?right.policies,
            state = ?ask.state,
            "voted"
        );
        Ok(ask)
    }

    /// Takes an agent's own ask back.
    pub(super) async fn withdraw(&self, caller: &Caller, id: &AskId) -> Result<Ask, Refused> {
        caller.agent("only the workload that asked takes an ask back; a person denies it")?;
        self.visible(caller, id).await?;
        self.desk.withdraw(id, clock::now()).await?;
        tracing::info!(target: "access-desk", ask = %id, caller = %caller, "withdrawn");
        Ok(self.desk.find(id).await?)
    }

    /// An ask that a caller may see; one that they may not see is not there.
    async fn visible(&self, caller: &Caller, id: &AskId) -> Result<Ask, Refused> {
        let ask = self.desk.find(id).await?;
        let policies = (self.policies)();
        let sight = Sight::of(caller, &policies, clock::now());
        if sight.covers(&ask) {
            Ok(ask)
        } else {
            Err(AccessError::UnknownAsk(id.clone()).into())
        }
    }

    /// The account of an ask: the one that is named, or the only one.
    pub(super) fn account(&self, named: Option<String>) -> Result<String, Refused> {
        match (named, self.accounts.as_slice()) {
            (Some(name), _) => self.known_account(name),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(Refused::bad_request(format!(
                "say for which `account`: {}",
                self.accounts.join(", ")
            ))),
        }
    }

    pub(super) fn known_account(&self, name: String) -> Result<String, Refused> {
        if self.accounts.contains(&name) {
            return Ok(name);
        }
        let known = self.accounts.join(", ");
        let message = format!("no account is called that; there is {known}");
        Err(Refused::bad_request(message))
    }

    fn asker(&self, principal: &Principal) -> Asker {
        let workload = &principal.workload;
        Asker {
            workload: workload.name.clone(),
            anchor: workload.anchor.clone(),
            user: principal.user.as_ref().map(|user| user.subject.clone()),
            uid: workload.uid,
            unit: workload.unit.clone(),
            exe: None,
            host: self.host.clone(),
        }
    }
}

fn shortened(mut ask: Ask) -> Ask {
    if let Subject::Statement(held) = &mut ask.subject
        && let Some((end, _)) = held.text.char_indices().nth(LISTED_CHARS_MAX)
    {
        held.text.truncate(end);
        held.text.push('…');
    }
    ask
}
