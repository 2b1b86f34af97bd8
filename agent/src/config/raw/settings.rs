//! `[kernel]` to `[limits]`: tables with a default for everything, and the reason of each default.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use agent_ebpf::PORTS_MAX;
use toml::Spanned;

use super::credential::secret;
use super::cross::Seen;
use crate::config::reader::{Reader, integer};
use crate::config::schema::{self, Section};
use crate::config::value::{self, ValueError};
use crate::config::{Access, Admin, Kernel, Limits, Mask, Policy, Tls};

/// Where an ancestor of every scope always is: the root cgroup does not vanish.
const ATTACH: &str = "/";
/// Snowflake is reached over 443 alone, private links included.
const PORTS: [u16; 1] = [443];
/// Kubernetes' node ports: a cluster's own connect hook (Cilium's) rewrites them on every local
/// address, so that what we remember of such a connection may not be where it goes.
const NODE_PORTS: Range<u64> = 30_000..32_768;

/// The usual port of Prometheus exporters that speak for a process; reached from this host alone,
/// since whoever scrapes from elsewhere must be let in by the one who knows the network.
const METRICS: &str = "127.0.0.1:9464";

/// Two descriptors for each and some for files stay below systemd's hard limit of 524,288 and below
/// the 1 GiB of buffers that a small host can spare (about 200 KiB for each).
const CONNECTIONS: u64 = 4096;
const CONNECTIONS_MAX: u64 = 100_000;
/// Drivers pool some connections for each session; a quarter of the connections is generous.
const SESSIONS: u64 = 1024;
/// Drivers send the hello at once; ten seconds are for a stopped or swapped-out process.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Snowflake takes statements up to 1 MB; bindings of a bulk insert are what needs more.
const REQUEST_BYTES: u64 = 16 << 20;
/// Inline results and result chunks are some 16 MB before compression; Arrow chunks may be larger.
const RESPONSE_BYTES: u64 = 64 << 20;
/// A VARCHAR takes up to 128 MiB (Snowflake's reference of text types); the rest is for the row's
/// other columns and for escapes.
const ROW_BYTES: u64 = 160 << 20;
const BODY_BYTES_MIN: u64 = 64 << 10;
const BODY_BYTES_MAX: u64 = 1 << 30;
/// Snowflake answers "in progress" after 45 s; Python sends again after 60 s.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(50);
const UPSTREAM_TIMEOUT_MAX: Duration = Duration::from_secs(59);
/// Snowflake itself answers after 45 s; a driver that gets no answer within 60 s sends again, and one
/// that gets it at once asks thousands of times a minute.
const HOLD_POLL: Duration = Duration::from_secs(40);
const HOLD_POLL_MAX: Duration = Duration::from_secs(45);
const TIMEOUT_MIN: Duration = Duration::from_secs(1);
const HELLO_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Reads the table at `key` with `read`; a table that is not there reads as an empty one.
pub(super) fn settings<'p, 'i, T>(
    file: &mut Reader<'p, 'i>,
    key: &'static str,
    section: &'static Section,
    read: impl FnOnce(&mut Reader<'p, 'i>) -> T,
) -> T {
    let mut table = file
        .table(key, section)
        .unwrap_or_else(|| file.empty(section));
    let value = read(&mut table);
    table.finish();
    value
}

pub(super) fn path(table: &mut Reader<'_, '_>, key: &'static str, default: &str) -> PathBuf {
    table
        .parsed(key, value::path)
        .unwrap_or_else(|| PathBuf::from(default))
}

pub(super) fn kernel(file: &mut Reader<'_, '_>, seen: &mut Seen) -> Kernel {
    settings(file, "kernel", &schema::KERNEL, |table| {
        let attach = table.given("attach", value::cgroup);
        let attach_text = attach
            .as_ref()
            .map_or(ATTACH, |attach| attach.get_ref())
            .to_owned();
        seen.attach = attach;
        let pin_dir = path(table, "pin_dir", "/sys/fs/bpf/snowfence");
        Kernel {
            attach: attach_text,
            pin_dir,
            ports: ports(table),
        }
    })
}

fn ports(table: &mut Reader<'_, '_>) -> Vec<u16> {
    let given = table.has("ports");
    let problems = table.problems();
    let mut ports = Vec::new();
    for element in table.elements("ports") {
        let span = element.span();
        let Some(number) = integer("ports", &element, 1..1 << 16, problems) else {
            continue;
        };
        if NODE_PORTS.contains(&number) {
            problems.at(
                &span,
                "`ports` must stay out of the node ports, 30000 to 32767",
            );
        }
        let Ok(port) = u16::try_from(number) else {
            continue;
        };
        if ports.contains(&port) {
            problems.at(&span, format!("port {port} is given twice"));
        }
        ports.push(port);
    }
    if given && ports.is_empty() {
        table.problem("[kernel] needs at least one port in `ports`");
    }
    if ports.len() > PORTS_MAX {
        table.problem(format!("`ports` can have {PORTS_MAX} entries at most"));
    }
    if given { ports } else { PORTS.to_vec() }
}

pub(super) fn tls(file: &mut Reader<'_, '_>) -> Tls {
    settings(file, "tls", &schema::TLS, |table| {
        let files = table.list("upstream_ca_files", value::path);
        let names = table.list("extra_names", value::host);
        Tls {
            ca_dir: path(table, "ca_dir", "/var/lib/snowfence/ca"),
            upstream_ca_files: files.into_iter().map(Spanned::into_inner).collect(),
            extra_names: names.into_iter().map(Spanned::into_inner).collect(),
        }
    })
}

pub(super) fn policy(file: &mut Reader<'_, '_>) -> Policy {
    settings(file, "policy", &schema::POLICY, |table| Policy {
        dir: path(table, "dir", "/etc/snowfence/policies"),
    })
}

pub(super) fn access(file: &mut Reader<'_, '_>) -> Access {
    settings(file, "access", &schema::ACCESS, |table| Access {
        store: path(table, "store", "/var/lib/snowfence/access.db"),
        socket: path(table, "socket", "/run/snowfence/access.sock"),
    })
}

pub(super) fn admin(file: &mut Reader<'_, '_>) -> Admin {
    settings(file, "admin", &schema::ADMIN, |table| {
        let given = table.has("metrics");
        let metrics = table.parsed("metrics", listen).flatten();
        Admin {
            socket: path(table, "socket", "/run/snowfence/admin.sock"),
            metrics: if given { metrics } else { METRICS.parse().ok() },
        }
    })
}

fn listen(text: &str) -> Result<Option<SocketAddr>, ValueError> {
    if text == "off" {
        return Ok(None);
    }
    let address = text
        .parse()
        .ok()
        .ok_or_else(|| ValueError::Listen(text.to_owned()))?;
    Ok(Some(address))
}

/// `None` if a key is given that cannot be read: another one must not take its place.
pub(super) fn mask(file: &mut Reader<'_, '_>) -> Option<Mask> {
    settings(file, "mask", &schema::MASK, |table| {
        let is_given = table.has("key");
        let key = secret(table, "key");
        let key_file = path(table, "key_file", "/var/lib/snowfence/mask.key");
        (key.is_some() || !is_given).then_some(Mask { key, key_file })
    })
}

pub(super) fn limits(file: &mut Reader<'_, '_>) -> Limits {
    settings(file, "limits", &schema::LIMITS, |table| Limits {
        connections_max: count(table, "connections_max", CONNECTIONS),
        sessions_max: count(table, "sessions_max", SESSIONS),
        hello_timeout: table
            .parsed("hello_timeout", |text| {
                value::duration(text, TIMEOUT_MIN, HELLO_TIMEOUT_MAX)
            })
            .unwrap_or(HELLO_TIMEOUT),
        request_body_bytes_max: body(table, "request_body_bytes_max", REQUEST_BYTES),
        response_body_bytes_max: body(table, "response_body_bytes_max", RESPONSE_BYTES),
        row_bytes_max: body(table, "row_bytes_max", ROW_BYTES),
        upstream_timeout: table
            .parsed("upstream_timeout", |text| {
                value::duration(text, TIMEOUT_MIN, UPSTREAM_TIMEOUT_MAX)
            })
            .unwrap_or(UPSTREAM_TIMEOUT),
        hold_poll: table
            .parsed("hold_poll", |text| {
                value::duration(text, TIMEOUT_MIN, HOLD_POLL_MAX)
            })
            .unwrap_or(HOLD_POLL),
    })
}

fn count(table: &mut Reader<'_, '_>, key: &'static str, default: u64) -> usize {
    let count = table
        .integer(key, 1..CONNECTIONS_MAX + 1)
        .unwrap_or(default);
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn body(table: &mut Reader<'_, '_>, key: &'static str, default: u64) -> usize {
    let parse = |text: &str| value::bytes(text, BODY_BYTES_MIN, BODY_BYTES_MAX);
    let bytes = table.parsed(key, parse).unwrap_or(default);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
