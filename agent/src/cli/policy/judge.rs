//! One statement judged as the daemon would, with everything around it said by flags or by a case.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use crate::identity::{Principal, User, Workload};
use crate::policy::{
    Demand, Denial, Judgement, Limits, Mode, PolicySet, Question, Terms, Usage, decide,
};
use crate::sql::context::NO_SESSION;
use crate::sql::name::ObjectName;
use crate::sql::{Facts, SessionState};

/// What policies call the account when nobody says another name.
const ACCOUNT: &str = "account";

/// Who asks, when, and with which rights.
#[derive(Clone, Debug, Args)]
pub(super) struct Caller {
    /// The workload that asks
    #[arg(long, value_name = "NAME")]
    pub(super) workload: String,
    /// The person behind the workload, as a token would say
    #[arg(long, value_name = "SUBJECT")]
    pub(super) user: Option<String>,
    /// That person's address, as a token would say
    #[arg(long, value_name = "ADDRESS", requires = "user")]
    pub(super) email: Option<String>,
    /// A group of that person; can be given more than once
    #[arg(long, value_name = "NAME", requires = "user")]
    pub(super) group: Vec<String>,
    /// A role that a grant gives the caller; can be given more than once
    #[arg(long = "role", value_name = "ROLE")]
    pub(super) roles: Vec<String>,
    /// The account, by its configured name
    #[arg(long, value_name = "NAME", default_value = ACCOUNT)]
    pub(super) account: String,
    /// The time of the question, RFC 3339; now if it is not given
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<Timestamp>,
    /// As if people had approved exactly this
    #[arg(long)]
    pub(super) approved: bool,
    /// The client's own name for itself
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(super) client: String,
}

/// A caller as policy sees one, ready for many questions.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    principal: Principal,
    account: String,
    client: String,
    roles: Vec<String>,
    pub(super) usage: Usage,
    approved: bool,
    now: Timestamp,
}

impl From<Caller> for Asker {
    fn from(caller: Caller) -> Self {
        let user = caller.user.map(|subject| User {
            subject,
            email: caller.email,
            groups: caller.group,
        });
        let mut roles = caller.roles;
        roles.sort();
        roles.dedup();
        Self {
            principal: Principal {
                workload: Workload {
                    name: caller.workload,
                    ..Workload::default()
                },
                user,
                netns_cookie: 0,
            },
            account: caller.account,
            client: caller.client,
            roles,
            usage: Usage::default(),
            approved: caller.approved,
            now: caller.at.unwrap_or_else(Timestamp::now),
        }
    }
}

impl Asker {
    /// A workload of which nothing else is said.
    pub(super) fn workload(name: &str, now: Timestamp) -> Self {
        Self::from(Caller {
            workload: name.to_owned(),
            user: None,
            email: None,
            group: Vec::new(),
            roles: Vec::new(),
            account: ACCOUNT.to_owned(),
            at: Some(now),
            approved: false,
            client: String::new(),
        })
    }

    /// The same caller with one more role.
    pub(super) fn with_role(&self, role: &str) -> Self {
        let mut asker = self.clone();
        asker.roles.push(role.to_owned());
        asker.roles.sort();
        asker.roles.dedup();
        asker
    }

    /// The caller's question about a statement, or about a login with a credential.
    pub(super) fn question<'a>(
        &'a self,
        facts: Option<&'a Facts>,
        session: &'a SessionState,
    ) -> Question<'a> {
        Question {
            principal: &self.principal,
            account: &self.account,
            credential: None,
            client: &self.client,
            facts,
            session,
            roles: &self.roles,
            usage: self.usage,
            approved: self.approved,
            mode: Mode::Enforce,
            now: self.now,
        }
    }

    /// Judges a statement; without facts it is one whose analysis failed, which the daemon refuses.
    pub(super) fn statement(
        &self,
        policies: &PolicySet,
        facts: Option<&Facts>,
        session: &SessionState,
    ) -> Arc<Judgement> {
        match facts {
            Some(facts) => {
                let question = self.question(Some(facts), session);
                decide(policies, &question, Demand::Statement(facts))
            }
            None => Arc::new(Judgement::Deny(Denial {
                policies: Vec::new(),
                policy_version: policies.version().to_owned(),
                message: "denied: the statement was not analysed".to_owned(),
                kill: false,
                accesses: Arc::default(),
            })),
        }
    }

    /// Judges a login with a credential.
    pub(super) fn login(&self, policies: &PolicySet, credential: &str) -> Arc<Judgement> {
        let question = Question {
            credential: Some(credential),
            ..self.question(None, &NO_SESSION)
        };
        decide(policies, &question, Demand::Login)
    }
}

/// What the client is told; `None` when it is allowed.
pub(super) fn message(judgement: &Judgement) -> Option<&str> {
    match judgement {
        Judgement::Allow { .. } => None,
        Judgement::Hold { message, .. } => Some(message),
        Judgement::Deny(denial) => Some(&denial.message),
    }
}

pub(super) fn limits(judgement: &Judgement) -> Limits {
    match judgement {
        Judgement::Allow { limits, .. } => *limits,
        Judgement::Hold { .. } | Judgement::Deny(_) => Limits::default(),
    }
}

/// Who must say yes, when it is held.
pub(super) fn terms(judgement: &Judgement) -> Option<&Terms> {
    match judgement {
        Judgement::Hold { terms, .. } => Some(terms),
        Judgement::Allow { .. } | Judgement::Deny(_) => None,
    }
}

/// A session's state from what a caller says of it: names as one writes them in SQL.
pub(super) fn session(
    database: Option<&str>,
    schema: Option<&str>,
    role: Option<&str>,
) -> SessionState {
    let mut state = SessionState {
        database: database.map(folded),
        role: role.map(folded),
        ..SessionState::default()
    };
    match schema
        .and_then(ObjectName::parse)
        .as_ref()
        .map(ObjectName::parts)
    {
        Some([database, schema]) => {
            state.database = Some(database.clone());
            state.schema = Some(schema.clone());
        }
        _ => state.schema = schema.map(folded),
    }
    state
}

/// What is no name in SQL is taken for what Snowflake itself calls the object.
fn folded(name: &str) -> String {
    match ObjectName::parse(name).as_ref().map(ObjectName::parts) {
        Some([part]) => part.clone(),
        _ => name.to_owned(),
    }
}
