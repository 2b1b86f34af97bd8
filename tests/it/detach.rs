//! `snowfence detach`: the one way in which enforcement ends.

use serde_json::json;
use tests::{Output, layout};

use crate::bench::Bench;

/// Says whether the account's port can be reached, by anyone.
const CONNECT: &str = "import socket\nfrom client import *\n\
    try:\n    socket.create_connection((HOST, 443), 5).close()\n    report('connected')\n\
    except OSError as error: report(error.errno)";

fn detach(bench: &Bench) -> Output {
    let snowfence = bench.environment.outside(layout::snowfence());
    let config = bench.daemon.files().config.clone();
    let detach = snowfence.args(["detach", "--config"]).arg(config);
    detach.output().unwrap()
}

#[test]
fn enforcement_ends_on_purpose_only() {
    let mut bench = Bench::new("detach");
    let refused = detach(&bench);
    assert!(!refused.status.success());
    assert!(
        refused.stderr.contains("stop it first"),
        "{}",
        refused.stderr
    );
    bench.assert_serves();

    bench.daemon.process().stop().unwrap();
    assert_eq!(
        bench.ask(CONNECT),
        json!(111),
        "the programs outlive the daemon"
    );
    let done = detach(&bench);
    assert!(done.status.success(), "{}", done.stderr);
    assert!(
        done.stdout.contains("Enforcement ended: 11 links"),
        "{}",
        done.stdout
    );
    assert_eq!(bench.ask(CONNECT), json!("connected"));
    assert!(detach(&bench).stdout.contains("Nothing was attached"));
}
