//! Puts the principal together: kernel facts, cgroup path, process, configured name.

mod matcher;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::cgroup::{self, CgroupError, CgroupFacts};
use super::digest::Digests;
use super::process::{self, Caller, ProcessFacts};
use super::{Principal, Workload};
use crate::config::WorkloadMatcher;
use matcher::Matcher;

pub use matcher::MatcherError;

/// Tells who is behind a connection.
#[derive(Debug)]
pub struct Identifier {
    matchers: Vec<Matcher>,
    digests: Arc<Digests>,
    readers: Arc<Semaphore>,
}

/// Why there is no principal. The connection is refused.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot tell the workload from its cgroup")]
    Cgroup(#[source] CgroupError),
    #[error("the workload `{name}` is configured wrong")]
    Matcher {
        name: String,
        #[source]
        source: MatcherError,
    },
}

impl Identifier {
    /// Compiles the configured `[[workload]]` entries; the first that matches names a workload.
    pub fn new(matchers: &[WorkloadMatcher]) -> Result<Self, IdentityError> {
        let matchers = matchers
            .iter()
            .map(|raw| {
                Matcher::parse(raw).map_err(|source| IdentityError::Matcher {
                    name: raw.name.clone(),
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            matchers,
            digests: Arc::new(Digests::default()),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
        })
    }

    /// Identifies the caller of one connection.
    ///
    /// A process that cannot be proven to be the one that connected leaves `exe`, `exe_sha256` and
    /// `ancestors` empty, so that a matcher or a policy that asks for them does not match.
    pub async fn identify(
        &self,
        caller: Caller,
        cgroup_path: &str,
        netns_cookie: u64,
    ) -> Result<Principal, IdentityError> {
        let cgroup = cgroup::parse(cgroup_path).map_err(IdentityError::Cgroup)?;
        let process = self.process(caller.clone()).await;
        let mut workload = assemble(caller, cgroup_path, cgroup, process);
        workload.name = self
            .matchers
            .iter()
            .find(|matcher| matcher.matches(&workload))
            .map_or(UNKNOWN, Matcher::name)
            .to_owned();
        Ok(Principal {
            workload,
            user: None,
            netns_cookie,
        })
    }

    /// The permit goes with the thread: a reader that hangs on a file system keeps its place, so
    /// that a workload cannot make us start threads without end.
    async fn process(&self, caller: Caller) -> Option<ProcessFacts> {
        let tgid = caller.tgid;
        let digests = Arc::clone(&self.digests);
        let readers = Arc::clone(&self.readers);
        let reading = async move {
            let permit = readers.acquire_owned().await.ok()?;
            let read = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                process::read(&caller, &digests)
            });
            match read.await {
                Ok(Ok(facts)) => Some(facts),
                Ok(Err(error)) => {
                    tracing::debug!(tgid, %error, "the process is not proven");
                    None
                }
                Err(error) => {
                    tracing::error!(tgid, %error, "the process was not read");
                    None
                }
            }
        };
        match tokio::time::timeout(READ_TIMEOUT, reading).await {
            Ok(facts) => facts,
            Err(_elapsed) => {
                tracing::warn!(tgid, "the process was not read in time");
                None
            }
        }
    }
}

fn assemble(
    caller: Caller,
    cgroup_path: &str,
    cgroup: CgroupFacts,
    process: Option<ProcessFacts>,
) -> Workload {
    let (exe, ancestors) = process.map(|facts| (facts.exe, facts.ancestors)).unzip();
    let (path, exe_sha256) = exe.map(|exe| (believed(&exe, &cgroup), exe.sha256)).unzip();
    Workload {
        name: String::new(),
        cgroup: cgroup_path.to_owned(),
        anchor: cgroup.anchor,
        unit: cgroup.unit,
        slice: cgroup.slice,
        container: cgroup.container,
        runtime: cgroup.runtime,
        pod: cgroup.pod,
        exe: path.flatten(),
        exe_sha256: exe_sha256.flatten(),
        tgid: caller.tgid,
        uid: caller.uid,
        gid: caller.gid,
        started: caller.start_ticks(),
        comm: caller.comm,
        ancestors: ancestors.unwrap_or_default(),
    }
}

/// The path, if someone other than the process itself chose it. A process that makes a mount
/// namespace of its own can put any file under any path; a container's paths are its image's, and
/// are believed as far as the container is.
fn believed(exe: &process::Executable, cgroup: &CgroupFacts) -> Option<std::path::PathBuf> {
    (exe.is_host_path || cgroup.container.is_some()).then(|| exe.path.clone())
}

/// What a workload is called that no `[[workload]]` matches.
const UNKNOWN: &str = "unknown";

/// Hashing is bound by the disk and one core; more at a time would not be faster.
const READERS_MAX: usize = 8;

/// Reading takes well below a millisecond, the largest executable about a second when it is cold.
/// Drivers wait at least ten seconds for a handshake.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
