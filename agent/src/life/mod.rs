//! What the recording says of the daemon itself: its start and its end, and which policies were in
//! force from when on.
#![forbid(unsafe_code)]

use std::sync::Arc;

use anyhow::{Context as _, Result};
use nix::unistd::{User, geteuid};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::prepare;
use crate::clock;
use crate::config::{self, Config};
use crate::policy::{LoadError, PolicySet, Store};
use crate::proxy::Services;
use crate::record::event::{OperatorAction, PolicyFile, PolicyLoaded};
use crate::record::{Event, RecordError, Recorder, What};
use crate::shutdown::Shutdown;
use crate::telemetry::ErrorChain;

/// Of what comes with a signal: the kernel does not say who sent it.
const SIGNAL: &str = "signal";

/// Records the policies that the daemon begins with, before anything is judged by them.
pub(crate) async fn begin(recorder: &Recorder, policies: &PolicySet) -> Result<()> {
    let recorded = recorder.event(&loaded(policies)).await;
    recorded.context("recording which policies are in force")?;
    Ok(())
}

/// Records that the daemon enforces: what, and by which configuration.
pub(crate) async fn started(recorder: &Recorder, config: &Config) -> Result<()> {
    let scopes = config.scopes.iter().map(|scope| scope.cgroup.as_str());
    let scopes = scopes.collect::<Vec<_>>().join(", ");
    let digest = blake3::hash(config::show(config).as_bytes());
    let message = format!(
        "snowfence {} enforces {scopes}; what `snowfence config show` prints has the BLAKE3 {digest}",
        env!("CARGO_PKG_VERSION")
    );
    let uid = geteuid();
    let user = User::from_uid(uid).ok().flatten();
    let start = OperatorAction {
        operator: user.map_or_else(|| format!("uid:{uid}"), |user| user.name),
        uid: Some(uid.as_raw()),
        ..action("start", "done", Some(message))
    };
    let recorded = recorder.event(&event(What::Operator(start))).await;
    recorded.context("recording the start")?;
    Ok(())
}

/// Records that the daemon stops in order; everything before it is then on disk too.
pub(crate) async fn stopped(recorder: &Recorder) {
    let stop = What::Operator(action("stop", "done", None));
    if let Err(error) = recorder.event(&event(stop)).await {
        tracing::error!(error = %ErrorChain(&error), "cannot record the stop");
    }
}

/// Reads the policies again at SIGHUP. A bad set leaves the old one in force.
pub(crate) async fn reload(services: Arc<Services>, mut shutdown: Shutdown) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return tracing::error!(%error, "policies cannot be reloaded"),
    };
    loop {
        // Both arms are cancel-safe.
        tokio::select! {
            received = hangups.recv() => if received.is_none() { break },
            () = shutdown.wait() => break,
        }
        let recorder = &services.recorder;
        match renew(recorder, &services.policies).await {
            Ok(policies) => {
                prepare(&services.masker, &policies);
                tracing::info!(version = policies.version(), "policies loaded");
            }
            Err(error) => {
                let error = ErrorChain(&error);
                tracing::error!(%error, "policies rejected, the old ones stay in force");
            }
        }
    }
}

/// Why other policies did not come into force.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Load(LoadError),
    #[error(
        "the policies on disk are good, but that they come into force cannot be recorded; start \
         Snowfence again when the recorder can write"
    )]
    NotRecorded(#[source] RecordError),
}

/// Puts the policies on disk in force, once the recording says so.
async fn renew(recorder: &Recorder, store: &Store) -> Result<Arc<PolicySet>, ReloadError> {
    let (frames, found) = match store.read_again() {
        Ok(candidate) => {
            let done = What::Operator(action("reload", "done", None));
            ([event(done), loaded(candidate.policies())], Ok(candidate))
        }
        Err(error) => {
            let message = ErrorChain(&error).to_string();
            let failed = What::Operator(action("reload", "failed", None));
            let rejected = What::Policy(PolicyLoaded {
                outcome: "rejected",
                policy_version: store.snapshot().version().to_owned(),
                files: Vec::new(),
                message: Some(message),
            });
            ([event(failed), event(rejected)], Err(error))
        }
    };
    let recorded = recorder.events(&frames).await;
    match (found, recorded) {
        (Ok(candidate), Ok(_numbers)) => Ok(candidate.put_in_force()),
        (Ok(candidate), Err(unrecorded)) => {
            let error = ReloadError::NotRecorded(unrecorded.source);
            candidate.keep_out(ErrorChain(&error).to_string());
            Err(error)
        }
        (Err(error), Ok(_numbers)) => Err(ReloadError::Load(error)),
        (Err(error), Err(unrecorded)) => {
            let source = ErrorChain(&unrecorded);
            tracing::error!(error = %source, "cannot record that policies were rejected");
            Err(ReloadError::Load(error))
        }
    }
}

fn loaded(policies: &PolicySet) -> Event {
    let files = policies.files().iter().map(|(name, digest)| PolicyFile {
        name: name.clone(),
        digest: digest.to_hex().to_string(),
    });
    event(What::Policy(PolicyLoaded {
        outcome: "loaded",
        policy_version: policies.version().to_owned(),
        files: files.collect(),
        message: None,
    }))
}

fn action(name: &str, outcome: &'static str, message: Option<String>) -> OperatorAction {
    OperatorAction {
        action: name.to_owned(),
        operator: SIGNAL.to_owned(),
        uid: None,
        object: None,
        outcome,
        message,
    }
}

fn event(what: What) -> Event {
    Event {
        time: clock::now(),
        what,
    }
}

#[cfg(test)]
mod tests;
