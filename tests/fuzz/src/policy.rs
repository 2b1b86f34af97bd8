//! Loading policies, and what they answer.

use std::fmt::Write as _;

use agent::identity::{Principal, User, Workload};
use agent::policy::{Mode, PolicySet, Question, Usage, Verdict, evaluate};
use agent::snowflake::{Operation, Query, RequestId};
use agent::sql::facts::{Access, Column, Object, ObjectKind};
use agent::sql::{Effect, Facts, ObjectName, SessionState};
use arbitrary::{Result, Unstructured};

/// Data that begins with `#` is the text of a policy file; all other is cut into policies and a
/// question.
pub fn policy(data: &[u8]) {
    match data.split_first() {
        Some((b'#', text)) => {
            let text = String::from_utf8_lossy(text);
            // Good or not, a file is read to its end without a panic.
            let loaded = PolicySet::parse(&[("fuzz.cedar", &text)]);
            if let Ok(policies) = loaded {
                let question = Asked::new(&mut Unstructured::new(data)).expect("a question");
                question.judge(&policies);
            }
        }
        Some(_) => drop(structured(&mut Unstructured::new(data))),
        None => {}
    }
}

/// Too little data ends a case early, which is no finding.
fn structured(input: &mut Unstructured<'_>) -> Result<()> {
    let (mut text, mut forbids) = (String::new(), String::new());
    for at in 0..input.int_in_range(0..=5)? {
        let (is_forbid, rule) = rule(input, at)?;
        text.push_str(&rule);
        if is_forbid {
            forbids.push_str(&rule);
        }
    }
    let Some(policies) = load(&text) else {
        return Ok(());
    };
    let mut asked = Asked::new(input)?;
    let before = asked.judge(&policies);
    assert_eq!(
        asked.judge(&policies),
        before,
        "the same question has the same answer"
    );
    // Loading is what takes time: one of these for each input.
    let (other, most, why) = match input.int_in_range(0..=2)? {
        0 => (forbids, Rank::Deny, "nothing permits"),
        1 => {
            let none = "@id(\"none\") forbid (principal, action, resource);";
            (
                format!("{text}{none}"),
                Rank::Deny,
                "everything is forbidden",
            )
        }
        _ => {
            let (_, extra) = rule(input, 99)?;
            let extra = extra.replacen("permit (", "forbid (", 1);
            (format!("{text}{extra}"), before, "a forbid widens nothing")
        }
    };
    if let Some(other) = load(&other) {
        assert!(asked.judge(&other) <= most, "{why}: {text}");
    }
    let more = access(input)?;
    asked.facts.effects.insert(more.effect);
    asked.facts.accesses.insert(more);
    assert!(
        asked.judge(&policies) <= before,
        "doing more is allowed more: {text}"
    );
    Ok(())
}

/// `None` when the policies are not valid.
fn load(text: &str) -> Option<PolicySet> {
    PolicySet::parse(&[("fuzz.cedar", text)]).ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Deny,
    Hold,
    Allow,
}

struct Asked {
    principal: Principal,
    facts: Facts,
    roles: Vec<String>,
    usage: Usage,
    approved: bool,
    now: jiff::Timestamp,
}

impl Asked {
    fn new(input: &mut Unstructured<'_>) -> Result<Self> {
        let mut facts = Facts::opaque("SELECT".to_owned(), "");
        facts.accesses.clear();
        for _ in 0..input.int_in_range(1..=4)? {
            facts.accesses.insert(access(input)?);
        }
        facts.effects = facts.accesses.iter().map(|access| access.effect).collect();
        if let Some(table) = name(input, 3)? {
            let column = Column {
                table,
                column: Some("A".to_owned()),
            };
            facts.columns.insert(column.clone());
            facts.predicates.insert(column);
        }
        let group = ["analysts", "admins"].map(str::to_owned).to_vec();
        let user = User {
            subject: "u".to_owned(),
            email: None,
            groups: group,
        };
        Ok(Self {
            principal: Principal {
                workload: Workload {
                    name: (*input.choose(&["agent", "unknown", "Ä \"\n"])?).to_owned(),
                    uid: input.arbitrary()?,
                    ..Workload::default()
                },
                user: input.arbitrary::<bool>()?.then_some(user),
                netns_cookie: 0,
            },
            facts,
            roles: match input.arbitrary()? {
                true => vec!["writer".to_owned()],
                false => Vec::new(),
            },
            usage: Usage {
                queries_hour: input.arbitrary()?,
                rows_day: input.arbitrary()?,
                ..Usage::default()
            },
            approved: input.arbitrary()?,
            now: jiff::Timestamp::from_second(input.arbitrary::<i32>()?.into())
                .expect("within the calendar"),
        })
    }

    fn judge(&self, policies: &PolicySet) -> Rank {
        let question = Question {
            principal: &self.principal,
            account: "acme",
            credential: None,
            client: "",
            facts: Some(&self.facts),
            session: &SessionState::default(),
            roles: &self.roles,
            usage: self.usage,
            approved: self.approved,
            mode: Mode::Enforce,
            now: self.now,
        };
        match evaluate(policies, &question, operation()) {
            Verdict::Allow(_) => Rank::Allow,
            Verdict::Hold(_) => Rank::Hold,
            Verdict::Deny(denial) => {
                let is_line = !denial.message.contains('\n') && !denial.message.is_empty();
                assert!(is_line, "a denial is one line: {:?}", denial.message);
                Rank::Deny
            }
        }
    }
}

fn operation() -> Operation {
    let request = RequestId("fuzz".to_owned());
    Operation::Query(Box::new(Query::restated(request)))
}

fn access(input: &mut Unstructured<'_>) -> Result<Access> {
    let kind = *input.choose(&ObjectKind::ALL)?;
    let name = match kind.depth() {
        0 => None,
        depth => name(input, depth)?,
    };
    Ok(Access {
        effect: *input.choose(&Effect::ALL)?,
        object: Object { kind, name },
    })
}

/// A whole name, or one that could not be resolved.
fn name(input: &mut Unstructured<'_>, depth: usize) -> Result<Option<ObjectName>> {
    let parts = input.int_in_range(1..=depth)?;
    let part = |input: &mut Unstructured<'_>| {
        let part = input.choose(&["D", "S", "T", "c \"d\"", "É"])?;
        Ok((*part).to_owned())
    };
    let parts: Result<Vec<String>> = (0..parts).map(|_| part(input)).collect();
    Ok(ObjectName::new(parts?))
}

const PRINCIPALS: [&str; 4] = [
    "principal",
    "principal is Workload",
    "principal == Workload::\"agent\"",
    "principal in Role::\"writer\"",
];

const ACTIONS: [&str; 5] = [
    "action",
    "action == Action::\"read\"",
    "action in Action::\"write\"",
    "action in [Action::\"ddl\", Action::\"egress\", Action::\"describe\"]",
    "action in Action::\"control\"",
];

const RESOURCES: [&str; 6] = [
    "resource",
    "resource is Table",
    "resource == Table::\"D.S.T\"",
    "resource in Schema::\"D.S\"",
    "resource in Database::\"D\"",
    "resource in Account::\"acme\"",
];

const CONDITIONS: [&str; 8] = [
    "",
    "when { context.approved }",
    "unless { context.user_present }",
    "when { context.now < datetime(\"2026-03-02T10:00:00Z\") }",
    "when { principal.uid * 9223372036854775807 > 0 }",
    "when { context.queries_hour < 100 }",
    "when { principal has user && principal.user in Group::\"analysts\" }",
    "unless { context.kinds.contains(\"SELECT\") }",
];

/// One policy, and whether it forbids.
fn rule(input: &mut Unstructured<'_>, at: usize) -> Result<(bool, String)> {
    let is_forbid = input.ratio(1, 3)?;
    let mut text = format!("@id(\"p{at}\")\n");
    let parts = [
        input.choose(&PRINCIPALS)?,
        input.choose(&ACTIONS)?,
        input.choose(&RESOURCES)?,
    ];
    let [principal, action, resource] = parts;
    let effect = if is_forbid { "forbid" } else { "permit" };
    let condition = input.choose(&CONDITIONS)?;
    // Writing to a string does not fail.
    writeln!(
        text,
        "{effect} ({principal}, {action}, {resource}) {condition};"
    )
    .unwrap_or_default();
    Ok((is_forbid, text))
}
