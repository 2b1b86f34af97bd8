//! Round trips over the socket and the port.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use prometheus::{IntCounter, Registry};
use tempfile::TempDir;

use super::{Admin, AdminError, AdminThread, RecorderStatus, ScopeStatus, Status, client, start};
use crate::config;
use crate::local::BindError;

fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 7,
        scopes: vec![ScopeStatus {
            cgroup: "/agents.slice".to_owned(),
            enforced: true,
        }],
        counters: [("flows_taken".to_owned(), 3)].into(),
        recorder: RecorderStatus {
            writable: true,
            ..RecorderStatus::default()
        },
        ..Status::default()
    }
}

#[track_caller]
fn run(dir: &Path, status: Status) -> Result<AdminThread, AdminError> {
    let registry = Registry::new();
    let counter = IntCounter::new("snowfence_test_total", "a counter").expect("a valid name");
    counter.inc();
    registry
        .register(Box::new(counter))
        .expect("registered once");
    let config = config::Admin {
        socket: dir.join("run/admin.sock"),
        metrics: Some(([127, 0, 0, 1], 0).into()),
    };
    start(
        &config,
        Admin {
            registry,
            status: Arc::new(move || status.clone()),
        },
    )
}

fn ask(mut stream: impl io::Read + io::Write, head: &str) -> String {
    let request = format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

/// What the port answers to `head` while the daemon is in `status`.
#[track_caller]
fn check_port(status: Status, head: &str, line: &str, body: &str) {
    let dir = TempDir::new().expect("a directory");
    let thread = run(dir.path(), status).expect("started");
    let address = thread.metrics_address().expect("a port");
    let answer = ask(TcpStream::connect(address).expect("connected"), head);
    assert!(answer.starts_with(line), "{answer}");
    assert!(answer.contains(body), "{answer}");
    thread.shutdown();
}

#[tokio::test]
async fn a_status_comes_back_as_it_was() {
    let dir = TempDir::new().expect("a directory");
    let thread = run(dir.path(), status()).expect("started");
    let path = dir.path().join("run/admin.sock");
    let answer = client::status(&path).await.expect("answered");
    assert_eq!(answer, status());
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    thread.shutdown();
    assert!(!path.exists());
    assert!(matches!(
        client::status(&path).await,
        Err(client::AskError::Connect { .. })
    ));
}

#[test]
fn the_port_serves_metrics_and_health_and_no_status() {
    check_port(
        status(),
        "GET /metrics",
        "HTTP/1.1 200",
        "snowfence_test_total 1",
    );
    check_port(status(), "GET /health", "HTTP/1.1 200", "ok");
    check_port(status(), "GET /v1/status", "HTTP/1.1 404", "not found");
    check_port(status(), "POST /metrics", "HTTP/1.1 405", "only GET");
    check_port(status(), "GET //metrics", "HTTP/1.1 404", "not found");
}

#[test]
fn health_fails_when_a_scope_is_open_or_nothing_is_recorded() {
    let mut open = status();
    open.scopes[0].enforced = false;
    check_port(
        open,
        "GET /health",
        "HTTP/1.1 503",
        "a scope is not enforced",
    );
    let mut mute = status();
    mute.recorder.writable = false;
    check_port(
        mute,
        "GET /health",
        "HTTP/1.1 503",
        "the recorder cannot write\n",
    );
    let mut short = status();
    short.recorder.writable = false;
    short.recorder.low_space = true;
    check_port(
        short,
        "GET /health",
        "HTTP/1.1 503",
        "its file system has less free space than its reserve",
    );
}

#[test]
fn the_socket_of_a_dead_daemon_is_replaced() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("run/admin.sock");
    fs::create_dir(dir.path().join("run")).expect("created");
    drop(UnixListener::bind(&path).expect("bound"));
    let thread = run(dir.path(), status()).expect("started");
    let answer = ask(
        UnixStream::connect(&path).expect("connected"),
        "GET /health",
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    thread.shutdown();
}

#[test]
fn the_socket_of_a_live_daemon_is_left_alone() {
    let dir = TempDir::new().expect("a directory");
    let first = run(dir.path(), status()).expect("started");
    assert!(matches!(
        run(dir.path(), status()),
        Err(AdminError::Socket(BindError::Running { .. }))
    ));
    let path = dir.path().join("run/admin.sock");
    let answer = ask(UnixStream::connect(path).expect("connected"), "GET /health");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    first.shutdown();
}

#[test]
fn the_dead_socket_that_another_daemon_is_about_to_replace_is_left_to_it() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("run/admin.sock");
    fs::create_dir(dir.path().join("run")).expect("created");
    drop(UnixListener::bind(&path).expect("bound"));
    let lock = fs::File::create(path.with_extension("lock")).expect("created");
    lock.lock().expect("locked");
    assert!(matches!(
        run(dir.path(), status()),
        Err(AdminError::Socket(BindError::Running { .. }))
    ));
    assert!(path.exists());
    drop(lock);
    run(dir.path(), status()).expect("started").shutdown();
}

#[test]
fn a_file_in_place_of_the_socket_is_not_removed() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("run/admin.sock");
    fs::create_dir(dir.path().join("run")).expect("created");
    fs::write(&path, "precious").expect("written");
    assert!(matches!(
        run(dir.path(), status()),
        Err(AdminError::Socket(BindError::Bind { .. }))
    ));
    assert_eq!(fs::read_to_string(&path).expect("there"), "precious");
}
