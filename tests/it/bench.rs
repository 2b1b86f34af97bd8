//! A daemon between a scope and the stand-in, and what each of them can tell afterwards.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::record::verify::check;
use serde_json::{Value, json};
use tests::cgroup::Place;
use tests::record::{Frame, Kind, frames};
use tests::{Client, Daemon, Environment, Output, Warehouse, daemon, layout, wait};

/// What a test wants to be different. The rest is what most tests need.
pub(crate) struct Plan<'a> {
    /// The stand-in's configuration.
    pub(crate) warehouse: &'a str,
    /// `[[credential]]` tables; by default the password of the stand-in's one user.
    pub(crate) credentials: Option<&'a str>,
    pub(crate) policy: &'a str,
    /// `labels.toml`; empty for none.
    pub(crate) labels: &'a str,
    /// Further lines of the scope.
    pub(crate) scope: &'a str,
    /// Further lines of the recording, as TOML.
    pub(crate) record: &'a str,
    /// Further tables.
    pub(crate) more: &'a str,
    /// Environment variables of the daemon.
    pub(crate) variables: &'a [(&'a str, &'a OsStr)],
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            warehouse: "",
            credentials: None,
            policy: ALLOW_ALL,
            labels: "",
            scope: "",
            record: "",
            more: "",
            variables: &[],
        }
    }
}

pub(crate) const ALLOW_ALL: &str = "@id(\"all\") permit (principal, action, resource);";

/// The password that only the daemon and the stand-in know.
pub(crate) const PASSWORD: &str = "real-password-of-analyst";

/// Everything that runs. Fields are dropped in this order.
pub(crate) struct Bench {
    pub(crate) daemon: Daemon,
    pub(crate) warehouse: Warehouse,
    pub(crate) environment: Environment,
}

impl Bench {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, &Plan::default())
    }

    pub(crate) fn with(name: &str, plan: &Plan<'_>) -> Self {
        let environment = Environment::new(name).unwrap();
        Self::within(environment, plan)
    }

    /// For tests that put something into the environment before the daemon starts.
    pub(crate) fn within(mut environment: Environment, plan: &Plan<'_>) -> Self {
        let user = format!("[[user]]\nname = \"ANALYST\"\npassword = \"{PASSWORD}\"\n");
        let config = format!("{}\n{user}", plan.warehouse);
        let warehouse = Warehouse::start(&environment, &config).unwrap();
        let password = environment.dir().join("password");
        write_private(&password, PASSWORD);
        let credential = format!(
            "[[credential]]\nname = \"c\"\naccount = \"testorg-testacct\"\nkind = \"password\"\n\
             user = \"ANALYST\"\npassword = {{ file = \"{}\" }}",
            password.display()
        );
        let agents = environment.tree().name(Place::Agents);
        // The name of a child is its own workload, in a cgroup of its own.
        let workloads = format!(
            "[[workload]]\nname = \"other\"\ncgroup = \"{agents}/other\"\n\
             [[workload]]\nname = \"agent\"\ncgroup = \"{agents}\""
        );
        let setup = daemon::Setup {
            credentials: plan.credentials.unwrap_or(&credential),
            default_credential: "c",
            workloads: &workloads,
            policy: plan.policy,
            labels: plan.labels,
            scope: plan.scope,
            record: plan.record,
            more: plan.more,
        };
        let daemon = Daemon::start_with(&environment, &warehouse, &setup, plan.variables).unwrap();
        environment
            .trust(&daemon.files().certificate(), &[driver()])
            .unwrap();
        Self {
            daemon,
            warehouse,
            environment,
        }
    }

    /// A Python script in the scope, with [`client.py`] and the stock connector at hand.
    pub(crate) fn python(&self, script: &str) -> Client {
        self.prepare(self.environment.inside(interpreter()), script)
    }

    /// The same in a child of the scope, which is another workload.
    pub(crate) fn python_in_child(&self, script: &str) -> Client {
        let child = self.environment.tree().path(Place::Agents).join("other");
        fs::create_dir_all(&child).unwrap();
        let shell = self.environment.inside("/bin/sh");
        let shell = shell
            .args(["-c", "echo $$ > \"$0\"; exec \"$@\""])
            .arg(child.join("cgroup.procs"))
            .arg(interpreter());
        self.prepare(shell, script)
    }

    /// The same beside the scope.
    pub(crate) fn python_outside(&self, script: &str) -> Client {
        self.prepare(self.environment.outside(interpreter()), script)
    }

    fn prepare(&self, client: Client, script: &str) -> Client {
        client
            .env("PYTHONPATH", here())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
            .env("AUTHORITY", self.daemon.files().certificate())
            .limit(CLIENT_LIMIT)
            .args(["-c", script])
    }

    /// Runs a script in the scope and reads what it reports.
    #[track_caller]
    pub(crate) fn ask(&self, script: &str) -> Value {
        reported(&self.python(script).output().unwrap())
    }

    /// The daemon goes on: a login and a statement.
    #[track_caller]
    pub(crate) fn assert_serves(&self) {
        let rows =
            self.ask("from client import *\nreport(rows(query(session(), 'select 40 + 2')))");
        assert_eq!(rows, json!([["42"]]), "{}", self.daemon.log());
    }

    /// What `snowfence status` says.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let client = self.environment.outside(layout::snowfence());
        let client = client.args(["status", "--json", "--config"]);
        let output = client.arg(&self.daemon.files().config).output().unwrap();
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// Waits until a sample (`name{label="value"}`) has the value.
    #[track_caller]
    pub(crate) fn await_metric(&self, sample: &str, expected: f64) {
        let mut last = 0.0;
        let reached = wait::until(sample, WAIT, || {
            last = self.daemon.metric(sample)?;
            Ok(((last - expected).abs() < f64::EPSILON).then_some(()))
        });
        assert!(reached.is_ok(), "{sample} is {last} and not {expected}");
    }

    /// The recording, once `ready` says that it is complete.
    #[track_caller]
    pub(crate) fn await_frames(&self, ready: impl Fn(&[Frame]) -> bool) -> Vec<Frame> {
        let mut last = Vec::new();
        let found = wait::until("the recording", WAIT, || {
            // The last frame may be half written.
            if let Ok(frames) = frames(&self.daemon.files().record) {
                last = frames;
            }
            Ok(ready(&last).then_some(()))
        });
        assert!(found.is_ok(), "the recording is {last:#?}");
        last
    }

    /// Counts the endings, by outcome or by the reason of a refusal.
    pub(crate) fn endings(frames: &[Frame]) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for frame in frames.iter().filter(|frame| frame.kind == Kind::Ended) {
            let text = |key: &str| frame.payload.get(key).and_then(Value::as_str);
            let outcome = text("reason").or_else(|| text("outcome")).unwrap();
            *counts.entry(outcome.to_owned()).or_default() += 1;
        }
        counts
    }

    /// Waits until so many endings of that outcome are recorded.
    #[track_caller]
    pub(crate) fn await_endings(&self, outcome: &str, count: usize) -> Vec<Frame> {
        self.await_frames(|frames| Self::endings(frames).get(outcome).copied() == Some(count))
    }

    /// Every decision has its one ending, and the chain holds, by the daemon's own reader.
    #[track_caller]
    pub(crate) fn assert_record_is_whole(&self) {
        let frames = self.await_frames(|frames| {
            let of = |kind| frames.iter().filter(move |frame| frame.kind == kind);
            of(Kind::Decided).all(|decided| {
                of(Kind::Ended)
                    .filter(|ended| ended.entry == decided.entry)
                    .count()
                    == 1
            })
        });
        let summary = check(&self.daemon.files().record).unwrap();
        assert!(summary.frames >= u64::try_from(frames.len()).unwrap());
    }

    /// Makes the stand-in misbehave.
    #[track_caller]
    pub(crate) fn inject(&self, fault: &Value) {
        self.control("POST", "/faults", fault);
    }

    #[track_caller]
    pub(crate) fn clear_faults(&self) {
        self.control("DELETE", "/faults", &Value::Null);
    }

    /// How often the stand-in ran a statement that contains the text.
    #[track_caller]
    pub(crate) fn executions(&self, sql: &str) -> usize {
        let rows = self.control("GET", "/executed", &Value::Null);
        let has = |row: &&Value| row["sql"].as_str().is_some_and(|text| text.contains(sql));
        rows.as_array().unwrap().iter().filter(has).count()
    }

    /// Speaks with the stand-in's own port.
    #[track_caller]
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(self.environment.addresses().control()).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}

/// The last line that a script wrote, as JSON.
#[track_caller]
pub(crate) fn reported(output: &Output) -> Value {
    let line = output.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|_| panic!("{output:#?}"))
}

pub(crate) fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The stock connector's environment, as `pip install` left it.
pub(crate) fn driver() -> PathBuf {
    layout::target().join("drivers/py48")
}

fn interpreter() -> PathBuf {
    driver().join("bin/python")
}

fn here() -> PathBuf {
    layout::tests().join("it")
}

/// Far more than anything here takes: only a failing test waits this long.
const WAIT: Duration = Duration::from_secs(10);

/// A driver that is still at it then hangs.
const CLIENT_LIMIT: Duration = Duration::from_secs(60);
