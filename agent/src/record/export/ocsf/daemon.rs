//! What the daemon and its operators did.

use serde_json::{Value, json};

use super::event::{Class, Disposition, Place, Severity, Status, event};
use super::who::{actor, source};
use crate::record::format::Kind;
use crate::record::told::Told;

const fn api(activity: u32, activity_name: &'static str) -> Class {
    Class {
        uid: 6003,
        name: "API Activity",
        activity,
        activity_name,
    }
}

/// What an operator had the daemon do.
pub(super) fn operator(place: &Place, told: &Told) -> Value {
    let action = told.action.as_deref().unwrap_or("unknown");
    let judged = match told.outcome.as_deref() {
        Some("done") => (Status::Success, Severity::Low, Disposition::Allowed),
        Some("refused") => (Status::Failure, Severity::Medium, Disposition::Blocked),
        Some(_) | None => (Status::Failure, Severity::Medium, Disposition::Unknown),
    };
    let more = json!({
        "actor": actor(told),
        "message": told.message,
        "unmapped": {"object": told.object, "outcome": told.outcome, "action": action},
    });
    let lifecycle = match action {
        "start" => Some((3, "Start")),
        "stop" => Some((4, "Stop")),
        _ => None,
    };
    let Some((activity, activity_name)) = lifecycle else {
        return event(
            place,
            api(99, "Other"),
            judged,
            None,
            called(place, told, action, more),
        );
    };
    let class = Class {
        uid: 6002,
        name: "Application Lifecycle",
        activity,
        activity_name,
    };
    let app = json!({
        "app": {"name": "Snowfence", "vendor_name": "Snowfence"},
        "message": told.message,
        "unmapped": {"operator": told.operator, "uid": told.uid, "outcome": told.outcome},
    });
    event(place, class, judged, None, app)
}

/// A segment was packed, or is deleted.
pub(super) fn kept(place: &Place, told: &Told) -> Value {
    let (class, action) = match place.kind {
        Kind::Pruned => (api(4, "Delete"), "prune"),
        Kind::Archived
        | Kind::Decided
        | Kind::Ended
        | Kind::Opened
        | Kind::Closed
        | Kind::Ask
        | Kind::Vote
        | Kind::Grant
        | Kind::Policy
        | Kind::Operator
        | Kind::Canary
        | Kind::Gap
        | Kind::Checkpoint
        | Kind::Carried => (api(3, "Update"), "archive"),
    };
    let more = json!({
        "actor": actor(told),
        "message": told.message,
        "unmapped": {
            "segment_of": told.segment,
            "file": told.file,
            "bytes": told.bytes,
            "sha256": told.sha256,
            "first": told.first,
            "last": told.last,
        },
    });
    let judged = (
        Status::Success,
        Severity::Informational,
        Disposition::Logged,
    );
    event(
        place,
        class,
        judged,
        None,
        called(place, told, action, more),
    )
}

fn called(place: &Place, told: &Told, action: &str, mut more: Value) -> Value {
    if let Value::Object(more) = &mut more {
        more.insert("src_endpoint".to_owned(), source(place, told));
        let api = json!({"operation": action, "service": {"name": "Snowfence"}});
        more.insert("api".to_owned(), api);
    }
    more
}

/// A gap in the record, or what a probe found.
pub(super) fn error(place: &Place, told: &Told) -> Value {
    let class = Class {
        uid: 6008,
        name: "Application Error",
        activity: 1,
        activity_name: "General Error",
    };
    let is_gap = place.kind == Kind::Gap;
    let failed = is_gap || told.outcome.as_deref().is_some_and(|it| it != "done");
    let judged = if failed {
        (Status::Failure, Severity::High, Disposition::Logged)
    } else {
        (
            Status::Success,
            Severity::Informational,
            Disposition::Logged,
        )
    };
    let more = json!({
        "message": told.message.as_ref().or(told.reason.as_ref()),
        "status_code": told.reason,
        "unmapped": {"detail": told.detail, "outcome": told.outcome},
    });
    event(place, class, judged, None, more)
}
