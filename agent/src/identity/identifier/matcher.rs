//! One `[[workload]]` of the configuration, compiled.

use globset::{GlobBuilder, GlobMatcher};

use super::super::Workload;
use super::UNKNOWN;
use crate::config::WorkloadMatcher;

/// A name, and what must match for it.
#[derive(Debug)]
pub(super) struct Matcher {
    name: String,
    unit: Option<GlobMatcher>,
    slice: Option<GlobMatcher>,
    cgroup: Option<GlobMatcher>,
    container: Option<GlobMatcher>,
    pod: Option<GlobMatcher>,
    exe: Option<GlobMatcher>,
    exe_sha256: Option<String>,
    uid: Option<u32>,
}

/// What is wrong with a `[[workload]]`.
#[derive(Debug, thiserror::Error)]
pub enum MatcherError {
    #[error("`{field}` is not a glob")]
    Glob {
        field: &'static str,
        #[source]
        source: globset::Error,
    },
    #[error("`exe_sha256` is not 64 hexadecimal digits")]
    Digest,
    /// It would match everything, which is more likely forgotten than meant: `cgroup = "/**"` says
    /// it in words.
    #[error("no field is given, so it would match every process")]
    NoField,
    #[error("`{UNKNOWN}` is the name of workloads that nothing matches")]
    ReservedName,
}

impl Matcher {
    pub(super) fn parse(raw: &WorkloadMatcher) -> Result<Self, MatcherError> {
        let WorkloadMatcher {
            name,
            unit,
            slice,
            cgroup,
            container,
            pod,
            exe,
            exe_sha256,
            uid,
        } = raw;
        if name == UNKNOWN {
            return Err(MatcherError::ReservedName);
        }
        let globs = [unit, slice, cgroup, container, pod, exe, exe_sha256];
        if globs.iter().all(|field| field.is_none()) && uid.is_none() {
            return Err(MatcherError::NoField);
        }
        Ok(Self {
            name: name.clone(),
            unit: glob("unit", unit.as_ref())?,
            slice: glob("slice", slice.as_ref())?,
            cgroup: glob("cgroup", cgroup.as_ref())?,
            container: glob("container", container.as_ref())?,
            pod: glob("pod", pod.as_ref())?,
            exe: glob("exe", exe.as_ref())?,
            exe_sha256: exe_sha256.as_deref().map(digest).transpose()?,
            uid: *uid,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether all given fields match; a fact that is not known matches nothing.
    pub(super) fn matches(&self, workload: &Workload) -> bool {
        let text = |glob: &Option<GlobMatcher>, fact: Option<&str>| {
            glob.as_ref()
                .is_none_or(|glob| fact.is_some_and(|fact| glob.is_match(fact)))
        };
        text(&self.unit, workload.unit.as_deref())
            && text(&self.slice, workload.slice.as_deref())
            && text(&self.cgroup, Some(&workload.cgroup))
            && text(&self.container, workload.container.as_deref())
            && text(&self.pod, workload.pod.as_deref())
            && self.exe.as_ref().is_none_or(|glob| {
                workload
                    .exe
                    .as_ref()
                    .is_some_and(|path| glob.is_match(path))
            })
            && self.exe_sha256.as_ref().is_none_or(|digest| {
                workload
                    .exe_sha256
                    .as_ref()
                    .is_some_and(|fact| fact == digest)
            })
            && self.uid.is_none_or(|uid| uid == workload.uid)
    }
}

/// `*` stays within one component of a path, `**` crosses them: `/opt/*/python` must not match a
/// file that someone puts deeper. A backslash is itself: systemd's unit names have them (`\x2d`).
fn glob(
    field: &'static str,
    pattern: Option<&String>,
) -> Result<Option<GlobMatcher>, MatcherError> {
    pattern
        .map(|pattern| {
            GlobBuilder::new(pattern)
                .literal_separator(true)
                .backslash_escape(false)
                .build()
                .map(|glob| glob.compile_matcher())
                .map_err(|source| MatcherError::Glob { field, source })
        })
        .transpose()
}

/// A digest is compared, not matched: a pattern for one would be a mistake.
fn digest(text: &str) -> Result<String, MatcherError> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(MatcherError::Digest)
    }
}
