//! Queries that are made to exhaust us.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::found;
use crate::sql::analyst::STACK_BYTES;

/// What would grow beyond all bounds is unknown in time, not wrong.
#[test]
fn queries_made_to_grow_are_bounded() {
    let mut doubling = "with c0 as (select * from people)".to_owned();
    let mut apart = doubling.clone();
    let mut nested = "select ssn from people".to_owned();
    let mut aliases = "select ssn as a0".to_owned();
    let mut backwards = "select 1 as z".to_owned();
    for at in 1..=30 {
        doubling.push_str(&format!(
            ", c{at} as (select a.*, b.* from c{0} a, c{0} b)",
            at - 1
        ));
        apart.push_str(&format!(
            ", c{at} as (select a.*, b.* from (select * from c{0}) a, (select * from c{0}) b)",
            at - 1
        ));
        if at > 6 {
            continue;
        }
        nested = format!(
            "with recursive r{at} as (select 1 as i union all select r{at}.i from r{at}, ({nested})) select i from r{at}"
        );
    }
    for at in 1..=5_000 {
        aliases.push_str(&format!(", a{0} || a{0} as a{at}", at - 1));
        backwards.push_str(&format!(", b{} as b{at}", at + 1));
    }
    let wide: Vec<String> = (0..9_000).map(|at| format!("c{at}")).collect();
    for text in [
        nested,
        format!("{doubling} select * from c30"),
        format!("{doubling} select ssn from c30"),
        format!("{apart} select ssn from c30"),
        format!("{aliases} from people"),
        format!("{backwards}, ssn as b5001 from mystery"),
        format!(
            "select {} from mystery where {} = 1",
            wide.join(" || "),
            wide.join(" || ")
        ),
        format!("select {} from mystery", wide.join(", ")),
    ] {
        let (sender, receiver) = channel();
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || sender.send(found(&text)).unwrap())
            .unwrap();
        // What is not bounded would take years.
        let found = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(!found.columns.is_empty());
    }
}
