//! Reads an account's tags for an operator: a login of the daemon's own, one statement, a logout.
//!
//! No client is behind these requests: each is permitted by [`house`], recorded with the operator
//! who wanted it, and its answer goes to them as labels. Whether they may operate was asked of the
//! policies before.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::login;
use super::opening::Exchange;
use super::refusal::{Reason, Refusal};
use super::services::Services;
use crate::access::socket::TagsWanted;
use crate::config::{Account, Credential};
use crate::mask;
use crate::mask::labels::import::{Header, RowsError, Tags};
use crate::mask::{MaskError, rows};
use crate::policy::{Permit, house};
use crate::record::{Recorded, Stage};
use crate::snowflake::chunk::ChunkSet;
use crate::snowflake::tags::{Answer, BYTES_MAX, Page, ROWS_MAX, Row};
use crate::snowflake::{Login, RequestId};
use crate::telemetry::ErrorChain;
use crate::upstream::{self, Target, Unmasked, UpstreamError, UpstreamSession};

/// For the statement and its result, which Snowflake ends after four minutes.
const TIME: Duration = Duration::from_secs(280);
/// Snowflake holds a question about a statement that runs for up to 45 s; one that comes back at once
/// must not be asked without end.
const POLL_PAUSE: Duration = Duration::from_secs(1);
/// How the daemon calls itself where it is no driver.
const CLIENT: &str = "Snowfence";

/// Logs in, reads the tags that are wanted and logs out.
///
/// To be run to its end: dropped in the middle, it leaves a session behind at Snowflake.
///
/// # Errors
/// What an operator is told: what is not there, or why Snowflake gives no rows.
pub async fn read_tags(services: Arc<Services>, wanted: TagsWanted) -> Result<Tags, Refusal> {
    let errand = Errand::of(services, &wanted)?;
    let session = Box::pin(errand.log_in()).await?;
    let reading = Box::pin(errand.read(&session, &wanted));
    let read = timeout(TIME, reading).await.unwrap_or_else(|_elapsed| {
        let seconds = TIME.as_secs();
        let message = format!("Snowflake did not give all tags within {seconds} s; try again");
        Err(Refusal::new(Reason::UpstreamTimeout, message))
    });
    errand.services.upstream.logout(&session).await;
    read
}

/// What the requests of one import have in common.
struct Errand {
    services: Arc<Services>,
    /// As a connection's, so that the record tells which requests belong together.
    number: u64,
    host: String,
    operator: String,
    account: Account,
    credential: Credential,
}

/// What `QUERY_TAG` says, so that Snowflake's own history can be joined with our record.
#[derive(Serialize)]
struct QueryTag<'a> {
    snowfence: TagFacts<'a>,
}

#[derive(Serialize)]
struct TagFacts<'a> {
    operator: &'a str,
    entry: u64,
}

impl Errand {
    fn of(services: Arc<Services>, wanted: &TagsWanted) -> Result<Self, Refusal> {
        let mut accounts = services.config.accounts.iter();
        let account = accounts
            .find(|account| account.name == wanted.account)
            .cloned()
            .ok_or_else(|| {
                let message = format!("no [[account]] is called `{}`", wanted.account);
                Refusal::new(Reason::UnknownAccount, message)
            })?;
        let credential = choose(&services, &account, wanted.credential.as_deref())?;
        let host = account.hosts.first().cloned().ok_or_else(|| {
            let message = format!("account `{}` has no `hosts`", account.name);
            Refusal::new(Reason::UnknownAccount, message)
        })?;
        Ok(Self {
            number: services.next_connection(),
            services,
            host,
            operator: wanted.operator.clone(),
            account,
            credential,
        })
    }

    async fn log_in(&self) -> Result<UpstreamSession, Refusal> {
        let proof = login::proof(&self.services, &self.credential).await?;
        let policies = self.services.policies.snapshot();
        let permit = house::tags_login(&policies, Login::of_ours(CLIENT));
        let (recorded, exchange) = Box::pin(self.decide(permit)).await?;
        let target = Target {
            host: self.host.clone(),
            address: None,
            account_name: self.account.name.clone(),
        };
        let tag = self.query_tag(&recorded);
        let upstream = &self.services.upstream;
        let logging_in = upstream.login(recorded, &target, &self.credential, &proof, &tag);
        let opened = Box::pin(logging_in).await.map_err(Refusal::from);
        exchange.end(opened.map(|(session, _answer)| session))
    }

    async fn read(&self, session: &UpstreamSession, wanted: &TagsWanted) -> Result<Tags, Refusal> {
        let page = Box::pin(self.ask(session, wanted)).await?;
        let names: Vec<&str> = page.names.iter().map(String::as_str).collect();
        let header = Header::of(&names).map_err(|error| unreadable(&error))?;
        let mut found = Tags::default();
        take(&mut found, &header, &page.rows)?;
        let bytes = usize::try_from(page.bytes).unwrap_or(usize::MAX);
        if let Some(chunks) = page.chunks {
            let chunks = self.read_chunks(&chunks, &header, bytes, &mut found);
            Box::pin(chunks).await?;
        }
        if found.rows as u64 != page.total {
            return Err(malformed(
                "the result does not have the rows that it announced",
            ));
        }
        Ok(found)
    }

    /// Runs the statement and waits for its result.
    async fn ask(&self, session: &UpstreamSession, wanted: &TagsWanted) -> Result<Page, Refusal> {
        let request_id = upstream::request_id(&self.host).map_err(Refusal::from)?;
        let policies = self.services.policies.snapshot();
        let mut permit = house::tags(&policies, &wanted.tags, RequestId(request_id));
        loop {
            let (recorded, mut exchange) = Box::pin(self.decide(permit)).await?;
            let tag = self.query_tag(&recorded);
            let sending = self.services.upstream.send(recorded, session, &tag);
            let sent = Box::pin(sending).await.map_err(Refusal::from);
            let answer = sent.and_then(|unmasked| {
                mask::tags::answer(unmasked)
                    .map_err(|error| malformed(&ErrorChain(&error).to_string()))
            });
            if let Ok(Answer::Page(page)) = &answer {
                exchange.returned(page.query_id.clone(), Some(page.total), page.bytes);
            }
            match exchange.end(answer)? {
                Answer::Running(id) => {
                    sleep(POLL_PAUSE).await;
                    permit = house::tags_result(&policies, id);
                }
                Answer::Failed { code, message } => return Err(self.failed(&code, &message)),
                Answer::Page(page) if page.total > ROWS_MAX as u64 => return Err(too_many()),
                Answer::Page(page) => return Ok(page),
            }
        }
    }

    async fn read_chunks(
        &self,
        chunks: &ChunkSet,
        header: &Header,
        mut bytes: usize,
        found: &mut Tags,
    ) -> Result<(), Refusal> {
        let headers = chunks.request_headers();
        let policies = self.services.policies.snapshot();
        for (index, url) in (0_u32..).zip(&chunks.urls) {
            let permit = house::tags_chunk(&policies, index);
            let (recorded, mut exchange) = Box::pin(self.decide(permit)).await?;
            let left = BYTES_MAX.saturating_sub(bytes);
            let fetching = self.services.upstream.fetch_chunk(recorded, url, &headers);
            let read = read_chunk(Box::pin(fetching).await, left).await;
            if let Ok((rows, bytes)) = &read {
                exchange.returned(None, Some(rows.len() as u64), *bytes as u64);
            }
            let (rows, unpacked) = exchange.end(read)?;
            bytes = bytes.saturating_add(unpacked);
            take(found, header, &rows)?;
        }
        Ok(())
    }

    /// Makes the permit durable, with the operator's name.
    async fn decide(&self, permit: Option<Permit>) -> Result<(Recorded, Exchange), Refusal> {
        let permit = permit.ok_or_else(|| Refusal::new(Reason::Bug, "no permit for the tags"))?;
        let mut exchange = Exchange::open_errand(self.number, &self.host, &self.services);
        exchange.asks_for_us("labels", permit.operation());
        exchange.is_for(&self.operator, &self.account.name, &self.credential.name);
        match exchange.decided(permit).await {
            Ok(recorded) => {
                exchange.begins(Stage::Upstream);
                Ok((recorded, exchange))
            }
            Err(refusal) => exchange.end(Err(refusal)),
        }
    }

    fn query_tag(&self, recorded: &Recorded) -> String {
        let snowfence = TagFacts {
            operator: &self.operator,
            entry: recorded.entry(),
        };
        serde_json::to_string(&QueryTag { snowfence }).unwrap_or_default()
    }

    fn failed(&self, code: &str, message: &str) -> Refusal {
        let message = format!(
            "Snowflake refused ({code}): {message}; the role of credential `{}` needs the database \
             role SNOWFLAKE.GOVERNANCE_VIEWER and a warehouse",
            self.credential.name
        );
        Refusal::new(Reason::UpstreamAnswer, message)
    }
}

/// The credential that is named, or the account's default one.
fn choose(
    services: &Services,
    account: &Account,
    named: Option<&str>,
) -> Result<Credential, Refusal> {
    let unknown = |message| Refusal::new(Reason::CredentialUnknown, message);
    let name = named.or(account.default_credential.as_deref());
    let name = name.ok_or_else(|| {
        let account = &account.name;
        unknown(format!(
            "account `{account}` has no default credential; name one"
        ))
    })?;
    let credential = services.credentials.get(name);
    let credential = credential.filter(|credential| credential.account == account.name);
    credential.cloned().ok_or_else(|| {
        let account = &account.name;
        unknown(format!("account `{account}` has no credential `{name}`"))
    })
}

async fn read_chunk(
    fetched: Result<Unmasked, UpstreamError>,
    bytes_max: usize,
) -> Result<(Vec<Row>, usize), Refusal> {
    let read = mask::tags::chunk(fetched?, bytes_max).await;
    read.map_err(|error| {
        if matches!(error, MaskError::Rows(rows::RowsError::TooLarge(_))) {
            return too_many();
        }
        malformed(&ErrorChain(&error).to_string())
    })
}

/// Keeps what rows say.
fn take(found: &mut Tags, header: &Header, rows: &[Row]) -> Result<(), Refusal> {
    for row in rows {
        if found.rows == ROWS_MAX {
            return Err(too_many());
        }
        let cells: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
        let row = header.row(found.rows + 1, &cells);
        found.push(row.map_err(|error| unreadable(&error))?);
    }
    Ok(())
}

fn too_many() -> Refusal {
    let message = format!(
        "the account has more than {ROWS_MAX} tags on its objects, or they are larger than {} MiB; \
         export the rows of `snowfence labels import --query` and import them with `--from`",
        BYTES_MAX >> 20
    );
    Refusal::new(Reason::ResultTooLarge, message)
}

fn unreadable(error: &RowsError) -> Refusal {
    malformed(&error.to_string())
}

fn malformed(what: &str) -> Refusal {
    let message = format!("the tags cannot be read: {what}");
    Refusal::new(Reason::UpstreamAnswer, message)
}
