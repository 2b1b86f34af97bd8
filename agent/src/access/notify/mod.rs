//! Tells people what happened at the desk: signed webhooks and Slack.
//!
//! ```text
//! vote ─► one transaction: votes, asks, events ─┬─► endpoint a: in order, one at a time
//!                            (the outbox)       └─► endpoint b: its own place, its own pace
//! ```
//!
//! An event is in the outbox if and only if what it tells of happened. Each endpoint keeps its
//! place in the store and moves on when the receiver took the event, refused it for good, or a day
//! has passed. A receiver that answered while we were killed gets the event again, under the same
//! idempotency key.

mod address;
mod deliver;
mod error;
mod metrics;
mod outbox;
mod slack;
mod webhook;

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

pub use error::NotifyError;
pub use metrics::Metrics;

use super::Desk;
use super::event::EventKind;
use crate::config::SecretSource;
use crate::credential::Source;
use crate::shutdown::Shutdown;
use crate::telemetry::ErrorChain;
use crate::upstream::Connector;
use address::Address;
use deliver::{Endpoint, Form};

/// The longest silence of a receiver on an open connection.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Each endpoint is one task with one request in flight.
const ENDPOINTS_MAX: usize = 16;

/// Whom to tell. With nobody in it, people look at the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub webhooks: Vec<Webhook>,
    pub slack: Vec<Slack>,
}

/// A receiver of signed events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Names the receiver's place in the outbox: under another name it starts afresh.
    pub name: String,
    /// `https://…`, or `http://` to an address of this host.
    pub url: String,
    /// The key of the signature.
    pub secret: SecretSource,
    /// What it is told of; empty: everything.
    pub events: Vec<EventKind>,
    /// Whether strings and numbers in statements become `?`.
    pub redact: bool,
}

/// A Slack channel, by its incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slack {
    /// As [`Webhook::name`].
    pub name: String,
    /// The webhook's address; whoever knows it can post, so it is a secret.
    pub url: SecretSource,
    /// What is posted; empty: what people must decide or know of, [`Slack::DEFAULT_EVENTS`].
    pub events: Vec<EventKind>,
    /// As [`Webhook::redact`].
    pub redact: bool,
}

impl Slack {
    /// A channel that is told everything is soon read by nobody.
    pub const DEFAULT_EVENTS: [EventKind; 8] = [
        EventKind::AskOpened,
        EventKind::AskApproved,
        EventKind::AskDenied,
        EventKind::AskExpired,
        EventKind::BreakGlass,
        EventKind::GrantGiven,
        EventKind::GrantEnding,
        EventKind::GrantRevoked,
    ];
}

/// Whether events may be sent to this address: over https, or within this host.
#[must_use]
pub fn is_address(url: &str) -> bool {
    Address::parse(url).is_some()
}

/// Everything that is needed to tell people, opened.
#[derive(Debug)]
pub struct Notifier {
    endpoints: Vec<Endpoint>,
    metrics: Metrics,
}

impl Notifier {
    /// Opens the secrets and checks the addresses that are no secrets.
    ///
    /// `credentials_directory` is systemd's `$CREDENTIALS_DIRECTORY`; `connector` verifies the
    /// receivers.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration.
    pub fn open(
        config: &Config,
        credentials_directory: Option<&Path>,
        connector: &TlsConnector,
        metrics: Metrics,
    ) -> Result<Self, Vec<NotifyError>> {
        let connector = Connector::new(connector.clone(), SILENCE_MAX, None);
        let mut endpoints: Vec<Endpoint> = Vec::new();
        let mut problems = Vec::new();
        let webhooks = config.webhooks.iter().map(|webhook| {
            let form = open_webhook(webhook, credentials_directory);
            (&webhook.name, &webhook.events, webhook.redact, form)
        });
        let slack = config.slack.iter().map(|slack| {
            let form = open_slack(slack, credentials_directory);
            (&slack.name, &slack.events, slack.redact, form)
        });
        for (name, events, redact, form) in webhooks.chain(slack) {
            if endpoints.iter().any(|earlier| earlier.name == *name) {
                problems.push(NotifyError::Twice { name: name.clone() });
            }
            match form {
                Ok(form) => endpoints.push(Endpoint {
                    name: name.clone(),
                    events: if events.is_empty() {
                        form.default_events()
                    } else {
                        events.clone()
                    },
                    redact,
                    form,
                    connector: connector.clone(),
                    metrics: metrics.clone(),
                }),
                Err(problem) => problems.push(problem),
            }
        }
        if endpoints.len() > ENDPOINTS_MAX {
            problems.push(NotifyError::TooMany {
                count_max: ENDPOINTS_MAX,
            });
        }
        if problems.is_empty() {
            Ok(Self { endpoints, metrics })
        } else {
            Err(problems)
        }
    }
}

/// Tells people until the daemon ends. What is not told by then is told after the next start.
pub async fn run(desk: Desk, notifier: Notifier, mut shutdown: Shutdown) {
    let names: Vec<String> = notifier
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.clone())
        .collect();
    while let Err(error) = outbox::enrol(&desk, &names).await {
        tracing::error!(error = %ErrorChain(&error), "cannot read the outbox of notifications");
        // Both arms are cancel-safe.
        tokio::select! {
            () = shutdown.wait() => return,
            () = tokio::time::sleep(deliver::PAUSE) => {}
        }
    }
    let mut tasks = JoinSet::new();
    for endpoint in notifier.endpoints {
        tasks.spawn(endpoint.run(desk.clone(), shutdown.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            notifier.metrics.task_lost();
            tracing::error!(%error, "a task of the notifications ended early");
        }
    }
}

fn open_webhook(webhook: &Webhook, directory: Option<&Path>) -> Result<Form, NotifyError> {
    let address = Address::parse(&webhook.url).ok_or_else(|| NotifyError::Url {
        name: webhook.name.clone(),
    })?;
    let secret = open_secret(&webhook.name, &webhook.secret, directory)?;
    Ok(Form::Webhook { address, secret })
}

fn open_slack(slack: &Slack, directory: Option<&Path>) -> Result<Form, NotifyError> {
    let url = open_secret(&slack.name, &slack.url, directory)?;
    Ok(Form::Slack { url })
}

fn open_secret(
    name: &str,
    source: &SecretSource,
    directory: Option<&Path>,
) -> Result<Source, NotifyError> {
    Source::open(source, directory).map_err(|source| NotifyError::Secret {
        name: name.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
