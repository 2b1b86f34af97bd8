//! Statements, logins, and every other request.

use serde_json::{Value, json};

use super::event::{Class, Disposition, Place, Severity, Status, date, event as whole};
use super::who::{actor, cgroup, destination, source};
use crate::record::told::{Access, Told};

const DATASTORE: (u32, &str) = (6005, "Datastore Activity");
const AUTHENTICATION: (u32, &str) = (3002, "Authentication");
const API: (u32, &str) = (6003, "API Activity");

/// The event of an operation. `began` is the time of its decision, if that is a frame of its own.
pub(super) fn event(place: &Place, began: Option<i64>, told: &Told) -> Value {
    let operation = told.operation.as_deref().unwrap_or("unknown");
    let mut event = match operation {
        "login" => login(told),
        _ if told.statement.is_some() || operation == "query" => statement(told),
        _ => request(place, operation, told),
    };
    let duration = told.duration_us.and_then(|it| i64::try_from(it).ok());
    let start = began.or_else(|| Some(place.time.saturating_sub(duration?)));
    let more = json!({
        "actor": actor(told),
        "src_endpoint": source(place, told),
        "dst_endpoint": destination(told),
        "start_time": start.map(|it| it.div_euclid(1000)),
        "start_time_dt": start.and_then(date),
        "end_time": told.outcome.as_ref().map(|_ended| place.time.div_euclid(1000)),
        "end_time_dt": told.outcome.as_ref().and_then(|_ended| date(place.time)),
        "duration": duration.map(|it| it.div_euclid(1000)),
        "message": told.message,
        "status_code": told.error.as_ref().and_then(|it| it.code.as_ref()).or(told.reason.as_ref()),
        "status_detail": told.error.as_ref().map(|it| it.message.as_str()),
        "authorizations": authorizations(told),
        "policy": policy(told),
        "unmapped": unmapped(told),
    });
    let (class, mut attributes) = event.take();
    if let (Value::Object(attributes), Value::Object(more)) = (&mut attributes, more) {
        attributes.extend(more);
    }
    let judged = judged(told);
    whole(place, class, judged, told.session.as_deref(), attributes)
}

/// A class and the attributes that only it has.
struct Part(Option<(Class, Value)>);

impl Part {
    fn new(class: (u32, &'static str), activity: (u32, &'static str), attributes: Value) -> Self {
        let (uid, name) = class;
        let (activity, activity_name) = activity;
        let class = Class {
            uid,
            name,
            activity,
            activity_name,
        };
        Self(Some((class, attributes)))
    }

    fn take(&mut self) -> (Class, Value) {
        let nothing = Class {
            uid: API.0,
            name: API.1,
            activity: 0,
            activity_name: "Unknown",
        };
        self.0.take().unwrap_or((nothing, Value::Null))
    }
}

fn judged(told: &Told) -> (Status, Severity, Disposition) {
    let failed = told.error.is_some();
    let status = match told.outcome.as_deref() {
        Some("answer") if !failed => Status::Success,
        Some("answer" | "refusal") => Status::Failure,
        Some(_) | None => Status::Unknown,
    };
    let disposition = match told.verdict.as_deref() {
        Some("allow") if !told.masked.is_empty() => Disposition::Modified,
        Some("allow") if told.outcome.as_deref() == Some("refusal") => Disposition::Blocked,
        Some("allow") if told.observed.is_some() => Disposition::Logged,
        Some("allow") if told.approval.is_some() => Disposition::Approved,
        Some("allow") => Disposition::Allowed,
        Some("hold") => Disposition::Delayed,
        Some("deny") => Disposition::Blocked,
        Some(_) | None if told.outcome.as_deref() == Some("refusal") => Disposition::Blocked,
        Some(_) | None => Disposition::Unknown,
    };
    let severity = match disposition {
        Disposition::Blocked | Disposition::Rejected | Disposition::Logged => Severity::Medium,
        Disposition::Delayed => Severity::Low,
        Disposition::Allowed
        | Disposition::Approved
        | Disposition::Modified
        | Disposition::Unknown => Severity::Informational,
    };
    (status, severity, disposition)
}

fn statement(told: &Told) -> Part {
    let facts = told.facts.as_ref();
    let effects = facts.map_or(&[][..], |it| it.effects.as_slice());
    let activity = match effects {
        [only] => match only.as_str() {
            "describe" => (8, "List"),
            "insert" => (5, "Write"),
            "update" | "merge" | "alter" => (2, "Update"),
            "delete" | "truncate" | "drop" => (7, "Delete"),
            "create" => (6, "Create"),
            _ => (4, "Query"),
        },
        _ => (4, "Query"),
    };
    let accesses = facts.map_or(&[][..], |it| it.accesses.as_slice());
    let table = accesses.iter().find(|it| is_table(it));
    let table = table.and_then(|it| it.object.as_deref());
    let named = accesses.iter().find_map(|it| it.object.as_deref());
    // Where no object is known there still is the account that it was asked of.
    let database = named.map(first_part).or(told.account.as_deref());
    let (kind, kind_name) = match table {
        Some(_) => (3, "Table"),
        None => (1, "Database"),
    };
    let text = told.statement.as_ref();
    let attributes = json!({
        "type_id": kind,
        "type": kind_name,
        "database": {
            "name": database.unwrap_or("unknown"),
            "type_id": 1,
            "type": "Relational",
        },
        "table": table.map(|name| json!({"name": name, "uid": name})),
        "query_info": text.map(|it| json!({
            "query_string": it.text,
            "uid": told.query_id.as_ref().or(told.request.as_ref()),
            "name": facts.map(|it| it.kinds.join("; ")),
            "bytes": told.bytes,
        })),
        "metadata": {"is_truncated": text.and_then(|it| it.cut_from).map(|_cut| true)},
    });
    Part::new(DATASTORE, activity, attributes)
}

fn is_table(access: &Access) -> bool {
    access.object.is_some() && matches!(access.kind.as_str(), "Table" | "View")
}

/// The database of a name in parts, as it is written.
fn first_part(name: &str) -> &str {
    let end = match name.strip_prefix('"') {
        // A quote inside is doubled, so that the next single one ends the part.
        Some(quoted) => {
            let mut after_quote = false;
            let end = quoted.char_indices().find(|(at, character)| {
                let doubled = quoted.get(at + 1..).is_some_and(|it| it.starts_with('"'));
                let is_end = *character == '"' && !doubled && !after_quote;
                after_quote = *character == '"' && doubled && !after_quote;
                is_end
            });
            end.map(|(at, _quote)| at + 2)
        }
        None => name.find('.'),
    };
    name.get(..end.unwrap_or(name.len())).unwrap_or(name)
}

fn login(told: &Told) -> Part {
    Part::new(AUTHENTICATION, (1, "Logon"), credentials(told))
}

/// Who logged in, and where to.
fn credentials(told: &Told) -> Value {
    let user = told.caller.as_ref().and_then(|it| it.user.as_ref());
    json!({
        "user": {
            "name": told.credential.as_ref().or(user).map_or("unknown", String::as_str),
            "account": told.account.as_ref().map(|it| json!({"name": it})),
            "type_id": 4,
            "type": "Service",
        },
        "service": {"name": "Snowflake", "uid": told.account},
        "session": told.session.as_ref().map(|it| json!({
            "uid": it,
            "uid_alt": told.snowflake_session.map(|it| it.to_string()),
            "issuer": "snowfence",
        })),
        "is_remote": true,
        "logon_type_id": 3,
        "logon_type": "Network",
    })
}

fn request(place: &Place, operation: &str, told: &Told) -> Part {
    let activity = match operation {
        "result" | "monitor" | "chunk" | "api_result" => (2, "Read"),
        "abort" | "api_cancel" | "close" => (4, "Delete"),
        "renew" | "heartbeat" | "telemetry" => (3, "Update"),
        _ => (99, "Other"),
    };
    let attributes = json!({
        "api": {
            "operation": operation,
            "service": {"name": "Snowflake", "uid": told.account},
            "request": {
                "uid": told.request.clone().unwrap_or_else(|| place.entry.to_string()),
            },
            "response": {
                "error": told.error.as_ref().and_then(|it| it.code.as_ref()).or(told.reason.as_ref()),
                "error_message": told.error.as_ref().map(|it| it.message.as_str()),
            },
        },
    });
    Part::new(API, activity, attributes)
}

/// The policies that decided, each with what it said.
fn authorizations(told: &Told) -> Vec<Value> {
    let decision = told.verdict.as_deref().unwrap_or("unknown");
    let said = told.policies.iter().map(|policy| {
        json!({
            "decision": decision,
            "policy": {"name": policy, "version": told.policy_version, "is_applied": true},
        })
    });
    let observed = told.observed.iter().flat_map(|it| &it.policies);
    let observed = observed.map(|policy| {
        json!({
            "decision": "deny",
            "policy": {"name": policy, "version": told.policy_version, "is_applied": false},
        })
    });
    said.chain(observed).collect()
}

/// The set of policies that was in force.
fn policy(told: &Told) -> Value {
    let version = told.policy_version.as_ref();
    version
        .map(|version| json!({"name": "cedar", "type": "cedar", "version": version}))
        .unwrap_or_default()
}

fn unmapped(told: &Told) -> Value {
    let facts = told.facts.as_ref();
    let mut more = json!({
        "account": told.account,
        "credential": told.credential,
        "operation": told.operation,
        "operator": told.operator,
        "path": told.path,
        "query": told.query,
        "statement_digest": told.statement.as_ref().map(|it| it.digest.as_str()),
        "statement_redacted": told.statement.as_ref().map(|it| it.redacted),
        "statement_bytes": told.statement.as_ref().and_then(|it| it.cut_from),
        "bindings": told.bindings,
        "effects": facts.map(|it| &it.effects),
        "accesses": facts.map(|it| &it.accesses),
        "functions": facts.map(|it| &it.functions),
        "predicates": facts.map(|it| &it.predicates),
        "lineage": facts.map(|it| it.lineage.as_str()),
        "fingerprint": facts.map(|it| it.fingerprint.as_str()),
        "obscurity": facts.and_then(|it| it.obscurity.as_ref()),
        "verdict": told.verdict,
        "observed": told.observed,
        "approval": told.approval,
        "outcome": told.outcome,
        "max_rows": told.max_rows,
        "timeout_seconds": told.timeout_seconds,
        "rows": told.rows,
        "masked": told.masked,
        "unmasked": told.unmasked,
        "unmasked_by": told.unmasked_by,
        "stages_us": told.stages,
    });
    if let (Value::Object(more), Value::Object(cgroup)) = (&mut more, cgroup(told)) {
        more.extend(cgroup);
    }
    more
}

/// A session begins.
pub(super) fn opened(place: &Place, told: &Told) -> Value {
    session(place, told, (99, "Session Opened"))
}

/// A session ends.
pub(super) fn closed(place: &Place, told: &Told) -> Value {
    session(place, told, (2, "Logoff"))
}

fn session(place: &Place, told: &Told, activity: (u32, &'static str)) -> Value {
    let (class, mut attributes) = Part::new(AUTHENTICATION, activity, credentials(told)).take();
    let mut unmapped = cgroup(told);
    if let Value::Object(unmapped) = &mut unmapped {
        unmapped.insert("login".to_owned(), json!(told.login));
        unmapped.insert("client".to_owned(), json!(told.client));
    }
    let more = json!({
        "actor": actor(told),
        "src_endpoint": source(place, told),
        "dst_endpoint": destination(told),
        "status_detail": told.reason,
        "unmapped": unmapped,
    });
    if let (Value::Object(attributes), Value::Object(more)) = (&mut attributes, more) {
        attributes.extend(more);
    }
    let judged = match told.reason.as_deref() {
        Some("revoked") => (Status::Success, Severity::Medium, Disposition::Blocked),
        Some("daemon_ended") => (Status::Unknown, Severity::Medium, Disposition::Logged),
        Some(_) | None => (
            Status::Success,
            Severity::Informational,
            Disposition::Allowed,
        ),
    };
    whole(place, class, judged, told.session.as_deref(), attributes)
}

#[cfg(test)]
mod tests {
    use super::first_part;

    #[test]
    fn the_database_of_a_name_is_its_first_part() {
        for (name, database) in [
            ("SALES.PUBLIC.ORDERS", "SALES"),
            ("\"a.b\".c", "\"a.b\""),
            ("\"a\"\"b.c\".d", "\"a\"\"b.c\""),
            ("ONLY", "ONLY"),
            ("\"open", "\"open"),
        ] {
            assert_eq!(first_part(name), database, "{name}");
        }
    }
}
