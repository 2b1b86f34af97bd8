//! Who may do what with the shipped packs, for people to review.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::packs::{PACKS, now, pack};
use super::*;
use crate::policy::Terms;
use crate::policy::matrix::matrix;
use crate::policy::rights::{AskView, Person, Right, approve, operate};
use crate::sql::facts::Object;

/// Objects that are answered alike share their lines.
#[test]
fn the_matrix_of_the_shipped_packs_is_as_reviewed() {
    let mut text = String::new();
    for (name, with) in PACKS {
        let policies = pack(name);
        let with = match with {
            [] => String::new(),
            with => format!(" (with {})", with.join(", ")),
        };
        writeln!(text, "\n{name}{with}").unwrap();
        let mut principals: Vec<(&str, Vec<String>)> = vec![("agent", Vec::new())];
        let roles = policies.roles().iter();
        principals.extend(roles.map(|role| ("agent", vec![role.clone()])));
        principals.push(("unknown", Vec::new()));
        for (workload, roles) in principals {
            let principal = principal(workload);
            let asked = Question {
                roles: &roles,
                ..question(&principal, None)
            };
            write_rows(&mut text, &policies, &asked);
        }
        write_persons(&mut text, &policies);
    }
    insta::with_settings!({
        snapshot_path => "../../../../policies",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("matrix", text.trim_start());
    });
}

fn write_rows(text: &mut String, policies: &PolicySet, asked: &Question<'_>) {
    let object = |kind, name: Option<&str>| Object {
        kind,
        name: name.map(super::name),
    };
    let objects = [
        object(ObjectKind::Account, None),
        object(ObjectKind::Table, Some("sales.public.orders")),
        object(ObjectKind::Table, Some("analytics.scratch.draft")),
        object(ObjectKind::Stage, Some("sales.public.files")),
        object(ObjectKind::Warehouse, Some("big")),
    ];
    // What each object allows: verdict and policies → actions.
    let mut answers: Vec<(About, Answers)> = Vec::new();
    for row in matrix(policies, asked, &objects) {
        let object = (row.object, row.label);
        let by = match row.policies.join(", ") {
            by if by.is_empty() => "no policy".to_owned(),
            by => by,
        };
        if answers.iter().all(|(known, _)| *known != object) {
            answers.push((object.clone(), Answers::new()));
        }
        let (_, answer) = answers.iter_mut().find(|(it, _)| *it == object).unwrap();
        answer
            .entry((row.verdict, by))
            .or_default()
            .push(row.action);
    }
    let who = match asked.roles {
        [] => asked.principal.workload.name.clone(),
        roles => format!("{} as {}", asked.principal.workload.name, roles.join(", ")),
    };
    writeln!(text, "  {who}").unwrap();
    while !answers.is_empty() {
        let (_, alike) = answers[0].clone();
        let objects = answers.iter().filter(|(_, it)| *it == alike);
        let objects: Vec<&About> = objects.map(|(object, _)| object).collect();
        writeln!(text, "    {}", shown(&objects, policies)).unwrap();
        for ((verdict, by), actions) in &alike {
            let actions = match actions.len() {
                19 => "everything".to_owned(),
                _ => actions.join(" "),
            };
            writeln!(text, "      {verdict:5} {actions} ({by})").unwrap();
        }
        answers.retain(|(_, it)| *it != alike);
    }
}

/// Objects that are answered alike. Of labels that no policy speaks of, only that they are all of
/// those is told.
fn shown(objects: &[&About], policies: &PolicySet) -> String {
    let spoken_of = |label: &str| {
        let quoted = format!("\"{label}\"");
        policies.rules().iter().any(|it| it.text.contains(&quoted))
    };
    let others = policies.labels().iter();
    let others = others.filter(|(label, _)| !spoken_of(label)).count();
    let in_short = |labels: Vec<&str>| {
        let (named, rest): (Vec<&str>, Vec<&str>) = labels.iter().partition(|it| spoken_of(it));
        if rest.len() == others && others > 1 {
            [named, vec!["any other"]].concat().join(", ")
        } else {
            labels.join(", ")
        }
    };
    let mut shown: Vec<String> = Vec::new();
    for (object, label) in objects {
        let of_labels = objects
            .iter()
            .filter(|(it, label)| it == object && label.is_some());
        let of_labels: Vec<&str> = of_labels.map(|(_, it)| it.as_deref().unwrap()).collect();
        let next = match label {
            Some(_) => format!("{object} [{}]", in_short(of_labels)),
            None => object.clone(),
        };
        if next.starts_with("label ") {
            let names = objects
                .iter()
                .filter_map(|(it, _)| it.strip_prefix("label "));
            let names = in_short(names.collect());
            shown.push(format!("label {names}"));
        } else {
            shown.push(next);
        }
    }
    shown.dedup();
    shown.join("; ")
}

/// An object and the label of the columns that are touched.
type About = (String, Option<String>);

/// Actions by verdict and deciding policies.
type Answers = BTreeMap<(&'static str, String), Vec<&'static str>>;

fn write_persons(text: &mut String, policies: &PolicySet) {
    let terms = Terms::default();
    let asked = AskView {
        role: None,
        workload: "agent",
        account: "acme",
        terms: &terms,
    };
    let people = BTreeMap::from([
        (
            "ann, in the ask's group",
            ("ann", vec!["snowfence-approvers".to_owned()]),
        ),
        ("bob, in no group", ("bob", Vec::new())),
        ("root", ("root", Vec::new())),
    ]);
    for (who, (name, groups)) in people {
        let person = Person {
            name: name.to_owned(),
            uid: 1000,
            groups,
        };
        let told = |right: Result<_, Denial>| match right {
            Ok(Right { policies, .. }) => {
                format!("allow {}", policies.join(", "))
            }
            Err(_) => "deny".to_owned(),
        };
        let approves = told(approve(policies, &person, &asked, now()));
        let operates = told(operate(policies, &person, now()));
        writeln!(
            text,
            "  {who}\n    approve: {approves}\n    operate: {operates}"
        )
        .unwrap();
    }
}
