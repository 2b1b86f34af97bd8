//! A statement on its way through its session.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Answer, Inner, OPEN_MAX, Open, SETTLE, State, Turn};
use crate::snowflake::{Query, RequestId};
use crate::sql::facts::Facts;

/// A statement between its turn and its answer. Dropped without an answer, what it may have changed
/// is not believed.
#[derive(Debug)]
pub struct Course {
    state: Arc<State>,
    request: RequestId,
    /// It was never answered before.
    fresh: bool,
    /// Its number among the changing statements.
    number: Option<u64>,
    ended: bool,
    _turn: Turn,
}

impl Course {
    /// Called before the statement is sent.
    #[must_use]
    pub fn begin(
        state: &Arc<State>,
        turn: Turn,
        query: &Query,
        facts: &Facts,
        fresh: bool,
    ) -> Self {
        let request = &query.request_id;
        // What was answered before changes nothing when it is answered again; `polled` and the first
        // answer have seen to that.
        let number = {
            let mut inner = state.lock();
            let is_open = inner.open.iter().any(|open| open.request == *request);
            if fresh || is_open {
                inner.begin(query, facts)
            } else {
                inner.last.running += 1;
                None
            }
        };
        Self {
            state: Arc::clone(state),
            request: request.clone(),
            fresh,
            number,
            ended: false,
            _turn: turn,
        }
    }

    /// Takes over what the answer says; the turn ends.
    pub fn answered(mut self, answer: &Answer<'_>) {
        self.ended = true;
        let state = Arc::clone(&self.state);
        let mut inner = state.lock();
        let place = inner
            .open
            .iter()
            .position(|open| Some(open.number) == self.number && open.request == self.request);
        match place {
            Some(at) if answer.in_progress => {
                if let Some(open) = inner.open.get_mut(at) {
                    open.query = answer.query.cloned();
                }
            }
            Some(at) => {
                let open = inner.open.remove(at);
                let is_news = !answer.seen || open.query.is_some();
                let is_latest = is_news && open.number == inner.changes;
                inner.end(&open, answer, is_latest);
            }
            None if self.fresh && !answer.seen && answer.success && !answer.in_progress => {
                inner.names.believe(answer.said);
            }
            None => {}
        }
        let plain = self.fresh && !answer.seen && answer.success && !answer.in_progress;
        inner.last.end(answer.query.filter(|_| plain));
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut inner = self.state.lock();
        let number = self.number;
        if let Some(open) = inner
            .open
            .iter_mut()
            .find(|open| Some(open.number) == number)
        {
            open.until = Some(Instant::now() + SETTLE);
        }
        inner.last.end(None);
    }
}

impl Inner {
    fn begin(&mut self, query: &Query, facts: &Facts) -> Option<u64> {
        let request = &query.request_id;
        self.last.running += 1;
        if self.last.running > 1 {
            self.last.overlapped = true;
            self.last.ids.clear();
        }
        if facts.session_changes.is_empty() {
            return None;
        }
        // Sent again: the end of the first try is the end of both.
        if let Some(open) = self.open.iter_mut().find(|open| open.request == *request) {
            open.until = None;
            return Some(open.number);
        }
        self.changes += 1;
        if self.open.len() >= OPEN_MAX {
            self.lost = true;
            return None;
        }
        self.open.push(Open {
            number: self.changes,
            request: request.clone(),
            query: None,
            changes: facts.session_changes.clone(),
            compound: facts.kinds.len() > 1,
            described: query.describe_only,
            until: None,
        });
        Some(self.changes)
    }
}
