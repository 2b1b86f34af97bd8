//! Agent or person: told by the cgroup of the process that connected.

use std::fmt;

use super::Counter;
use super::people::{PersonError, Speaker};
use super::refused::Refused;
use super::shapes::Me;
use crate::identity::{self, IdentityError, Peer, Principal};
use crate::kernel::is_within;

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A process in an enforced scope, whatever its user.
    Agent(Box<Principal>),
    /// A process outside every scope.
    Person(Speaker),
}

impl Caller {
    /// The workload, or why a person cannot do this.
    pub(super) fn agent(&self, instead: &str) -> Result<&Principal, Refused> {
        match self {
            Self::Agent(principal) => Ok(principal),
            Self::Person(_) => Err(Refused::wrong_side(instead)),
        }
    }

    /// The person, or why an agent cannot do this.
    pub(super) fn person(&self, instead: &str) -> Result<&Speaker, Refused> {
        match self {
            Self::Agent(_) => Err(Refused::wrong_side(instead)),
            Self::Person(speaker) => Ok(speaker),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(principal) => {
                let workload = &principal.workload;
                write!(
                    formatter,
                    "workload `{}` in `{}`",
                    workload.name, workload.anchor
                )
            }
            Self::Person(Speaker { person, .. }) => {
                write!(formatter, "`{}` ({})", person.name, person.uid)
            }
        }
    }
}

impl From<&Caller> for Me {
    fn from(caller: &Caller) -> Self {
        match caller {
            Caller::Agent(principal) => Self::Agent {
                workload: principal.workload.name.clone(),
                anchor: principal.workload.anchor.clone(),
                uid: principal.workload.uid,
            },
            Caller::Person(Speaker { person, .. }) => Self::Person {
                name: person.name.clone(),
                uid: person.uid,
                groups: person.groups.clone(),
            },
        }
    }
}

/// Why nobody knows who makes a request. The texts are for the peer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallerError {
    #[error("your cgroup cannot be read")]
    Identity(#[source] IdentityError),
    #[error(transparent)]
    Person(PersonError),
}

/// Where a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Inside,
    Outside,
}

impl Counter {
    pub(super) fn side(&self, peer: &Peer) -> Side {
        let inside = self
            .scopes
            .iter()
            .any(|scope| is_within(&peer.cgroup, scope));
        if inside { Side::Inside } else { Side::Outside }
    }

    /// Puts together who a peer is.
    ///
    /// A workload that is told by its program is not told here: the peer's program is not known
    /// for certain, and with `snowfence ask` it is ours.
    pub(super) async fn caller(&self, peer: Peer) -> Result<Caller, CallerError> {
        // Also of a person: a path that climbs out of what we see may lead into a scope.
        identity::cgroup::parse(&peer.cgroup)
            .map_err(|error| CallerError::Identity(IdentityError::Cgroup(error)))?;
        match self.side(&peer) {
            Side::Inside => {
                let process = identity::Caller {
                    tgid: peer.tgid,
                    uid: peer.uid,
                    gid: peer.gid,
                    comm: peer.comm,
                    ..identity::Caller::default()
                };
                let identified = self.identifier.identify(process, &peer.cgroup, NO_NETWORK);
                let principal = identified.await.map_err(CallerError::Identity)?;
                Ok(Caller::Agent(Box::new(principal)))
            }
            Side::Outside => {
                let person = self.people.find(&peer).await;
                person.map(Caller::Person).map_err(CallerError::Person)
            }
        }
    }
}

/// Asks and grants are not bound to a network namespace; no namespace has this cookie.
const NO_NETWORK: u64 = 0;
