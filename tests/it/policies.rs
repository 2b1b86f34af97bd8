//! SIGHUP: a good set takes effect for the next request, a bad one leaves the old in force.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::wait;

use crate::bench::{ALLOW_ALL, Bench};

const READ_ONLY: &str = "@id(\"read\") permit (principal, action in \
                         [Action::\"login\", Action::\"observe\", Action::\"control\"], resource);";

fn ask(bench: &Bench) -> Value {
    bench.ask(
        "from client import *\ntoken = session()\n\
         report([query(token, text)['success'] for text in ('select 1', 'create table if not exists x (n int)')])",
    )
}

/// Writes a set, and waits until the daemon has read it.
#[track_caller]
pub(crate) fn reload(bench: &Bench, policy: &str, logged: &str) {
    let before = bench.daemon.log().matches(logged).count();
    fs::write(bench.daemon.files().policies.join("policy.cedar"), policy).unwrap();
    bench.daemon.reload().unwrap();
    let read = wait::until("the reload", Duration::from_secs(5), || {
        let now = bench.daemon.log().matches(logged).count();
        Ok((now > before).then_some(()))
    });
    assert!(read.is_ok(), "{}", bench.daemon.log());
}

#[test]
fn a_bad_set_leaves_the_old_one_in_force() {
    let bench = Bench::new("policies");
    assert_eq!(ask(&bench), json!([true, true]));
    reload(&bench, READ_ONLY, "\"policies loaded\"");
    assert_eq!(ask(&bench), json!([true, false]));

    let bad = format!("{ALLOW_ALL}\npermit (principal, action == Action::\"raed\", resource);");
    reload(&bench, &bad, "\"policies rejected");
    assert_eq!(
        ask(&bench),
        json!([true, false]),
        "nothing of the bad set applies"
    );
    bench.await_metric("snowfence_policy_reload_failed", 1.0);
    let log = bench.daemon.log();
    let rejected = log
        .lines()
        .rfind(|line| line.contains("policies rejected"))
        .unwrap();
    assert!(rejected.contains("policy.cedar:2:"), "{rejected}");
    assert!(rejected.contains("raed"), "{rejected}");

    let rejected = bench.status()["policy"]["rejected"].clone();
    assert!(
        rejected.as_str().unwrap().contains("policy.cedar:2:"),
        "{rejected}"
    );

    reload(&bench, ALLOW_ALL, "\"policies loaded\"");
    assert_eq!(bench.status()["policy"]["rejected"], Value::Null);
    assert_eq!(ask(&bench), json!([true, true]));
    bench.await_metric("snowfence_policy_reload_failed", 0.0);
    bench.assert_record_is_whole();
}
