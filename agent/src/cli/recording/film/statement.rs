//! A statement: what was asked and decided, and what came back.

use std::collections::BTreeMap;

use super::super::screen::{MASKED, NULL, Paint, count, span, value};
use super::super::table::draw;
use super::{Frame, Shot, joined, names, text};
use crate::record::replay::Scene;
use crate::record::told::Told;

impl Frame {
    pub(super) fn asked(self, scene: &Scene) -> Shot {
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

    pub(super) fn ended(self, scene: &Scene) -> Shot {
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
