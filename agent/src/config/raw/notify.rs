//! `[[webhook]]` and `[[slack]]`: who is told of asks and grants.

use toml::Spanned;

use super::all;
use super::credential::secret;
use super::cross::Seen;
use crate::access::EventKind;
use crate::access::notify::{self, Slack, Webhook};
use crate::config::reader::{Reader, closest};
use crate::config::schema;
use crate::config::value;

pub(super) fn notify(file: &mut Reader<'_, '_>, seen: &mut Seen) -> Option<notify::Config> {
    let webhooks = all(file.tables("webhook", &schema::WEBHOOK), |table| {
        webhook(table, seen)
    });
    let slack = all(file.tables("slack", &schema::SLACK), |table| {
        slack(table, seen)
    });
    Some(notify::Config {
        webhooks: webhooks?,
        slack: slack?,
    })
}

fn webhook(mut table: Reader<'_, '_>, seen: &mut Seen) -> Option<Webhook> {
    let name = name(&mut table, seen);
    let url = table.required_as("url", value::receiver);
    let secret = required_secret(&mut table, "secret");
    let events = table.list("events", event);
    let redact = table.flag("redact").unwrap_or(REDACT);
    table.finish();
    Some(Webhook {
        name: name?.into_inner(),
        url: url?.into_inner(),
        secret: secret?,
        events: plain(events),
        redact,
    })
}

fn slack(mut table: Reader<'_, '_>, seen: &mut Seen) -> Option<Slack> {
    let name = name(&mut table, seen);
    let url = required_secret(&mut table, "url");
    let events = table.list("events", event);
    let redact = table.flag("redact").unwrap_or(REDACT);
    table.finish();
    Some(Slack {
        name: name?.into_inner(),
        url: url?,
        events: plain(events),
        redact,
    })
}

/// Whoever reads a channel need not be one who may read the data.
const REDACT: bool = true;

fn name(table: &mut Reader<'_, '_>, seen: &mut Seen) -> Option<Spanned<String>> {
    let name = table.required_as("name", value::name);
    seen.receivers.extend(name.clone());
    name
}

fn required_secret(
    table: &mut Reader<'_, '_>,
    key: &'static str,
) -> Option<crate::config::SecretSource> {
    if !table.has(key) {
        table.missing(key);
    }
    secret(table, key)
}

fn plain(events: Vec<Spanned<EventKind>>) -> Vec<EventKind> {
    events.into_iter().map(Spanned::into_inner).collect()
}

fn event(text: &str) -> Result<EventKind, String> {
    let found = EventKind::ALL.into_iter().find(|it| it.name() == text);
    found.ok_or_else(|| {
        let names = EventKind::ALL.iter().map(|it| it.name());
        let hint = closest(text, names)
            .map(|known| format!(", did you mean `{known}`?"))
            .unwrap_or_default();
        format!("no event is called `{text}`{hint}")
    })
}
