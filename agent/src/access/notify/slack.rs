//! A Slack message: who, what, where from, and the command to run.
//!
//! What agents and people wrote goes into `plain_text` and preformatted elements only, where Slack
//! reads no markup: a reason cannot forge a heading, a link or a mention. Characters that are not
//! seen, or that turn the direction of writing, are shown as `�`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::ask::{Ask, Subject};
use crate::access::event::{Event, EventKind};
use crate::access::grant::Grant;
use crate::access::rows::cut;

/// Slack takes 2,000 characters in a field and 3,000 in a section; below it, for the marks of cuts.
const FIELD_BYTES_MAX: usize = 1_000;
const TEXT_BYTES_MAX: usize = 2_500;

/// Names in one line.
const NAMES_MAX: usize = 20;

/// The body of the post.
pub(super) fn message(event: &Event) -> Value {
    let title = title(event);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(&title, 140), "emoji": false},
    })];
    if event.kind == EventKind::BreakGlass {
        // The one mention, in words of ours: somebody must look now.
        blocks.push(json!({
            "type": "section",
            "text": {"type": "mrkdwn", "text":
                "<!channel> *Nobody approved this.* The policies allow it in an emergency; \
                 somebody must look at it now."},
        }));
    }
    if let Some(ask) = &event.ask {
        ask_blocks(&mut blocks, ask, event);
    }
    if let Some(grant) = &event.grant {
        grant_blocks(&mut blocks, grant);
    }
    blocks.push(context(event));
    // The line of the desktop's notice is markup.
    let line = title
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    json!({"text": line, "blocks": blocks})
}

fn title(event: &Event) -> String {
    let workload = match (&event.ask, &event.grant) {
        (Some(ask), _) => ask.asker.workload.as_str(),
        (None, Some(grant)) => grant.workload.as_str(),
        (None, None) => "?",
    };
    let what = match event.ask.as_ref().map(|ask| &ask.subject) {
        Some(Subject::Role { role, .. }) => format!("role {role}"),
        Some(Subject::Statement(_)) => "a statement".to_owned(),
        None => match &event.grant {
            Some(grant) => format!("role {}", grant.role),
            None => "access".to_owned(),
        },
    };
    let title = match event.kind {
        EventKind::AskOpened => format!("{workload} asks for {what}"),
        EventKind::AskVoted => format!("A vote on {what} for {workload}"),
        EventKind::AskApproved => format!("Approved: {what} for {workload}"),
        EventKind::AskDenied => format!("Denied: {what} for {workload}"),
        EventKind::AskExpired => format!("Expired: {what} for {workload}"),
        EventKind::AskWithdrawn => format!("Withdrawn: {what} for {workload}"),
        EventKind::AskVoid => format!("Void, the policies changed: {what} for {workload}"),
        EventKind::AskUsed => format!("Used: the approval of {what} for {workload}"),
        EventKind::BreakGlass => format!("BREAK-GLASS: {workload} took {what}"),
        EventKind::GrantGiven => format!("Granted: {what} to {workload}"),
        EventKind::GrantActivated => format!("In use: {what} by {workload}"),
        EventKind::GrantExtended => format!("Extended: {what} of {workload}"),
        EventKind::GrantEnding => format!("Ends soon: {what} of {workload}"),
        EventKind::GrantEnded => format!("Ended: {what} of {workload}"),
        EventKind::GrantRevoked => format!("Revoked: {what} of {workload}"),
        EventKind::GrantUnused => format!("Never used: {what} of {workload}"),
    };
    visible(&title)
}

fn ask_blocks(blocks: &mut Vec<Value>, ask: &Ask, event: &Event) {
    let asker = &ask.asker;
    let mut fields = vec![
        field("Who", asker.user.as_deref().unwrap_or("no user")),
        field("Workload", &asker.workload),
        field(
            "Where from",
            &format!("{} uid {} on {}", asker.anchor, asker.uid, asker.host),
        ),
        field("Account", &ask.account),
    ];
    if let Some(exe) = &asker.exe {
        fields.push(field("Program", exe));
    }
    match &ask.subject {
        Subject::Role { role, duration } => {
            fields.push(field("Role", role));
            fields.push(field("For", &format!("{} min", duration.as_secs() / 60)));
        }
        Subject::Statement(statement) => {
            fields.push(field("Effects", &names(&statement.effects)));
            fields.push(field("Objects", &names(&statement.objects)));
            fields.push(field("Labels", &names(&statement.labels)));
        }
    }
    blocks.push(json!({"type": "section", "fields": fields}));
    if let Some(reason) = &ask.reason {
        blocks.push(text(&format!("Reason: {reason}")));
    }
    blocks.push(text(&ask.message));
    if let Subject::Statement(statement) = &ask.subject {
        blocks.push(preformatted(&statement.text));
    }
    for vote in &ask.votes {
        let decision = if vote.approves { "approves" } else { "denies" };
        let note = vote.note.as_deref().unwrap_or("no note");
        blocks.push(text(&format!("{} {decision}: {note}", vote.person)));
        // Slack takes 50 blocks; nobody needs that many people.
        if blocks.len() > 40 {
            break;
        }
    }
    if event.kind == EventKind::AskOpened {
        let id = &ask.id;
        let host = &asker.host;
        let expires = clock_time(ask.expires);
        let groups = names(&ask.approvers);
        let needed = ask.approvals;
        blocks.push(text(&format!(
            "{needed} of {groups} must approve on {host} by {expires}:"
        )));
        blocks.push(preformatted(&format!(
            "snowfence approve {id} --note \"…\"\nsnowfence deny {id} --note \"…\""
        )));
    }
}

fn grant_blocks(blocks: &mut Vec<Value>, grant: &Grant) {
    let mut fields = vec![
        field("Role", &grant.role),
        field("Workload", &grant.workload),
        field("User", grant.user.as_deref().unwrap_or("any")),
        field("Where", grant.anchor.as_deref().unwrap_or("every instance")),
        field(
            "Account",
            grant.account.as_deref().unwrap_or("every account"),
        ),
        field("Given by", &names(&grant.granted_by)),
    ];
    match grant.ends {
        Some(ends) => fields.push(field("Ends", &clock_time(ends))),
        None => fields.push(field("Use it by", &clock_time(grant.use_by))),
    }
    if let Some(by) = &grant.ended_by {
        fields.push(field("Ended by", by));
    }
    blocks.push(json!({"type": "section", "fields": fields}));
    if let Some(reason) = &grant.reason {
        blocks.push(text(&format!("Reason: {reason}")));
    }
    if grant.state.is_live() {
        blocks.push(preformatted(&format!("snowfence revoke {}", grant.id)));
    }
}

fn context(event: &Event) -> Value {
    let line = format!("{} · {} · {}", event.kind, event.id, clock_time(event.time));
    json!({
        "type": "context",
        "elements": [{"type": "plain_text", "text": line, "emoji": false}],
    })
}

fn field(name: &str, value: &str) -> Value {
    let text = cut(&visible(&format!("{name}\n{value}")), FIELD_BYTES_MAX);
    json!({"type": "plain_text", "text": text, "emoji": false})
}

fn text(text: &str) -> Value {
    let text = cut(&visible(text), TEXT_BYTES_MAX);
    json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

fn preformatted(text: &str) -> Value {
    let text = cut(&visible(text), TEXT_BYTES_MAX);
    // Slack refuses an element without text.
    let text = if text.is_empty() { "(empty)" } else { &text };
    json!({
        "type": "rich_text",
        "elements": [{
            "type": "rich_text_preformatted",
            "elements": [{"type": "text", "text": text}],
        }],
    })
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut line = names
        .iter()
        .take(NAMES_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = names.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
        line.push_str(&format!(" and {more} more"));
    }
    line
}

/// To the second, in UTC.
fn clock_time(time: Timestamp) -> String {
    let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
    whole.to_string()
}

/// What is read is what is there.
fn visible(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{61c}'
            | '\u{ad}'
            | '\u{180e}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
            _ if character.is_control() => '\u{fffd}',
            _ => character,
        })
        .collect()
}
