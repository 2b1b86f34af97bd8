//! Runs analysis on threads whose stacks bear any tree that the limits let through.

use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::classify::{self, Class};
use super::context::Context;
use super::facts::{Access, Facts};
use super::results;
use super::scan::{Ambiguous, Lexeme, scan, statements};

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
    _room: OwnedSemaphorePermit,
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

    async fn analyse(&self, text: &str, context: &Context) -> Option<Facts> {
        let room = Arc::clone(&self.room).acquire_owned().await.ok()?;
        let (facts, answer) = oneshot::channel();
        self.jobs
            .send(Job {
                text: text.to_owned(),
                context: context.clone(),
                facts,
                _room: room,
            })
            .ok()?;
        answer.await.ok()
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let Ok(receiver) = jobs.lock() else { return };
        let Ok(job) = receiver.recv() else { return };
        drop(receiver);
        // A panic of the parser costs one statement, which then has no facts and is refused.
        if let Ok(facts) = catch_unwind(AssertUnwindSafe(|| facts(&job.text, &job.context))) {
            job.facts.send(facts).ok();
        }
    }
}

/// Finds the facts of a text. Needs [`STACK_BYTES`] of stack: the tree is dropped here, too.
pub(super) fn facts(text: &str, _context: &Context) -> Facts {
    let mut lexemes = Vec::new();
    let scanned = scan(text, &mut lexemes);
    let is_whole = scanned.is_ok();
    let classes = scanned
        .and_then(|()| parse(text, &lexemes))
        .unwrap_or_default();
    let pieces: Vec<_> = statements(&lexemes).collect();
    let named = results::named(&lexemes);
    // As many statements as pieces, each begun by a word of its kind: otherwise the parser read
    // another structure than the one that is there, a scripting block for a transaction, say.
    let agree = classes.len() == pieces.len()
        && classes
            .iter()
            .zip(&pieces)
            .all(|(class, piece)| class.begins(piece));
    let (mut facts, named) = if classes.is_empty() || !agree || named.hidden {
        let suspected = results::suspected(text, is_whole.then_some(&lexemes));
        (opaque(&lexemes), suspected)
    } else {
        let mut effects = BTreeSet::from_iter(classify::by_lexemes(&lexemes));
        effects.extend(classes.iter().flat_map(|class| &class.effects));
        let kinds = classes.iter().map(|class| class.kind.to_owned()).collect();
        let accesses = effects.iter().copied().map(Access::on_account).collect();
        (
            Facts {
                kinds,
                effects,
                accesses,
                obscurity: None,
                ..opaque(&[])
            },
            named,
        )
    };
    facts.file_transfer = pieces.iter().any(|piece| is_transfer(piece));
    facts.named_results = named.ids;
    facts.hides_result = named.hidden;
    facts.uses_last_query_id = named.last_query_id;
    facts
}

/// Parses the text if the parser's tokens say what ours say.
fn parse(text: &str, lexemes: &[Lexeme<'_>]) -> Result<Vec<Class>, Ambiguous> {
    let dialect = SnowflakeDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .with_unescape(false)
        .tokenize_with_location();
    let tokens = tokens.or(Err(Ambiguous))?;
    if !agrees(&tokens, lexemes) {
        return Err(Ambiguous);
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let statements = parser.parse_statements().or(Err(Ambiguous))?;
    Ok(statements.iter().map(classify::class).collect())
}

/// True if both saw the same words, names and strings in the same order.
fn agrees(tokens: &[TokenWithSpan], lexemes: &[Lexeme<'_>]) -> bool {
    let mut ours = lexemes.iter().filter(|lexeme| {
        matches!(
            lexeme,
            Lexeme::Word(_) | Lexeme::Quoted(_) | Lexeme::Text(_) | Lexeme::Dollar(_)
        )
    });
    for token in tokens {
        if let Token::HexStringLiteral(body) = &token.token {
            let prefix = ours.next().is_some_and(|lexeme| lexeme.is("X"));
            if !prefix || ours.next() != Some(&Lexeme::Text(body)) {
                return false;
            }
        } else if let Some(theirs) = lexeme(&token.token)
            && ours.next() != Some(&theirs)
        {
            return false;
        }
    }
    ours.next().is_none()
}

/// The parser's token as ours. Strings in forms that Snowflake does not have are left out: the
/// comparison then fails on the one that ours has more.
fn lexeme(token: &Token) -> Option<Lexeme<'_>> {
    if let Token::Word(word) = token {
        match word.quote_style {
            Some('"') => Some(Lexeme::Quoted(&word.value)),
            Some(_) => None,
            None => Some(Lexeme::Word(&word.value)),
        }
    } else if let Token::SingleQuotedString(body) = token {
        Some(Lexeme::Text(body))
    } else if let Token::DollarQuotedString(body) = token {
        body.tag.is_none().then_some(Lexeme::Dollar(&body.value))
    } else {
        None
    }
}

/// `PUT` and `GET` move files through storage that we do not see, whether or not they parse.
fn is_transfer(piece: &[Lexeme<'_>]) -> bool {
    piece
        .first()
        .is_some_and(|first| first.is("PUT") || first.is("GET"))
}

/// What is known of a text that is not understood: its first word.
fn opaque(lexemes: &[Lexeme<'_>]) -> Facts {
    let word = lexemes.iter().find_map(|lexeme| {
        let Lexeme::Word(word) = lexeme else {
            return None;
        };
        word.get(..word.len().min(32))
    });
    let kind = word.map_or_else(
        || "OPAQUE".to_owned(),
        |word| format!("OPAQUE({})", word.to_uppercase()),
    );
    Facts::opaque(kind, "the statement is not understood")
}

/// Analyses on this thread, which must not be given long chains of operators.
#[cfg(test)]
pub(super) fn facts_for_test(text: &str) -> Facts {
    facts(text, &Context::default())
}
