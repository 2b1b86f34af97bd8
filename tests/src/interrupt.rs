//! Ctrl-C: ends what runs, so that the normal way out cleans up.
//!
//! The handler does no clean-up of its own. It sets a flag that every wait looks at and that no
//! new process starts under; the error that follows unwinds through the same `Drop`s as any other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Turns SIGINT, SIGTERM and SIGHUP into an error at the next [`check`].
///
/// # Errors
/// When the kernel refuses the handler.
pub fn install() -> Result<()> {
    let interrupted = INTERRUPTED.get_or_init(Arc::default);
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(interrupted))
            .with_context(|| format!("cannot handle signal {signal}"))?;
    }
    Ok(())
}

/// Fails once the user has asked to stop.
///
/// # Errors
/// After one of the signals of [`install`].
pub fn check() -> Result<()> {
    if INTERRUPTED
        .get()
        .is_some_and(|interrupted| interrupted.load(Ordering::Relaxed))
    {
        bail!("interrupted");
    }
    Ok(())
}
