//! What every event has.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::SCHEMA;
use crate::record::format::Kind;
use crate::record::walk::Placed;

/// Attributes beyond those that every event may have.
const PROFILES: [&str; 4] = ["container", "datetime", "host", "security_control"];

/// Where and when a frame was written.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) host: Arc<str>,
    pub(super) segment: u64,
    pub(super) entry: u64,
    pub(super) kind: Kind,
    /// Microseconds since 1970.
    pub(super) time: i64,
    digest: String,
}

impl Place {
    pub(super) fn of(placed: &Placed) -> Self {
        Self {
            host: Arc::clone(&placed.host),
            segment: placed.segment,
            entry: placed.frame.entry,
            kind: placed.frame.kind,
            time: placed.frame.time_microseconds,
            digest: placed.digest.to_string(),
        }
    }

    /// Unique among all events: the daemon's own frames share the number of the entry that follows.
    fn uid(&self) -> String {
        let (host, entry) = (&self.host, self.entry);
        match self.kind {
            Kind::Gap | Kind::Checkpoint | Kind::Carried | Kind::Archived | Kind::Pruned => {
                let digest = self.digest.get(..16).unwrap_or_default();
                format!("{host}:{entry}:{}:{digest}", self.kind.name())
            }
            Kind::Decided
            | Kind::Ended
            | Kind::Opened
            | Kind::Closed
            | Kind::Ask
            | Kind::Vote
            | Kind::Grant
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary => format!("{host}:{entry}"),
        }
    }
}

/// A class with one of its activities.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub(super) uid: u32,
    pub(super) name: &'static str,
    pub(super) activity: u32,
    pub(super) activity_name: &'static str,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Unknown,
    Success,
    Failure,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Informational,
    Low,
    Medium,
    High,
}

/// What the control did about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    Allowed,
    Blocked,
    Delayed,
    Approved,
    Rejected,
    /// Masked: what was answered is not what was stored.
    Modified,
    Logged,
    Unknown,
}

impl Disposition {
    const fn words(self) -> (u32, &'static str, u32, &'static str) {
        match self {
            Self::Allowed => (1, "Allowed", 1, "Allowed"),
            Self::Blocked => (2, "Denied", 2, "Blocked"),
            Self::Delayed => (1, "Allowed", 14, "Delayed"),
            Self::Approved => (1, "Allowed", 8, "Approved"),
            Self::Rejected => (2, "Denied", 25, "Rejected"),
            Self::Modified => (4, "Modified", 1, "Allowed"),
            Self::Logged => (3, "Observed", 17, "Logged"),
            Self::Unknown => (0, "Unknown", 0, "Unknown"),
        }
    }
}

/// Begins an event; the attributes of its class are added by `more`, which wins.
pub(super) fn event(
    place: &Place,
    class: Class,
    (status, severity, disposition): (Status, Severity, Disposition),
    correlation: Option<&str>,
    more: Value,
) -> Value {
    let (status_id, status) = match status {
        Status::Unknown => (0, "Unknown"),
        Status::Success => (1, "Success"),
        Status::Failure => (2, "Failure"),
    };
    let (severity_id, severity) = match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
    };
    let (category, category_name) = match class.uid / 1000 {
        3 => (3, "Identity & Access Management"),
        _ => (6, "Application Activity"),
    };
    let (action_id, action, disposition_id, disposition) = disposition.words();
    // 99 has one caption among types, whatever the activity is called.
    let type_name = match class.activity {
        99 => "Other",
        _ => class.activity_name,
    };
    let mut event = json!({
        "class_uid": class.uid,
        "class_name": class.name,
        "category_uid": category,
        "category_name": category_name,
        "activity_id": class.activity,
        "activity_name": class.activity_name,
        "type_uid": u64::from(class.uid) * 100 + u64::from(class.activity),
        "type_name": format!("{}: {type_name}", class.name),
        "time": place.time.div_euclid(1000),
        "time_dt": date(place.time),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "disposition": disposition,
        "device": {"hostname": &*place.host, "type_id": 1, "type": "Server"},
        "metadata": {
            "version": SCHEMA,
            "product": {
                "name": "Snowfence",
                "vendor_name": "Snowfence",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "profiles": PROFILES,
            "uid": place.uid(),
            "correlation_uid": correlation,
            "event_code": place.kind.name(),
            "log_name": "record",
            "original_time": date(place.time),
        },
        "unmapped": {"segment": place.segment, "digest": place.digest},
    });
    merge(&mut event, more);
    prune(&mut event);
    event
}

/// RFC 3339, with the microseconds that `time` has no room for.
pub(super) fn date(microseconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(microseconds).ok()?;
    Some(time.to_string())
}

fn merge(event: &mut Value, more: Value) {
    match (event, more) {
        (Value::Object(event), Value::Object(more)) => {
            for (name, value) in more {
                merge(event.entry(name).or_insert(Value::Null), value);
            }
        }
        (event, more) => *event = more,
    }
}

/// The schema knows no nulls, and an attribute that says nothing is left out.
fn prune(value: &mut Value) {
    fn says(value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::String(text) => !text.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        }
    }
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            let kept = std::mem::take(fields).into_iter();
            *fields = kept.filter(|(_name, it)| says(it)).collect::<Map<_, _>>();
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
