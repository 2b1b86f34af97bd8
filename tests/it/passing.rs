//! Connections that are not Snowflake's: passed untouched, unless Snowflake is behind them.

use serde_json::Value;
use tests::environment::{ACCOUNT_HOST, STRANGER_HOST};
use tests::process::Process;

use crate::bench::{Bench, Plan, reported};

/// A TLS server at an address of its own, with a certificate for the names it is given. It answers
/// every connection with what the client sent.
const SERVER: &str = r"
import pathlib, socket, ssl, subprocess, sys, threading
address, directory, names = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-subj', '/CN=stranger', '-addext', 'subjectAltName=' + names, '-days', '2',
    '-keyout', directory / 'stranger.key', '-out', directory / 'stranger.crt'], check=True, stderr=subprocess.DEVNULL)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(directory / 'stranger.crt', directory / 'stranger.key')
listener = socket.create_server((address, 443))
print('ready', flush=True)
def serve(stream):
    try:
        with context.wrap_socket(stream, server_side=True) as stream:
            while data := stream.recv(65536):
                print('received', data.decode(), flush=True)
                stream.sendall(data.upper())
    except OSError:
        pass
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
";

/// Speaks to a name at an address, with the stranger's own certificate as the one to trust.
const CLIENT: &str = r"
import sys
from client import *
name, host, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
context.check_hostname = False
try:
    stream = tls(name, host, context)
    stream.sendall(b'hello stranger')
    report(stream.recv(100).decode())
except ssl.SSLError as error:
    report(error.reason)
";

struct Street {
    bench: Bench,
    server: Process,
}

impl Street {
    fn new(name: &str, names: &str, scope: &str) -> Self {
        let plan = Plan {
            scope,
            ..Plan::default()
        };
        let bench = Bench::with(name, &plan);
        let address = bench.environment.addresses().stranger().to_string();
        let directory = bench.environment.dir().to_owned();
        let mut server = bench
            .python_outside(SERVER)
            .args([&address, directory.to_str().unwrap(), names])
            .start("stranger")
            .unwrap();
        let log = directory.join("stranger.log");
        let limit = std::time::Duration::from_secs(10);
        server
            .wait_until(limit, || {
                std::fs::read_to_string(&log).is_ok_and(|log| log.contains("ready"))
            })
            .unwrap();
        Self { bench, server }
    }

    /// Connects from the scope, naming `name` in the hello.
    fn visit(&self, name: &str, host: &str) -> Value {
        let authority = self.bench.environment.dir().join("stranger.crt");
        let client = self.bench.python(CLIENT).args([name, host]).arg(authority);
        reported(&client.output().unwrap())
    }

    #[track_caller]
    fn assert_refused(&self, reason: &str) {
        let seen = self.visit(STRANGER_HOST, STRANGER_HOST);
        assert_eq!(seen, "UNEXPECTED_EOF_WHILE_READING");
        self.assert_refused_once(reason, STRANGER_HOST);
        assert!(
            !self.server.log().contains("received"),
            "a byte got through"
        );
    }

    #[track_caller]
    fn assert_refused_once(&self, reason: &str, name: &str) {
        let sample = format!("snowfence_connections_refused_total{{reason=\"{reason}\"}}");
        self.bench.await_metric(&sample, 1.0);
        let frames = self.bench.await_endings(reason, 1);
        let names = frames.iter().filter(|frame| {
            frame.payload.get("reason").is_some_and(|it| it == reason)
                && frame.payload["server_name"] == name
        });
        assert_eq!(names.count(), 1, "{frames:#?}");
    }
}

#[test]
fn another_name_passes_to_where_we_find_it_unless_that_is_snowflake() {
    let street = Street::new("passes", "DNS:example.com", "");
    let account = street.bench.environment.addresses().account().to_string();
    assert_eq!(street.visit(STRANGER_HOST, STRANGER_HOST), "HELLO STRANGER");
    assert_eq!(
        street.visit(STRANGER_HOST, &account),
        "HELLO STRANGER",
        "we dial the address that we resolve, not the one that the client wanted"
    );
    let received = street.bench.warehouse.received().unwrap();
    assert_eq!(received, Vec::<Value>::new());
    let passed = "snowfence_connections_total{kind=\"passed\"}";
    street.bench.await_metric(passed, 2.0);

    // From the first login on, the address is known to be Snowflake's.
    street.bench.assert_serves();
    assert_eq!(
        street.visit(STRANGER_HOST, &account),
        "UNEXPECTED_EOF_WHILE_READING"
    );
    street.assert_refused_once("known_address", STRANGER_HOST);
    assert_eq!(street.visit(STRANGER_HOST, STRANGER_HOST), "HELLO STRANGER");
    street.bench.await_metric(passed, 3.0);
}

#[test]
fn a_server_with_a_certificate_of_snowflake_is_not_passed_to() {
    let names = format!("DNS:example.com,DNS:{ACCOUNT_HOST}");
    let street = Street::new("disguised", &names, "");
    street.assert_refused("disguised_snowflake");
    street.bench.assert_serves();
}

#[test]
fn a_scope_can_refuse_every_other_name() {
    let street = Street::new("denied", "DNS:example.com", "other_tls = \"deny\"");
    street.assert_refused("other_denied");
    street.bench.assert_serves();
}
