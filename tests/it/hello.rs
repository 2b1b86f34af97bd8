//! Clients that never come as far as a request: what they see, what is recorded and counted.

use serde_json::json;

use crate::bench::{Bench, Plan};

const QUICK: Plan<'_> = Plan {
    variables: &[],
    more: "[limits]\nhello_timeout = \"1s\"",
    warehouse: "",
    credentials: None,
    policy: crate::bench::ALLOW_ALL,
    labels: "",
    record: "",
    scope: "",
};

/// Runs a script and checks what it reports, that the refusal is counted and recorded once for
/// each `(reason, times)`, and that the daemon goes on.
#[track_caller]
fn check(bench: &Bench, script: &str, seen: &serde_json::Value, reason: &str, times: usize) {
    let report = bench.ask(&format!("from client import *\n{script}"));
    assert_eq!(&report, seen, "{script}");
    let sample = format!("snowfence_connections_refused_total{{reason=\"{reason}\"}}");
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    bench.await_metric(&sample, times as f64);
    let frames = bench.await_endings(reason, times);
    let callers = frames
        .iter()
        .filter(|frame| frame.payload.get("reason").is_some_and(|it| it == reason))
        .filter(|frame| frame.payload["caller"]["workload"] == "agent");
    assert_eq!(callers.count(), times, "{frames:#?}");
}

#[test]
fn what_is_no_hello_is_refused_and_recorded() {
    let bench = Bench::with("hello", &QUICK);
    check(
        &bench,
        r"
stream = plain()
stream.sendall(bytes(range(255, 0, -1)))
report(rest(stream))",
        &json!("(end)"),
        "not_tls",
        1,
    );
    check(
        &bench,
        r"
def half(after):
    hello = ssl.MemoryBIO()
    machine = trusting().wrap_bio(ssl.MemoryBIO(), hello, server_hostname=HOST)
    try:
        machine.do_handshake()
    except ssl.SSLWantReadError:
        pass
    stream = plain()
    stream.sendall(hello.read()[:100])
    after(stream)
    return rest(stream)
report([half(lambda stream: None), half(lambda stream: stream.shutdown(socket.SHUT_WR))])",
        &json!(["(end)", "(end)"]),
        "hello_timeout",
        2,
    );
    check(
        &bench,
        "report(rest(plain()))",
        &json!("(end)"),
        "hello_timeout",
        3,
    );
    check(
        &bench,
        r"
stream = plain()
# A record with the hello of a server in it.
stream.sendall(b'\x16\x03\x01\x00\x04\x02\x00\x00\x00')
report(rest(stream))",
        &json!("(end)"),
        "hello_malformed",
        1,
    );
    check(
        &bench,
        r"
stream = plain()
stream.sendall(b'POST /session/v1/login-request HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
report(rest(stream).split('\r\n'))",
        &json!([
            "HTTP/1.1 404 Not Found",
            "Content-Type: text/plain",
            "Content-Length: 60",
            "Connection: close",
            "",
            "Snowfence: this port speaks TLS only, use https on port 443\n(end)"
        ]),
        "http",
        1,
    );
    bench.assert_serves();
    bench.assert_record_is_whole();
}

#[test]
fn a_hello_that_is_not_for_us_is_refused_and_recorded() {
    let bench = Bench::with("unnamed", &QUICK);
    check(
        &bench,
        r"
context = trusting()
context.check_hostname = False
stream = plain()
try:
    context.wrap_socket(stream)
    report('a handshake without a name')
except ssl.SSLError as error:
    report(error.reason)",
        &json!("UNEXPECTED_EOF_WHILE_READING"),
        "unnamed",
        1,
    );
    bench.assert_serves();
    bench.assert_record_is_whole();
}

#[test]
fn a_handshake_that_cannot_be_is_refused_and_recorded() {
    let bench = Bench::with("handshake", &QUICK);
    check(
        &bench,
        r"
try:
    tls(context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    report('trusted')
except ssl.SSLError as error:
    report(error.reason)",
        &json!("CERTIFICATE_VERIFY_FAILED"),
        "client_does_not_trust",
        1,
    );
    check(
        &bench,
        r"
context = trusting()
context.set_alpn_protocols(['h2'])
try:
    tls(context=context)
    report('a handshake')
except OSError as error:
    report(str(error).split(' (')[0])",
        &json!("[SSL] tlsv1 alert no application protocol"),
        "handshake",
        1,
    );
    check(
        &bench,
        r"
stream = tls()
stream.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + bytes(9))
report(rest(stream).split('\r\n')[0])",
        &json!("(end)"),
        "bad_http",
        1,
    );
    check(
        &bench,
        r"
stream = tls()
stream.sendall(b'POST  / HTTP/1.1\r\nHost x\r\n\r\n')
report(rest(stream).split('\r\n')[0])",
        &json!("HTTP/1.1 400 Bad Request"),
        "bad_http",
        2,
    );
    bench.assert_serves();
    bench.assert_record_is_whole();
}

#[test]
fn who_does_not_come_through_the_kernel_is_reset() {
    let bench = Bench::new("listener");
    // The listeners are in the log; nothing else tells their ports.
    let log = bench.daemon.log();
    let port = log
        .split("\"v4_port\":")
        .nth(1)
        .and_then(|rest| rest.split(|it: char| !it.is_ascii_digit()).next())
        .unwrap_or_else(|| panic!("{log}"));
    let script = format!(
        "from client import *\n\
         try: report(rest(plain('127.0.0.1', {port})))\n\
         except ConnectionResetError: report('(reset)')"
    );
    let inside = bench.python(&script).output().unwrap();
    let outside = bench.python_outside(&script).output().unwrap();
    for output in [inside, outside] {
        assert_eq!(crate::bench::reported(&output), json!("(reset)"));
    }
    bench.await_metric(
        "snowfence_connections_refused_total{reason=\"no_flow\"}",
        2.0,
    );
    bench.await_endings("no_flow", 2);
    bench.assert_serves();
}
