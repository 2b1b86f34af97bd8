//! The principal: who a decision is about.

use super::Workload;

/// A workload, with the user behind it when a valid token says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub workload: Workload,
    pub user: Option<User>,
    /// The network namespace of the connection (`SO_NETNS_COOKIE`).
    pub netns_cookie: u64,
}

/// The person behind a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub subject: String,
    pub email: Option<String>,
    pub groups: Vec<String>,
}

/// What a session, its tokens and its query ids are bound to: useless to anyone else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrincipalKey {
    pub workload: String,
    /// The cgroup at the unit, container or pod level.
    pub anchor: String,
    pub user: Option<String>,
    pub netns_cookie: u64,
}

#[cfg(test)]
impl PrincipalKey {
    /// A workload with an anchor of its own.
    pub(crate) fn for_test(workload: &str) -> Self {
        Self {
            workload: workload.to_owned(),
            anchor: format!("/agents/{workload}"),
            user: None,
            netns_cookie: 1,
        }
    }
}

impl Principal {
    /// The part of a principal that sessions are bound to.
    #[must_use]
    pub fn key(&self) -> PrincipalKey {
        PrincipalKey {
            workload: self.workload.name.clone(),
            anchor: self.workload.anchor.clone(),
            user: self.user.as_ref().map(|user| user.subject.clone()),
            netns_cookie: self.netns_cookie,
        }
    }
}
