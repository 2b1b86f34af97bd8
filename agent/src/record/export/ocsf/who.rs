//! Who did it and from where.

use serde_json::{Value, json};

use super::event::Place;
use crate::record::told::{Caller, Told};

/// The process, the person behind it, and the session.
pub(super) fn actor(told: &Told) -> Value {
    let caller = told.caller.as_ref();
    let user = match (caller.and_then(|it| it.user.as_ref()), &told.operator) {
        (Some(user), _) => json!({"name": user, "type_id": 1, "type": "User"}),
        (None, Some(operator)) => {
            let uid = told.uid.map(|it| it.to_string());
            json!({"name": operator, "uid": uid, "type_id": 2, "type": "Admin"})
        }
        (None, None) => Value::Null,
    };
    json!({
        "process": caller.map(process),
        "user": user,
        "session": told.session.as_ref().map(|session| json!({
            "uid": session,
            "uid_alt": told.snowflake_session.map(|it| it.to_string()),
            "issuer": "snowfence",
            "credential_uid": told.credential,
        })),
        "app_name": caller.map_or("snowfence", |it| it.workload.as_str()),
    })
}

fn process(caller: &Caller) -> Value {
    json!({
        "pid": caller.tgid,
        "name": caller.comm,
        "path": caller.exe,
        "file": caller.exe.as_ref().map(|exe| json!({
            "name": exe.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(exe),
            "path": exe,
            "type_id": 8,
            "type": "Executable File",
            "hashes": caller.exe_sha256.as_ref().map(|hash| json!([{
                "algorithm_id": 3,
                "algorithm": "SHA-256",
                "value": hash,
            }])),
        })),
        "user": {"uid": caller.uid.to_string(), "type_id": 4, "type": "Service"},
        "container": container(caller),
        "ancestry": caller.ancestors.iter().map(|it| json!({
            "pid": it.pid,
            "path": it.exe,
        })).collect::<Vec<_>>(),
    })
}

fn container(caller: &Caller) -> Option<Value> {
    let uid = caller.container.as_ref()?;
    Some(json!({"uid": uid, "name": caller.pod}))
}

/// The workload, which is an endpoint on this host.
pub(super) fn source(place: &Place, told: &Told) -> Value {
    let caller = told.caller.as_ref();
    json!({
        "hostname": &*place.host,
        "name": caller.map(|it| it.workload.as_str()),
        "svc_name": caller.and_then(|it| it.unit.as_ref()),
        "container": caller.and_then(container),
    })
}

/// The Snowflake account, where one is known.
pub(super) fn destination(told: &Told) -> Value {
    if told.server_name.is_none() && told.account.is_none() {
        return Value::Null;
    }
    json!({
        "hostname": told.server_name,
        "uid": told.account,
        "svc_name": "snowflake",
    })
}

/// The kernel's own words for where the process runs.
pub(super) fn cgroup(told: &Told) -> Value {
    let caller = told.caller.as_ref();
    json!({
        "cgroup": caller.map(|it| it.cgroup.as_str()),
        "pod": caller.and_then(|it| it.pod.as_ref()),
        "gid": caller.and_then(|it| it.gid),
        "process_started_ticks": caller.and_then(|it| it.started),
        "connection": told.connection,
    })
}
