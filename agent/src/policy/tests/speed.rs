//! How long a verdict takes: run with `--ignored --nocapture`, optimised.

use std::fmt::Write as _;

use super::*;
use crate::policy::Demand;
use crate::policy::evaluate::{judge_anew, needs};
use crate::policy::judge::judge_plainly;
use crate::policy::scene::Scene;

/// Policies of which a few speak to a statement: as many workloads, each with its own schema.
fn many(count: usize) -> PolicySet {
    let mut text = String::from(crate::policy::default_policy());
    for at in 0..count.saturating_sub(6) {
        writeln!(
            text,
            "@id(\"p{at}\") permit (principal == Workload::\"w{at}\", action in [Action::\"read\", \
             Action::\"write\"], resource in Schema::\"DB.S{at}\") when {{ context.user_present || \
             principal.uid == {at} }};"
        )
        .unwrap();
    }
    parse(&text)
}

#[test]
#[ignore = "measures"]
fn verdicts_per_second() {
    let principal = principal("w3");
    let facts = Facts {
        columns: BTreeSet::from([column("db.s3.a", Some("X")), column("db.s3.b", Some("Y"))]),
        ..doing(&[
            (Effect::Read, ObjectKind::Table, "db.s3.a"),
            (Effect::Read, ObjectKind::Table, "db.s3.b"),
        ])
    };
    let asked = question(&principal, Some(&facts));
    for count in [25, 100, 1000] {
        let policies = many(count);
        let rounds = 200;
        let time = |work: &dyn Fn()| {
            let start = tokio::time::Instant::now();
            (0..rounds).for_each(|_| work());
            start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
        };
        let anew = time(&|| drop(judge_anew(&policies, &asked, Demand::Statement(&facts))));
        let known = time(&|| {
            let verdict = evaluate(&policies, &asked, query());
            assert!(matches!(verdict, Verdict::Allow(_)));
        });
        let scene = Scene::of(&asked);
        let needs = needs(&policies, &asked, Demand::Statement(&facts)).unwrap();
        let plain = time(&|| drop(judge_plainly(&policies, &scene, &needs, false).unwrap()));
        println!(
            "{count:5} policies: {anew:8.1} µs anew, {known:8.1} µs remembered, {plain:8.1} µs \
             without index"
        );
    }
}
