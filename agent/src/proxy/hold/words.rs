//! What clients are told about statements that wait, and why they end.

use super::super::refusal::{Reason, Refusal};
use crate::access::{Ask, AskId};

/// What an approver is shown of a text; nobody reads a longer one.
const TEXT_BYTES_MAX: usize = 64 << 10;

pub(super) fn shown(text: &str) -> String {
    let kept = text.floor_char_boundary(TEXT_BYTES_MAX);
    text.get(..kept).unwrap_or_default().to_owned()
}

/// For people who read traces while it waits.
pub(super) fn hint(ask: Option<&AskId>) -> String {
    match ask {
        Some(ask) => format!("Snowfence: waiting for approval as {ask}"),
        None => "Snowfence: waiting for approval".to_owned(),
    }
}

pub(super) fn denied(ask: &Ask) -> Refusal {
    let vote = ask.votes.iter().rev().find(|vote| !vote.approves);
    let by = vote.map_or("an approver", |vote| vote.person.as_str());
    let note = vote
        .and_then(|vote| vote.note.as_deref())
        .unwrap_or("no note");
    let text = format!(
        "`{by}` denied it ({}): {note}; do not send it again unchanged, ask `{by}` what would be \
         acceptable",
        ask.id
    );
    Refusal::new(Reason::ApprovalDenied, text)
}

pub(super) fn expired(ask: &Ask) -> Refusal {
    let text = format!(
        "nobody decided in time about {}, which asked {} for {}; send the statement again to ask \
         again",
        ask.id,
        people(&ask.approvers),
        approvals(ask.approvals),
    );
    Refusal::new(Reason::ApprovalExpired, text)
}

/// For drivers that cannot wait.
pub(super) fn come_again(missing: &str, ask: &Ask) -> Refusal {
    let text = format!(
        "{missing}; this driver cannot wait for a decision, so nothing was run: {} of {} decide \
         about it as {}, run exactly the same statement again after that, before {}",
        approvals(ask.approvals),
        people(&ask.approvers),
        ask.id,
        ask.expires.strftime("%Y-%m-%d %H:%M UTC"),
    );
    Refusal::new(Reason::ApprovalNeeded, text)
}

fn people(groups: &[String]) -> String {
    let quoted: Vec<String> = groups.iter().map(|group| format!("`{group}`")).collect();
    match quoted.as_slice() {
        [] => "the approvers".to_owned(),
        [group] => group.clone(),
        groups => groups.join(", "),
    }
}

fn approvals(count: u32) -> String {
    match count {
        1 => "1 approval".to_owned(),
        count => format!("{count} approvals"),
    }
}

pub(super) fn withdrawn(ask: &Ask) -> Refusal {
    let text = format!(
        "{} was taken back, so the statement waits no longer",
        ask.id
    );
    Refusal::new(Reason::Cancelled, text)
}

pub(super) fn cancelled() -> Refusal {
    Refusal::new(Reason::Cancelled, "SQL execution canceled")
}

pub(super) fn not_executing() -> Refusal {
    Refusal::new(
        Reason::NotExecuting,
        "the statement is not executing any more, so there is nothing to cancel",
    )
}

pub(super) fn other_way(api: bool) -> Refusal {
    let text = match api {
        true => "the statement was sent through the SQL API; ask for it there",
        false => "the statement was sent by a driver; ask for it through a driver",
    };
    Refusal::new(Reason::ForeignQuery, text)
}

pub(super) fn session_closed() -> Refusal {
    Refusal::new(Reason::Cancelled, "the session was closed while it waited")
}

pub(super) fn gone() -> Refusal {
    Refusal::new(
        Reason::Cancelled,
        "nobody asked for the statement for five minutes, so it waits no longer; send it again",
    )
}

pub(super) fn stopping() -> Refusal {
    Refusal::new(
        Reason::Stopping,
        "Snowfence stopped while the statement waited for approval, and nothing was run; send it \
         again in a new session",
    )
}

pub(super) fn unavailable() -> Refusal {
    Refusal::new(
        Reason::AccessFailed,
        "people must decide about this statement, and nobody could be asked, so nothing was run; \
         tell the operator of this host",
    )
}

/// Why a statement that waits to be translated is not sent on.
pub(super) fn names_waiting(id: &str) -> Refusal {
    let text = format!(
        "the statement `{id}` whose result is named has not run yet: it waits for approval; wait \
         until it has ended"
    );
    Refusal::new(Reason::NotExecuting, text)
}
