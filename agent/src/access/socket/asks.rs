//! Asks over the socket: agents make and follow them, people decide them.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::Counter;
use super::caller::Caller;
use super::refused::Refused;
use super::shapes::{NewRoleAsk, NewVote};
use crate::access::{AccessError, Ask, AskId, AskState, Asker, NewAsk, Subject, Vote};
use crate::clock;
use crate::identity::Principal;
use crate::policy::rights::{self, AskView, Person};
use crate::policy::{PolicySet, Terms};

/// What fits on an approver's screen.
const TEXT_BYTES_MAX: usize = 1000;
/// Names of roles are identifiers of a policy file.
const NAME_BYTES_MAX: usize = 128;
/// Shorter, and it is over before the agent has read that it has it.
const DURATION_MIN: Duration = Duration::from_secs(60);
/// Longer than a working week is no access for the time that it is needed.
const DURATION_MAX: Duration = Duration::from_hours(7 * 24);
/// More than a person reads; the newest come first.
const LISTED_MAX: usize = 500;
/// Of a statement in a list: whoever decides looks at the ask itself.
const LISTED_CHARS_MAX: usize = 200;

impl Counter {
    /// Files an agent's ask for a role.
    pub(super) async fn ask_for_role(
        &self,
        caller: &Caller,
        new: NewRoleAsk,
    ) -> Result<Ask, Refused> {
        let principal = caller.agent(
            "only a process in an enforced scope asks for a role; outside, a person gives one \
             with `snowfence grant`",
        )?;
        let NewRoleAsk {
            role,
            for_seconds,
            reason,
            account,
        } = new;
        name("role", &role)?;
        text("reason", &reason)?;
        let duration = duration(for_seconds)?;
        let account = self.account(account)?;
        let now = clock::now();
        let policies = (self.policies)();
        let (right, terms) = rights::ask(&policies, principal, &role, now)?;
        if let Some(longest) = terms.longest.filter(|longest| duration > *longest) {
            let minutes = longest.as_secs() / 60;
            let message =
                format!("role `{role}` is given for {minutes} minutes at most; ask for less");
            return Err(Refused::not_permitted(message));
        }
        let breaks_glass = terms.breakglass && terms.approvals == 0;
        let asked = NewAsk {
            message: format!("the workload asks for role `{role}`"),
            subject: Subject::Role { role, duration },
            asker: self.asker(principal),
            account,
            reason: Some(reason),
            terms,
            policy_version: right.policy_version,
        };
        if breaks_glass {
            let ask = self.desk.break_glass(asked, now).await?;
            // Nobody was asked: everybody is told.
            tracing::warn!(target: "access-desk", ask = %ask.id, caller = %caller, "break-glass");
            return Ok(ask);
        }
        let ask = self.desk.ask(asked, now).await?;
        tracing::info!(target: "access-desk", ask = %ask.id, caller = %caller, "asked");
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
        let person =
            caller.person("an agent decides nothing; a person does, outside every scope")?;
        let NewVote { approves, note } = new;
        match &note {
            Some(note) => text("note", note)?,
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
        let right = rights::approve(&policies, person, &view(&ask, &terms(&ask)), now)?;
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

/// Which asks a caller may see.
struct Sight<'a> {
    caller: &'a Caller,
    policies: &'a PolicySet,
    operates: bool,
    now: Timestamp,
}

impl<'a> Sight<'a> {
    fn of(caller: &'a Caller, policies: &'a PolicySet, now: Timestamp) -> Self {
        let operates = match caller {
            Caller::Agent(_) => false,
            Caller::Person(person) => rights::operate(policies, person, now).is_ok(),
        };
        Self {
            caller,
            policies,
            operates,
            now,
        }
    }

    fn covers(&self, ask: &Ask) -> bool {
        match self.caller {
            Caller::Agent(principal) => {
                let workload = &principal.workload;
                ask.asker.workload == workload.name && ask.asker.anchor == workload.anchor
            }
            Caller::Person(person) => {
                let may_decide =
                    || rights::approve(self.policies, person, &view(ask, &terms(ask)), self.now);
                self.operates || may_decide().is_ok()
            }
        }
    }
}

/// Whether a person would decide about themselves: the agent runs as their user, or works for them.
///
/// Root outside every scope is the operator of the host, and another person than an agent that runs
/// as root: it could become anyone, and an agent inside a scope cannot be it.
fn is_own(asker: &Asker, person: &Person) -> bool {
    let same_user = asker.uid == person.uid && person.uid != 0;
    let named = asker.user.as_deref().is_some_and(|user| {
        let local = user.split('@').next().unwrap_or(user);
        [user, local]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&person.name))
    });
    same_user || named
}

fn view<'a>(ask: &'a Ask, terms: &'a Terms) -> AskView<'a> {
    AskView {
        role: match &ask.subject {
            Subject::Role { role, .. } => Some(role),
            Subject::Statement(_) => None,
        },
        workload: &ask.asker.workload,
        account: &ask.account,
        terms,
    }
}

/// The terms that the ask was filed with.
fn terms(ask: &Ask) -> Terms {
    let wait = ask.expires.duration_since(ask.asked);
    Terms {
        approvers: ask.approvers.iter().cloned().collect(),
        approvals: ask.approvals,
        wait: wait.unsigned_abs(),
        ..Terms::default()
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

/// What people are to read: some words, without anything that steers a terminal.
pub(super) fn text(field: &str, value: &str) -> Result<(), Refused> {
    if value.trim().is_empty() {
        return Err(Refused::bad_request(format!("`{field}` must not be empty")));
    }
    if value.len() > TEXT_BYTES_MAX {
        let message = format!("`{field}` must not be longer than {TEXT_BYTES_MAX} bytes");
        return Err(Refused::bad_request(message));
    }
    if value.chars().any(|it| it.is_control() && it != '\n') {
        let message = format!("`{field}` must not have control characters");
        return Err(Refused::bad_request(message));
    }
    Ok(())
}

pub(super) fn name(field: &str, value: &str) -> Result<(), Refused> {
    if value.is_empty() || value.len() > NAME_BYTES_MAX || value.chars().any(char::is_control) {
        return Err(Refused::bad_request(format!("`{field}` is not a name")));
    }
    Ok(())
}

pub(super) fn duration(seconds: u64) -> Result<Duration, Refused> {
    let duration = Duration::from_secs(seconds);
    if (DURATION_MIN..=DURATION_MAX).contains(&duration) {
        return Ok(duration);
    }
    Err(Refused::bad_request(
        "the time must be from one minute to seven days",
    ))
}
