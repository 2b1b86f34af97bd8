//! Asks, votes, grants and policies: entities that are managed.

use serde_json::{Value, json};

use super::event::{Class, Disposition, Place, Severity, Status, event};
use super::who::{actor, source};
use crate::record::told::Told;

const fn class(activity: u32, activity_name: &'static str) -> Class {
    Class {
        uid: 3004,
        name: "Entity Management",
        activity,
        activity_name,
    }
}

/// An ask, and what became of it.
pub(super) fn ask(place: &Place, told: &Told) -> Value {
    let name = told.event.as_deref().unwrap_or_default();
    let class = match name {
        "ask_opened" => class(1, "Create"),
        "ask_approved" | "break_glass" => class(8, "Enable"),
        "ask_denied" => class(9, "Disable"),
        "ask_expired" | "ask_withdrawn" | "ask_void" => class(4, "Delete"),
        _ => class(3, "Update"),
    };
    let approves = told.vote.as_ref().and_then(|it| it.get("approves"));
    let disposition = match (name, approves.and_then(Value::as_bool)) {
        ("ask_approved" | "break_glass", _) | ("ask_voted", Some(true)) => Disposition::Approved,
        ("ask_denied", _) | ("ask_voted", Some(false)) => Disposition::Rejected,
        ("ask_opened", _) => Disposition::Delayed,
        _ => Disposition::Logged,
    };
    let severity = match name {
        "break_glass" => Severity::High,
        _ => Severity::Low,
    };
    entity(
        place,
        told,
        class,
        (severity, disposition),
        ("Ask", &told.ask),
    )
}

/// A grant, and what became of it.
pub(super) fn grant(place: &Place, told: &Told) -> Value {
    let class = match told.event.as_deref().unwrap_or_default() {
        "grant_given" => class(1, "Create"),
        "grant_activated" => class(10, "Activate"),
        "grant_revoked" => class(9, "Disable"),
        "grant_ended" | "grant_unused" => class(11, "Deactivate"),
        _ => class(3, "Update"),
    };
    let judged = match told.event.as_deref() {
        Some("grant_revoked") => (Severity::Medium, Disposition::Blocked),
        Some(_) | None => (Severity::Low, Disposition::Approved),
    };
    entity(place, told, class, judged, ("Grant", &told.grant))
}

fn entity(
    place: &Place,
    told: &Told,
    class: Class,
    (severity, disposition): (Severity, Disposition),
    (kind, of): (&str, &Option<Value>),
) -> Value {
    let said = |path: &str| {
        let found = of.as_ref().and_then(|it| it.pointer(path));
        found.and_then(Value::as_str)
    };
    let id = said("/id").unwrap_or("unknown");
    let vote = |field: &str| told.vote.as_ref().and_then(|it| it.get(field));
    let voter = vote("person").map(|person| {
        let uid = vote("uid").and_then(Value::as_u64);
        json!({"name": person, "uid": uid.map(|it| it.to_string()), "type_id": 2, "type": "Admin"})
    });
    let role = said("/role").or_else(|| said("/subject/role"));
    let workload = said("/workload").or_else(|| said("/asker/workload"));
    let more = json!({
        "actor": {
            "user": voter,
            "app_name": workload.unwrap_or("snowfence"),
        },
        "src_endpoint": source(place, told),
        "entity": {
            "name": role.unwrap_or(id),
            "uid": id,
            "type": kind,
            "type_id": 99,
            "data": of,
        },
        "comment": vote("note").and_then(Value::as_str).or_else(|| said("/reason")),
        "message": told.event,
        "unmapped": {"event": told.event, "vote": told.vote},
    });
    let session = said("/subject/session");
    let judged = (Status::Success, severity, disposition);
    event(place, class, judged, session, more)
}

/// Policies were loaded, or were not.
pub(super) fn policy(place: &Place, told: &Told) -> Value {
    let rejected = told.outcome.as_deref() == Some("rejected");
    let judged = if rejected {
        (Status::Failure, Severity::Medium, Disposition::Rejected)
    } else {
        (
            Status::Success,
            Severity::Informational,
            Disposition::Allowed,
        )
    };
    let version = told.policy_version.as_deref().unwrap_or("unknown");
    let more = json!({
        "actor": actor(told),
        "src_endpoint": source(place, told),
        "entity": {
            "name": "policies",
            "type": "Policy",
            "type_id": 5,
            "version": version,
            "policy": {"name": "cedar", "type": "cedar", "version": version, "is_applied": true},
            "data": told.files,
        },
        "message": told.message,
        "unmapped": {"outcome": told.outcome},
    });
    event(place, class(3, "Update"), judged, None, more)
}
