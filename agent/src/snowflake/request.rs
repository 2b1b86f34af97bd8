//! The request that goes upstream, written from the judged fields and nothing else.

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::json;
use super::operation::{Abort, Api, Operation, Query, Via};
use crate::http::Method;

/// What to send to the account host with the session token.
pub struct UpstreamRequest {
    pub method: Method,
    pub path_and_query: String,
    /// JSON; empty for `GET`.
    pub body: Vec<u8>,
    pub accept: &'static str,
}

impl fmt::Debug for UpstreamRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UpstreamRequest")
            .field("method", &self.method)
            .field("path_and_query", &self.path_and_query)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What a statement is held to, whatever its client and its session have set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Rows that its result may have.
    pub rows_max: Option<u64>,
    /// Whole seconds that it may run.
    pub seconds_max: Option<u64>,
}

/// Writes the upstream request of an operation; `None` for operations that have none of their own.
#[must_use]
pub fn upstream_request(
    operation: &Operation,
    query_tag: &str,
    bounds: Bounds,
) -> Option<UpstreamRequest> {
    let request = match operation {
        Operation::Query(query) => match &query.via {
            Via::Driver => query_request(query, query_tag, bounds),
            Via::Api(api) => api_request(query, api, query_tag, bounds),
        },
        Operation::ApiResult { handle, partition } => {
            let path = format!("/api/v2/statements/{}", handle.as_str());
            match partition {
                0 => get(path, JSON),
                number => get(format!("{path}?partition={number}"), JSON),
            }
        }
        Operation::ApiCancel(handle) => post(
            format!("/api/v2/statements/{}/cancel", handle.as_str()),
            Vec::new(),
            JSON,
        ),
        Operation::Result(id) => get(format!("/queries/{}/result", id.as_str()), SNOWFLAKE),
        Operation::Monitor(id) => get(format!("/monitoring/queries/{}", id.as_str()), JSON),
        Operation::Abort(Abort::Query(id)) => post(
            format!("/queries/{}/abort-request", id.as_str()),
            b"{}".to_vec(),
            JSON,
        ),
        Operation::Abort(Abort::Request(id)) => {
            #[derive(Serialize)]
            #[serde(rename_all = "camelCase")]
            struct Body<'a> {
                request_id: &'a str,
            }

            let query = encode(&[("requestId", &derived_id("abort", &id.0))]);
            let body = json::write(&Body { request_id: &id.0 });
            post(format!("/queries/v1/abort-request?{query}"), body, JSON)
        }
        Operation::Heartbeat => post("/session/heartbeat".to_owned(), b"{}".to_vec(), JSON),
        Operation::Close => post("/session?delete=true".to_owned(), b"{}".to_vec(), JSON),
        Operation::Login(_) | Operation::Renew | Operation::Telemetry | Operation::Chunk { .. } => {
            return None;
        }
    };
    Some(request)
}

fn query_request(query: &Query, query_tag: &str, bounds: Bounds) -> UpstreamRequest {
    let mut pairs = vec![("requestId", query.request_id.0.clone())];
    if query.retry_count > 0 {
        if let Some(time) = query.query_submission_time {
            pairs.push(("clientStartTime", time.to_string()));
        }
        pairs.push(("retryCount", query.retry_count.to_string()));
    }
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let body = json::write(&QueryBody {
        sql_text: &query.text,
        async_exec: query.asynchronous,
        sequence_id: query.sequence_id,
        query_submission_time: query.query_submission_time,
        is_internal: query.is_internal,
        describe_only: query.describe_only,
        parameters: Parameters {
            own: &query.parameters,
            query_tag,
            bounds,
        },
        bindings: query.bindings.as_deref(),
        query_context: query.query_context.as_deref(),
    });
    post(
        format!("/queries/v1/query-request?{}", encode(&pairs)),
        body,
        SNOWFLAKE,
    )
}

/// `nullable` stays at its default: a null that comes as the text `null` could not be told from it.
fn api_request(query: &Query, api: &Api, query_tag: &str, bounds: Bounds) -> UpstreamRequest {
    let mut pairs = vec![("requestId", api.request_key.as_str())];
    if query.asynchronous {
        pairs.push(("async", "true"));
    }
    if query.retry_count > 0 {
        pairs.push(("retry", "true"));
    }
    let timeout = match (api.seconds_max, bounds.seconds_max) {
        (Some(own), Some(ours)) => Some(own.min(ours)),
        (own, ours) => own.or(ours),
    };
    let body = json::write(&ApiBody {
        statement: &query.text,
        timeout,
        database: api.database.as_deref(),
        schema: api.schema.as_deref(),
        warehouse: api.warehouse.as_deref(),
        role: api.role.as_deref(),
        bindings: query.bindings.as_deref(),
        parameters: ApiParameters(Parameters {
            own: &query.parameters,
            query_tag,
            // What a statement may take is `timeout` here.
            bounds: Bounds {
                seconds_max: None,
                ..bounds
            },
        }),
    });
    let path = format!("/api/v2/statements?{}", encode(&pairs));
    post(path, body, JSON)
}

#[derive(Serialize)]
struct ApiBody<'a> {
    statement: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warehouse: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bindings: Option<&'a RawValue>,
    parameters: ApiParameters<'a>,
}

/// The SQL API takes the values of parameters as strings.
struct ApiParameters<'a>(Parameters<'a>);

impl Serialize for ApiParameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.entries() {
            let value = value.get();
            // A string stays the string that it is; a number or a flag is put in quotes.
            match serde_json::from_str::<String>(value) {
                Ok(text) => map.serialize_entry(name, &text)?,
                Err(_) => map.serialize_entry(name, value)?,
            }
        }
        for (name, value) in self.0.ours() {
            map.serialize_entry(name, &value.to_string())?;
        }
        map.serialize_entry(QUERY_TAG, self.0.query_tag)?;
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueryBody<'a> {
    sql_text: &'a str,
    async_exec: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_submission_time: Option<u64>,
    is_internal: bool,
    describe_only: bool,
    parameters: Parameters<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bindings: Option<&'a RawValue>,
    #[serde(rename = "queryContextDTO", skip_serializing_if = "Option::is_none")]
    query_context: Option<&'a RawValue>,
}

/// Statement parameters with our tag in the place of the client's, and with our bounds where the
/// client's are wider. A parameter of the statement wins over one of its session, so `ALTER SESSION`
/// does not lift a bound.
struct Parameters<'a> {
    own: &'a [(String, Box<RawValue>)],
    query_tag: &'a str,
    bounds: Bounds,
}

impl Parameters<'_> {
    /// The smaller of the client's bound and ours. To Snowflake zero is none at all.
    fn bounded(&self, name: &str, ours: Option<u64>) -> Option<u64> {
        let own = self.own.iter().find(|(own, _)| own == name);
        let own = own.and_then(|(_, value)| {
            let text = value.get().trim_matches('"').trim();
            text.parse::<u64>().ok().filter(|value| *value > 0)
        });
        ours.map(|ours| own.map_or(ours, |own| own.min(ours)))
    }
}

impl<'a> Parameters<'a> {
    /// Our bounds that hold, with the value to send.
    fn ours(&self) -> Vec<(&'static str, u64)> {
        // One row more than may pass: that it is there tells a result that is too large from one
        // that just fits.
        let rows = self.bounds.rows_max.map(|rows| rows.saturating_add(1));
        let seconds = self.bounds.seconds_max;
        [(ROWS_PER_RESULTSET, rows), (STATEMENT_TIMEOUT, seconds)]
            .into_iter()
            .filter_map(|(name, ours)| Some((name, self.bounded(name, ours)?)))
            .collect()
    }

    /// The client's own, without those that ours take the place of.
    fn entries(&self) -> impl Iterator<Item = (&'a str, &'a RawValue)> {
        let ours = self.ours();
        self.own
            .iter()
            .filter(move |(name, _)| name != QUERY_TAG && ours.iter().all(|(ours, _)| ours != name))
            .map(|(name, value)| (name.as_str(), &**value))
    }
}

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.entries() {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in self.ours() {
            map.serialize_entry(name, &value)?;
        }
        map.serialize_entry(QUERY_TAG, self.query_tag)?;
        map.end()
    }
}

const ROWS_PER_RESULTSET: &str = "ROWS_PER_RESULTSET";
const STATEMENT_TIMEOUT: &str = "STATEMENT_TIMEOUT_IN_SECONDS";

/// The session parameter that carries who asked.
pub(super) const QUERY_TAG: &str = "QUERY_TAG";

/// A request id that follows from another: an abort that is sent twice is the same abort.
#[must_use]
pub fn derived_id(purpose: &str, request_id: &str) -> String {
    let digest = blake3::Hasher::new_derive_key("snowfence derived request id")
        .update(purpose.as_bytes())
        .update(&[0])
        .update(request_id.as_bytes())
        .finalize();
    let hex = digest.to_hex();
    let group = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-8{}-{}",
        group(0, 8),
        group(8, 12),
        group(13, 16),
        group(17, 20),
        group(20, 32)
    )
}

pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

const fn get(path_and_query: String, accept: &'static str) -> UpstreamRequest {
    UpstreamRequest {
        method: Method::Get,
        path_and_query,
        body: Vec::new(),
        accept,
    }
}

const fn post(path_and_query: String, body: Vec<u8>, accept: &'static str) -> UpstreamRequest {
    UpstreamRequest {
        method: Method::Post,
        path_and_query,
        body,
        accept,
    }
}

const JSON: &str = "application/json";
/// What drivers ask for where rows can come back.
const SNOWFLAKE: &str = "application/snowflake";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(own: &[(&str, &str)], bounds: Bounds, expected: &str) {
        let own: Vec<(String, Box<RawValue>)> = own
            .iter()
            .map(|(name, value)| {
                let value = RawValue::from_string((*value).to_owned()).unwrap();
                ((*name).to_owned(), value)
            })
            .collect();
        let parameters = Parameters {
            own: &own,
            query_tag: "t",
            bounds,
        };
        let text = String::from_utf8(json::write(&parameters)).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_client_can_narrow_a_bound_and_not_widen_it() {
        let none = Bounds::default();
        let both = Bounds {
            rows_max: Some(100),
            seconds_max: Some(60),
        };
        check(
            &[("ROWS_PER_RESULTSET", "5")],
            none,
            r#"{"ROWS_PER_RESULTSET":5,"QUERY_TAG":"t"}"#,
        );
        let ours =
            r#"{"ROWS_PER_RESULTSET":101,"STATEMENT_TIMEOUT_IN_SECONDS":60,"QUERY_TAG":"t"}"#;
        check(&[], both, ours);
        for wider in ["0", "\"0\"", "1000000", "\"x\"", "-1"] {
            check(
                &[
                    ("ROWS_PER_RESULTSET", wider),
                    ("STATEMENT_TIMEOUT_IN_SECONDS", wider),
                ],
                both,
                ours,
            );
        }
        check(
            &[
                ("ROWS_PER_RESULTSET", "7"),
                ("STATEMENT_TIMEOUT_IN_SECONDS", "\"9\""),
            ],
            both,
            r#"{"ROWS_PER_RESULTSET":7,"STATEMENT_TIMEOUT_IN_SECONDS":9,"QUERY_TAG":"t"}"#,
        );
    }
}
