//! What is done without a request: sessions are renewed and ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::login;
use super::services::{Services, Session};
use crate::record::event::Closing;
use crate::shutdown::Shutdown;
use crate::telemetry::ErrorChain;
use crate::upstream::UpstreamError;

/// Upstream tokens live for an hour and are renewed a quarter of an hour before their end.
const SESSIONS_EVERY: Duration = Duration::from_secs(30);
/// Sessions that are renewed or ended at once: one that hangs does not keep the others waiting,
/// and a thousand do not fall upon the account host together.
const AT_ONCE: usize = 16;
/// For all logouts at the end; with the drain before it still below systemd's 90 s.
const LOGOUTS_TIMEOUT: Duration = Duration::from_secs(10);

/// Renews upstream tokens, and ends the sessions whose client or whose upstream half is gone.
pub async fn keep_sessions(services: Arc<Services>, mut shutdown: Shutdown) {
    loop {
        // Cancel-safe: a renewal goes on by itself, a logout is a courtesy.
        tokio::select! {
            () = keep_once(&services) => {}
            () = shutdown.wait() => return,
        }
    }
}

async fn keep_once(services: &Arc<Services>) {
    tokio::time::sleep(SESSIONS_EVERY).await;
    let now = Instant::now();
    let expired = services.sessions.sweep(now);
    for session in &expired {
        services.forget(session.id);
    }
    each(services, expired, log_out).await;
    each(services, services.sessions.list(), renew).await;
}

/// Ends every session, at Snowflake too: when nobody uses them any more.
pub async fn end_sessions(services: &Arc<Services>) {
    let all = each(
        services,
        services.sessions.close_all(Closing::Shutdown),
        log_out,
    );
    if tokio::time::timeout(LOGOUTS_TIMEOUT, all).await.is_err() {
        tracing::warn!("not every session was ended at snowflake in time");
    }
}

async fn log_out(services: Arc<Services>, session: Arc<Session>) {
    services.upstream.logout(&session.upstream).await;
}

async fn renew(services: Arc<Services>, session: Arc<Session>) {
    let now = Instant::now();
    match services.upstream.renew_due(&session.upstream, now).await {
        Ok(_) => {}
        Err(UpstreamError::SessionLost { .. }) => {
            tracing::info!(session = %session.id, "session ended by snowflake");
            login::close(&services, session.id, Closing::Lost).await;
        }
        Err(error) => {
            tracing::warn!(session = %session.id, error = %ErrorChain(&error), "not renewed");
        }
    }
}

async fn each<F>(
    services: &Arc<Services>,
    sessions: Vec<Arc<Session>>,
    work: impl Fn(Arc<Services>, Arc<Session>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for session in sessions {
        if tasks.len() >= AT_ONCE {
            tasks.join_next().await;
        }
        tasks.spawn(work(Arc::clone(services), session));
    }
    while tasks.join_next().await.is_some() {}
}
