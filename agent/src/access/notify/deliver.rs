//! One receiver: the next event, tried until it is taken or given up.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::sleep;

use super::address::{Address, Answer};
use super::metrics::{Metrics, Outcome};
use super::outbox::{self, Entry};
use super::{NotifyError, Slack, slack, webhook};
use crate::access::Desk;
use crate::access::event::{Event, EventKind};
use crate::clock;
use crate::credential::{Secret, Source};
use crate::shutdown::Shutdown;
use crate::telemetry::ErrorChain;
use crate::upstream::Connector;

/// How long one try may take, from the connection to the status.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);

/// Between two looks at a store that fails.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// The first wait; each further one is twice as long, up to the last.
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_LAST: Duration = Duration::from_secs(900);

/// What a receiver may ask us to wait; longer than this it would be down.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// After a day nobody waits for the decision any more.
const TRIED_FOR: Duration = Duration::from_secs(86_400);

/// A receiver, opened.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) events: Vec<EventKind>,
    pub(super) redact: bool,
    pub(super) form: Form,
    pub(super) connector: Connector,
    pub(super) metrics: Metrics,
}

/// How it is told.
#[derive(Debug)]
pub(super) enum Form {
    Webhook { address: Address, secret: Source },
    Slack { url: Source },
}

impl Form {
    const fn name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
        }
    }

    pub(super) fn default_events(&self) -> Vec<EventKind> {
        match self {
            Self::Webhook { .. } => EventKind::ALL.to_vec(),
            Self::Slack { .. } => Slack::DEFAULT_EVENTS.to_vec(),
        }
    }
}

/// What follows from one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Done,
    GiveUp,
    /// Again after this, give or take.
    Wait(Duration),
}

impl Endpoint {
    /// Tells the receiver what happens until the daemon ends.
    pub(super) async fn run(self, desk: Desk, mut shutdown: Shutdown) {
        // Every wait and every request is inside: what is cut off is tried again after the next
        // start, and the place in the store moves only in writes that run to their end.
        tokio::select! {
            () = shutdown.wait() => {}
            () = self.tell(&desk) => {}
        }
    }

    async fn tell(&self, desk: &Desk) {
        let mut written = desk.ledger.written();
        let mut backlog = 0;
        let mut place = None;
        loop {
            written.mark_unchanged();
            match Box::pin(self.tell_some(desk, &mut place, &mut backlog)).await {
                Ok(true) => {}
                Ok(false) => {
                    // The sender lives as long as the desk that we hold.
                    let _changed = written.changed().await;
                }
                Err(error) => {
                    tracing::error!(
                        endpoint = self.name,
                        error = %ErrorChain(&error),
                        "cannot read the outbox"
                    );
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Tells the next few events; false when there is nothing to tell.
    async fn tell_some(
        &self,
        desk: &Desk,
        place: &mut Option<i64>,
        backlog: &mut i64,
    ) -> Result<bool, crate::access::AccessError> {
        let mut at = match *place {
            Some(at) => at,
            None => outbox::place(desk, &self.name).await?,
        };
        let (entries, mut left) = outbox::after(desk, at).await?;
        let mut show_backlog = |left: i64| {
            self.metrics.backlog(self.form.name(), left - *backlog);
            *backlog = left;
        };
        show_backlog(left);
        let found = !entries.is_empty();
        for Entry { seq, event } in entries {
            let lost = seq.saturating_sub(at).saturating_sub(1);
            if at > 0 && lost > 0 {
                // The outbox is bounded: they were too old, or too many.
                self.failed(lost.unsigned_abs());
                tracing::error!(endpoint = self.name, lost, "events were never told");
            }
            match event {
                Some(event) if !self.events.contains(&event.kind) => {}
                Some(event) => {
                    Box::pin(self.deliver(&event)).await;
                    outbox::advance(desk, &self.name, seq).await?;
                }
                None => {
                    self.failed(1);
                    let error = NotifyError::Unreadable;
                    tracing::error!(endpoint = self.name, seq, %error, "an event was never told");
                }
            }
            at = seq;
            *place = Some(at);
            left -= 1;
            show_backlog(left);
        }
        if found {
            outbox::advance(desk, &self.name, at).await?;
        }
        Ok(found)
    }

    /// Tries one event until it is taken or given up.
    async fn deliver(&self, event: &Event) {
        let mut tries = 0;
        loop {
            let answer = Box::pin(self.attempt(event)).await;
            tries += 1;
            let age = age(event, clock::now());
            match next(&answer, tries, age) {
                Next::Done => return self.metrics.count(self.form.name(), Outcome::Sent, 1),
                Next::GiveUp => {
                    self.failed(1);
                    let error = reason(&answer);
                    tracing::error!(
                        endpoint = self.name,
                        event = event.id,
                        kind = event.kind.name(),
                        tries,
                        error,
                        "a notification is given up"
                    );
                    return;
                }
                Next::Wait(wait) => {
                    self.metrics.count(self.form.name(), Outcome::Retried, 1);
                    let error = reason(&answer);
                    tracing::warn!(
                        endpoint = self.name,
                        event = event.id,
                        tries,
                        error,
                        "a notification is tried again later"
                    );
                    sleep(jittered(wait)).await;
                }
            }
        }
    }

    async fn attempt(&self, event: &Event) -> Result<Answer, NotifyError> {
        let shown = event.shown(self.redact);
        match &self.form {
            Form::Webhook { address, secret } => {
                let secret = self.secret(secret).await?;
                let body = serde_json::to_vec(&shown).or(Err(NotifyError::Unreadable))?;
                let headers = webhook::headers(event, &body, &secret, clock::now());
                address.post(&self.connector, headers, body).await
            }
            Form::Slack { url } => {
                let url = self.secret(url).await?;
                let address = Address::parse(url.reveal()).ok_or_else(|| NotifyError::Url {
                    name: self.name.clone(),
                })?;
                let body = slack::message(&shown).to_string().into_bytes();
                address.post(&self.connector, HeaderMap::new(), body).await
            }
        }
    }

    async fn secret(&self, source: &Source) -> Result<Secret, NotifyError> {
        source.secret().await.map_err(|source| NotifyError::Secret {
            name: self.name.clone(),
            source,
        })
    }

    fn failed(&self, count: u64) {
        self.metrics.count(self.form.name(), Outcome::Failed, count);
    }
}

/// What to do after a try: `tries` includes it.
fn next(answer: &Result<Answer, NotifyError>, tries: u32, age: Duration) -> Next {
    let mut wait = WAIT_FIRST
        .saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)))
        .min(WAIT_LAST);
    if let Ok(answer) = answer {
        match answer.status {
            200..=299 => return Next::Done,
            // Too late, too often, or the receiver's own fault: it may be better later.
            408 | 429 | 500..=599 => {
                let asked = Duration::from_secs(answer.retry_after.unwrap_or_default());
                wait = wait.max(asked.min(RETRY_AFTER_MAX));
            }
            // It will not be better later; a redirect is not followed, it would take the event to
            // where nobody configured.
            _ => return Next::GiveUp,
        }
    }
    if age >= TRIED_FOR {
        return Next::GiveUp;
    }
    Next::Wait(wait)
}

fn reason(answer: &Result<Answer, NotifyError>) -> String {
    match answer {
        Ok(answer) => NotifyError::Status(answer.status).to_string(),
        Err(error) => ErrorChain(error).to_string(),
    }
}

fn age(event: &Event, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(event.time)).unwrap_or_default()
}

/// Between a half and the whole of a wait: many hosts whose receiver was down do not come back at
/// once.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [u8::MAX];
    if SystemRandom::new().fill(&mut byte).is_err() {
        return wait;
    }
    let [byte] = byte;
    let half = wait / 2;
    half.saturating_add(half.mul_f64(f64::from(byte) / 255.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, retry_after: Option<u64>, tries: u32, hours: u64, expected: Next) {
        let answer = Ok(Answer {
            status,
            retry_after,
        });
        let age = Duration::from_secs(hours * 3_600);
        assert_eq!(next(&answer, tries, age), expected);
    }

    #[test]
    fn what_follows_from_a_status() {
        let wait = |seconds| Next::Wait(Duration::from_secs(seconds));
        check(200, None, 1, 0, Next::Done);
        check(204, None, 9, 99, Next::Done);
        check(503, None, 1, 0, wait(1));
        check(500, None, 5, 0, wait(16));
        check(500, None, 40, 0, wait(900));
        check(500, None, u32::MAX, 23, wait(900));
        check(500, None, 40, 24, Next::GiveUp);
        check(429, Some(30), 1, 0, wait(30));
        check(429, Some(u64::MAX), 1, 0, wait(3_600));
        check(408, None, 2, 0, wait(2));
        for status in [301, 307, 400, 401, 403, 404, 410, 101] {
            check(status, Some(1), 1, 0, Next::GiveUp);
        }
        let broken = Err(NotifyError::Timeout);
        assert_eq!(next(&broken, 1, Duration::ZERO), wait(1));
        assert_eq!(next(&broken, 1, TRIED_FOR), Next::GiveUp);
    }

    #[test]
    fn jitter_stays_between_a_half_and_the_whole() {
        for _ in 0..100 {
            let wait = jittered(Duration::from_secs(10));
            assert!((5..=10).contains(&wait.as_secs()), "{wait:?}");
        }
    }
}
