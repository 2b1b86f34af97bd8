//! One statement judged as the daemon would, with everything around it said by flags or by a case.

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use crate::identity::{Principal, User, Workload};
use crate::policy::{Limits, Mode, PolicySet, Question, Terms, Usage, Verdict, evaluate, rights};
use crate::snowflake::{Login, Operation, Query, RequestId};
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
    pub(super) approved: bool,
    now: Timestamp,
}

/// A verdict without the operation that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verdict: Word,
    /// Those that permitted, that would allow, or that forbade.
    pub(super) policies: Vec<String>,
    /// What the client is told; `None` when it is allowed.
    pub(super) message: Option<String>,
    pub(super) limits: Limits,
    /// Who must say yes, when it is held.
    pub(super) terms: Option<Terms>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Allow,
    Hold,
    Deny,
}

impl Word {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
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

    pub(super) fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// Judges a statement; without facts it is one whose analysis failed.
    pub(super) fn statement(
        &self,
        policies: &PolicySet,
        facts: Option<&Facts>,
        session: &SessionState,
    ) -> Judgement {
        // Nothing judges the text: the facts say all that policy may know of it.
        let operation = Operation::Query(Box::new(Query {
            request_id: RequestId("offline".to_owned()),
            text: String::new(),
            describe_only: false,
            asynchronous: false,
            sequence_id: None,
            query_submission_time: None,
            parameters: Vec::new(),
            bindings: None,
            query_context: None,
            is_internal: false,
            retry_count: 0,
        }));
        self.judge(policies, None, facts, session, operation)
    }

    /// Judges a login with a credential.
    pub(super) fn login(&self, policies: &PolicySet, credential: &str) -> Result<Judgement> {
        let operation = Operation::Login(Box::new(Login {
            user: None,
            account: None,
            database: None,
            schema: None,
            warehouse: None,
            role: None,
            client_app_id: self.client.clone(),
            client_app_version: String::new(),
            client_environment: serde_json::value::to_raw_value(&serde_json::Map::new())?,
            session_parameters: Vec::new(),
            authenticator: "SNOWFLAKE".to_owned(),
        }));
        let session = SessionState::default();
        Ok(self.judge(policies, Some(credential), None, &session, operation))
    }

    /// May the caller ask for this role? It waits for people, as a held statement does.
    pub(super) fn role(&self, policies: &PolicySet, role: &str) -> Judgement {
        match rights::ask(policies, &self.principal, role, self.now) {
            Ok((right, terms)) => Judgement {
                verdict: Word::Hold,
                policies: right.policies,
                message: None,
                limits: Limits::default(),
                terms: Some(terms),
            },
            Err(denial) => Verdict::Deny(denial).into(),
        }
    }

    fn judge(
        &self,
        policies: &PolicySet,
        credential: Option<&str>,
        facts: Option<&Facts>,
        session: &SessionState,
        operation: Operation,
    ) -> Judgement {
        let question = Question {
            principal: &self.principal,
            account: &self.account,
            credential,
            client: &self.client,
            facts,
            session,
            roles: &self.roles,
            usage: self.usage,
            approved: self.approved,
            mode: Mode::Enforce,
            now: self.now,
        };
        evaluate(policies, &question, operation).into()
    }
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allow(permit) => Self {
                verdict: Word::Allow,
                policies: permit.policies().to_vec(),
                message: None,
                limits: permit.limits(),
                terms: None,
            },
            Verdict::Hold(hold) => Self {
                verdict: Word::Hold,
                message: Some(hold.message),
                policies: hold.policies,
                limits: Limits::default(),
                terms: Some(hold.terms),
            },
            Verdict::Deny(denial) => Self {
                verdict: Word::Deny,
                policies: denial.policies,
                message: Some(denial.message),
                limits: Limits::default(),
                terms: None,
            },
        }
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
