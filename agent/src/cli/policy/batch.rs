//! The batch protocol of `facts` and `explain`: one JSON line in, one JSON line out, in order.
//!
//! ```text
//! stdin ─► reader thread ─► analyst threads ─► decision ─► stdout, in the order of the input
//!             └── holds a share of ROOM_KIB for every line until its answer is written
//! ```
//!
//! Many lines are under way at once; an answer is written as soon as it and all before it are
//! there, so that a caller may also wait for each.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::judge::{self, Asker};
use super::masks;
use super::sources::runtime;
use super::view::Answer;
use crate::cli::output::Output;
use crate::mask::masks::Masks;
use crate::policy::PolicySet;
use crate::sql::{Analyst, Context, Facts, SessionState};

/// The longest line: a statement of 10 MiB with every byte escaped still fits.
const LINE_BYTES_MAX: usize = 16 << 20;

/// Lines under way together: more than the analyst's threads can have, so that they never starve.
const LINES_MAX: usize = 256;

/// KiB of lines under way together: four of the longest.
const ROOM_KIB: u32 = 64 << 10;

/// What every line is judged by.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The session is that of lines that do not say otherwise.
    pub(super) context: Context,
    /// `None`: facts alone.
    pub(super) judge: Option<Judge>,
}

#[derive(Clone, Debug)]
pub(super) struct Judge {
    pub(super) policies: Arc<PolicySet>,
    pub(super) asker: Asker,
    pub(super) masks: Arc<Masks>,
}

#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: Option<Box<RawValue>>,
    sql: String,
    #[serde(default)]
    database: Option<String>,
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    role: Option<String>,
}

/// Why a line gets no facts.
#[derive(Serialize)]
struct Failure<'a> {
    id: Option<()>,
    error: &'a str,
}

/// One line, or why it is none, and its share of the room.
struct Line {
    bytes: Result<Vec<u8>, &'static str>,
    _room: OwnedSemaphorePermit,
}

/// The answer to one line.
struct Done {
    text: String,
    failed: bool,
    _room: OwnedSemaphorePermit,
}

/// Answers every line of the input.
///
/// # Errors
/// At the end when a line was no question; at once when nothing more can be read or written.
pub(super) fn run(
    input: impl Read + Send + 'static,
    batch: &Batch,
    output: &mut Output<'_>,
) -> Result<()> {
    let analyst = Analyst::new().context("starting the analysis")?;
    let runtime = runtime()?;
    let (lines, receiver) = mpsc::channel(LINES_MAX);
    let handle = runtime.handle().clone();
    // A thread that nobody joins: it may wait for input for ever, and the process ends without it.
    let reader = std::thread::Builder::new().name("lines".to_owned());
    reader
        .spawn(move || feed(input, &lines, &handle))
        .context("starting a thread")?;
    let failed = runtime.block_on(answer(receiver, batch, &analyst, output))?;
    if failed > 0 {
        bail!("{failed} lines could not be answered");
    }
    Ok(())
}

/// Takes the argument as the statement, or reads standard input for `-`.
pub(super) fn statement(argument: String) -> Result<String> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut text = String::new();
    let read = io::stdin()
        .take(LINE_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text);
    if read.context("cannot read the statement")? > LINE_BYTES_MAX {
        bail!("the statement is longer than {LINE_BYTES_MAX} bytes");
    }
    Ok(text)
}

#[expect(
    clippy::future_not_send,
    reason = "it runs on the thread that prints, and nothing else may print"
)]
async fn answer(
    mut lines: mpsc::Receiver<Result<Line, io::Error>>,
    batch: &Batch,
    analyst: &Analyst,
    output: &mut Output<'_>,
) -> Result<u64> {
    let mut under_way: VecDeque<JoinHandle<Result<Done>>> = VecDeque::new();
    let batch = Arc::new(batch.clone());
    let (mut open, mut failed) = (true, 0);
    while open || !under_way.is_empty() {
        let may_read = open && under_way.len() < LINES_MAX;
        tokio::select! {
            biased;
            Some(done) = first(&mut under_way) => {
                under_way.pop_front();
                let done = done.context("a line was lost")??;
                output.line(&done.text)?;
                failed += u64::from(done.failed);
            }
            line = lines.recv(), if may_read => match line {
                Some(line) => {
                    let line = line.context("cannot read standard input")?;
                    let (batch, analyst) = (Arc::clone(&batch), analyst.clone());
                    let task = async move { reply(line, &batch, &analyst).await };
                    under_way.push_back(tokio::spawn(task));
                }
                None => open = false,
            },
        }
    }
    Ok(failed)
}

/// Waits for the oldest line; `None` when nothing is under way.
async fn first(
    under_way: &mut VecDeque<JoinHandle<Result<Done>>>,
) -> Option<Result<Result<Done>, tokio::task::JoinError>> {
    Some(under_way.front_mut()?.await)
}

async fn reply(line: Line, batch: &Batch, analyst: &Analyst) -> Result<Done> {
    let Line { bytes, _room } = line;
    let question = bytes.map_err(str::to_owned).and_then(|bytes| parse(&bytes));
    let (text, failed) = match question {
        Ok(question) => (respond(&question, batch, analyst).await?, false),
        Err(error) => {
            let failure = Failure {
                id: None,
                error: &error,
            };
            (serde_json::to_string(&failure)?, true)
        }
    };
    Ok(Done {
        text,
        failed,
        _room,
    })
}

fn parse(bytes: &[u8]) -> Result<Question, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    serde_json::from_str(text).map_err(|error| format!("not a question: {error}"))
}

async fn respond(question: &Question, batch: &Batch, analyst: &Analyst) -> Result<String> {
    let context = Context {
        session: Arc::new(session(question, &batch.context.session)),
        ..batch.context.clone()
    };
    let found = analyst.facts(&question.sql, &context).await;
    let judgement = batch.judge.as_ref().map(|judge| {
        judge
            .asker
            .statement(&judge.policies, found.as_ref(), &context.session)
    });
    // Without facts the daemon refuses the statement; the judgement above says so, too.
    let facts = found
        .unwrap_or_else(|| Facts::opaque("OPAQUE".to_owned(), "analysis failed or took too long"));
    let mut answer = Answer::new(&facts, judgement.as_deref());
    answer.id = question.id.as_deref();
    answer.masks = batch.judge.as_ref().map(|judge| {
        let (policies, masks) = (&judge.policies, &judge.masks);
        masks::of(policies, masks, &judge.asker, &facts, &context.session)
    });
    Ok(serde_json::to_string(&answer)?)
}

fn session(question: &Question, otherwise: &SessionState) -> SessionState {
    let Question {
        id: _,
        sql: _,
        database,
        schema,
        role,
    } = question;
    let said = judge::session(database.as_deref(), schema.as_deref(), role.as_deref());
    let database = said.database.or_else(|| otherwise.database.clone());
    SessionState {
        // A schema of another database is not the one that a line leaves out.
        schema: said.schema.or_else(|| {
            let same = database == otherwise.database;
            otherwise.schema.clone().filter(|_| same)
        }),
        database,
        role: said.role.or_else(|| otherwise.role.clone()),
        ..otherwise.clone()
    }
}

/// Reads lines until there are no more, or nobody wants them.
fn feed(
    input: impl Read,
    lines: &mpsc::Sender<Result<Line, io::Error>>,
    handle: &tokio::runtime::Handle,
) {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let room = Arc::new(Semaphore::new(ROOM_KIB as usize));
    while let Some(line) = next_line(&mut input).transpose() {
        let line = line.map(|bytes| {
            let length = bytes.as_ref().map_or(0, Vec::len);
            let kib = u32::try_from(length / 1024 + 1).unwrap_or(ROOM_KIB);
            let room = handle.block_on(Arc::clone(&room).acquire_many_owned(kib.min(ROOM_KIB)));
            room.map(|_room| Line { bytes, _room })
        });
        let (line, last) = match line {
            Ok(Ok(line)) => (Ok(line), false),
            // Nobody closes the room.
            Ok(Err(_closed)) => return,
            Err(error) => (Err(error), true),
        };
        if lines.blocking_send(line).is_err() || last {
            return;
        }
    }
}

/// Reads one line without its end; of one that is too long, nothing is kept.
pub(in crate::cli) fn next_line(
    input: &mut impl BufRead,
) -> io::Result<Option<Result<Vec<u8>, &'static str>>> {
    let mut line = Vec::new();
    let (mut any, mut fits) = (false, true);
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            available => available?,
        };
        if available.is_empty() {
            break;
        }
        any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = available.get(..end.unwrap_or(available.len()));
        let part = part.unwrap_or_default();
        fits &= line.len() + part.len() <= LINE_BYTES_MAX;
        if fits {
            line.extend_from_slice(part);
        } else {
            line = Vec::new();
        }
        let used = end.map_or(available.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    let too_long = "the line is longer than 16 MiB";
    Ok(any.then_some(if fits { Ok(line) } else { Err(too_long) }))
}
