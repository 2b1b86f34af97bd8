//! The names that systemd, container engines and the kubelet give to cgroups.
//!
//! Every pattern is anchored at both ends: a name that merely contains an id says nothing.

use super::ContainerRuntime;

/// What one component of a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A systemd slice.
    Slice,
    /// A directory of an engine or the kubelet above pods and containers.
    Group,
    /// A pod; with the systemd driver it is a slice.
    Pod {
        pod: String,
        slice: bool,
    },
    /// The service of a container engine, below which it makes cgroups itself.
    Engine,
    /// A container; `unit` if it is also a systemd scope.
    Container {
        id: String,
        runtime: Option<ContainerRuntime>,
        pod: Option<String>,
        unit: bool,
    },
    /// Any other systemd service or scope.
    Unit,
    Other,
}

impl Name {
    pub(super) fn container(&self) -> Option<String> {
        if let Self::Container { id, .. } = self {
            Some(id.clone())
        } else {
            None
        }
    }

    pub(super) fn pod(&self) -> Option<String> {
        match self {
            Self::Pod { pod, .. } => Some(pod.clone()),
            Self::Container { pod, .. } => pod.clone(),
            Self::Slice | Self::Group | Self::Engine | Self::Unit | Self::Other => None,
        }
    }
}

/// Reads one component. `parent` is `None` below the root of the hierarchy.
pub(super) fn read(component: &str, parent: Option<&Name>) -> Name {
    if let Some(stem) = component.strip_suffix(".slice") {
        return slice(stem);
    }
    if let Some(stem) = component.strip_suffix(".scope") {
        return scope(stem);
    }
    if component.ends_with(".service") {
        return if ENGINES.contains(&component) {
            Name::Engine
        } else {
            Name::Unit
        };
    }
    if component.contains(':') {
        return colons(component);
    }
    match parent {
        // cgroupfs driver: `/docker/<id>`, `/kubepods/[<class>/]pod<uid>/<id>`.
        None if matches!(component, "docker" | "kubepods") => Name::Group,
        Some(Name::Group) if matches!(component, "besteffort" | "burstable") => Name::Group,
        Some(Name::Group) if is_container_id(component) => {
            container(component, Some(ContainerRuntime::Docker), None, false)
        }
        Some(Name::Group) => match component.strip_prefix("pod").and_then(pod_uid) {
            Some(pod) => Name::Pod { pod, slice: false },
            None => Name::Other,
        },
        Some(Name::Pod { pod, .. }) if is_container_id(component) => {
            container(component, None, Some(pod.clone()), false)
        }
        _ => Name::Other,
    }
}

fn slice(stem: &str) -> Name {
    match pod_of_slice(stem) {
        Some(pod) => Name::Pod { pod, slice: true },
        None => Name::Slice,
    }
}

/// `kubepods[-besteffort|-burstable]-pod<uid with _>`.
fn pod_of_slice(stem: &str) -> Option<String> {
    let rest = stem.strip_prefix("kubepods-")?;
    let rest = CLASSES
        .iter()
        .find_map(|class| rest.strip_prefix(class))
        .unwrap_or(rest);
    pod_uid(&rest.strip_prefix("pod")?.replace('_', "-"))
}

/// `<runtime>-<id>`. Monitors (`crio-conmon-<id>`, `libpod-conmon-<id>`) are not containers: their
/// names have something between runtime and id.
fn scope(stem: &str) -> Name {
    for (prefix, runtime) in RUNTIMES {
        let id = stem
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('-'));
        if let Some(id) = id.filter(|id| is_container_id(id)) {
            return container(id, Some(runtime), None, true);
        }
    }
    Name::Unit
}

/// `<slice>.slice:<runtime>:<id>`, which runc makes of a systemd path under the cgroupfs driver.
fn colons(component: &str) -> Name {
    let mut parts = component.split(':');
    let (Some(slice), Some(prefix), Some(id), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Name::Other;
    };
    let (Some(stem), true) = (slice.strip_suffix(".slice"), is_container_id(id)) else {
        return Name::Other;
    };
    match RUNTIMES.iter().find(|(name, _)| *name == prefix) {
        Some((_, runtime)) => container(id, Some(*runtime), pod_of_slice(stem), false),
        None => Name::Other,
    }
}

fn container(id: &str, runtime: Option<ContainerRuntime>, pod: Option<String>, unit: bool) -> Name {
    Name::Container {
        id: id.to_owned(),
        runtime,
        pod,
        unit,
    }
}

/// Engines write ids in lower case; another spelling is another, forged, name.
fn is_container_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_lower_hex)
}

/// A UUID, or the 32 digits that the kubelet gives to pods from files.
fn pod_uid(text: &str) -> Option<String> {
    let is_hash = text.len() == 32 && text.bytes().all(is_lower_hex);
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let is_uuid =
        lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || is_lower_hex(byte));
    (is_hash || is_uuid).then(|| text.to_owned())
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

const CLASSES: [&str; 2] = ["besteffort-", "burstable-"];

const RUNTIMES: [(&str, ContainerRuntime); 4] = [
    ("cri-containerd", ContainerRuntime::Containerd),
    ("crio", ContainerRuntime::CriO),
    ("docker", ContainerRuntime::Docker),
    ("libpod", ContainerRuntime::Podman),
];

/// Run by root, and they alone make cgroups below themselves.
const ENGINES: [&str; 6] = [
    "containerd.service",
    "crio.service",
    "docker.service",
    "k3s-agent.service",
    "k3s.service",
    "kubelet.service",
];
