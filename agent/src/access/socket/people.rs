//! Users of this host as people: names and groups.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::sync::Semaphore;

use crate::identity::Peer;
use crate::policy::rights::Person;

/// A directory service answers within milliseconds, or is broken.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// A lookup that hangs keeps its place, so that a directory that does not answer cannot make us
/// start threads without end.
const LOOKUPS_MAX: usize = 8;

/// Looks people up in the host's directory of users.
#[derive(Debug)]
pub(super) struct People {
    lookups: Arc<Semaphore>,
}

/// Why a peer is no person that could decide. The texts are for the peer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PersonError {
    #[error(
        "this process runs as `{runs_as}`, but `{logged_in}` logged in: do it as `{logged_in}`, \
         or log in as `{runs_as}`"
    )]
    Borrowed { runs_as: String, logged_in: String },
    #[error("the directory of users and groups of this host did not answer; try again")]
    Timeout,
    #[error("the directory of users and groups of this host cannot be read")]
    Directory(#[source] nix::Error),
    #[error("the name of user {0} cannot be used")]
    Name(u32),
}

impl Default for People {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

impl People {
    /// Tells who a process outside every scope speaks for.
    pub(super) async fn find(&self, peer: &Peer) -> Result<Person, PersonError> {
        let (uid, login_uid) = (peer.uid, peer.login_uid);
        let lookups = Arc::clone(&self.lookups);
        let looking = async move {
            let place = lookups.acquire_owned().await.ok()?;
            let look = tokio::task::spawn_blocking(move || {
                let _place = place;
                person(uid, login_uid)
            });
            look.await.ok()
        };
        let found = tokio::time::timeout(LOOKUP_TIMEOUT, looking).await;
        found.ok().flatten().ok_or(PersonError::Timeout)?
    }
}

/// Tells the person from the user of a process and the user that logged in. Blocks.
///
/// Behind root is whoever logged in: `sudo` gives rights, and no second vote. Behind any other user
/// must be that user, or two votes would be one `sudo -u` away. A process for which no login is set
/// can set it to any user; unless it is root's, that only gets it refused.
fn person(uid: u32, login_uid: Option<u32>) -> Result<Person, PersonError> {
    let user = Account::of(uid)?;
    match login_uid.filter(|login_uid| *login_uid != uid) {
        None => Ok(Person {
            name: user.name,
            uid,
            groups: user.groups.into_iter().collect(),
        }),
        Some(login_uid) => {
            let login = Account::of(login_uid)?;
            if uid != 0 {
                return Err(PersonError::Borrowed {
                    runs_as: user.name,
                    logged_in: login.name,
                });
            }
            let groups = user.groups.into_iter().chain(login.groups);
            let groups: BTreeSet<String> = groups.collect();
            Ok(Person {
                name: login.name,
                uid: login_uid,
                groups: groups.into_iter().collect(),
            })
        }
    }
}

/// A user of the host.
struct Account {
    name: String,
    groups: BTreeSet<String>,
}

impl Account {
    /// A directory that fails is not one in which the user is in no group: a policy may forbid
    /// something to a group.
    fn of(uid: u32) -> Result<Self, PersonError> {
        let user = User::from_uid(Uid::from_raw(uid)).map_err(PersonError::Directory)?;
        let Some(user) = user else {
            return Ok(Self {
                name: format!("uid:{uid}"),
                groups: BTreeSet::new(),
            });
        };
        let name = CString::new(user.name.as_str())
            .ok()
            .ok_or(PersonError::Name(uid))?;
        let groups = getgrouplist(&name, user.gid).map_err(PersonError::Directory)?;
        let groups = groups.into_iter().map(group_name);
        Ok(Self {
            name: user.name,
            groups: groups.collect::<Result<_, _>>()?,
        })
    }
}

fn group_name(gid: Gid) -> Result<String, PersonError> {
    let group = Group::from_gid(gid).map_err(PersonError::Directory)?;
    Ok(group.map_or_else(|| format!("gid:{gid}"), |group| group.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In every base system: Debian's, Red Hat's and Alpine's.
    const BIN: u32 = 2;
    /// No base system gives it to anyone.
    const NOBODY_KNOWN: u32 = 4_000_000_017;

    #[test]
    fn a_user_is_its_name_and_its_groups() {
        let root = person(0, None).unwrap();
        assert_eq!((root.name.as_str(), root.uid), ("root", 0));
        assert!(root.groups.contains(&"root".to_owned()), "{root:?}");
        let unknown = person(NOBODY_KNOWN, None).unwrap();
        assert_eq!(unknown.name, format!("uid:{NOBODY_KNOWN}"));
        assert!(unknown.groups.is_empty());
    }

    #[test]
    fn behind_sudo_is_who_logged_in_with_roots_groups() {
        let bin = person(BIN, Some(BIN)).unwrap();
        let both = person(0, Some(BIN)).unwrap();
        assert_eq!((&both.name, both.uid), (&bin.name, BIN));
        assert!(both.groups.contains(&"root".to_owned()), "{both:?}");
        assert!(bin.groups.iter().all(|group| both.groups.contains(group)));
        assert!(!bin.groups.contains(&"root".to_owned()), "{bin:?}");
    }

    #[test]
    fn nobody_votes_as_somebody_else() {
        for (uid, login_uid) in [(BIN, 0), (BIN, NOBODY_KNOWN), (NOBODY_KNOWN, BIN)] {
            let found = person(uid, Some(login_uid));
            assert!(matches!(found, Err(PersonError::Borrowed { .. })));
        }
    }
}
