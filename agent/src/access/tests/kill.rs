//! The store under SIGKILL: what was acknowledged is there, once, and every ask is on its way.
//!
//! The parent starts this test binary again for [`child`], which works at a desk with several tasks
//! and says on standard output what was acknowledged. It is killed in the middle of that, and the
//! store is opened and held against everything that was ever said. By default some hundred
//! operations and a few kills; `SNOWFENCE_KILLS` and `SNOWFENCE_KILL_OPERATIONS` make it more.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::*;
use crate::access::id;
use crate::clock;

const TASKS: usize = 4;
const PLACE: &str = "SNOWFENCE_KILL_PLACE";
const ROUNDS_MAX: usize = 100_000;

/// Everything that a child was told is done.
#[derive(Debug, Default)]
struct Said {
    asks: HashMap<String, String>,
    votes: HashSet<(String, String, bool)>,
    used: HashSet<String>,
    withdrawn: HashSet<String>,
    grants: HashSet<String>,
    active: HashSet<String>,
    revoked: HashSet<String>,
    spent: u64,
    lines: usize,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let first = match words.as_slice() {
            ["ask", id, digest] => self
                .asks
                .insert((*id).to_owned(), (*digest).to_owned())
                .is_none(),
            ["vote", id, person, approves] => {
                let vote = ((*id).to_owned(), (*person).to_owned(), *approves == "true");
                self.votes.insert(vote)
            }
            ["used", id] => self.used.insert((*id).to_owned()),
            ["withdrawn", id] => {
                self.withdrawn.insert((*id).to_owned());
                true
            }
            ["grant", id] => self.grants.insert((*id).to_owned()),
            ["active", id] => {
                self.active.insert((*id).to_owned());
                true
            }
            ["revoked", id] => self.revoked.insert((*id).to_owned()),
            ["spent", queries] => {
                self.spent += queries.parse::<u64>().unwrap();
                true
            }
            other => panic!("the child said {other:?}"),
        };
        assert!(first, "done twice: {line}");
        self.lines += 1;
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.db");
    let kills = number("SNOWFENCE_KILLS", 5);
    let operations = number("SNOWFENCE_KILL_OPERATIONS", 500);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut said = Said::default();
    let mut killed = 0;
    while killed < kills || said.lines < operations {
        // Somewhere around so many, so that it is not always the same place.
        let aim = operations / kills / 2 + usize::from(random()) * operations / kills / 255;
        run_and_kill(&path, aim.max(1), &mut said);
        killed += 1;
        runtime.block_on(check(&path, &said));
    }
    println!(
        "{} operations, {killed} kills: {} asks, {} votes, {} uses, {} grants",
        said.lines,
        said.asks.len(),
        said.votes.len(),
        said.used.len(),
        said.grants.len()
    );
    assert!(said.votes.len() > 50 && !said.used.is_empty() && !said.grants.is_empty());
}

fn run_and_kill(path: &Path, aim: usize, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "access::tests::kill::child",
        ])
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut count = 0;
    while count < aim {
        let line = lines
            .next()
            .expect("the child lives until it is killed")
            .unwrap();
        count += usize::from(hear(said, &line));
    }
    child.kill().unwrap();
    // What it said and we had not yet read. The last line may be half of one.
    let mut rest: Vec<Vec<u8>> = lines.map(Result::unwrap).collect();
    if let Some(last) = rest.pop()
        && last.ends_with(b".")
    {
        rest.push(last);
    }
    for line in rest {
        hear(said, &line);
    }
    child.wait().unwrap();
}

/// A line is `done ….`; others are the test harness's own.
fn hear(said: &mut Said, line: &[u8]) -> bool {
    let line = std::str::from_utf8(line).unwrap();
    let Some((_, line)) = line.split_once("done ") else {
        return false;
    };
    said.hear(line.strip_suffix('.').unwrap());
    true
}

/// Opens the store as the next daemon does, and holds it against what was said.
async fn check(path: &Path, said: &Said) {
    let desk = Desk::open(path, Arc::new(Blind)).await.unwrap();
    let asks = desk.asks(false).await.unwrap();
    let asks: HashMap<&str, &Ask> = asks.iter().map(|ask| (ask.id.0.as_str(), ask)).collect();
    for ask in asks.values() {
        check_votes(ask);
        let is_role = matches!(ask.subject, Subject::Role { .. });
        assert_eq!(
            is_role && ask.state == AskState::Approved,
            ask.grant.is_some()
        );
    }
    for (id, digest) in &said.asks {
        match &asks[id.as_str()].subject {
            Subject::Statement(statement) => assert_eq!(statement.digest, *digest),
            Subject::Role { role, .. } => assert_eq!(role, digest),
        }
    }
    for (id, person, approves) in &said.votes {
        let votes = &asks[id.as_str()].votes;
        let same = |vote: &&Vote| vote.person == *person && vote.approves == *approves;
        assert_eq!(votes.iter().filter(same).count(), 1, "{id} {person}");
    }
    for id in &said.used {
        assert_eq!(asks[id.as_str()].state, AskState::Used);
    }
    for id in &said.withdrawn {
        let open = [AskState::Open, AskState::Approved].contains(&asks[id.as_str()].state);
        assert!(!open, "{id}");
    }
    let grants = desk.grants(false).await.unwrap();
    let by_ask: HashSet<_> = grants
        .iter()
        .filter_map(|grant| grant.ask.as_ref())
        .collect();
    assert_eq!(
        by_ask.len(),
        grants.iter().filter(|grant| grant.ask.is_some()).count()
    );
    let grants: HashMap<&str, &Grant> = grants.iter().map(|it| (it.id.0.as_str(), it)).collect();
    for ask in asks.values() {
        assert!(
            ask.grant
                .as_ref()
                .is_none_or(|id| grants.contains_key(id.0.as_str()))
        );
    }
    assert!(
        said.grants
            .iter()
            .all(|id| grants.contains_key(id.as_str()))
    );
    assert!(
        said.active
            .iter()
            .all(|id| grants[id.as_str()].activated.is_some())
    );
    assert!(
        said.revoked
            .iter()
            .all(|id| grants[id.as_str()].state == GrantState::Revoked)
    );
    let usage = desk.usage(&key(), clock::now()).await.unwrap();
    assert!(usage.queries_day >= said.spent, "{} {usage:?}", said.spent);
    check_outbox(&desk, said).await;
}

/// Everything was told of, in one order without gaps, and nothing twice.
async fn check_outbox(desk: &Desk, said: &Said) {
    let mut reader = desk.ledger.reader().await.unwrap();
    let rows: Vec<(i64, String)> = sqlx::query_as("SELECT seq, body FROM events ORDER BY seq")
        .fetch_all(reader.connection())
        .await
        .unwrap();
    let mut once = HashSet::new();
    for (expected, (seq, body)) in (1..).zip(&rows) {
        assert_eq!(*seq, expected);
        let event: Event = serde_json::from_str(body).unwrap();
        let about = event
            .ask
            .map(|ask| ask.id.0)
            .or_else(|| event.grant.map(|grant| grant.id.0));
        let about = about.unwrap();
        if event.kind != EventKind::AskVoted {
            assert!(
                once.insert((event.kind, about.clone())),
                "{} {about}",
                event.kind
            );
        }
    }
    let told = |kind: EventKind, id: &String| once.contains(&(kind, id.clone()));
    assert!(said.asks.keys().all(|id| told(EventKind::AskOpened, id)));
    assert!(said.used.iter().all(|id| told(EventKind::AskUsed, id)));
    assert!(said.grants.iter().all(|id| told(EventKind::GrantGiven, id)));
    assert!(
        said.revoked
            .iter()
            .all(|id| told(EventKind::GrantRevoked, id))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that is killed; its parent starts it"]
async fn child() {
    let path = std::env::var_os(PLACE).expect("the parent names the store");
    let desk = Desk::open(Path::new(&path), Arc::new(Blind)).await.unwrap();
    let known: Vec<AskId> = desk
        .asks(false)
        .await
        .unwrap()
        .into_iter()
        .map(|it| it.id)
        .collect();
    let known = Arc::new(Mutex::new(known));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (desk, known) = (desk.clone(), Arc::clone(&known));
            tokio::spawn(async move {
                for _ in 0..ROUNDS_MAX {
                    act(&desk, &known).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn random() -> u8 {
    let mut byte = [0];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut byte).unwrap();
    byte[0]
}

/// Only what the store itself cannot do is a failure; the rest is an answer like any other.
fn expected<T>(result: Result<T, AccessError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ AccessError::Store { .. }) => panic!("{error:?}"),
        Err(_) => None,
    }
}

async fn act(desk: &Desk, known: &Mutex<Vec<AskId>>) {
    let now = clock::now();
    let pick = || {
        let known = known.lock().unwrap();
        // The later ones: the earlier ones are decided.
        let latest = known.len().saturating_sub(1 + usize::from(random()) % 16);
        known.get(latest).cloned()
    };
    match random() % 16 {
        0..=3 => act_ask(desk, known).await,
        4..=9 => {
            let Some(id) = pick() else { return };
            let (person, approves) = (random() % 5, !random().is_multiple_of(8));
            let uid = 2_000 + u32::from(person);
            let person = format!("p{person}");
            let voted = desk.vote(&id, vote(&person, uid, approves), now).await;
            if let Some(ask) = expected(voted) {
                println!("done vote {id} {person} {approves}.");
                if let Some(grant) = ask.grant {
                    println!("done grant {grant}.");
                }
            }
        }
        10 | 11 => {
            let Some(id) = pick() else { return };
            let ask = desk.find(&id).await.unwrap();
            if let Subject::Statement(statement) = ask.subject
                && expected(desk.consume(&id, &statement.digest, now).await).is_some()
            {
                println!("done used {id}.");
            }
        }
        12 => {
            let Some(id) = pick() else { return };
            if random().is_multiple_of(4) && expected(desk.withdraw(&id, now).await).is_some() {
                println!("done withdrawn {id}.");
            }
        }
        13 => {
            let mut key = key();
            key.workload = workload();
            desk.roles(&key, "", now).await.unwrap();
            for grant in desk.grants(true).await.unwrap() {
                if grant.activated.is_some() {
                    println!("done active {}.", grant.id);
                }
            }
        }
        14 => {
            let live = desk.grants(true).await.unwrap();
            if let Some(grant) = live.get(usize::from(random() % 8))
                && expected(desk.revoke(&grant.id, "root", now).await).is_some()
            {
                println!("done revoked {}.", grant.id);
            }
        }
        _ => {
            let queries = u64::from(random() % 4);
            let spend = Spend {
                queries,
                ..Spend::default()
            };
            desk.spend(&key(), spend, now).await.unwrap();
            println!("done spent {queries}.");
        }
    }
}

async fn act_ask(desk: &Desk, known: &Mutex<Vec<AskId>>) {
    let (ask, what) = new_ask();
    if let Some(ask) = expected(desk.ask(ask, clock::now()).await) {
        println!("done ask {} {what}.", ask.id);
        known.lock().unwrap().push(ask.id);
    }
}

/// A new ask of its own kind, and what it is for.
fn new_ask() -> (NewAsk, String) {
    let what = id::random("d", id::LONG).unwrap();
    let mut ask = statement(&what);
    ask.terms.approvals = u32::from(1 + random() % 2);
    if random().is_multiple_of(3) {
        ask = role(30);
        ask.subject = Subject::Role {
            role: what.clone(),
            duration: Duration::from_secs(1_800),
        };
        ask.account = String::new();
    }
    ask.asker.workload = workload();
    ask.terms.wait = Duration::from_secs(86_400);
    (ask, what)
}

/// Enough of them that none has too many open asks.
fn workload() -> String {
    format!("w{}", random())
}
