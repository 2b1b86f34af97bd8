//! What happened, for the people who must hear of it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteConnection;

use super::ask::{Ask, Subject, Vote};
use super::grant::Grant;
use super::rows::{self, cut};
use super::{AccessError, id, redact};
use crate::store::StoreError;

/// What a receiver needs of a statement; the whole is at `snowfence asks`.
pub(super) const EVENT_STATEMENT_BYTES_MAX: usize = 8 * 1024;

/// Something that happened to an ask or to a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Also the idempotency key towards receivers: the same event is never told under two.
    pub id: String,
    pub kind: EventKind,
    pub time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<Vote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// The statement without literals, in the outbox only: made of the whole text, because a text
    /// that was cut inside a string cannot be taken apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redacted: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    AskOpened,
    /// A vote that did not yet decide.
    AskVoted,
    AskApproved,
    AskDenied,
    AskExpired,
    AskWithdrawn,
    AskVoid,
    AskUsed,
    /// An ask that was approved by nobody, as the policies allow in an emergency.
    BreakGlass,
    GrantGiven,
    /// It was used first, and its time runs.
    GrantActivated,
    GrantExtended,
    /// It ends soon.
    GrantEnding,
    GrantEnded,
    GrantRevoked,
    /// It was never used.
    GrantUnused,
}

impl EventKind {
    pub const ALL: [Self; 16] = [
        Self::AskOpened,
        Self::AskVoted,
        Self::AskApproved,
        Self::AskDenied,
        Self::AskExpired,
        Self::AskWithdrawn,
        Self::AskVoid,
        Self::AskUsed,
        Self::BreakGlass,
        Self::GrantGiven,
        Self::GrantActivated,
        Self::GrantExtended,
        Self::GrantEnding,
        Self::GrantEnded,
        Self::GrantRevoked,
        Self::GrantUnused,
    ];

    /// The kind that a configuration names.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The word in configurations, notifications and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AskOpened => "ask_opened",
            Self::AskVoted => "ask_voted",
            Self::AskApproved => "ask_approved",
            Self::AskDenied => "ask_denied",
            Self::AskExpired => "ask_expired",
            Self::AskWithdrawn => "ask_withdrawn",
            Self::AskVoid => "ask_void",
            Self::AskUsed => "ask_used",
            Self::BreakGlass => "break_glass",
            Self::GrantGiven => "grant_given",
            Self::GrantActivated => "grant_activated",
            Self::GrantExtended => "grant_extended",
            Self::GrantEnding => "grant_ending",
            Self::GrantEnded => "grant_ended",
            Self::GrantRevoked => "grant_revoked",
            Self::GrantUnused => "grant_unused",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Event {
    pub(super) fn of_ask(kind: EventKind, ask: &Ask, now: Timestamp) -> Result<Self, AccessError> {
        let mut ask = ask.clone();
        let mut redacted = None;
        if let Subject::Statement(statement) = &mut ask.subject {
            let hidden = redact::redact(&statement.text);
            redacted = Some(cut(&hidden, EVENT_STATEMENT_BYTES_MAX));
            statement.text = cut(&statement.text, EVENT_STATEMENT_BYTES_MAX);
        }
        Ok(Self {
            ask: Some(ask),
            redacted,
            ..Self::bare(kind, now)?
        })
    }

    pub(super) fn of_grant(
        kind: EventKind,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        Ok(Self {
            grant: Some(grant.clone()),
            ..Self::bare(kind, now)?
        })
    }

    /// The form that leaves the host.
    pub(super) fn shown(&self, without_literals: bool) -> Self {
        let mut shown = self.clone();
        let redacted = shown.redacted.take();
        if without_literals
            && let Some(ask) = &mut shown.ask
            && let Subject::Statement(statement) = &mut ask.subject
        {
            statement.text = redacted.unwrap_or_else(|| redact::HIDDEN.to_owned());
        }
        shown
    }

    fn bare(kind: EventKind, now: Timestamp) -> Result<Self, AccessError> {
        Ok(Self {
            id: id::random("event", id::LONG)?,
            kind,
            time: rows::whole(now),
            ask: None,
            vote: None,
            grant: None,
            redacted: None,
        })
    }

    /// Puts it into the outbox, in the transaction of what it tells of.
    pub(super) async fn write(&self, connection: &mut SqliteConnection) -> Result<(), AccessError> {
        sqlx::query("INSERT INTO events (id, time, kind, body) VALUES ($1, $2, $3, $4)")
            .bind(&self.id)
            .bind(self.time.as_microsecond())
            .bind(self.kind.name())
            .bind(rows::json(self)?)
            .execute(connection)
            .await
            .map_err(StoreError::failed)?;
        Ok(())
    }
}
