//! The ways round the redirect, closed.

use agent::kernel::Counter;

use crate::harness::{Bench, counted};

/// Runs a line of Python and prints `ok`, or the name of the error that it raised.
const ATTEMPT: &str = r"
import errno, socket, sys
host = sys.argv[2]
try:
    exec(sys.argv[1])
    print('ok', flush=True)
except OSError as e:
    print(errno.errorcode.get(e.errno, str(e)), flush=True)
";

#[track_caller]
fn check(bench: &Bench, cgroup: &str, line: &str, expected: &str) {
    let host = bench.snowflake.address.ip().to_string();
    let mut client = bench.start(cgroup, ATTEMPT, &[line, &host]);
    assert_eq!(client.line(), expected, "{line}");
}

#[test]
fn udp_to_an_intercepted_port_is_refused() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let agents = bench.agents();
    let unconnected = "socket.socket(2, 2).sendto(b'x', (host, 443))";
    let connected = "socket.socket(2, 2).connect((host, 443))";
    let v6 = "socket.socket(10, 2).sendto(b'x', ('::1', 443))";
    let mapped = "socket.socket(10, 2).sendto(b'x', ('::ffff:' + host, 443))";
    for line in [unconnected, connected, v6, mapped] {
        check(&bench, &agents, line, "EPERM");
        check(&bench, &bench.outside(), line, "ok");
    }
    assert_eq!(counted(&kernel, Counter::DeniedUdp), 4);
    check(
        &bench,
        &agents,
        "socket.socket(2, 2).sendto(b'x', (host, 5353))",
        "ok",
    );
}

#[test]
fn sockets_that_could_carry_a_connection_past_us_are_refused() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    for (line, expected, counter) in [
        ("socket.socket(2, 3, 6)", "EPERM", Counter::DeniedRaw),
        ("socket.socket(10, 3, 58)", "EPERM", Counter::DeniedRaw),
        (
            "socket.socket(2, 1, 262)",
            "EPROTONOSUPPORT",
            Counter::DeniedMptcp,
        ),
    ] {
        let before = counted(&kernel, counter);
        check(&bench, &bench.agents(), line, expected);
        assert_eq!(counted(&kernel, counter), before + 1, "{line}");
        check(&bench, &bench.outside(), line, "ok");
    }
}

#[test]
fn a_known_address_is_out_of_reach_by_any_other_way() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let tcp = "s = socket.socket(); s.settimeout(5); s.connect((host, 8443))";
    let udp = "socket.socket(2, 2).sendto(b'x', (host, 5353))";
    check(&bench, &bench.agents(), tcp, "ECONNREFUSED");
    check(&bench, &bench.agents(), udp, "ok");
    kernel.learn_address(bench.snowflake.address.ip()).unwrap();
    check(&bench, &bench.agents(), tcp, "EPERM");
    check(&bench, &bench.agents(), udp, "EPERM");
    assert_eq!(counted(&kernel, Counter::DeniedKnownAddress), 2);
    check(&bench, &bench.outside(), tcp, "ECONNREFUSED");
    // The intercepted port still leads to us.
    let _client = bench.connect_snowflake(&bench.agents());
    bench.listeners.expect_flow(&kernel);
}

#[test]
fn a_namespace_without_a_listener_is_refused() {
    const PROGRAM: &str = r"
import ctypes, errno, socket, sys
CLONE_NEWNET = 0x40000000
assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
print(errno.errorcode[socket.socket().connect_ex((sys.argv[1], 443))], flush=True)
print(errno.errorcode[socket.socket().connect_ex((sys.argv[1], 80))], flush=True)
";
    let bench = Bench::new();
    let kernel = bench.enforced();
    let host = bench.snowflake.address.ip().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host]);
    assert_eq!(client.line(), "ECONNREFUSED");
    assert_eq!(
        client.line(),
        "ENETUNREACH",
        "the namespace is what we think it is"
    );
    assert_eq!(counted(&kernel, Counter::RefusedNoListener), 1);
}

#[test]
fn datagrams_of_a_socket_from_before_the_start_are_dropped() {
    const PROGRAM: &str = r"
import errno, socket, sys
s = socket.socket(2, 2)
s.connect((sys.argv[1], 443))
s.send(b'x')
print('sent', flush=True)
sys.stdin.readline()
for _ in range(2):
    try:
        s.send(b'x')
        print('sent', flush=True)
    except OSError as e:
        print(errno.errorcode[e.errno], flush=True)
";
    let bench = Bench::new();
    let server = std::net::UdpSocket::bind(bench.snowflake.address).unwrap();
    let host = bench.snowflake.address.ip().to_string();
    let mut inside = bench.start(&bench.agents(), PROGRAM, &[&host]);
    let mut outside = bench.start(&bench.outside(), PROGRAM, &[&host]);
    assert_eq!(
        (inside.line(), outside.line()),
        ("sent".to_owned(), "sent".to_owned())
    );
    let kernel = bench.enforced();
    inside.tell("");
    outside.tell("");
    assert_eq!(inside.line(), "EPERM");
    assert_eq!(inside.line(), "EPERM");
    assert_eq!(outside.line(), "sent");
    assert_eq!(counted(&kernel, Counter::DroppedEgress), 2);
    drop(server);
}
