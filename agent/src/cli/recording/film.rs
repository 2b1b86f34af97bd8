//! What a scene looks like.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::screen::{MASKED, NULL, Paint, clip, count, span, value, visible, wrap};
use super::table::draw;
use crate::record::replay::{Scene, Shows};
use crate::record::told::{Caller, Told};

/// Names in one line; of more, the number.
const NAMES_MAX: usize = 12;

/// A scene as lines. What was typed is between what stands before and what comes of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shot {
    pub(super) before: Vec<String>,
    pub(super) typed: Vec<String>,
    pub(super) after: Vec<String>,
}

/// How wide, and in which colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) columns: usize,
    pub(super) paint: Paint,
}

impl Frame {
    pub(super) fn shot(self, scene: &Scene) -> Shot {
        let told = &*scene.told;
        match scene.shows {
            Shows::Opened => self.opened(scene, "session opens"),
            Shows::Joined => self.opened(scene, "session is met, its beginning was not recorded"),
            Shows::Asked => self.asked(scene),
            Shows::Ended => self.ended(scene),
            Shows::Unended => self.alarm(scene, "it never ended: the daemon was cut short"),
            Shows::Ask | Shows::Vote => self.ask(scene),
            Shows::Grant => self.grant(scene),
            Shows::Policy => self.policy(scene),
            Shows::Operator => self.operator(scene),
            Shows::Canary => {
                let found = told.message.as_ref().or(told.reason.as_ref());
                let found = found.or(told.outcome.as_ref());
                self.note(scene, &format!("canary: {}", text(found)))
            }
            Shows::Gap => {
                let detail = told.detail.as_ref().map(|it| format!(" {it}"));
                let said = format!(
                    "GAP IN THE RECORD: {}{}",
                    text(told.reason.as_ref()),
                    detail.unwrap_or_default()
                );
                self.alarm(scene, &said)
            }
            Shows::Damage => {
                self.alarm(scene, &format!("DAMAGED: {}", text(told.message.as_ref())))
            }
            Shows::Closed => {
                let said = format!("session ends: {}", text(told.reason.as_ref()));
                Shot {
                    before: vec![
                        String::new(),
                        self.rule(&format!("{} · {said}", time(scene.time))),
                    ],
                    ..Shot::default()
                }
            }
            Shows::Endless => self.alarm(
                scene,
                "the end of the session is not here: it is still open, or the record stops",
            ),
        }
    }

    fn rule(self, said: &str) -> String {
        let said = visible(said);
        let said = clip(&said, self.columns.saturating_sub(6));
        let used = super::screen::width(&said) + 4;
        let rest = "━".repeat(self.columns.saturating_sub(used).max(2));
        self.paint.bold(&format!("━━ {said} {rest}"))
    }

    /// A line of a person's words, indented and wrapped.
    fn lines(self, said: &str) -> Vec<String> {
        let lines = wrap(said, self.columns.saturating_sub(3));
        lines.into_iter().map(|line| format!("   {line}")).collect()
    }

    fn head(self, scene: &Scene, said: &str) -> Vec<String> {
        self.toned(scene, said, |_paint, text| text.to_owned())
    }

    fn toned(self, scene: &Scene, said: &str, tone: fn(Paint, &str) -> String) -> Vec<String> {
        let place = format!("{} #{}", time(scene.time), scene.entry);
        let room = self
            .columns
            .saturating_sub(super::screen::width(&place) + 1);
        let mut said = wrap(said, room).into_iter();
        let first = tone(self.paint, &said.next().unwrap_or_default());
        let mut lines = vec![String::new(), format!("{} {first}", self.paint.dim(&place))];
        lines.extend(said.map(|line| format!("   {}", tone(self.paint, &line))));
        lines
    }

    fn note(self, scene: &Scene, said: &str) -> Shot {
        Shot {
            before: self.head(scene, said),
            ..Shot::default()
        }
    }

    fn alarm(self, scene: &Scene, said: &str) -> Shot {
        let place = format!("{} #{} ", time(scene.time), scene.entry);
        let lines = wrap(&format!("{place}{said}"), self.columns);
        let lines = lines.iter().map(|line| self.paint.bad(line));
        Shot {
            before: std::iter::once(String::new()).chain(lines).collect(),
            ..Shot::default()
        }
    }

    fn opened(self, scene: &Scene, said: &str) -> Shot {
        let told = &*scene.told;
        let day = day(scene.time);
        let title = format!("{} · {said} · {day}", text(told.session.as_ref()));
        let mut facts: Vec<(&str, String)> = vec![(
            "entry",
            format!("{} in segment {}", scene.entry, scene.segment),
        )];
        if let Some(caller) = &told.caller {
            facts.extend(who(caller));
        }
        let account = [
            told.account.clone(),
            told.credential.as_ref().map(|it| format!("as {it}")),
            told.client.as_ref().map(|it| format!("client {it}")),
            told.snowflake_session
                .map(|it| format!("Snowflake session {it}")),
        ];
        facts.push(("account", joined(account)));
        let mut before = vec![self.rule(&title)];
        for (name, fact) in facts {
            if fact.is_empty() {
                continue;
            }
            for (at, line) in wrap(&fact, self.columns.saturating_sub(14))
                .iter()
                .enumerate()
            {
                let name = if at == 0 { name } else { "" };
                before.push(format!(
                    "   {} {line}",
                    self.paint.dim(&format!("{name:<10}"))
                ));
            }
        }
        Shot {
            before,
            ..Shot::default()
        }
    }

    fn asked(self, scene: &Scene) -> Shot {
        let told = &*scene.told;
        let operation = text(told.operation.as_ref());
        let of = told.query.as_ref().or(told.path.as_ref());
        let of = of.map(|it| format!(" {it}")).unwrap_or_default();
        let mut before = self.head(scene, &format!("❯ {operation}{of}"));
        let mut typed = Vec::new();
        if let Some(statement) = &told.statement {
            typed = self.lines(statement.text.trim_end());
            if let Some(whole) = statement.cut_from {
                typed.push(format!("   … cut, {} bytes in all", count(whole)));
            }
            if statement.redacted {
                before.push(self.paint.dim("   (values in it were not recorded)"));
            }
        }
        let mut after = Vec::new();
        for binding in told.bindings.iter().flat_map(|it| &it.values) {
            let bound = binding
                .value
                .as_deref()
                .map_or_else(|| NULL.to_owned(), value);
            let said = format!("{} = {bound} ({})", binding.name, binding.kind);
            after.extend(self.lines(&said));
        }
        after.extend(self.verdict(told));
        Shot {
            before,
            typed,
            after,
        }
    }

    fn verdict(self, told: &Told) -> Vec<String> {
        let by = names(&told.policies);
        let by = if by.is_empty() {
            by
        } else {
            format!(" by {by}")
        };
        let version = told.policy_version.as_ref().map(|it| format!(" ({it})"));
        let limits = [
            told.max_rows
                .map(|it| format!("at most {} rows", count(it))),
            told.timeout_seconds.map(|it| format!("at most {it} s")),
        ];
        let limits = joined(limits);
        let limits = if limits.is_empty() {
            limits
        } else {
            format!(" · {limits}")
        };
        let rest = format!("{by}{}{limits}", version.unwrap_or_default());
        let mut lines = match told.verdict.as_deref() {
            Some("allow") => self.marked(Paint::good, &format!("✔ allowed{rest}")),
            Some("deny") => self.marked(Paint::bad, &format!("✘ denied{rest}")),
            Some("hold") => self.marked(Paint::warn, &format!("⏸ held for people{rest}")),
            Some(other) => self.marked(Paint::bad, &format!("? {other}{rest}")),
            None => Vec::new(),
        };
        if let Some(message) = &told.message {
            lines.extend(self.lines(&format!("  “{message}”")));
        }
        if let Some(observed) = &told.observed {
            let said = format!(
                "! only observed: it was due to be denied by {}: {}",
                names(&observed.policies),
                observed.message
            );
            lines.extend(self.marked(Paint::warn, &said));
        }
        if let Some(approval) = &told.approval {
            let by = names(&approval.approved_by);
            let by = if by.is_empty() {
                "waits for a decision".to_owned()
            } else {
                format!("approved by {by}")
            };
            lines.extend(self.lines(&format!("  {}: {by}", approval.ask)));
        }
        lines
    }

    fn marked(self, tone: fn(Paint, &str) -> String, said: &str) -> Vec<String> {
        let lines = self.lines(said).into_iter();
        lines.map(|line| tone(self.paint, &line)).collect()
    }

    fn ended(self, scene: &Scene) -> Shot {
        let told = &*scene.told;
        let reason = text(told.reason.as_ref());
        let (tone, said): (fn(Paint, &str) -> String, String) = match told.outcome.as_deref() {
            Some("answer") if told.error.is_some() => (Paint::bad, "← an error".to_owned()),
            Some("answer") => (Paint::good, "← the answer".to_owned()),
            Some("refusal") => (Paint::bad, format!("← refused: {reason}")),
            Some("abandoned") => (
                Paint::warn,
                "← abandoned: nobody was there to get it".to_owned(),
            ),
            Some(other) => (Paint::warn, format!("← {other}")),
            None => (Paint::warn, "← ended".to_owned()),
        };
        let mut before = self.toned(scene, &said, tone);
        if let Some(error) = &told.error {
            let code = error.code.as_ref().map(|it| format!("{it}: "));
            let said = format!("{}{}", code.unwrap_or_default(), error.message);
            before.extend(self.marked(Paint::bad, &said));
        }
        if let Some(table) = &told.table {
            let drawn = draw(table, self.columns.saturating_sub(3), self.paint);
            before.extend(drawn.into_iter().map(|line| format!("   {line}")));
        }
        let sizes = [
            told.rows.map(|it| format!("{} rows", count(it))),
            told.bytes.map(|it| format!("{} bytes", count(it))),
            told.duration_us.map(|it| took(it, told.stages.as_ref())),
            told.query_id.clone(),
        ];
        let sizes = joined(sizes);
        if !sizes.is_empty() {
            before.extend(self.lines(&sizes));
        }
        if !told.masked.is_empty() {
            let cells = told.masked.iter();
            let cells: Vec<String> = cells
                .map(|(label, it)| format!("{label} {}", count(*it)))
                .collect();
            before.extend(self.marked(
                Paint::warn,
                &format!("{MASKED} masked cells: {}", cells.join(", ")),
            ));
        }
        if !told.unmasked.is_empty() {
            let by = names(&told.unmasked_by);
            let said = format!("shown unmasked: {} (by {by})", names(&told.unmasked));
            before.extend(self.lines(&said));
        }
        Shot {
            before,
            ..Shot::default()
        }
    }

    fn ask(self, scene: &Scene) -> Shot {
        let told = &*scene.told;
        let ask = told.ask.as_ref();
        let said = |path: &str| ask.and_then(|it| it.pointer(path)).and_then(Value::as_str);
        let event = text(told.event.as_ref()).replace('_', " ");
        let mut shot = self.note(scene, &format!("{event}: {}", said("/id").unwrap_or("?")));
        if let Some(reason) = said("/reason") {
            shot.before.extend(self.lines(&format!("“{reason}”")));
        }
        let waited = said("/asked").and_then(|it| it.parse::<Timestamp>().ok());
        let waited = waited.and_then(|it| u64::try_from(scene.time - it.as_microsecond()).ok());
        if let Some(waited) = waited.filter(|it| *it > 0) {
            shot.before
                .extend(self.lines(&format!("it waited {}", span(waited))));
        }
        let votes = ask.and_then(|it| it.get("votes")?.as_array().cloned());
        let votes = votes.unwrap_or_default();
        for vote in votes
            .iter()
            .filter(|it| Some(*it) != told.vote.as_ref())
            .chain(&told.vote)
        {
            let person = vote.get("person").and_then(Value::as_str).unwrap_or("?");
            let note = vote.get("note").and_then(Value::as_str);
            let note = note.map(|it| format!(": “{it}”")).unwrap_or_default();
            let lines = match vote.get("approves").and_then(Value::as_bool) {
                Some(true) => self.marked(Paint::good, &format!("✔ {person} approves{note}")),
                Some(false) => self.marked(Paint::bad, &format!("✘ {person} denies{note}")),
                None => self.lines(&format!("? {person}{note}")),
            };
            shot.before.extend(lines);
        }
        shot
    }

    fn grant(self, scene: &Scene) -> Shot {
        let grant = scene.told.grant.as_ref();
        let said = |name: &str| grant.and_then(|it| it.get(name)?.as_str()).unwrap_or("?");
        let event = text(scene.told.event.as_ref()).replace('_', " ");
        let (id, role, workload) = (said("id"), said("role"), said("workload"));
        self.note(scene, &format!("{event}: {id}, role {role} for {workload}"))
    }

    fn policy(self, scene: &Scene) -> Shot {
        let told = &*scene.told;
        let version = text(told.policy_version.as_ref());
        match told.outcome.as_deref() {
            Some("rejected") => {
                let why = text(told.message.as_ref());
                let said = format!("policies were rejected, {version} stays in force: {why}");
                self.alarm(scene, &said)
            }
            Some(_) | None => self.note(scene, &format!("policies {version} are in force")),
        }
    }

    fn operator(self, scene: &Scene) -> Shot {
        let told = &*scene.told;
        let said = joined([
            Some(format!("operator {}", text(told.operator.as_ref()))),
            told.action.clone(),
            told.object.clone(),
            told.outcome.clone(),
            told.message.clone(),
        ]);
        self.note(scene, &said)
    }
}

fn who(caller: &Caller) -> Vec<(&'static str, String)> {
    let workload = [
        Some(caller.workload.clone()),
        caller.unit.as_ref().map(|it| format!("unit {it}")),
        caller
            .container
            .as_ref()
            .map(|it| format!("container {it}")),
        caller.pod.as_ref().map(|it| format!("pod {it}")),
    ];
    let process = [
        caller.exe.clone().or_else(|| caller.comm.clone()),
        Some(format!("pid {}", caller.tgid)),
        Some(format!("uid {}", caller.uid)),
    ];
    let above = caller.ancestors.iter();
    let above = above.map(|it| match &it.exe {
        Some(exe) => format!("{exe} ({})", it.pid),
        None => it.pid.to_string(),
    });
    vec![
        ("workload", joined(workload)),
        ("process", joined(process)),
        ("started by", above.collect::<Vec<_>>().join(" ← ")),
        ("sha256", caller.exe_sha256.clone().unwrap_or_default()),
        ("cgroup", caller.cgroup.clone()),
        ("user", caller.user.clone().unwrap_or_default()),
    ]
}

fn took(whole: u64, stages: Option<&BTreeMap<String, u64>>) -> String {
    let stages: Vec<String> = stages
        .into_iter()
        .flatten()
        .map(|(stage, it)| format!("{stage} {}", span(*it)))
        .collect();
    if stages.is_empty() {
        span(whole)
    } else {
        format!("{} ({})", span(whole), stages.join(", "))
    }
}

fn text(text: Option<&String>) -> &str {
    text.map_or("?", String::as_str)
}

fn joined(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" · ")
}

fn names(names: &[String]) -> String {
    let mut said = names
        .iter()
        .take(NAMES_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if let Some(more) = names.len().checked_sub(NAMES_MAX).filter(|it| *it > 0) {
        said.push_str(&format!(" and {more} more"));
    }
    said
}

fn time(microseconds: i64) -> String {
    let time = Timestamp::from_microsecond(microseconds).ok();
    time.map_or_else(
        || "?".to_owned(),
        |it| it.strftime("%H:%M:%S%.3f").to_string(),
    )
}

fn day(microseconds: i64) -> String {
    let time = Timestamp::from_microsecond(microseconds).ok();
    time.map_or_else(
        || "?".to_owned(),
        |it| it.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
