//! Closed segments go to a real S3 server, also after it was away, and can be read from there.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use agent::record::format::Kind;
use agent::record::read::{Identities, Reader, list, open};
use tests::process::Process;
use tests::{Environment, layout, wait};

use crate::bench::{Bench, Plan, write_private};

const KEY: &str = "AKIDTEST";
const SECRET: &str = "a-secret-that-only-the-store-knows";

/// Statements that fill some segments of 1 MiB, and go on filling them when they are compressed.
const FILL: &str = r#"
import random
from client import *
random.seed(1)
def words():
    return " ".join("".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(11_000))
token = session()
for number in range(48):
    rows(query(token, f"select {number} -- {words()}"))
report("done")
"#;

struct Store {
    process: Process,
    root: PathBuf,
}

impl Store {
    /// On the environment's own address for storage, which nobody else has.
    fn start(environment: &Environment) -> Self {
        let binary = layout::s3_server();
        assert!(binary.exists(), "no S3 server: run `cargo xtask setup`");
        let root = environment.dir().join("s3");
        fs::create_dir_all(root.join("bucket")).unwrap();
        let host = environment.addresses().storage();
        let mut process = environment
            .outside(&binary)
            .args(["--host", &host.to_string(), "--port", "8014"])
            .args(["--access-key", KEY, "--secret-key", SECRET])
            .arg(&root)
            .start("s3")
            .unwrap();
        let is_up = || TcpStream::connect((host, 8014)).is_ok();
        process.wait_until(LIMIT, is_up).unwrap();
        Self { process, root }
    }

    fn objects(&self) -> PathBuf {
        let host = nix::unistd::gethostname().unwrap();
        self.root.join("bucket/records").join(host)
    }
}

/// `[record.ship]` belongs after every other key of `[record]`.
fn record(environment: &Environment, more: &str) -> String {
    let secret = environment.dir().join("s3-secret");
    write_private(&secret, SECRET);
    format!(
        "segment_bytes_max = \"1 MiB\"\n{more}\n\
         [record.ship]\nurl = \"s3://bucket/records\"\nendpoint = \"http://{}:8014\"\n\
         region = \"us-east-1\"\nauth = \"keys\"\naccess_key_id = \"{KEY}\"\n\
         secret_access_key = {{ file = \"{}\" }}\n",
        environment.addresses().storage(),
        secret.display(),
    )
}

/// What can be read from a directory of segments: statements that were decided.
fn decided(dir: &Path, identities: &Identities) -> usize {
    let mut count = 0;
    for segment in list(dir).unwrap() {
        let mut reader = Reader::open(open(&segment, identities).unwrap()).unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            count += usize::from(frame.kind == Kind::Decided);
        }
    }
    count
}

#[test]
fn segments_are_encrypted_and_shipped_and_deleted_also_after_the_store_was_away() {
    let environment = Environment::new("shipping").unwrap();
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let keep = format!("encrypt_to = [\"{recipient}\"]\nkeep_bytes_max = \"1 MiB\"");
    let record = record(&environment, &keep);
    let plan = Plan {
        record: &record,
        ..Plan::default()
    };
    let bench = Bench::within(environment, &plan);
    bench.ask(FILL);
    // The store is not there yet: what is closed waits, and is counted.
    let waits = wait::until("the backlog", LIMIT, || {
        let failures = bench
            .daemon
            .metric("snowfence_record_keep_failures_total{reason=\"unreachable\"}")?;
        let backlog = bench.daemon.metric("snowfence_record_ship_backlog")?;
        Ok((failures > 0.0 && backlog >= 2.0).then_some(()))
    });
    assert!(waits.is_ok(), "{}", bench.daemon.log());
    let unshipped = bench.status()["recorder"]["unshipped"].clone();
    assert!(unshipped["segments"].as_u64() >= Some(2), "{unshipped}");
    let pruned = bench
        .daemon
        .metric("snowfence_record_pruned_total")
        .unwrap();
    assert!(pruned < 1.0, "nothing is deleted before it is shipped");
    bench.assert_serves();

    let store = Store::start(&bench.environment);
    let done = wait::until("shipping", LIMIT, || {
        let backlog = bench.daemon.metric("snowfence_record_ship_backlog")?;
        let pruned = bench.daemon.metric("snowfence_record_pruned_total")?;
        Ok((backlog < 1.0 && pruned >= 1.0).then_some(()))
    });
    assert!(
        done.is_ok(),
        "{}\n{}",
        bench.daemon.log(),
        store.process.log()
    );
    let dir = bench.daemon.files().record.clone();
    assert!(!dir.join("0000000000000001.sfr").exists());
    assert!(!dir.join("0000000000000001.sfr.zst.age").exists());

    let path = bench.environment.dir().join("identity");
    write_private(&path, identity.to_string().expose_secret());
    let identities = Identities::read(&[path]).unwrap();
    let there = decided(&store.objects(), &identities);
    assert!(there >= 10, "{there}");
    let key = fs::read(bench.daemon.files().host_key.with_extension("pub")).unwrap();
    assert_eq!(fs::read(store.objects().join("host.pub")).unwrap(), key);
}

#[test]
fn what_somebody_else_put_there_is_left_and_told() {
    let environment = Environment::new("conflict").unwrap();
    let store = Store::start(&environment);
    fs::create_dir_all(store.objects()).unwrap();
    let theirs = store.objects().join("0000000000000001.sfr.zst");
    fs::write(&theirs, "not ours").unwrap();
    let record = record(&environment, "keep_bytes_max = \"1 MiB\"");
    let plan = Plan {
        record: &record,
        ..Plan::default()
    };
    let bench = Bench::within(environment, &plan);
    bench.ask(FILL);
    let told = wait::until("the conflict", LIMIT, || {
        let conflicts = bench
            .daemon
            .metric("snowfence_record_keep_failures_total{reason=\"conflict\"}")?;
        Ok((conflicts > 0.0).then_some(()))
    });
    assert!(told.is_ok(), "{}", bench.daemon.log());
    assert!(bench.daemon.log().contains("with other contents"));
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "not ours");
    assert!(
        bench
            .daemon
            .files()
            .record
            .join("0000000000000001.sfr.zst")
            .exists()
    );
    assert!(store.objects().join("0000000000000002.sfr.zst").exists());
    bench.assert_serves();
}

/// Far more than shipping takes, waits after failures included.
const LIMIT: Duration = Duration::from_secs(120);
