//! Asks Snowflake about the tables and views that a statement names, through the session that runs
//! it, before the statement is judged.
//!
//! These are requests of ours: each is permitted by [`house`], recorded with its caller, and
//! its answer goes to the catalog and nowhere else. What cannot be known in time stays unknown.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::opening::Exchange;
use super::question::Sight;
use super::refusal::Refusal;
use super::services::{Services, Session};
use crate::catalog::definition;
use crate::mask;
use crate::policy::{Permit, house};
use crate::record::Stage;
use crate::snowflake::catalog::{Ask, Told};
use crate::snowflake::{Query, RequestId};
use crate::sql::context::{Lookup, Relation};
use crate::sql::{Facts, ObjectName};
use crate::upstream::{self, Unmasked};

/// Views over views over views; deeper ones stay unknown.
const ROUNDS: usize = 3;
/// For all questions about one statement: its client waits meanwhile.
const TIME: Duration = Duration::from_secs(5);
/// Tables of one statement that are asked about.
const NAMES_MAX: usize = 64;

/// Completes the facts with what Snowflake says of the objects that they miss, if that matters.
/// `None` when analysis failed.
pub(super) async fn complete(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Arc<Session>,
    sight: &Sight,
    query: &Query,
    facts: Facts,
) -> Result<Option<Facts>, Refusal> {
    if facts.missing.is_empty() {
        services.metrics.catalog_hits.inc();
        return Ok(Some(facts));
    }
    // A question of ours would be the last query that the statement asks for.
    if facts.uses_last_query_id || !matters(services, sight) {
        return Ok(Some(facts));
    }
    let deadline = Instant::now() + TIME;
    let mut asked = BTreeSet::new();
    let mut facts = facts;
    for _ in 0..ROUNDS {
        let missing: Vec<ObjectName> = facts
            .missing
            .iter()
            .filter(|name| name.parts().len() == 3 && !asked.contains(*name))
            .take(NAMES_MAX.saturating_sub(asked.len()))
            .cloned()
            .collect();
        if missing.is_empty() {
            break;
        }
        for name in missing {
            let asking = ask_about(connection, services, session, sight, &name);
            if timeout_at(deadline, Box::pin(asking)).await.is_err() {
                services.metrics.catalog_fetch("late");
                return sight.look(services, query).await;
            }
            asked.insert(name);
        }
        match sight.look(services, query).await? {
            Some(found) => facts = found,
            None => return Ok(None),
        }
    }
    Ok(Some(facts))
}

/// Whether anything depends on columns and definitions: labels, or a search path by which a bare
/// name can be one of several. By Snowflake's default it is looked for in `PUBLIC`, too.
fn matters(services: &Services, sight: &Sight) -> bool {
    let session = &sight.snapshot.session;
    let has_one_place = match &session.search_path {
        None => session
            .schema
            .as_deref()
            .is_none_or(|schema| schema == "PUBLIC"),
        Some(path) => path.len() < 2,
    };
    !has_one_place || services.policies.snapshot().needs_catalog()
}

async fn ask_about(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    sight: &Sight,
    name: &ObjectName,
) {
    let Some(flight) = sight.view.flight(name).await else {
        return;
    };
    let ask = |what| ask(connection, services, session, what, name);
    let (columns, kind) = tokio::join!(ask(Ask::Columns), ask(Ask::Kind));
    let lookup = match (columns, kind) {
        (Told::Absent, _) => Lookup::Absent,
        (Told::Columns(columns), Told::Kind(kind)) if kind == "TABLE" => known(columns, None),
        (Told::Columns(columns), Told::Kind(kind)) if kind == "VIEW" => {
            match Box::pin(ask(Ask::Definition)).await {
                Told::Definition(text) => match definition::query_of(&text) {
                    Some(query) => known(columns, Some(query.to_owned())),
                    None => Lookup::Unknown,
                },
                Told::Columns(_) | Told::Kind(_) | Told::Absent | Told::Unclear => Lookup::Unknown,
            }
        }
        // A view whose text is hidden from the role must not be taken for a table of its own.
        (Told::Columns(_) | Told::Kind(_) | Told::Definition(_) | Told::Unclear, _) => {
            Lookup::Unknown
        }
    };
    services.metrics.catalog_fetch(match &lookup {
        Lookup::Known(_) => "known",
        Lookup::Absent => "absent",
        Lookup::Unknown => "unknown",
    });
    sight.view.land(&flight, lookup, Instant::now());
}

fn known(columns: Vec<String>, definition: Option<String>) -> Lookup {
    Lookup::Known(Arc::new(Relation {
        columns,
        definition,
    }))
}

async fn ask(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    what: Ask,
    name: &ObjectName,
) -> Told {
    // Random: under an id that a client could guess, the client's own result could be the answer.
    let Ok(request_id) = upstream::request_id(session.upstream.host()) else {
        return Told::Unclear;
    };
    let policies = services.policies.snapshot();
    let permit = house::catalog(&policies, what, name, RequestId(request_id));
    match Box::pin(put(connection, services, session, permit)).await {
        Some(unmasked) => mask::catalog(unmasked, what, name),
        None => Told::Unclear,
    }
}

/// Asks where a session stands that we lost sight of; `true` when it may be known again.
pub(super) async fn find_session(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    changes: u64,
) -> bool {
    let Ok(request_id) = upstream::request_id(session.upstream.host()) else {
        return false;
    };
    let policies = services.policies.snapshot();
    let permit = house::session(&policies, RequestId(request_id));
    let asking = Box::pin(put(connection, services, session, permit));
    let Ok(answer) = tokio::time::timeout(TIME, asking).await else {
        return false;
    };
    let settings = answer.and_then(mask::settings);
    if let Some(settings) = &settings {
        session.state.told(settings, changes);
    }
    settings.is_some()
}

/// Sends one request of ours and records it.
async fn put(
    connection: &Connection,
    services: &Arc<Services>,
    session: &Session,
    permit: Option<Permit>,
) -> Option<Unmasked> {
    let permit = permit?;
    let mut exchange = Exchange::open(connection, services);
    exchange.asks_for_us("catalog", permit.operation());
    exchange.belongs_to(session);
    let recorded = match exchange.decided(permit).await {
        Ok(recorded) => recorded,
        Err(refusal) => {
            drop(exchange.end::<()>(Err(refusal)));
            return None;
        }
    };
    exchange.begins(Stage::Upstream);
    session.state.interrupted();
    let tag = services.query_tag(connection, Some(session), recorded.entry(), None);
    let sending = services.upstream.send(recorded, &session.upstream, &tag);
    let answer = Box::pin(sending).await;
    exchange.end(answer.map_err(Refusal::from)).ok()
}
