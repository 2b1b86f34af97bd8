//! Round trips over the socket, with peers of every kind: real processes of other users.
//!
//! Two counters share one desk. For the one, the cgroup of the tests is an enforced scope, so that
//! every peer is an agent; for the other it is not, so that every peer is a person. Users are made
//! up: the host knows none of them, so that their names are `uid:4301`.

mod decisions;
mod labels;
mod remembered;
mod sides;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{fs, io};

use nix::unistd::geteuid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Counter, Reading, TagsWanted, bind};
use crate::access::{Desk, Recording};
use crate::config;
use crate::mask::labels::import::{Place, Reference, Tags};
use crate::policy::PolicySet;
use crate::record::Recorder;
use crate::shutdown::{self, Trigger};

/// Runs the workload `etl`.
const ETL: u32 = 4242;
/// Runs the workload `other`.
const OTHER: u32 = 4243;
const ALICE: u32 = 4301;
const BOB: u32 = 4302;
/// Has no rights.
const EVE: u32 = 4303;

const POLICY: &str = r#"
@id("ask-writer") @approvers("stewards") @approvals("2") @wait("30m") @for("2h")
permit (principal == Workload::"etl", action == Action::"ask", resource == Role::"writer");
@id("ask-reader") @approvers("stewards")
permit (principal, action == Action::"ask", resource == Role::"reader");
@id("ask-emergency") @breakglass
permit (principal == Workload::"etl", action == Action::"ask", resource == Role::"emergency");
@id("people-decide")
permit (principal, action == Action::"approve", resource)
when { [User::"uid:4301", User::"uid:4302", User::"uid:4242", User::"root"].contains(principal) };
@id("root-operates")
permit (principal == User::"root", action == Action::"operate", resource);
@id("writers-write")
permit (principal in Role::"writer", action == Action::"insert", resource);
"#;

const CONFIG: &str = r#"
[[scope]]
cgroup = "/agents.slice"
[[workload]]
name = "etl"
uid = 4242
[[workload]]
name = "other"
uid = 4243
[[workload]]
name = "root-run"
uid = 0
[[account]]
name = "a"
hosts = ["a.snowflakecomputing.com"]
"#;

/// A peer: becomes a user who logged in as another, connects, asks, prints the answer.
const PEER: &str = r#"
import os, socket, sys
login, uid, path, method, target, body = sys.argv[1:]
# Whoever runs the tests has logged in as somebody, whom the peer must not seem to be.
with open("/proc/self/loginuid", "w") as file:
    file.write(login)
os.setgroups([])
os.setresgid(int(uid), int(uid), int(uid))
os.setresuid(int(uid), int(uid), int(uid))
s = socket.socket(socket.AF_UNIX)
s.connect(path)
head = f"{method} {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
s.sendall(head.encode() + body.encode())
answer = b""
while True:
    piece = s.recv(65536)
    if not piece:
        break
    answer += piece
print(answer.split(b" ")[1].decode(), answer.split(b"\r\n\r\n", 1)[1].decode())
"#;

/// Where a peer stands.
#[derive(Clone, Copy)]
enum At {
    Inside,
    Outside,
}

struct Bench {
    inside: PathBuf,
    outside: PathBuf,
    runtime: tokio::runtime::Runtime,
    desk: Desk,
    /// Dropped, the sockets end.
    _trigger: Trigger,
    dir: TempDir,
}

impl Bench {
    /// `None`, loudly, for whoever cannot run peers of other users.
    fn new() -> Option<Self> {
        if !geteuid().is_root() {
            drop(io::Write::write_all(
                &mut io::stderr(),
                b"SKIPPED: peers of other users need root\n",
            ));
            return None;
        }
        let dir = TempDir::new().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let recorder = Recorder::open(&config::Record::for_test(dir.path())).unwrap();
        let witness = Arc::new(Recording::new(
            recorder,
            &dir.path().join("record"),
            Arc::new(str::to_owned),
        ));
        let desk = runtime
            .block_on(Desk::open(&dir.path().join("access.db"), witness))
            .unwrap();
        let text = |_: &std::path::Path| Ok(CONFIG.to_owned());
        let config = config::load("snowfence.toml".as_ref(), &text).unwrap();
        let policies = Arc::new(PolicySet::parse(&[("p.cedar", POLICY)]).unwrap());
        for (path, scope) in [(&inside, "/"), (&outside, "/nowhere.slice")] {
            let policies = Arc::clone(&policies);
            let policies = Arc::new(move || Arc::clone(&policies));
            let mut counter =
                Counter::new(&config, desk.clone(), policies, Arc::new(read_tags)).unwrap();
            counter.scopes = vec![scope.to_owned()];
            let bound = bind(path).unwrap();
            let _in_runtime = runtime.enter();
            drop(bound.serve(Arc::new(counter), shutdown.clone()).unwrap());
        }
        Some(Self {
            inside,
            outside,
            runtime,
            desk,
            _trigger: trigger,
            dir,
        })
    }

    /// A peer of this user that sends one request.
    fn peer(&self, at: At, uid: u32, method: &str, target: &str, body: &Value) -> Command {
        self.peer_after(at, uid, uid, method, target, body)
    }

    /// The same for a user that logged in as another one.
    fn peer_after(
        &self,
        at: At,
        login: u32,
        uid: u32,
        method: &str,
        target: &str,
        body: &Value,
    ) -> Command {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut command = Command::new("python3");
        command
            .args(["-c", PEER, &login.to_string(), &uid.to_string()])
            .arg(match at {
                At::Inside => &self.inside,
                At::Outside => &self.outside,
            })
            .args([method, target, &body])
            .stdin(Stdio::null());
        command
    }

    fn send(&self, at: At, uid: u32, method: &str, target: &str, body: &Value) -> (u16, Value) {
        answer(self.peer(at, uid, method, target, body))
    }

    /// What an agent gets.
    #[track_caller]
    fn agent(&self, uid: u32, request: &str, body: &Value, status: u16) -> Value {
        self.check(At::Inside, uid, request, body, status)
    }

    /// What a person gets.
    #[track_caller]
    fn person(&self, uid: u32, request: &str, body: &Value, status: u16) -> Value {
        self.check(At::Outside, uid, request, body, status)
    }

    #[track_caller]
    fn check(&self, at: At, uid: u32, request: &str, body: &Value, status: u16) -> Value {
        let (method, target) = request.split_once(' ').unwrap();
        let (got, answer) = self.send(at, uid, method, target, body);
        assert_eq!(got, status, "{request} as {uid}: {answer}");
        answer
    }

    /// An ask of `etl`'s; its id.
    #[track_caller]
    fn ask(&self, role: &str) -> String {
        let asked = self.agent(ETL, "POST /v1/asks", &role_ask(role), 201);
        asked["id"].as_str().unwrap().to_owned()
    }
}

/// Tags of an account that is not there.
fn read_tags(wanted: TagsWanted) -> Reading {
    Box::pin(async move {
        if wanted.credential.is_some() {
            return Err(format!("refused to `{}`", wanted.operator));
        }
        let reference = Reference {
            tag: ["SNOWFLAKE", "CORE", "SEMANTIC_CATEGORY"].map(str::to_owned),
            value: "EMAIL".to_owned(),
            place: Place::Column(["D", "S", "T", "C"].map(str::to_owned)),
        };
        Ok(Tags {
            references: vec![reference],
            rows: 2,
            skipped: 1,
        })
    })
}

fn answer(mut peer: Command) -> (u16, Value) {
    let output = peer.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let Some((status, body)) = text.split_once(' ') else {
        let error = String::from_utf8_lossy(&output.stderr);
        panic!("no answer: {error}");
    };
    (status.parse().unwrap(), serde_json::from_str(body).unwrap())
}

fn role_ask(role: &str) -> Value {
    json!({"role": role, "for_seconds": 1800, "reason": "the report of march"})
}

fn approval() -> Value {
    json!({"approves": true, "note": "seen"})
}

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|it| it["id"].as_str().unwrap()).collect()
}
