//! A role for as long as it is needed: an agent asks, people decide, an operator ends it.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use tests::record::Kind;
use tests::{Client, Output, layout, wait};

use crate::bench::{Bench, Plan};
use crate::policies::reload;

/// Two people who may decide, and no account of this host: made-up users.
const ALICE: u32 = 4301;
const BOB: u32 = 4302;
/// Has no rights.
const EVE: u32 = 4303;

const POLICY: &str = r#"
@id("free")
permit (principal, action in [Action::"login", Action::"observe", Action::"control"], resource);
@id("makers-make")
permit (principal in Role::"maker", action in [Action::"ddl"], resource);
@id("makers-are-asked-for") @approvers("stewards") @approvals("2") @for("1h")
permit (principal == Workload::"agent", action == Action::"ask", resource == Role::"maker");
@id("stewards-decide")
permit (principal, action == Action::"approve", resource)
when { [User::"uid:4301", User::"uid:4302"].contains(principal) };
@id("root-operates")
permit (principal == User::"root", action == Action::"operate", resource);
"#;

struct Access {
    bench: Bench,
}

impl Access {
    fn new(name: &str) -> Self {
        let plan = Plan {
            policy: POLICY,
            ..Plan::default()
        };
        let bench = Bench::with(name, &plan);
        // Other users must get to the socket, as they do below /run.
        let socket = &bench.daemon.files().access_socket;
        for dir in socket.ancestors().skip(1).take(2) {
            set_permissions(dir, Permissions::from_mode(0o711)).unwrap();
        }
        Self { bench }
    }

    /// `snowfence` in the scope.
    fn agent(&self, arguments: &[&str]) -> Output {
        let client = self.bench.environment.inside(layout::snowfence());
        self.run(client, arguments)
    }

    /// `snowfence` beside the scope, as root.
    fn operator(&self, arguments: &[&str]) -> Output {
        let client = self.bench.environment.outside(layout::snowfence());
        self.run(client, arguments)
    }

    /// `snowfence` beside the scope, as somebody who has logged in.
    fn person(&self, uid: u32, arguments: &[&str]) -> Output {
        // The program is opened before: its path may be closed to other users.
        let shell = "echo $0 > /proc/self/loginuid; exec 9< \"$1\"; shift; \
                     exec setpriv --reuid $0 --regid $0 --clear-groups /proc/self/fd/9 \"$@\"";
        let client = self.bench.environment.outside("/bin/sh");
        let client = client.args(["-c", shell, &uid.to_string()]);
        self.run(client.arg(layout::snowfence()), arguments)
    }

    fn run(&self, client: Client, arguments: &[&str]) -> Output {
        let socket = &self.bench.daemon.files().access_socket;
        let client = client.args(arguments).arg("--json").arg("--socket");
        client.arg(socket).output().unwrap()
    }

    /// Whether the agent may make a table, and what it is told if not.
    fn makes(&self) -> Value {
        self.bench.ask(
            "from client import *\n\
             answer = query(session(), 'create or replace table made (n int)')\n\
             report(True if answer['success'] else answer['message'])",
        )
    }

    #[track_caller]
    fn refused(&self, output: &Output, part: &str) {
        let log = self.bench.daemon.log();
        assert_eq!(output.status.code(), Some(1), "{output:#?}\n{log}");
        assert!(output.stderr.contains(part), "{output:#?}\n{log}");
    }

    #[track_caller]
    fn done(&self, output: &Output) -> Value {
        let log = self.bench.daemon.log();
        assert!(output.status.success(), "{output:#?}\n{log}");
        serde_json::from_str(&output.stdout).unwrap()
    }
}

#[test]
fn a_role_that_people_gave_works_until_it_is_revoked() {
    let access = Access::new("access");
    let denied = access.makes();
    assert_ne!(denied, json!(true), "nothing permits it yet");

    let arguments = [
        "ask",
        "maker",
        "--for",
        "30m",
        "--reason",
        "the march report",
    ];
    let asked = access.done(&access.agent(&arguments));
    let id = asked["id"].as_str().unwrap();
    assert_eq!(asked["asker"]["workload"], "agent");
    access.refused(&access.operator(&arguments), "`snowfence grant`");

    // The agent runs as root, whom the policies let operate.
    let approve = ["approve", id];
    access.refused(&access.agent(&approve), "an agent decides nothing");
    access.refused(&access.person(EVE, &approve), "there is no ask");
    let first = access.done(&access.person(ALICE, &approve));
    assert_eq!(
        (&first["state"], first["votes"].as_array().map(Vec::len)),
        (&json!("open"), Some(1))
    );
    access.refused(
        &access.person(ALICE, &approve),
        "has voted on this ask already",
    );
    assert_ne!(access.makes(), json!(true), "one of two");
    let second = access.done(&access.person(BOB, &approve));
    assert_eq!(second["state"], "approved");

    assert_eq!(access.makes(), json!(true), "{}", access.bench.daemon.log());
    let held = access.done(&access.agent(&["grants"]));
    let grant = held[0]["id"].as_str().unwrap();
    assert_eq!(
        (&held[0]["id"], &held[0]["state"]),
        (&second["grant"], &json!("active"))
    );

    access.refused(&access.person(ALICE, &["revoke", grant]), "");
    assert_eq!(access.makes(), json!(true));
    let ended = access.done(&access.operator(&["revoke", grant, "--reason", "done"]));
    assert_eq!(ended["state"], "revoked");
    assert_eq!(access.makes(), denied, "as before");
    access.bench.assert_record_is_whole();
}

#[test]
fn an_operator_gives_a_role_and_its_holders_keep_it_over_a_restart() {
    let mut access = Access::new("granted");
    let grant = [
        "grant",
        "maker",
        "--workload",
        "agent",
        "--for",
        "1h",
        "--reason",
        "on call",
    ];
    access.refused(&access.agent(&grant), "`snowfence ask`");
    access.refused(&access.person(ALICE, &grant), "");
    let given = access.done(&access.operator(&grant));
    let id = given["id"].as_str().unwrap();
    assert_eq!(access.makes(), json!(true));
    let longer = access.done(&access.operator(&["extend", id, "--by", "30m"]));
    assert_eq!(longer["duration"]["secs"], 5400);
    // It is for every instance of the workload.
    access.refused(&access.agent(&["revoke", id]), "an operator ends it");

    access.bench.daemon.process().kill().unwrap();
    access.bench.daemon = tests::Daemon::restart(&access.bench.environment).unwrap();
    assert_eq!(access.makes(), json!(true));
    access.done(&access.operator(&["revoke", id]));
    assert_ne!(access.makes(), json!(true));
}

/// Logs in, and runs a statement when it is told to.
const OPEN: &str = "
import sys
from client import *
token = session()
open(sys.argv[1], 'w').close()
until(lambda: os.path.exists(sys.argv[2]), 40)
report(query(token, 'create or replace table made (n int)')['success'])
";

#[test]
fn a_grant_begins_with_a_statement_and_not_with_a_session_that_is_open() {
    let access = Access::new("begins");
    let dir = access.bench.environment.dir();
    let (ready, go) = (dir.join("ready"), dir.join("go"));
    let client = access.bench.python(OPEN).arg(&ready).arg(&go);
    let mut client = client.start("client").unwrap();
    let limit = Duration::from_secs(20);
    wait::until("the session", limit, || Ok(ready.exists().then_some(()))).unwrap();
    let grant = [
        "grant",
        "maker",
        "--workload",
        "agent",
        "--for",
        "1h",
        "--reason",
        "x",
    ];
    // Each is a change by which open sessions are judged again.
    for count in 1..=3 {
        access.done(&access.operator(&grant));
        let grants = access.done(&access.operator(&["grants"]));
        let waiting = grants.as_array().unwrap().iter();
        assert_eq!(
            waiting.filter(|it| it["state"] == "waiting").count(),
            count,
            "{grants}"
        );
    }
    std::fs::write(&go, "").unwrap();
    let seen = crate::holds::seen(&access.bench, &mut client);
    assert_eq!(seen, json!(true), "{}", access.bench.daemon.log());
    let grants = access.done(&access.operator(&["grants"]));
    assert_eq!(grants[0]["state"], "active");
}

/// An event in a line; nothing of other frames.
fn event(frame: &tests::record::Frame) -> Option<String> {
    let it = &frame.payload;
    match frame.kind {
        Kind::Decided
        | Kind::Ended
        | Kind::Canary
        | Kind::Gap
        | Kind::Checkpoint
        | Kind::Carried
        | Kind::Archived
        | Kind::Pruned => None,
        Kind::Opened => Some(format!(
            "opened {} {}",
            it["account"], it["caller"]["workload"]
        )),
        Kind::Closed => Some(format!("closed {}", it["reason"])),
        Kind::Ask | Kind::Grant => Some(format!("{} {}", it["event"], it["uid"])),
        Kind::Vote => Some(format!("{} {}", it["event"], it["vote"]["uid"])),
        Kind::Policy => Some(format!("policies {}", it["outcome"])),
        Kind::Operator => Some(format!("{} {} {}", it["action"], it["uid"], it["outcome"])),
    }
}

/// What people asked and decided, with the sessions and the policies around it, as an auditor finds
/// it. Values are the client's session, the ask and the grant.
#[test]
fn what_happened_is_in_the_recording_in_its_order() {
    let mut access = Access::new("recorded");
    let login = "from client import *\ntoken = session()\n\
                 report(shown(request('POST', '/session?delete=true', {}, token)))";
    let out = access.bench.ask(login);
    assert_eq!(out[0], 200, "{out}");
    let arguments = ["ask", "maker", "--for", "30m", "--reason", "the report"];
    let asked = access.done(&access.agent(&arguments));
    let ask = asked["id"].as_str().unwrap();
    access.done(&access.person(ALICE, &["approve", ask]));
    let decided = access.done(&access.person(BOB, &["approve", ask]));
    let grant = decided["grant"].as_str().unwrap();
    assert_eq!(access.makes(), json!(true), "{}", access.bench.daemon.log());
    access.refused(&access.person(EVE, &["revoke", grant]), "");
    access.done(&access.operator(&["revoke", grant]));
    reload(&access.bench, POLICY_WITHOUT_LOGIN, "\"policies loaded\"");
    // The session that made the table was left open, and may not be any more.
    access.bench.await_frames(|frames| {
        let closed = frames.iter().filter(|frame| frame.kind == Kind::Closed);
        closed.count() == 2
    });
    reload(&access.bench, "permit (", "\"policies rejected");
    assert!(access.bench.daemon.process().stop().unwrap().success());

    let frames = tests::record::frames(&access.bench.daemon.files().record).unwrap();
    let told = frames.iter().filter_map(event);
    let told: Vec<String> = told.map(|it| it.replace('"', "")).collect();
    assert_eq!(
        told,
        [
            "policies loaded",
            "start 0 done",
            "opened testorg-testacct agent",
            "closed logout",
            "ask_opened null",
            "ask_voted 4301",
            "ask_voted 4302",
            "grant_given null",
            "ask_approved null",
            "grant_activated null",
            "opened testorg-testacct agent",
            "revoke 4303 refused",
            "grant_revoked 0",
            "reload null done",
            "policies loaded",
            "closed revoked",
            "reload null failed",
            "policies rejected",
            "stop null done",
        ]
    );
    // The sessions that were closed are those that were opened.
    let sessions = |kind| {
        let of = frames.iter().filter(move |frame| frame.kind == kind);
        of.map(|frame| frame.payload["session"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(sessions(Kind::Opened), sessions(Kind::Closed));
    agent::record::verify::check(&access.bench.daemon.files().record).unwrap();
}

/// A session that is open after it is to be closed.
const POLICY_WITHOUT_LOGIN: &str =
    "@id(\"none\") permit (principal, action in [Action::\"observe\"], resource);";
