//! Masks a chunk on its way to the client.
//!
//! ```text
//! storage ─► Source ─► Sieve, on a thread that may block ─► two pieces at most ─► client
//! ```
//!
//! Nothing is fetched that the client has not made room for. What cannot be read ends the connection:
//! the body has no length and no end then, so that a driver sees a download that failed, never a
//! result that is short.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::opening::Exchange;
use super::refusal::{Reason, Refusal};
use super::services::Services;
use crate::mask::column::Tally;
use crate::mask::{Raw, Sieve, Source, StreamError};
use crate::record::Masked;
use crate::telemetry::ErrorChain;

/// Masked pieces that wait for the client; each is what 16 KiB of a chunk become.
const PIECES: usize = 2;

/// The body of a masked chunk.
#[derive(Debug)]
pub(super) struct MaskedChunk(mpsc::Receiver<Result<Bytes, Cut>>);

/// The rest of a chunk does not follow.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a result chunk was cut short")]
pub(super) struct Cut;

/// Why a chunk was cut.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Rows(#[from] StreamError),
    #[error("storage ended a result chunk early")]
    Storage(#[source] hyper::Error),
    #[error("storage fell silent in the middle of a result chunk")]
    Silence,
    #[error("the thread that masks a result chunk stopped")]
    Stopped,
    #[error("the client went away")]
    Gone,
}

impl Body for MaskedChunk {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let piece = self.get_mut().0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Begins to mask a chunk. The exchange ends with it.
pub(super) fn begin(
    services: &Arc<Services>,
    source: Source,
    sieve: Sieve,
    mut exchange: Exchange,
) -> MaskedChunk {
    let (sender, receiver) = mpsc::channel(PIECES);
    let silence = services.config.limits.upstream_timeout;
    let metrics = services.metrics.masked.clone();
    tokio::spawn(async move {
        let outcome = run(source, sieve, silence, &sender).await;
        match outcome {
            Ok(tally) => {
                let masked = of_chunk(&tally);
                metrics.answer(&masked);
                exchange.masked(masked);
                exchange.answered();
            }
            // Dropped, the exchange is one whose answer nobody got.
            Err(Failure::Gone) => return,
            Err(failure) => {
                tracing::error!(error = %ErrorChain(&failure), "chunk withheld");
                metrics.cut();
                let told = "the result chunk could not be checked, and its rest was withheld";
                exchange.refused(&Refusal::new(Reason::UpstreamAnswer, told));
                // Nobody may be there to hear it.
                sender.send(Err(Cut)).await.ok();
            }
        }
        exchange.close();
    });
    MaskedChunk(receiver)
}

fn of_chunk(tally: &Tally) -> Masked {
    let cells = tally.cells.iter();
    Masked {
        is_result: true,
        is_clear: false,
        cells: cells
            .map(|(label, count)| (label.to_string(), *count))
            .collect(),
        shown: Vec::new(),
        shown_by: Vec::new(),
    }
}

async fn run(
    mut source: Source,
    mut sieve: Sieve,
    silence: Duration,
    sender: &mpsc::Sender<Result<Bytes, Cut>>,
) -> Result<Tally, Failure> {
    loop {
        // Room first: what nobody takes is not fetched.
        let room = sender.reserve().await.or(Err(Failure::Gone))?;
        let raw = timeout(silence, source.next()).await;
        let raw = raw.or(Err(Failure::Silence))?.map_err(Failure::Storage)?;
        let Some(raw) = raw else {
            let mut output = Vec::new();
            let tally = sieve.finish(&mut output)?;
            if !output.is_empty() {
                room.send(Ok(output.into()));
            }
            return Ok(tally);
        };
        let output;
        (sieve, output) = push(sieve, raw).await?;
        if !output.is_empty() {
            room.send(Ok(output.into()));
        }
    }
}

async fn push(mut sieve: Sieve, raw: Raw) -> Result<(Sieve, Vec<u8>), Failure> {
    let work = tokio::task::spawn_blocking(move || {
        let mut output = Vec::new();
        sieve.push(&raw, &mut output)?;
        Ok::<_, StreamError>((sieve, output))
    });
    Ok(work.await.or(Err(Failure::Stopped))??)
}

#[cfg(test)]
mod tests;
