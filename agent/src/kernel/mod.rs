//! The user half of the kernel programs: loads them, tells them who is enforced, takes the flows.
//!
//! ```text
//!   load ──► publish_listener ──► enforce ──► (serve: flows().take) ──► end of the process
//!   maps are filled               attached                              stays attached:
//!                                                                       every connect is refused
//! ```
//!
//! Nothing is enforced before [`Kernel::enforce`], and nothing stops being enforced before
//! [`detach()`]: neither a crash nor an upgrade opens a gap, nor does a scope whose cgroup is removed and
//! made again.

mod btf;
mod destroy;
mod detach;
mod error;
mod flows;
mod follow;
mod links;
mod loader;
pub mod metrics;
mod netns;
pub mod probe;
mod register;
mod scope;
mod sys;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, BorrowedFd};

use agent_ebpf::Listener;

use crate::config;
use follow::Follower;
use loader::{Loaded, Pins};
use register::Register;
use scope::Tree;

pub use agent_ebpf::Counter;
pub use detach::detach;
pub use error::KernelError;
pub use flows::{Flow, FlowError, Flows};
pub use netns::netns_cookie;
pub use scope::{ScopeError, cgroup_mount, cgroup_path, is_within};

/// The programs and their maps.
pub struct Kernel {
    programs: aya::Ebpf,
    flows: Flows,
    maps: Maps,
    register: Register,
    /// Whether cgroups that are made come into scope; not every kernel lets us.
    is_followed: bool,
    /// Until its links are pinned.
    follower: Option<Follower>,
    ports: Vec<u16>,
    attach: String,
    pins: Pins,
}

/// What [`Kernel::enforce`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enforced {
    pub links_created: usize,
    pub links_updated: usize,
    /// Connections from before, which went past us.
    pub connections_destroyed: usize,
}

/// The maps that we write to.
struct Maps {
    listeners: sys::Table<u64, Listener>,
    ports: sys::Table<u32, u32>,
    addresses: sys::Table<[u32; 4], u32>,
    exempt: sys::Table<u32, u64>,
    counters: aya::maps::PerCpuArray<aya::maps::MapData, u64>,
}

impl Kernel {
    /// Loads the programs and fills the maps; what is attached already goes on as it is.
    ///
    /// Scopes and ports are only added here: programs of an earlier start may be running on these
    /// maps. [`Self::enforce`] removes what the configuration no longer names.
    ///
    /// The cgroup of a scope need not exist: it is in scope once it is made. Where the kernel does
    /// not let us follow cgroups, it must exist.
    ///
    /// # Errors
    ///
    /// The kernel lacks a feature, a scope cannot be enforced, or the pins are not ours.
    pub fn load(config: &config::Kernel, scopes: &[config::Scope]) -> Result<Self, KernelError> {
        let object = object().ok_or(KernelError::NotBuiltIn)?;
        let tree = Tree::discover()?;
        tree.check(scopes, &config.attach)?;
        probe::require_bpffs(&config.pin_dir)?;
        let pins = Pins::create(&config.pin_dir)?;
        let loaded = loader::load(object, &pins)?;
        let knows_cgroups = loaded.knows_cgroups;
        let mut kernel = Self::new(loaded, tree, scopes, config, pins);
        kernel.fill()?;
        // In this order, a cgroup that is made at any moment is told by the one or by the other.
        kernel.register.add_paths()?;
        kernel.follow(knows_cgroups)?;
        kernel.register.add_ids(kernel.is_followed)?;
        Ok(kernel)
    }

    fn new(
        loaded: Loaded,
        tree: Tree,
        scopes: &[config::Scope],
        config: &config::Kernel,
        pins: Pins,
    ) -> Self {
        Self {
            register: Register::new(tree, scopes, loaded.scopes, loaded.scope_paths),
            is_followed: false,
            follower: None,
            programs: loaded.programs,
            flows: Flows::new(loaded.flows),
            maps: Maps {
                listeners: loaded.listeners,
                ports: loaded.ports,
                addresses: loaded.addresses,
                exempt: loaded.exempt,
                counters: loaded.counters,
            },
            ports: config.ports.clone(),
            attach: config.attach.clone(),
            pins,
        }
    }

    /// A handle to the flows, for the listener.
    #[must_use]
    pub fn flows(&self) -> Flows {
        self.flows.clone()
    }

    /// Tells the programs where to send connections from the network namespace of this thread.
    ///
    /// The listeners must be bound to 127.0.0.1 and ::1; a port of 0 refuses that family.
    ///
    /// # Errors
    ///
    /// A port is one of those that are intercepted, or the map cannot be written.
    pub fn publish_listener(&self, v4_port: u16, v6_port: u16) -> Result<(), KernelError> {
        for port in [v4_port, v6_port] {
            if self.ports.contains(&port) {
                return Err(KernelError::ListenerPort { port });
            }
        }
        let cookie = netns::own().map_err(|source| KernelError::NetnsCookie { source })?;
        let listener = Listener {
            v4_port: v4_port.into(),
            v6_port: v6_port.into(),
        };
        self.maps
            .listeners
            .insert(&cookie, &listener)
            .map_err(write_error("listeners"))
    }

    /// Attaches the programs, or replaces those that are attached, and destroys the connections that
    /// were made before.
    ///
    /// # Errors
    ///
    /// A program cannot be attached: what was attached before still is, and when nothing was, nothing
    /// is. Or connections cannot be destroyed: then the programs are attached and hold them back.
    pub fn enforce(&mut self) -> Result<Enforced, KernelError> {
        let was_attached = links::any(&self.pins.links);
        let mut enforced = match self.attach_all() {
            Ok(enforced) => enforced,
            Err(error) => {
                // Half of the programs with no daemon would refuse connections for nothing.
                if !was_attached {
                    links::remove(&self.pins.links)
                        .map_err(|source| KernelError::Unpin { source })?;
                }
                return Err(error);
            }
        };
        self.forget_unconfigured()?;
        enforced.connections_destroyed =
            destroy::destroy(&self.ports, |cgroup_id| self.scope_of(cgroup_id).is_some())
                .map_err(|source| KernelError::Destroy { source })?;
        Ok(enforced)
    }

    /// Remembers an address at which Snowflake was seen: a scope reaches it only through us.
    ///
    /// # Errors
    ///
    /// The map is full or cannot be written.
    pub fn learn_address(&self, ip: IpAddr) -> Result<(), KernelError> {
        self.maps
            .addresses
            .insert(&flows::words(ip), &1)
            .map_err(write_error("addresses"))
    }

    /// What the programs counted since they were first attached; a counter that cannot be read is 0.
    #[must_use]
    pub fn counters(&self) -> Vec<(Counter, u64)> {
        Counter::ALL
            .into_iter()
            .map(|counter| {
                let slots = self.maps.counters.get(&(counter as u32), 0);
                let total = slots.map_or(0, |slots| {
                    slots.iter().fold(0_u64, |sum, n| sum.wrapping_add(*n))
                });
                (counter, total)
            })
            .collect()
    }

    /// The flows that wait to be taken.
    #[must_use]
    pub fn flow_count(&self) -> usize {
        self.flows.count().unwrap_or_default()
    }

    /// The position in the configuration of the deepest scope that a cgroup is in.
    ///
    /// A connection may be in scope by either of its two cgroups.
    #[must_use]
    pub fn scope_of(&self, cgroup_id: u64) -> Option<usize> {
        self.register.scope_of(cgroup_id)
    }

    /// The scopes whose cgroups exist, as the programs know them.
    #[must_use]
    pub fn scope_count(&self) -> usize {
        self.register.count()
    }

    /// The programs, and whether each has its pinned link; without those that this kernel cannot have.
    #[must_use]
    pub fn links(&self) -> Vec<(&'static str, bool)> {
        let pinned = |name| self.pins.links.join(name).exists();
        links::names()
            .filter(|name| self.is_followed || !links::TRACEPOINTS.contains(name))
            .map(|name| (name, pinned(name)))
            .collect()
    }

    /// Whether the programs are attached and hold the cgroup of a scope, by its position in the
    /// configuration; or, as long as there is no cgroup, whether they will from its first moment.
    #[must_use]
    pub fn is_enforced(&self, scope: usize) -> bool {
        let is_followed = self.is_followed && links::is_following(&self.pins.links);
        links::are_attached(&self.pins.links) && self.register.is_enforced(scope, is_followed)
    }

    /// Follows the cgroups of scopes from here on, if the kernel lets us.
    fn follow(&mut self, knows_cgroups: bool) -> Result<(), KernelError> {
        const MEANING: &str = "scopes must exist at the start, and are lost when they are removed";
        if let Err(reason) = follow::check(self.register.tree(), knows_cgroups) {
            tracing::warn!(%reason, "{MEANING}");
            return Ok(());
        }
        match Follower::start(|name| self.program(name)) {
            Ok(follower) => {
                self.follower = Some(follower);
                self.is_followed = true;
            }
            Err(KernelError::Attach { program, source }) => {
                tracing::warn!(program, %source, "{MEANING}");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The tracepoints come first: there is no moment at which a scope is enforced and not followed.
    fn attach_all(&mut self) -> Result<Enforced, KernelError> {
        let mut enforced = Enforced::default();
        if self.is_followed {
            let follower = match self.follower.take() {
                Some(follower) => follower,
                None => Follower::start(|name| self.program(name))?,
            };
            for attached in follower.keep(&self.pins.links)? {
                enforced.add(attached);
            }
        }
        let cgroup = self.register.tree().open(&self.attach)?;
        let target = links::Target {
            cgroup: cgroup.as_fd(),
            id: self.register.tree().id(&self.attach)?,
        };
        for (name, attach_type) in links::PROGRAMS {
            let program = self.program(name)?;
            let directory = &self.pins.links;
            enforced.add(links::attach(
                name,
                program,
                attach_type,
                target,
                directory,
            )?);
        }
        Ok(enforced)
    }

    fn program(&self, name: &'static str) -> Result<BorrowedFd<'_>, KernelError> {
        let program = self
            .programs
            .program(name)
            .ok_or_else(|| KernelError::Incomplete {
                name: name.to_owned(),
            })?;
        let fd = program.fd().map_err(|source| KernelError::Load {
            program: name.to_owned(),
            source,
        })?;
        Ok(fd.as_fd())
    }

    fn fill(&self) -> Result<(), KernelError> {
        let (_, own) = self.register.tree().own()?;
        self.maps
            .exempt
            .insert(&0, &own)
            .map_err(write_error("exempt"))?;
        for port in &self.ports {
            self.maps
                .ports
                .insert(&(*port).into(), &1)
                .map_err(write_error("ports"))?;
        }
        Ok(())
    }

    fn forget_unconfigured(&self) -> Result<(), KernelError> {
        self.register.forget_unconfigured()?;
        let ports: HashSet<u32> = self.ports.iter().map(|port| (*port).into()).collect();
        let known = self
            .maps
            .ports
            .keys(agent_ebpf::PORTS_MAX)
            .map_err(write_error("ports"))?;
        for port in known.iter().filter(|port| !ports.contains(port)) {
            self.maps.ports.remove(port).map_err(write_error("ports"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kernel")
            .field("attach", &self.attach)
            .field("scopes", &self.register.scopes())
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

impl Enforced {
    fn add(&mut self, attached: links::Attached) {
        match attached {
            links::Attached::Created => self.links_created += 1,
            links::Attached::Updated => self.links_updated += 1,
        }
    }
}

/// One is shared by all connections.
const _: fn() = || {
    const fn is_shareable<T: Send + Sync>() {}
    is_shareable::<Kernel>();
};

fn write_error(map: &'static str) -> impl Fn(io::Error) -> KernelError {
    move |source| KernelError::Map { map, source }
}

/// The compiled kernel half, aligned as the ELF reader needs it.
#[cfg(feature = "ebpf")]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the twin without the feature has nothing to return"
)]
fn object() -> Option<&'static [u8]> {
    Some(aya::include_bytes_aligned!(concat!(
        env!("OUT_DIR"),
        "/agent-ebpf"
    )))
}

#[cfg(not(feature = "ebpf"))]
const fn object() -> Option<&'static [u8]> {
    None
}

#[cfg(all(test, not(feature = "ebpf")))]
mod tests {
    use super::*;

    #[test]
    fn a_binary_without_the_programs_says_so() {
        let config = config::Kernel {
            attach: "/".to_owned(),
            pin_dir: "/sys/fs/bpf/snowfence".into(),
            ports: vec![443],
        };
        let error = Kernel::load(&config, &[]).unwrap_err();
        assert!(matches!(error, KernelError::NotBuiltIn), "{error}");
    }
}
