//! The configuration, checked: immutable once read.
//!
//! ```text
//! file ──source──► text ──raw──► Config          or a Report: everything that is wrong, with places
//!                          │
//!                        reader, value           keys of one table; one value
//! ```
//!
//! `schema` lists every key once, for the reader's suggestions and for the reference page.
#![forbid(unsafe_code)]

mod raw;
mod reader;
mod report;
mod schema;
mod show;
mod source;
mod value;

pub use report::{Problem, Report};
pub use schema::reference;
pub use show::{show, show_tables};
pub use source::{ConfigError, Source, load};

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::access::notify;
use crate::policy::Mode;

/// Everything that `snowfence.toml` says, checked, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub scopes: Vec<Scope>,
    pub workloads: Vec<WorkloadMatcher>,
    pub accounts: Vec<Account>,
    pub credentials: Vec<Credential>,
    pub kernel: Kernel,
    pub tls: Tls,
    pub policy: Policy,
    pub record: Record,
    pub access: Access,
    /// `[[webhook]]` and `[[slack]]`: who is told of asks and grants.
    pub notify: notify::Config,
    pub admin: Admin,
    pub mask: Mask,
    pub limits: Limits,
}

/// `[[scope]]`: a cgroup subtree that is enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Relative to the cgroup v2 mount, with a leading `/`.
    pub cgroup: String,
    pub mode: Mode,
    pub other_tls: OtherTls,
    pub unnamed: Unnamed,
    /// Destinations for which connections without a server name pass: address and prefix length.
    pub unnamed_networks: Vec<(IpAddr, u8)>,
}

/// What happens to TLS for a name that is not Snowflake's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherTls {
    Deny,
    Pass,
}

/// What happens to what is not TLS, or names no server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unnamed {
    Deny,
    /// Pass to the networks in [`Scope::unnamed_networks`], deny the rest.
    PassListed,
}

/// `[[workload]]`: a name, and what must match for it. All given fields must match (globs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadMatcher {
    pub name: String,
    pub unit: Option<String>,
    pub slice: Option<String>,
    pub cgroup: Option<String>,
    pub container: Option<String>,
    pub pod: Option<String>,
    pub exe: Option<String>,
    pub exe_sha256: Option<String>,
    pub uid: Option<u32>,
}

/// `[[account]]`: one Snowflake account host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name that policies use: `testorg-testacct`.
    pub name: String,
    /// Lower-case host names under which clients reach it; the first one is used upstream.
    pub hosts: Vec<String>,
    /// The credential that is used when the client names none.
    pub default_credential: Option<String>,
}

/// `[[credential]]`: one way in to an account that only we hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub name: String,
    pub account: String,
    pub user: Option<String>,
    pub kind: CredentialKind,
    pub role: Option<String>,
    /// Further roles that a client may ask for at login.
    pub roles: Vec<String>,
    pub warehouse: Option<String>,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub session_parameters: BTreeMap<String, String>,
}

/// How a credential proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    KeyPair {
        private_key: SecretSource,
        passphrase: Option<SecretSource>,
    },
    ProgrammaticAccessToken {
        token: SecretSource,
    },
    OauthClientCredentials {
        token_url: String,
        client_id: String,
        client_secret: SecretSource,
        scope: Option<String>,
    },
    Password {
        password: SecretSource,
    },
}

/// Where a secret comes from. The secret itself is never in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file owned by root that neither group nor others can read.
    File(PathBuf),
    /// A systemd credential, by name, below `$CREDENTIALS_DIRECTORY`.
    Systemd(String),
    /// A program whose standard output is the secret, run again after the time to live.
    Command { argv: Vec<String>, ttl: Duration },
}

/// `[kernel]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Where the programs are attached: an ancestor of every scope, relative to the cgroup v2 mount.
    pub attach: String,
    /// Below it, `v<abi>/{maps,links}` hold the pins. Must be on bpffs.
    pub pin_dir: PathBuf,
    /// Intercepted TCP ports.
    pub ports: Vec<u16>,
}

/// `[tls]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Holds `ca.crt` and `ca.key`.
    pub ca_dir: PathBuf,
    /// PEM files with further roots for the upstream leg.
    pub upstream_ca_files: Vec<PathBuf>,
    /// Names besides the Snowflake suffixes that the CA may sign: the hosts of the accounts.
    pub extra_names: Vec<String>,
}

/// `[policy]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Every `*.cedar` file in it is one policy set.
    pub dir: PathBuf,
}

/// `[record]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub dir: PathBuf,
    pub durability: Durability,
    pub segment_bytes_max: u64,
    /// A segment is closed after this time, full or not.
    pub segment_age_max: Duration,
    /// Free bytes of its file system below which no new operation is let through.
    pub reserve_bytes: u64,
    /// The host's private key; the public half is beside it.
    pub key_file: PathBuf,
    /// The SQLite file by which the recording is listed and searched; `None` for none.
    pub index: Option<PathBuf>,
    /// Statements are in the index. It is not encrypted, so by default they are if segments are not.
    pub index_text: bool,
    pub literals: Literals,
    /// Rows of one result that are recorded.
    pub rows_max: usize,
    /// Of one result, as recorded.
    pub rows_bytes_max: usize,
    /// For closed segments: 1 (fast) to 19 (small).
    pub compression_level: i32,
    /// age recipients; closed segments are encrypted to all of them.
    pub encrypt_to: Vec<String>,
    /// Older segments are deleted; `None` keeps them.
    pub keep_age_max: Option<Duration>,
    /// The oldest segments beyond it are deleted; `None` keeps them.
    pub keep_bytes_max: Option<u64>,
    /// Where closed segments are copied to; `None` keeps them on this host alone.
    pub ship: Option<Ship>,
}

#[cfg(test)]
impl Record {
    /// A recording below `dir`, which must exist, with the defaults of a configuration.
    pub(crate) fn for_test(dir: &std::path::Path) -> Self {
        Self {
            dir: dir.join("record"),
            durability: Durability::BeforeForward,
            segment_bytes_max: 1 << 20,
            segment_age_max: Duration::from_secs(3600),
            reserve_bytes: 0,
            key_file: dir.join("host.key"),
            index: Some(dir.join("index.db")),
            index_text: true,
            literals: Literals::Detected,
            rows_max: 20,
            rows_bytes_max: 64 << 10,
            compression_level: 3,
            encrypt_to: Vec::new(),
            keep_age_max: None,
            keep_bytes_max: None,
            ship: None,
        }
    }
}

/// `[record.ship]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ship {
    pub target: ShipTarget,
    /// Another address than the provider's own.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub auth: ShipAuth,
    /// PEM files with further roots for the store.
    pub ca_files: Vec<PathBuf>,
}

/// Where segments are shipped to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShipTarget {
    S3 {
        bucket: String,
        prefix: String,
    },
    Gcs {
        bucket: String,
        prefix: String,
    },
    Azure {
        container: String,
        prefix: String,
    },
    /// A directory, such as one of another host.
    Files(PathBuf),
}

/// As whom the store knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShipAuth {
    /// A directory asks for nothing.
    None,
    /// As what the machine is: instance metadata, or a web identity.
    Instance { account: Option<String> },
    Keys {
        /// Of S3 the access key's id, of Azure the storage account.
        id: Option<String>,
        secret: SecretSource,
    },
}

/// Which literals and bound values are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Literals {
    /// All but the values that detectors find in them.
    Detected,
    /// None.
    None,
    /// All.
    All,
}

/// When a decision must be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    BeforeForward,
}

/// `[access]`: asks, votes, grants and budgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The SQLite file that keeps them.
    pub store: PathBuf,
    /// Where agents ask and people decide; anyone may connect, the kernel says who it is.
    pub socket: PathBuf,
}

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub socket: PathBuf,
    /// Where Prometheus scrapes; `None` turns the port off.
    pub metrics: Option<SocketAddr>,
}

/// `[mask]`: where the masking key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    pub key: Option<SecretSource>,
    /// Without a `key`: where one is made at the first start.
    pub key_file: PathBuf,
}

/// `[limits]`: every number has a default, with its reason in `raw/settings.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub connections_max: usize,
    pub sessions_max: usize,
    pub hello_timeout: Duration,
    pub request_body_bytes_max: usize,
    pub response_body_bytes_max: usize,
    /// Of one row or record batch that is masked.
    pub row_bytes_max: usize,
    /// The longest silence of the upstream; below the 60 s after which Python sends again.
    pub upstream_timeout: Duration,
    /// How long a request about a statement that waits for approval is held.
    pub hold_poll: Duration,
}

#[cfg(test)]
mod tests;
