//! `kill -9` of the daemon under load: the scope is cut off, never let past, until it is back.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Daemon, Output, wait};

use crate::bench::{Bench, reported};

/// Connects again and again from several threads and counts what became of it, by whether that was
/// before or after the file appeared. Ends when the second file does.
const LOAD: &str = r#"
import collections, errno, pathlib, sys, threading
from client import *
killed, ended = map(pathlib.Path, sys.argv[1:])
counts = collections.Counter()
lock = threading.Lock()
authority = trusting()
def load(number):
    while not ended.exists():
        # The state before the connect: what begins after the kill has no excuse.
        when = "after" if killed.exists() else "before"
        try:
            stream = plain()
            # Some shake hands too, and ask for something: the kill is to hit every stage. None of
            # it needs the upstream, so every connection that arrives there came past us.
            if number % 2:
                stream = authority.wrap_socket(stream, server_hostname=HOST)
            if number % 4 == 3:
                stream.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                stream.recv(1000)
            stream.close()
            outcome = "connected"
        except ssl.SSLError:
            outcome = "cut off"
        except OSError as error:
            outcome = errno.errorcode.get(error.errno, type(error).__name__)
        with lock:
            counts[f"{when} {outcome}"] += 1
            total = counts[f"{when} {outcome}"]
        if when == "before" and total == 200:
            print("under way", flush=True)
        if when == "after" and sum(n for what, n in counts.items() if what.startswith("after")) > 2000:
            return
threads = [threading.Thread(target=load, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
report(counts)
"#;

#[test]
fn after_a_kill_every_connect_is_refused_until_a_restart_takes_over() {
    let mut bench = Bench::new("killed");
    bench.assert_serves();
    let before = next_connection(&bench);
    let (killed, ended) = (
        bench.environment.dir().join("killed"),
        bench.environment.dir().join("ended"),
    );
    let mut load = bench
        .python(LOAD)
        .args([&killed, &ended])
        .start("load")
        .unwrap();
    let log = bench.environment.dir().join("load.log");
    load.wait_until(LIMIT, || {
        fs::read_to_string(&log).is_ok_and(|log| log.contains("under way"))
    })
    .unwrap();

    bench.daemon.process().kill().unwrap();
    fs::write(&killed, "").unwrap();
    let done = wait::until("the load", LIMIT, || Ok((!load.is_running()).then_some(())));
    assert!(done.is_ok(), "{}", load.log());
    let counts: Value = serde_json::from_str(load.log().lines().last().unwrap()).unwrap();
    println!("connects by outcome: {counts}");
    for (what, count) in counts.as_object().unwrap() {
        assert!(
            what.starts_with("before") || what == "after ECONNREFUSED",
            "{what}: {count}"
        );
    }
    assert!(counts["after ECONNREFUSED"].as_u64().unwrap() > 2000);
    assert!(counts["before connected"].as_u64().unwrap() >= 200);
    let past_us = next_connection(&bench) - before - 1;
    println!("connections past the daemon: {past_us}");
    assert_eq!(past_us, 0);
    let script =
        "from client import *\ntry: report(shown(login()))\nexcept OSError as e: report(e.errno)";
    let refused: Output = bench.python(script).output().unwrap();
    assert_eq!(reported(&refused), json!(111));

    // The restart takes over what is pinned, and the trust that clients have stays good.
    bench.daemon = Daemon::restart(&bench.environment).unwrap();
    bench.assert_serves();
    let log = bench.daemon.log();
    let last = log
        .lines()
        .rfind(|line| line.contains("\"enforcing\""))
        .unwrap();
    let enforcing: Value = serde_json::from_str(last).unwrap();
    assert_eq!(enforcing["links_created"], 0, "{enforcing}");
    let links = bench.status()["links"].as_array().unwrap().len();
    assert!(links >= 9, "{links}");
    assert_eq!(enforcing["links_updated"], links, "{enforcing}");
    agent::record::verify::check(&bench.daemon.files().record).unwrap();
}

/// The stand-in numbers the connections that it accepts. This one comes from beside the scope.
fn next_connection(bench: &Bench) -> u64 {
    let script = "from client import *\n\
                  context = ssl._create_unverified_context()\n\
                  tls(context=context).sendall(b'GET /count HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')";
    bench.python_outside(script).output().unwrap();
    let counted = wait::until("the connection", LIMIT, || {
        let rows = bench.warehouse.received()?;
        let last = rows.last().filter(|row| row["path"] == "/count");
        Ok(last.and_then(|row| row["connection"].as_u64()))
    });
    counted.unwrap()
}

/// Loading a daemon or two thousand connects on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
