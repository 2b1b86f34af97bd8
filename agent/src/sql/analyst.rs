//! Runs analysis on threads whose stacks bear any tree that the limits let through.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::context::Context;
use super::facts::Facts;
use super::text;

/// Address space, not memory: only what a deep tree touches becomes resident. A chain of operators
/// overflows 2 MiB at 34,000 of them, and an overflow aborts the process.
pub(super) const STACK_BYTES: usize = 64 << 20;

/// Parsing a typical statement takes 0.2 ms: two threads serve thousands of statements a second.
const THREADS: usize = 2;

/// Texts that wait or are being analysed; each is at most a request body, which its caller holds
/// anyway. Past it callers wait.
const JOBS_MAX: usize = 256;

/// The slowest text that the limits let through takes about one second.
const ANALYSIS_TIMEOUT: Duration = Duration::from_secs(10);

/// Analyses statement texts.
#[derive(Clone, Debug)]
pub struct Analyst {
    jobs: Sender<Job>,
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct Job {
    text: String,
    context: Context,
    facts: oneshot::Sender<Facts>,
    /// `None` for a caller that blocks, of which there are no more than its threads.
    _room: Option<OwnedSemaphorePermit>,
}

impl Analyst {
    /// Starts the threads; they end when the last clone is dropped.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn new() -> io::Result<Self> {
        let (jobs, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..THREADS {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new()
                .name(format!("sql-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || work(&receiver))?;
        }
        Ok(Self {
            jobs,
            room: Arc::new(Semaphore::new(JOBS_MAX)),
        })
    }

    /// Finds the facts of a text; what is not understood is opaque.
    ///
    /// `None` when analysis itself failed or took too long. Such a text is not opaque, which a
    /// policy can permit: nobody knows which results it names, or whether it moves files.
    pub async fn facts(&self, text: &str, context: &Context) -> Option<Facts> {
        let analysis = tokio::time::timeout(ANALYSIS_TIMEOUT, self.analyse(text, context)).await;
        analysis.ok().flatten()
    }

    /// Finds the facts of a text for a caller that may block: a command, not the daemon. `None` as
    /// in [`Self::facts`], but without a limit of time.
    #[must_use]
    pub fn facts_blocking(&self, text: &str, context: &Context) -> Option<Facts> {
        self.send(text, context, None)?.blocking_recv().ok()
    }

    async fn analyse(&self, text: &str, context: &Context) -> Option<Facts> {
        let room = Arc::clone(&self.room).acquire_owned().await.ok()?;
        self.send(text, context, Some(room))?.await.ok()
    }

    fn send(
        &self,
        text: &str,
        context: &Context,
        room: Option<OwnedSemaphorePermit>,
    ) -> Option<oneshot::Receiver<Facts>> {
        let (facts, answer) = oneshot::channel();
        self.jobs
            .send(Job {
                text: text.to_owned(),
                context: context.clone(),
                facts,
                _room: room,
            })
            .ok()?;
        Some(answer)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let Ok(receiver) = jobs.lock() else { return };
        let Ok(job) = receiver.recv() else { return };
        drop(receiver);
        // A panic of the parser costs one statement, which then has no facts and is refused.
        if let Ok(facts) = catch_unwind(AssertUnwindSafe(|| text::facts(&job.text, &job.context))) {
            job.facts.send(facts).ok();
        }
    }
}
