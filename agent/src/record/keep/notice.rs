//! How failures are told, and how long it takes until the next try.

use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::KeepError;
use crate::telemetry::ErrorChain;

/// The first wait after a failure; each further one is twice as long, up to the last.
pub(super) const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_LAST: Duration = Duration::from_secs(300);
/// This wait, half of it by chance, so that many hosts do not come back at once.
pub(super) fn jittered(wait: &mut Duration) -> Duration {
    let mut byte = [0];
    // Without randomness all wait the same time.
    SystemRandom::new().fill(&mut byte).ok();
    let [byte] = byte;
    let this = *wait / 2 + *wait * u32::from(byte) / 512;
    *wait = WAIT_LAST.min(*wait * 2);
    this
}

/// Says something when it changes, and not again while it stays.
#[derive(Debug)]
pub(super) struct Told {
    what: &'static str,
    last: Option<String>,
}

impl Told {
    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, last: None }
    }

    pub(super) fn tell(&mut self, error: Option<&KeepError>) {
        // Deeper causes say how long something took, so that no two are the same.
        let text = error.map(|error| match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        });
        if text == self.last {
            return;
        }
        match error {
            Some(error) => tracing::error!(error = %ErrorChain(error), "{}", self.what),
            None => tracing::info!("no longer: {}", self.what),
        }
        self.last = text;
    }

    pub(super) fn warn(&mut self, text: Option<String>) {
        if text != self.last
            && let Some(text) = &text
        {
            tracing::warn!("{}: {text}", self.what);
        }
        self.last = text;
    }
}
