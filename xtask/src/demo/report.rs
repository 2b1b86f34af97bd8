//! What the demo shows, for a person who reads it once.

use ::tests::Output;
use ::tests::record::{Frame, Kind};
use serde_json::Value;

pub(super) fn title(text: &str) {
    println!("\n== {text}");
}

pub(super) fn output(output: &Output) {
    for line in output.stdout.lines() {
        println!("  {line}");
    }
    // The connector warns about much that has nothing to do with us; a failure is worth showing.
    if !output.status.success() {
        for line in output.stderr.lines().rev().take(3) {
            println!("  {line}");
        }
    }
}

/// Who the agent is, as the kernel says and not as it says itself.
pub(super) fn identity(frames: &[Frame]) {
    title("Who we say it was");
    let caller = frames
        .iter()
        .find_map(|frame| find(&frame.payload, "caller"));
    let Some(Value::Object(caller)) = caller else {
        println!("  (nobody)");
        return;
    };
    for (name, value) in caller {
        println!("  {name:<12} {}", text(value));
    }
}

/// One line for each operation: what was asked, what was decided, and how it ended.
pub(super) fn recording(frames: &[Frame]) {
    title("What was recorded");
    println!(
        "  {:>5}  {:<8} {:<10} {:<9} statement",
        "entry", "frame", "operation", "verdict"
    );
    for frame in frames {
        if frame.kind == Kind::Checkpoint {
            continue;
        }
        let kind = format!("{:?}", frame.kind).to_lowercase();
        let field = |name| find(&frame.payload, name).map(text).unwrap_or_default();
        let statement = find(&frame.payload, "statement").and_then(|found| found.get("text"));
        println!(
            "  {:>5}  {kind:<8} {:<10} {:<9} {}",
            frame.entry,
            field("operation"),
            field("verdict"),
            statement.map_or_else(|| ending(&frame.payload), text)
        );
    }
}

/// How an operation ended, and what was masked or shown of its result.
fn ending(payload: &Value) -> String {
    let mut ending = payload.get("outcome").map(text).unwrap_or_default();
    let masked = payload.get("masked").and_then(Value::as_object);
    for (label, cells) in masked.into_iter().flatten() {
        ending.push_str(&format!(", masked {cells} of {label}"));
    }
    let list = |name| {
        let items = payload.get(name).and_then(Value::as_array);
        let items: Vec<String> = items.into_iter().flatten().map(text).collect();
        items.join(" and ")
    };
    let shown = list("unmasked");
    if !shown.is_empty() {
        let by = list("unmasked_by");
        ending.push_str(&format!(", showed {shown} by {by}"));
    }
    ending
}

/// What the stand-in saw: who logged in, with what, and which statements. The denied one is not
/// among them, and neither is a password.
pub(super) fn received(rows: &[Value]) {
    title("What reached the stand-in");
    for row in rows {
        let shown = ["path", "LOGIN_NAME", "AUTHENTICATOR", "sqlText", "refused"];
        let fields = shown
            .iter()
            .filter_map(|name| find(row, name))
            .filter(|value| !value.is_null());
        let line: Vec<String> = fields.map(text).collect();
        println!("  {}", line.join("  "));
    }
}

/// The counters that are not zero.
pub(super) fn metrics(exposition: &str) {
    title("Metrics");
    for line in exposition.lines() {
        let counted = line
            .split(['{', ' '])
            .next()
            .is_some_and(|name| name.ends_with("_total"));
        if counted && !line.ends_with(" 0") {
            println!("  {line}");
        }
    }
}

/// Looks for a key at any depth, nearest first.
fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields
            .get(key)
            .or_else(|| fields.values().find_map(|inner| find(inner, key))),
        Value::Array(items) => items.iter().find_map(|inner| find(inner, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', " "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}
