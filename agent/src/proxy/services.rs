//! What every connection is served with, built once by [`crate::app`].

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::api::Entrances;
use super::connection::Connection;
use super::hangup::Hangup;
use super::hold::{self, Freezer, Holds};
use super::judge::Logins;
use super::metrics::Metrics;
use super::probe::Probes;
use super::room::{Room, Shares};
use super::running::Running;
use crate::access::Desk;
use crate::catalog::Catalog;
use crate::clock;
use crate::config::{Account, Config, Scope};
use crate::credential::Credentials;
use crate::http::BodyLimits;
use crate::identity::{Identifier, Principal};
use crate::kernel::{Flow, Flows, Kernel};
use crate::mask::masks::Masker;
use crate::policy;
use crate::record::{self, Ending, Opening, Outcome, Recorder};
use crate::session::{self, Chunks, Copies, Registry, Results, SessionId, Shapes};
use crate::sql::Analyst;
use crate::telemetry::ErrorChain;
use crate::tls::{SnowflakeNames, Terminator};
use crate::upstream::{Upstream, UpstreamSession};

/// A session of ours with its upstream half.
pub(super) type Session = session::Session<UpstreamSession>;

/// How long a request body may take: a body at the limit over a slow link, well below the 60 s
/// after which Python sends the request again.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Snowflake's limit for `QUERY_TAG` (parameter reference).
const QUERY_TAG_BYTES_MAX: usize = 2000;
/// Account hosts have a handful of addresses each; the kernel's map has the same limit.
const ADDRESSES_MAX: usize = 4096;

/// The parts that requests are served with. Each does one thing and has its own limits.
#[derive(Debug)]
pub struct Services {
    pub config: Config,
    pub metrics: Metrics,
    pub kernel: Arc<Kernel>,
    pub flows: Flows,
    pub identifier: Identifier,
    pub names: SnowflakeNames,
    pub terminator: Terminator,
    pub recorder: Recorder,
    pub policies: Arc<policy::Store>,
    pub masker: Arc<Masker>,
    pub analyst: Analyst,
    pub desk: Desk,
    pub credentials: Credentials,
    pub upstream: Upstream,
    pub sessions: Registry<UpstreamSession>,
    pub results: Results,
    pub catalog: Catalog,
    pub chunks: Chunks,
    pub state: State,
}

/// What the proxy itself remembers.
#[derive(Debug)]
pub struct State {
    connections: AtomicU64,
    addresses: RwLock<HashSet<IpAddr>>,
    pub(super) room: Room,
    pub(super) shares: Shares,
    pub(super) probes: Probes,
    pub(super) holds: Holds,
    pub(super) running: Running,
    pub(super) logins: Logins,
    pub(super) entrances: Entrances,
    pub(super) shapes: Shapes,
    pub(super) copies: Copies,
    pub(super) freezer: Freezer,
    /// Changes when what was judged before is to be judged again.
    pub(super) again: watch::Sender<u64>,
    /// The statements whose wait is not over.
    pub(super) driven: watch::Sender<usize>,
    /// Tells this start of the daemon from every other.
    pub(super) start: String,
    pub(super) host: String,
}

impl State {
    /// Also lets run what an earlier daemon left frozen.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let connections_max = config.limits.connections_max;
        let freezer = Freezer::new(config);
        if let Err(error) = freezer.recover() {
            tracing::error!(error = %ErrorChain(&error), "workloads may have been left frozen");
        }
        Self {
            holds: Holds::default(),
            running: Running::default(),
            logins: Logins::default(),
            entrances: Entrances::default(),
            shapes: Shapes::default(),
            copies: Copies::default(),
            freezer,
            again: watch::Sender::new(0),
            driven: watch::Sender::new(0),
            start: format!("{:x}", clock::now().as_microsecond()),
            host: nix::unistd::gethostname()
                .ok()
                .and_then(|name| name.into_string().ok())
                .unwrap_or_default(),
            connections: AtomicU64::new(0),
            addresses: RwLock::default(),
            room: Room::new(connections_max),
            shares: Shares::new(connections_max),
            probes: Probes::default(),
        }
    }
}

/// What `QUERY_TAG` says, so that Snowflake's own history can be joined with our record.
#[derive(Serialize)]
struct QueryTag<'a> {
    snowfence: TagFacts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
}

#[derive(Serialize)]
struct TagFacts<'a> {
    workload: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    entry: u64,
}

impl Services {
    pub(super) fn next_connection(&self) -> u64 {
        self.state.connections.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn body_limits(&self) -> BodyLimits {
        BodyLimits {
            bytes_max: self.config.limits.request_body_bytes_max,
            timeout: BODY_TIMEOUT,
        }
    }

    /// Forgets what a session that is no more has left.
    pub(super) fn forget(&self, session: SessionId) {
        self.chunks.forget(session);
        hold::forget(self, session);
        self.state.running.forget(session);
        self.state.logins.forget(session);
    }

    /// The account that has this host name.
    pub(super) fn account_of(&self, name: &str) -> Option<Account> {
        let has = |account: &&Account| account.hosts.iter().any(|host| host == name);
        self.config.accounts.iter().find(has).cloned()
    }

    /// The scope that a flow is in: by the task that connected, or by the socket's creator.
    pub(super) fn scope_of(&self, flow: &Flow) -> Option<&Scope> {
        let index = self
            .kernel
            .scope_of(flow.cgroup_id)
            .or_else(|| self.kernel.scope_of(flow.creator_cgroup_id))?;
        self.config.scopes.get(index)
    }

    pub(super) fn is_known_address(&self, ip: IpAddr) -> bool {
        let addresses = self
            .state
            .addresses
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        addresses.contains(&ip.to_canonical())
    }

    /// Remembers an address at which an account was verified: nothing in scope reaches it past us.
    pub(super) fn learn(&self, ip: IpAddr) {
        let ip = ip.to_canonical();
        if self.is_known_address(ip) {
            return;
        }
        {
            let mut addresses = self
                .state
                .addresses
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if addresses.len() >= ADDRESSES_MAX {
                tracing::warn!("no room for another known address");
                return;
            }
            addresses.insert(ip);
        }
        if let Err(error) = self.kernel.learn_address(ip) {
            tracing::warn!(error = %ErrorChain(&error), "address not told to the kernel");
        }
    }

    /// The tag of one statement. A client's own tag is kept inside, cut when there is no room.
    pub(super) fn query_tag(
        &self,
        connection: &Connection,
        session: Option<&Session>,
        entry: u64,
        client_tag: Option<&str>,
    ) -> String {
        let principal = &connection.principal;
        let write = |tag: Option<&str>| {
            let tag = QueryTag {
                snowfence: TagFacts {
                    workload: &principal.workload.name,
                    user: principal.user.as_ref().map(|user| user.subject.as_str()),
                    session: session.map(|session| session.id.to_string()),
                    entry,
                },
                tag,
            };
            serde_json::to_string(&tag).unwrap_or_default()
        };
        let whole = write(client_tag);
        if whole.len() <= QUERY_TAG_BYTES_MAX {
            whole
        } else {
            write(None)
        }
    }

    /// Records and counts a connection that ended before a request.
    pub(super) fn hang_up(
        &self,
        id: u64,
        principal: Option<&Principal>,
        server_name: Option<String>,
        hangup: Hangup,
    ) {
        self.metrics.hangup(hangup);
        tracing::info!(
            connection = id,
            reason = hangup.label(),
            workload = principal.map(|principal| principal.workload.name.as_str()),
            "connection refused"
        );
        let now = clock::now();
        let entry = self.recorder.entry(Opening {
            time: now,
            connection: id,
            server_name,
            caller: principal.map(record::Caller::from),
        });
        let outcome = Outcome::Refusal(hangup.label());
        entry.close_detached(&Ending::new(outcome, now, Duration::ZERO));
    }

    /// Records a connection on which something other than HTTP/1.1 was spoken inside TLS.
    pub(super) fn broken_http(&self, connection: &Connection, error: &hyper::Error) {
        let incomplete = error.is_incomplete_message() || error.is_timeout() || error.is_closed();
        if error.is_parse() || error.is_parse_too_large() {
            let name = Some(connection.server_name.clone());
            self.hang_up(
                connection.id,
                Some(&connection.principal),
                name,
                Hangup::BadHttp,
            );
        } else if !incomplete {
            tracing::debug!(%error, connection = connection.id, "connection broke");
        }
    }
}
