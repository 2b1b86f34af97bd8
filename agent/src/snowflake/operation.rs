//! What a request asks for. A [`crate::policy::Permit`] owns one of these.

use std::fmt;

use serde_json::value::RawValue;

/// A Snowflake query id, canonical lower-case UUID text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(String);

impl QueryId {
    /// Reads a query id; `None` unless it is 8-4-4-4-12 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let groups: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let hexadecimal = groups
            .iter()
            .all(|g| g.bytes().all(|b| b.is_ascii_hexdigit()));
        (lengths == [8, 4, 4, 4, 12] && hexadecimal).then(|| Self(text.to_ascii_lowercase()))
    }

    /// An id for a refusal, which Snowflake never saw: it leads to the entry in our record.
    #[must_use]
    pub fn of_entry(number: u64) -> Self {
        Self(format!(
            "00000000-0000-0000-{:04x}-{:012x}",
            number >> 48,
            number & 0xffff_ffff_ffff
        ))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The client's key for one statement: the same on every retry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub String);

/// One request, understood.
#[derive(Clone, Debug)]
pub enum Operation {
    /// `POST /session/v1/login-request`.
    Login(Box<Login>),
    /// `POST /session/token-request`: new tokens of ours; answered here.
    Renew,
    /// `POST /session/heartbeat`; answered here.
    Heartbeat,
    /// `POST /session?delete=true`.
    Close,
    /// `POST /queries/v1/query-request`.
    Query(Box<Query>),
    /// `GET /queries/<id>/result`.
    Result(QueryId),
    /// `POST /queries/v1/abort-request` or `POST /queries/<id>/abort-request`.
    Abort(Abort),
    /// `GET /monitoring/queries/<id>`.
    Monitor(QueryId),
    /// `POST /telemetry/send`; read, dropped and answered here.
    Telemetry,
    /// `GET /sfc-results/<capability>/<n>`: one result chunk, fetched by us.
    Chunk { capability: String, index: u32 },
    /// `GET /api/v2/statements/<handle>`, with `partition` of the result.
    ApiResult { handle: QueryId, partition: u32 },
    /// `POST /api/v2/statements/<handle>/cancel`.
    ApiCancel(QueryId),
}

impl Operation {
    /// The statement, when it is one.
    #[must_use]
    pub const fn query(&self) -> Option<&Query> {
        if let Self::Query(query) = self {
            Some(query)
        } else {
            None
        }
    }

    /// Whether it came through the SQL API, and is answered in its form.
    #[must_use]
    pub const fn is_api(&self) -> bool {
        match self {
            Self::Query(query) => matches!(query.via, Via::Api(_)),
            Self::ApiResult { .. } | Self::ApiCancel(_) => true,
            Self::Login(_)
            | Self::Renew
            | Self::Heartbeat
            | Self::Close
            | Self::Result(_)
            | Self::Abort(_)
            | Self::Monitor(_)
            | Self::Telemetry
            | Self::Chunk { .. } => false,
        }
    }

    /// The stable name in records and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Login(_) => "login",
            Self::Renew => "renew",
            Self::Heartbeat => "heartbeat",
            Self::Close => "close",
            Self::Query(_) => "query",
            Self::Result(_) => "result",
            Self::Abort(_) => "abort",
            Self::Monitor(_) => "monitor",
            Self::Telemetry => "telemetry",
            Self::Chunk { .. } => "chunk",
            Self::ApiResult { .. } => "api_result",
            Self::ApiCancel(_) => "api_cancel",
        }
    }
}

/// What a client says when it logs in. Its secrets are not kept: they are placeholders at best.
#[derive(Clone, Debug)]
pub struct Login {
    /// `LOGIN_NAME`: may name the credential that the client wants.
    pub user: Option<String>,
    /// `ACCOUNT_NAME`, as the driver computed it; a hint, the host decides.
    pub account: Option<String>,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub warehouse: Option<String>,
    pub role: Option<String>,
    pub client_app_id: String,
    pub client_app_version: String,
    /// `CLIENT_ENVIRONMENT` as it came, an object.
    pub client_environment: Box<RawValue>,
    /// `SESSION_PARAMETERS` that the allow-list lets through, name and JSON value.
    pub session_parameters: Vec<(String, Box<RawValue>)>,
    /// The authenticator in upper case; `SNOWFLAKE` when the client named none.
    pub authenticator: String,
}

impl Login {
    /// A login that the daemon makes itself, under this name.
    #[must_use]
    pub fn of_ours(client: &str) -> Self {
        Self {
            user: None,
            account: None,
            database: None,
            schema: None,
            warehouse: None,
            role: None,
            client_app_id: client.to_owned(),
            client_app_version: env!("CARGO_PKG_VERSION").to_owned(),
            client_environment: RawValue::from_string("{}".to_owned())
                .unwrap_or_else(|_never| RawValue::NULL.to_owned()),
            session_parameters: Vec::new(),
            authenticator: "SNOWFLAKE".to_owned(),
        }
    }
}

/// A statement to run, with everything that can change its meaning.
#[derive(Clone)]
pub struct Query {
    pub request_id: RequestId,
    pub text: String,
    pub describe_only: bool,
    pub asynchronous: bool,
    pub sequence_id: Option<u64>,
    pub query_submission_time: Option<u64>,
    /// Per-statement session parameters that the allow-list lets through.
    pub parameters: Vec<(String, Box<RawValue>)>,
    /// `bindings` as it came.
    pub bindings: Option<Box<RawValue>>,
    /// `queryContextDTO` as it came: opaque to us.
    pub query_context: Option<Box<RawValue>>,
    pub is_internal: bool,
    /// `retryCount` of the request, zero on the first try.
    pub retry_count: u32,
    pub via: Via,
}

/// Which way a statement takes to Snowflake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// `POST /queries/v1/query-request`, in a session.
    #[default]
    Driver,
    /// `POST /api/v2/statements`, without one.
    Api(Api),
}

/// What takes the place of a session for a statement through the SQL API.
///
/// As the client sent it when it is decoded; as it will be sent when it is judged: every name is
/// then told, and none is left to a default of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Api {
    pub database: Option<String>,
    pub schema: Option<String>,
    pub warehouse: Option<String>,
    pub role: Option<String>,
    /// Whole seconds that the client gives the statement; none when it is zero.
    pub seconds_max: Option<u64>,
    /// The request id at Snowflake; empty until it is made. Not the client's: there it is known to
    /// all who share the user, and stands for whatever was sent under it first.
    pub request_key: String,
}

/// The request id alone: text and bindings are not for logs.
impl fmt::Debug for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Query")
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

impl Query {
    /// The `QUERY_TAG` that the client set for this statement.
    #[must_use]
    pub fn own_tag(&self) -> Option<String> {
        let (_, value) = self
            .parameters
            .iter()
            .find(|(name, _)| name == "QUERY_TAG")?;
        serde_json::from_str(value.get()).ok()
    }
}

impl Query {
    /// A statement whose text is not kept: to be judged again by its facts, not to be sent.
    #[must_use]
    pub const fn restated(request_id: RequestId) -> Self {
        Self {
            request_id,
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
            via: Via::Driver,
        }
    }
}

#[cfg(test)]
impl Query {
    /// A statement with nothing but its text.
    pub(crate) fn for_test(request_id: &str, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::restated(RequestId(request_id.to_owned()))
        }
    }
}

/// Which statement to cancel.
#[derive(Clone, Debug)]
pub enum Abort {
    Query(QueryId),
    Request(RequestId),
}
