//! Shutdown: stop accepting, let requests end, then go. Enforcement stays in the kernel.
#![forbid(unsafe_code)]

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long requests may go on after the signal: below systemd's default of 90 s, above the 45 s
/// for which Snowflake holds a poll.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(60);

/// Tells every task that the daemon ends.
#[derive(Clone, Debug)]
pub struct Shutdown {
    receiver: watch::Receiver<bool>,
}

/// Starts the shutdown when it is used or dropped.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    pub fn start(&self) {
        self.0.send_replace(true);
    }
}

/// A trigger and what it triggers.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown { receiver })
}

impl Shutdown {
    /// Waits until the daemon ends. Cancel-safe.
    pub async fn wait(&mut self) {
        // An error means that the trigger is gone: the daemon ends too.
        let _ended = self.receiver.wait_for(|ends| *ends).await;
    }
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// The signal handlers could not be installed.
pub async fn signalled() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Both arms are cancel-safe: a signal that is not yet received is not lost by dropping.
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
