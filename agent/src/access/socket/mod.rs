//! The local socket: agents ask at it, people decide at it, and the kernel says which is which.
//!
//! ```text
//! connect ─► peer (process, user) ─► its cgroup in an enforced scope?
//!              yes: an agent, as its workload      its own asks, its own grants
//!              no:  a person, as their user        what `approve` and `operate` policies permit
//! ```
//!
//! Nothing that a peer says about itself is used. An agent decides nothing, whatever its user; a
//! person decides nothing that they, or an agent of their user, asked for. A connection is for one
//! request, so that nobody is believed for longer than it takes to answer.
//!
//! | request | who | |
//! |---|---|---|
//! | `GET /v1/me` | both | who the daemon takes the peer for |
//! | `GET /v1/roles` | agent | the roles that it may ask for |
//! | `POST /v1/asks` | agent | asks for a role |
//! | `GET /v1/asks?open=true` | both | one's own asks; those that one may decide |
//! | `GET /v1/asks/ID?wait=30` | both | one ask, as soon as it is decided |
//! | `POST /v1/asks/ID/votes` | person | decides |
//! | `POST /v1/asks/ID/withdraw` | agent | takes an ask back |
//! | `GET /v1/grants?live=true` | both | one's own grants; all of them |
//! | `POST /v1/grants` | person | gives a role without an ask |
//! | `POST /v1/grants/ID/revoke` | both | ends a grant |
//! | `POST /v1/grants/ID/extend` | person | lets a grant last longer |
//! | `POST /v1/labels/import` | person | makes labels of Snowflake's classification |

mod asks;
mod caller;
mod checks;
pub mod client;
mod grants;
mod labels;
mod limits;
mod people;
mod refused;
mod remembered;
mod routes;
mod serve;
mod shapes;
mod sight;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::config::Config;
use crate::identity::{Identifier, IdentityError};
use crate::policy::PolicySet;

use super::Desk;
use labels::Importer;
use limits::Limits;
use people::People;

pub use labels::{ReadTags, Reading, TagsWanted};
pub use serve::{Bound, bind};
pub use shapes::{ImportedLabels, Me, NewLabels, NewRoleAsk, NewRoleGrant, Offer};

/// What serves the socket: it can ask the policies and the desk, have tags read, and reach nothing
/// else.
pub struct Counter {
    desk: Desk,
    /// The policies in force: taken once for a request.
    policies: Policies,
    identifier: Identifier,
    people: People,
    limits: Limits,
    importer: Importer,
    /// The cgroups of the enforced scopes.
    scopes: Vec<String>,
    accounts: Vec<String>,
    workloads: Vec<String>,
    host: String,
}

/// Gives the policies in force.
pub type Policies = Arc<dyn Fn() -> Arc<PolicySet> + Send + Sync>;

impl Counter {
    /// Makes a counter for the scopes, workloads and accounts of a configuration.
    ///
    /// # Errors
    /// A `[[workload]]` is configured wrong.
    pub fn new(
        config: &Config,
        desk: Desk,
        policies: Policies,
        read_tags: Arc<ReadTags>,
    ) -> Result<Self, IdentityError> {
        let host = nix::unistd::gethostname().unwrap_or_default();
        Ok(Self {
            desk,
            policies,
            identifier: Identifier::new(&config.workloads)?,
            people: People::default(),
            limits: Limits::default(),
            importer: Importer::new(read_tags),
            scopes: names(&config.scopes, |scope| &scope.cgroup),
            accounts: names(&config.accounts, |account| &account.name),
            workloads: names(&config.workloads, |workload| &workload.name),
            host: host.to_string_lossy().into_owned(),
        })
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").finish_non_exhaustive()
    }
}

fn names<T>(tables: &[T], name: impl Fn(&T) -> &String) -> Vec<String> {
    tables.iter().map(|table| name(table).clone()).collect()
}
