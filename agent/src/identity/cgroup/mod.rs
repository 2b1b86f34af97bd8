//! Reads unit, slice, container and pod out of a cgroup path.
//!
//! Only names that the host's own managers gave are believed. From the root down those are slices,
//! then one unit, container or pod; whatever is below belongs to the workload, which can name its
//! own cgroups as it likes (a user's `user@1000.service`, a delegated service, systemd inside a
//! container). So the walk ends at the first such boundary, and the path cut there is the *anchor*.
//!
//! ```text
//! /agents.slice/docker-<id>.scope/init.scope      slice, unit, container; anchor ends in .scope
//! /user.slice/user-7.slice/user@7.service/x.scope slice, unit;            anchor ends in .service
//! /kubepods/burstable/pod<uid>/<id>               pod, container;         anchor ends in <id>
//! /batch/job-17                                   nothing is known;       anchor is the path
//! ```

mod names;
#[cfg(test)]
mod tests;

use super::ContainerRuntime;
use names::Name;

/// What a cgroup path says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupFacts {
    pub unit: Option<String>,
    /// The innermost slice above the unit.
    pub slice: Option<String>,
    pub container: Option<String>,
    /// `None` for a container in the cgroupfs layout of Kubernetes, which does not tell.
    pub runtime: Option<ContainerRuntime>,
    pub pod: Option<String>,
    /// The path cut at the boundary.
    pub anchor: String,
}

/// Why a path cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CgroupError {
    #[error("`{path}` is not an absolute path without empty, `.` and `..` components")]
    NotCanonical { path: String },
    #[error("a cgroup path is longer than {} bytes", PATH_BYTES_MAX)]
    TooLong,
    /// Containers within containers, or a forged name: there is no telling which one is meant.
    #[error("`{path}` names more than one container")]
    ManyContainers { path: String },
    #[error("`{path}` names more than one pod")]
    ManyPods { path: String },
}

/// Reads a path that is relative to the cgroup v2 mount and begins with `/`.
pub fn parse(path: &str) -> Result<CgroupFacts, CgroupError> {
    if path.len() > PATH_BYTES_MAX {
        return Err(CgroupError::TooLong);
    }
    let not_canonical = || CgroupError::NotCanonical {
        path: path.to_owned(),
    };
    let relative = path.strip_prefix('/').ok_or_else(not_canonical)?;
    if relative.is_empty() {
        return Ok(CgroupFacts {
            anchor: path.to_owned(),
            ..CgroupFacts::default()
        });
    }
    let components: Vec<&str> = relative.split('/').collect();
    if components
        .iter()
        .any(|component| matches!(*component, "" | "." | ".."))
    {
        return Err(not_canonical());
    }
    check_unambiguous(path, &components)?;
    Ok(walk(path, &components))
}

/// Refuses a path with two container ids, believed or not.
fn check_unambiguous(path: &str, components: &[&str]) -> Result<(), CgroupError> {
    let mut containers = Vec::new();
    let mut pods = Vec::new();
    for component in components {
        // Read as if an engine's directory were above it: a bare id counts wherever it stands.
        let name = names::read(component, Some(&Name::Group));
        containers.extend(name.container());
        pods.extend(name.pod());
    }
    let differ = |ids: &[String]| ids.iter().any(|id| ids.first() != Some(id));
    if differ(&containers) {
        return Err(CgroupError::ManyContainers {
            path: path.to_owned(),
        });
    }
    if differ(&pods) {
        return Err(CgroupError::ManyPods {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn walk(path: &str, components: &[&str]) -> CgroupFacts {
    let mut facts = CgroupFacts::default();
    let mut anchor = String::new();
    // The anchor if nothing further down is known.
    let mut fallback = None;
    let mut parent = None;
    for component in components {
        anchor.push('/');
        anchor.push_str(component);
        let name = names::read(component, parent.as_ref());
        match &name {
            Name::Slice => facts.slice = Some((*component).to_owned()),
            Name::Group => {}
            Name::Pod { pod, slice } => {
                facts.pod = Some(pod.clone());
                if *slice {
                    facts.slice = Some((*component).to_owned());
                }
                fallback = Some(anchor.clone());
            }
            Name::Engine => {
                facts.unit = Some((*component).to_owned());
                fallback = Some(anchor.clone());
            }
            Name::Container {
                id,
                runtime,
                pod,
                unit,
            } => {
                facts.container = Some(id.clone());
                facts.runtime = *runtime;
                facts.pod = pod.clone().or(facts.pod);
                // Below an engine's service the unit is the engine's, not the container's.
                facts.unit = unit.then(|| (*component).to_owned());
                return CgroupFacts { anchor, ..facts };
            }
            Name::Unit => {
                facts.unit = Some((*component).to_owned());
                return CgroupFacts { anchor, ..facts };
            }
            Name::Other => break,
        }
        parent = Some(name);
    }
    CgroupFacts {
        anchor: fallback.unwrap_or_else(|| path.to_owned()),
        ..facts
    }
}

/// The kernel's limit for paths.
const PATH_BYTES_MAX: usize = 4096;
