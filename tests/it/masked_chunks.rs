//! Chunks that are masked as they come: those that lie are withheld, and a client that does not read
//! costs no memory.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::process::Process;
use tests::wait;

use crate::bench::{Bench, reported};
use crate::holds::seen;
use crate::masked::{DRIVER, bench};

const STORAGE: &str = "sfc-stage.s3.test.amazonaws.com";

fn make(bench: &Bench, table: &str) {
    let script =
        format!("{DRIVER}\nprint(json.dumps(run(connect('ARROW').cursor(), \"{table}\")))");
    let made = reported(&bench.python_in_child(&script).output().unwrap());
    assert!(made.is_array(), "{made}");
}

/// Reads row by row what there is. The driver asks for each chunk twice: by default it is ten times,
/// with waits of up to 16 s.
const READ: &str = "
from snowflake.connector import result_batch
result_batch.MAX_DOWNLOAD_RETRY = 2
seen = []
for format in ('ARROW', 'JSON'):
    rows, ended = [], None
    try:
        for row in connect(format).cursor().execute('select id, ssn, note from big'):
            rows.append(row)
    except Exception as error:
        ended = type(error).__name__
    seen.append([ended, len(rows), sorted(set(row[1] for row in rows)), all(row[2] == f'y{row[0]}' for row in rows)])
print(json.dumps(seen))
";

#[test]
fn a_chunk_that_lies_fails_at_the_driver_and_shows_nothing() {
    let bench = bench("lies", "inline_rows = 100\nchunk_rows = 2000");
    make(
        &bench,
        "create table big as select seq4() as id, 'x' || seq4() as ssn, 'y' || seq4() as note \
         from table(generator(rowcount => 6000))",
    );
    let script = format!("{DRIVER}{READ}");
    let whole = json!([null, 6000, ["[masked:pii.ssn]"], true]);
    for kind in ["cut_gzip", "row_count", "broken_arrow"] {
        // Once: the driver asks again, and gets all.
        bench.inject(&json!({"kind": kind, "host": STORAGE, "skip": 1}));
        let seen = bench.ask(&script);
        assert_eq!(
            seen,
            json!([whole, whole]),
            "{kind}\n{}",
            bench.daemon.log()
        );
        bench.clear_faults();

        // Always: it fails, with nothing but what came before, masked.
        bench.inject(&json!({"kind": kind, "host": STORAGE, "count": 1000}));
        let seen = bench.ask(&script);
        for seen in seen.as_array().unwrap() {
            assert!(seen[0].is_string(), "{kind}: {seen}");
            assert!(seen[1].as_u64().unwrap() < 6000, "{kind}: {seen}");
            let ssn = seen[2].as_array().unwrap();
            assert!(
                ssn.iter().all(|it| it == "[masked:pii.ssn]"),
                "{kind}: {seen}"
            );
            assert_eq!(seen[3], true, "{kind}");
        }
        bench.clear_faults();
    }
    let cut = bench.daemon.metric("snowfence_masked_chunks_cut_total");
    // Of each kind one that was asked for again, and of each format at least two.
    assert!(cut.unwrap() >= 15.0, "{}", bench.daemon.log());
    let frames = bench.await_frames(|frames| {
        let withheld = Bench::endings(frames).get("upstream_answer").copied();
        withheld.is_some_and(|count| count >= 15)
    });
    assert!(!format!("{frames:?}").contains("x4711"));
    bench.assert_serves();
    bench.assert_record_is_whole();
}

/// Asks for a chunk, reads one byte of it, and the rest when it is told to.
const SLOW: &str = r#"
import sys
from urllib.parse import urlsplit
from client import *
ready, go = sys.argv[1:]
data = query(session(), 'select id, ssn, note from big', parameters={})['data']
chunk, stream = data['chunks'][0], tls()
def wait(for_what):
    until(lambda: os.path.exists(for_what), 50)
open(ready, 'w').close()
wait(go + '1')
head = [f'GET {urlsplit(chunk["url"]).path} HTTP/1.1', f'Host: {HOST}', 'Connection: close']
head += [f'{name}: {value}' for name, value in data['chunkHeaders'].items()]
stream.sendall('\r\n'.join([*head, '', '']).encode())
first = stream.recv(1)
open(ready + '2', 'w').close()
wait(go + '2')
answer = first + b''.join(iter(lambda: stream.recv(1 << 16), b''))
head, _, body = answer.partition(b'\r\n\r\n')
report([head.split(b'\r\n')[0].decode(), answer.endswith(b'0\r\n\r\n'), body.count(b'[masked:pii.ssn]'), chunk['rowCount'], len(body) >> 20])
"#;

#[test]
fn a_client_that_does_not_read_costs_little_memory() {
    let bench = bench("slow", "inline_rows = 100\nchunk_rows = 299_000");
    make(
        &bench,
        "create table big as select seq4() as id, 'x' || seq4() as ssn, \
         md5(seq4()::varchar) || md5((seq4() + 1)::varchar) as note \
         from table(generator(rowcount => 300000))",
    );
    let dir = bench.environment.dir().to_owned();
    let (ready, go) = (dir.join("ready"), dir.join("go"));
    let client = bench.python(SLOW).arg(&ready).arg(&go);
    let mut client = client.start("client").unwrap();
    let name = |name: &str| dir.join(name);
    await_file(&mut client, &name("ready"));
    let mut bench = bench;
    let daemon = bench.daemon.process().id();
    // From here on the peak is counted anew.
    fs::write(format!("/proc/{daemon}/clear_refs"), "5").unwrap();
    let before = peak_kib(daemon);
    fs::write(name("go1"), "").unwrap();
    await_file(&mut client, &name("ready2"));
    // Until it does no more: then all waits for the client, or all has been taken.
    let mut last = (0, 0);
    wait::until("the daemon to rest", LIMIT, || {
        let peak = peak_kib(daemon);
        last = if last.0 == peak {
            (peak, last.1 + 1)
        } else {
            (peak, 0)
        };
        Ok((last.1 >= 40).then_some(()))
    })
    .unwrap();
    fs::write(name("go2"), "").unwrap();
    let seen = seen(&bench, &mut client);
    let expected = json!(["HTTP/1.1 200 OK", true, 299_000, 299_000]);
    assert_eq!(
        Value::from(seen.as_array().unwrap()[..4].to_vec()),
        expected
    );
    let size = seen[4].as_u64().unwrap();
    assert!(size >= 24, "{seen}");
    let grown = (peak_kib(daemon) - before) >> 10;
    assert!(grown < 8, "{grown} MiB more for a chunk of {size} MiB");
    bench.assert_record_is_whole();
}

#[track_caller]
fn await_file(client: &mut Process, path: &std::path::Path) {
    let found = wait::until("the client", LIMIT, || Ok(path.exists().then_some(())));
    assert!(found.is_ok(), "{}", client.log());
}

/// The largest resident set since it was last counted anew.
fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.unwrap().parse().unwrap()
}

const LIMIT: Duration = Duration::from_secs(50);
