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

/// Connects a datagram socket, and sends through it before and after a line of input.
///
/// A third argument is a destination option that goes between the IPv6 header and the ports.
const SEND: &str = r"
import errno, socket, sys
s = socket.socket(getattr(socket, sys.argv[1]), socket.SOCK_DGRAM)
s.connect((sys.argv[2], 443))
if len(sys.argv) > 3:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes.fromhex(sys.argv[3]))
for _ in range(2):
    try:
        s.send(b'x')
        print('sent', flush=True)
    except OSError as e:
        print(errno.errorcode[e.errno], flush=True)
    sys.stdin.readline()
";

#[test]
fn datagrams_of_a_socket_from_before_the_start_are_dropped() {
    let bench = Bench::new();
    let _v4 = std::net::UdpSocket::bind(bench.snowflake.address).unwrap();
    let _v6 = std::net::UdpSocket::bind("[::1]:443").unwrap();
    let host = bench.snowflake.address.ip().to_string();
    // A header of eight bytes that is all padding.
    let option = "0000010400000000";
    let ways: [&[&str]; 3] = [
        &["AF_INET", &host],
        &["AF_INET6", "::1"],
        &["AF_INET6", "::1", option],
    ];
    let mut inside = ways.map(|way| bench.start(&bench.agents(), SEND, way));
    let mut outside = ways.map(|way| bench.start(&bench.outside(), SEND, way));
    for client in inside.iter_mut().chain(&mut outside) {
        assert_eq!(client.line(), "sent");
    }
    let kernel = bench.enforced();
    for client in &mut inside {
        client.tell("");
        assert_eq!(client.line(), "EPERM");
    }
    for client in &mut outside {
        client.tell("");
        assert_eq!(client.line(), "sent");
    }
    assert_eq!(counted(&kernel, Counter::DroppedEgress), 3);
}

/// Attaches a `connect4` program of its own, which sends what we redirected on to Snowflake.
///
/// It stands for everything that can move a packet after us: address translation does the same.
const DIVERT: &str = r"
import ctypes, os, platform, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
BPF = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
PROG_LOAD, LINK_CREATE, SOCK_ADDR, CONNECT4 = 5, 28, 18, 10
def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = libc.syscall(BPF, command, buffer, len(attributes))
    assert result >= 0, os.strerror(ctypes.get_errno())
    return result
def instruction(code, registers, offset, value):
    return struct.pack('<BBhI', code, registers, offset, value)
address = struct.unpack('<I', socket.inet_aton(sys.argv[2]))[0]
STORE, MOVE, EXIT, IP, PORT = 0x63, 0xb7, 0x95, 4, 24
program = b''.join([
    instruction(MOVE, 2, 0, address), instruction(STORE, 0x21, IP, 0),
    instruction(MOVE, 2, 0, socket.htons(443)), instruction(STORE, 0x21, PORT, 0),
    instruction(MOVE, 0, 0, 1), instruction(EXIT, 0, 0, 0),
])
code, license = ctypes.create_string_buffer(program), ctypes.create_string_buffer(b'GPL')
loaded = bpf(PROG_LOAD, struct.pack('<IIQQIIQII16sII', SOCK_ADDR, len(program) // 8,
    ctypes.addressof(code), ctypes.addressof(license), 0, 0, 0, 0, 0, b'divert', 0, CONNECT4))
cgroup = os.open(sys.argv[1], os.O_RDONLY)
link = bpf(LINK_CREATE, struct.pack('<IIII', loaded, cgroup, CONNECT4, 0))
print('attached', flush=True)
sys.stdin.read()
";

#[test]
fn a_redirected_connection_that_is_led_elsewhere_does_not_get_there() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let directory = bench.directory(&bench.attach());
    let host = bench.snowflake.address.ip().to_string();
    let arguments = [directory.to_str().unwrap(), &host];
    let mut divert = bench.start(&bench.outside(), DIVERT, &arguments);
    assert_eq!(divert.line(), "attached");
    let attempt = "s = socket.socket(); s.settimeout(1); s.connect((host, 443))";
    check(&bench, &bench.agents(), attempt, "timed out");
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(counted(&kernel, Counter::Redirected), 1);
    assert!(counted(&kernel, Counter::DroppedStray) >= 1);
    assert_eq!(kernel.flow_count(), 0, "the flow ends with its socket");

    // Nor does one that was not redirected; what is none of our business does get there.
    let other = "s = socket.socket(); s.settimeout(1); s.connect(('127.0.0.1', 1))";
    check(&bench, &bench.agents(), other, "timed out");
    assert!(counted(&kernel, Counter::DroppedEgress) >= 1);
    assert_eq!(bench.snowflake.direct(), 0);
    check(&bench, &bench.outside(), other, "ok");
}
