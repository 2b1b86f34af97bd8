//! Labels over the socket: an operator has the daemon read Snowflake's own classification.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Counter;
use super::caller::Caller;
use super::checks;
use super::refused::Refused;
use super::shapes::{ImportedLabels, NewLabels};
use crate::mask::labels::import::Tags;
use crate::sql::ObjectName;

/// Longer than the daemon's own with Snowflake: for a login, the statement and a logout.
pub(super) const PATIENCE: Duration = Duration::from_secs(420);
/// Each is a condition of the statement.
const TAGS_MAX: usize = 32;

/// Which tags an operator wants, as it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagsWanted {
    pub account: String,
    /// Without one, the account's default.
    pub credential: Option<String>,
    /// Besides those of Snowflake's classification.
    pub tags: Vec<ObjectName>,
    /// Who wants them.
    pub operator: String,
}

/// Reads tags; an error is told to the operator.
pub type ReadTags = dyn Fn(TagsWanted) -> Reading + Send + Sync;
/// Tags that are being read.
pub type Reading = Pin<Box<dyn Future<Output = Result<Tags, String>> + Send>>;

/// The one way from here to Snowflake; one import at a time goes it.
pub(super) struct Importer {
    read: Arc<ReadTags>,
    turn: Arc<Semaphore>,
}

impl Importer {
    pub(super) fn new(read: Arc<ReadTags>) -> Self {
        let turn = Arc::new(Semaphore::new(1));
        Self { read, turn }
    }

    fn take_turn(&self) -> Result<OwnedSemaphorePermit, Refused> {
        let turn = Arc::clone(&self.turn).try_acquire_owned();
        turn.ok().ok_or_else(|| {
            Refused::too_many("labels are being imported already; try again when that is done")
        })
    }
}

impl fmt::Debug for Importer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Importer").finish_non_exhaustive()
    }
}

impl Counter {
    /// Makes labels of the tags of an account.
    pub(super) async fn import_labels(
        &self,
        caller: &Caller,
        new: NewLabels,
    ) -> Result<ImportedLabels, Refused> {
        let speaker = caller.person("an agent imports no labels; an operator of this host does")?;
        let person = self.operates(speaker)?;
        let wanted = self.wanted(new, person.name.clone())?;
        let turn = self.importer.take_turn()?;
        tracing::info!(
            target: "access-desk",
            caller = %caller,
            account = wanted.account,
            credential = wanted.credential,
            "labels are imported"
        );
        let (account, tags) = (wanted.account.clone(), wanted.tags.clone());
        let reading = (self.importer.read)(wanted);
        // Runs to its end even when the operator goes away: the session must be closed.
        let importing = tokio::spawn(async move {
            let _turn = turn;
            let found = reading.await?;
            let made =
                tokio::task::spawn_blocking(move || ImportedLabels::new(&account, &found, &tags));
            made.await.map_err(|_stopped| STOPPED.to_owned())
        });
        let imported = importing.await;
        let imported = imported.map_err(|_stopped| Refused::failed(STOPPED))?;
        imported.map_err(Refused::not_imported)
    }

    fn wanted(&self, new: NewLabels, operator: String) -> Result<TagsWanted, Refused> {
        let NewLabels {
            account,
            credential,
            tags,
        } = new;
        let account = self.known_account(account)?;
        if let Some(credential) = &credential {
            checks::name("credential", credential)?;
        }
        if tags.len() > TAGS_MAX {
            let message = format!("there can be {TAGS_MAX} tags of one's own at most");
            return Err(Refused::bad_request(message));
        }
        let tags = tags.iter().map(|text| {
            checks::name("tag", text)?;
            let name = ObjectName::parse(text);
            name.ok_or_else(|| Refused::bad_request("a tag is written `DB.SCHEMA.TAG` or `TAG`"))
        });
        Ok(TagsWanted {
            tags: tags.collect::<Result<_, Refused>>()?,
            account,
            credential,
            operator,
        })
    }
}

const STOPPED: &str = "the import was cut off because the daemon stops";
