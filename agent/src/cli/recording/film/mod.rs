//! What a scene looks like.

mod statement;

use jiff::Timestamp;
use serde_json::Value;

use super::screen::{Paint, clip, span, visible, width, wrap};
use crate::record::replay::{Scene, Shows};
use crate::record::told::Caller;

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
        let used = width(&said) + 4;
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
        let room = self.columns.saturating_sub(width(&place) + 1);
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

    fn marked(self, tone: fn(Paint, &str) -> String, said: &str) -> Vec<String> {
        let lines = self.lines(said).into_iter();
        lines.map(|line| tone(self.paint, &line)).collect()
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
