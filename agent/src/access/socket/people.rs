//! Users of this host as people: names and groups.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::sync::Semaphore;

use crate::identity::Peer;
use crate::policy::rights::{self, AskView, Person, Right};
use crate::policy::{Denial, PolicySet};

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

/// A person, and whether they speak with root's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Speaker {
    /// Who votes, gives and revokes.
    pub(super) person: Person,
    /// The root that they are, when somebody else logged in.
    root: Option<Person>,
}

impl Speaker {
    pub(super) fn may_approve(
        &self,
        policies: &PolicySet,
        ask: &AskView<'_>,
        now: Timestamp,
    ) -> Result<Right, Denial> {
        self.may(|person| rights::approve(policies, person, ask, now))
    }

    pub(super) fn may_operate(
        &self,
        policies: &PolicySet,
        now: Timestamp,
    ) -> Result<Right, Denial> {
        self.may(|person| rights::operate(policies, person, now))
    }

    /// Root's rights stand in where nothing permits the person; what is forbidden to them stays so.
    fn may(&self, right: impl Fn(&Person) -> Result<Right, Denial>) -> Result<Right, Denial> {
        match (right(&self.person), &self.root) {
            (Err(denial), Some(root)) if denial.policies.is_empty() => right(root),
            (answer, _) => answer,
        }
    }
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
    pub(super) async fn find(&self, peer: &Peer) -> Result<Speaker, PersonError> {
        let (uid, login_uid) = (peer.uid, peer.login_uid);
        let lookups = Arc::clone(&self.lookups);
        let looking = async move {
            let place = lookups.acquire_owned().await.ok()?;
            let look = tokio::task::spawn_blocking(move || {
                let _place = place;
                speaker(uid, login_uid)
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
fn speaker(uid: u32, login_uid: Option<u32>) -> Result<Speaker, PersonError> {
    let user = person(uid)?;
    let Some(login_uid) = login_uid.filter(|login_uid| *login_uid != uid) else {
        return Ok(Speaker {
            person: user,
            root: None,
        });
    };
    let login = person(login_uid)?;
    if uid == 0 {
        return Ok(Speaker {
            person: login,
            root: Some(user),
        });
    }
    Err(PersonError::Borrowed {
        runs_as: user.name,
        logged_in: login.name,
    })
}

/// Looks a user up. A directory that fails is not one in which the user is in no group: a policy
/// may forbid something to a group.
fn person(uid: u32) -> Result<Person, PersonError> {
    let user = User::from_uid(Uid::from_raw(uid)).map_err(PersonError::Directory)?;
    let Some(user) = user else {
        return Ok(Person {
            name: format!("uid:{uid}"),
            uid,
            groups: Vec::new(),
        });
    };
    let name = CString::new(user.name.as_str())
        .ok()
        .ok_or(PersonError::Name(uid))?;
    let groups = getgrouplist(&name, user.gid).map_err(PersonError::Directory)?;
    let groups: BTreeSet<String> = groups
        .into_iter()
        .map(group_name)
        .collect::<Result<_, _>>()?;
    Ok(Person {
        name: user.name,
        uid,
        groups: groups.into_iter().collect(),
    })
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
        let root = speaker(0, None).unwrap();
        assert_eq!((root.person.name.as_str(), root.person.uid), ("root", 0));
        let groups = &root.person.groups;
        assert!(groups.contains(&"root".to_owned()), "{root:?}");
        assert_eq!(root.root, None);
        assert_eq!(speaker(0, Some(0)).unwrap(), root);
        let unknown = speaker(NOBODY_KNOWN, None).unwrap().person;
        assert_eq!(unknown.name, format!("uid:{NOBODY_KNOWN}"));
        assert!(unknown.groups.is_empty());
    }

    #[test]
    fn behind_sudo_is_who_logged_in() {
        let found = speaker(0, Some(BIN)).unwrap();
        assert_eq!(found.person, person(BIN).unwrap());
        assert_eq!(found.root, Some(person(0).unwrap()));
    }

    #[test]
    fn nobody_votes_as_somebody_else() {
        for (uid, login_uid) in [(BIN, 0), (BIN, NOBODY_KNOWN), (NOBODY_KNOWN, BIN)] {
            let found = speaker(uid, Some(login_uid));
            assert!(matches!(found, Err(PersonError::Borrowed { .. })));
        }
    }

    #[test]
    fn roots_rights_stand_in_and_what_is_forbidden_stays_forbidden() {
        let policy = "@id(\"p\") permit (principal == User::\"root\", action == Action::\"operate\", resource);";
        let forbid = "@id(\"f\") forbid (principal == User::\"uid:4000000017\", action, resource);";
        let may = |policy: &str, login| {
            let policies = PolicySet::parse(&[("p.cedar", policy)]).unwrap();
            let speaker = speaker(0, login).unwrap();
            speaker.may_operate(&policies, crate::clock::now()).is_ok()
        };
        assert!(may(policy, None));
        assert!(may(policy, Some(NOBODY_KNOWN)));
        assert!(!may("", Some(NOBODY_KNOWN)));
        assert!(!may(&format!("{policy}\n{forbid}"), Some(NOBODY_KNOWN)));
        let plain = speaker(NOBODY_KNOWN, None).unwrap();
        let policies = PolicySet::parse(&[("p.cedar", policy)]).unwrap();
        plain
            .may_operate(&policies, crate::clock::now())
            .unwrap_err();
    }
}
