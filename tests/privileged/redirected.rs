//! What arrives at our listener, and what the kernel says of it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use agent::kernel::{Counter, cgroup_path};

use crate::harness::{Bench, counted, ip};

#[test]
fn an_ipv4_connection_arrives_with_the_facts_of_its_process() {
    const PROGRAM: &str = r"
import os, socket, sys
s = socket.socket()
os.setgid(54321); os.setuid(12345)
s.connect((sys.argv[1], 443))
print(*s.getpeername(), flush=True)
print(s.recv(64).decode(), flush=True)
";
    let bench = Bench::new();
    let kernel = bench.enforced();
    let host = bench.snowflake.address.ip().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host]);

    let mut stream = bench.listeners.accept();
    let flow = bench.listeners.flow(&kernel, &stream).unwrap();
    assert_eq!(flow.original, bench.snowflake.address);
    assert_eq!(flow.cgroup_id, bench.cgroup_id(&bench.agents()));
    assert_eq!(flow.creator_cgroup_id, flow.cgroup_id);
    assert_eq!((flow.tgid, flow.pid), (client.pid(), client.pid()));
    assert_eq!((flow.uid, flow.gid), (12345, 54321));
    assert_eq!(flow.comm, "python3");
    assert_eq!(
        flow.start_time_ns.unwrap() / 10_000_000,
        start_ticks(client.pid())
    );
    let exe = fs::metadata(format!("/proc/{}/exe", client.pid())).unwrap();
    assert_eq!(flow.exe_inode, Some(exe.ino()));
    // On ext4 and xfs, `stat` gives the same device in another encoding.
    println!(
        "device: the flow has {:?}, stat has {}:{}",
        flow.exe_device
            .map(|device| (device >> 20, device & 0xf_ffff)),
        nix::sys::stat::major(exe.dev()),
        nix::sys::stat::minor(exe.dev())
    );

    assert_eq!(kernel.scope_of(flow.cgroup_id), Some(0));
    assert_eq!(cgroup_path(flow.cgroup_id).unwrap(), bench.agents());
    assert_eq!(
        bench.listeners.flow(&kernel, &stream),
        None,
        "a flow is taken once"
    );
    assert_eq!(kernel.flow_count(), 0);

    stream.write_all(b"PROXY").unwrap();
    assert_eq!(
        client.line(),
        format!("{host} 443"),
        "the client sees the address it asked for"
    );
    assert_eq!(client.line(), "PROXY");
    assert_eq!(bench.snowflake.direct(), 0);
    assert_eq!(counted(&kernel, Counter::Redirected), 1);
}

#[test]
fn an_ipv6_connection_arrives_with_its_flow() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let mut client = bench.connect(&bench.agents(), "AF_INET6", "::1", 443);
    let flow = bench.listeners.expect_flow(&kernel);
    assert_eq!(flow.original, "[::1]:443".parse().unwrap());
    assert_eq!(flow.tgid, client.pid());
    assert_eq!(client.line(), "connected ::1 443");
    assert_eq!(client.line(), "PROXY");
}

#[test]
fn a_mapped_address_is_the_ipv4_address_that_it_is() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let host = format!("::ffff:{}", bench.snowflake.address.ip());
    let mut client = bench.connect(&bench.agents(), "AF_INET6", &host, 443);
    let flow = bench.listeners.expect_flow(&kernel);
    assert_eq!(flow.original, bench.snowflake.address);
    assert!(ip(&flow).is_ipv4());
    assert_eq!(client.line(), format!("connected {host} 443"));
    assert_eq!(client.line(), "PROXY");
    assert_eq!(bench.snowflake.direct(), 0);
}

#[test]
fn a_socket_bound_to_an_address_and_one_that_does_not_wait_are_redirected() {
    const PROGRAM: &str = r"
import select, socket, sys
s = socket.socket()
s.bind(('127.5.6.7', 0))
s.setblocking(False)
s.connect_ex((sys.argv[1], 443))
select.select([], [s], [])
s.setblocking(True)
print(s.recv(64).decode(), flush=True)
";
    let bench = Bench::new();
    let kernel = bench.enforced();
    let host = bench.snowflake.address.ip().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host]);
    assert_eq!(
        bench.listeners.expect_flow(&kernel).original,
        bench.snowflake.address
    );
    assert_eq!(client.line(), "PROXY");
}

#[test]
fn a_cgroup_made_below_a_scope_is_in_it_from_the_start() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let inner = format!("{}/inner", bench.agents());
    fs::create_dir(bench.directory(&inner)).unwrap();
    let mut client = bench.connect_snowflake(&inner);
    let flow = bench.listeners.expect_flow(&kernel);
    assert_eq!(flow.cgroup_id, bench.cgroup_id(&inner));
    assert_eq!(kernel.scope_of(flow.cgroup_id), Some(0));
    client.line();
    assert_eq!(client.line(), "PROXY");
    drop(client);
    fs::remove_dir(bench.directory(&inner)).unwrap();
}

#[test]
fn a_process_outside_the_scope_is_left_alone() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let host = bench.snowflake.address.ip();
    let mut client = bench.connect_snowflake(&bench.outside());
    assert_eq!(client.line(), format!("connected {host} 443"));
    assert_eq!(client.line(), "DIRECT");
    assert_eq!(bench.listeners.waiting(), 0);
    assert_eq!(kernel.scope_of(bench.cgroup_id(&bench.outside())), None);
}

#[test]
fn other_ports_are_left_alone() {
    let bench = Bench::new();
    let _kernel = bench.enforced();
    let other = crate::harness::Server::start(([127, 0, 0, 1], 0).into());
    let mut client = bench.connect(
        &bench.agents(),
        "AF_INET",
        "127.0.0.1",
        other.address.port(),
    );
    client.line();
    assert_eq!(client.line(), "DIRECT");
}

/// Makes a socket, has itself moved to the other cgroup, and connects.
const MAKE_MOVE_CONNECT: &str = r"
import os, socket, sys
s = socket.socket()
open(sys.argv[2], 'w').write(str(os.getpid()))
s.connect((sys.argv[1], 443))
print(s.recv(64).decode(), flush=True)
";

#[test]
fn a_socket_made_outside_and_moved_in_is_caught() {
    moved(MAKE_MOVE_CONNECT, Way::In);
}

#[test]
fn a_socket_made_inside_and_moved_out_is_caught() {
    moved(MAKE_MOVE_CONNECT, Way::Out);
}

#[test]
fn a_socket_passed_in_by_an_outsider_is_caught() {
    const PROGRAM: &str = r"
import os, socket, sys
near, far = socket.socketpair()
if os.fork() == 0:
    open(sys.argv[2], 'w').write(str(os.getpid()))
    near.send(b'ready')
    _, fds, _, _ = socket.recv_fds(near, 1, 1)
    s = socket.socket(fileno=fds[0])
    s.connect((sys.argv[1], 443))
    print(s.recv(64).decode(), flush=True)
    os._exit(0)
far.recv(5)
s = socket.socket()
socket.send_fds(far, [b'x'], [s.fileno()])
os.wait()
";
    moved(PROGRAM, Way::In);
}

#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

/// Runs a program that makes a socket in one cgroup and connects it from the other.
#[track_caller]
fn moved(program: &str, way: Way) {
    let bench = Bench::new();
    let kernel = bench.enforced();
    let host = bench.snowflake.address.ip().to_string();
    let (from, to) = match way {
        Way::In => (bench.outside(), bench.agents()),
        Way::Out => (bench.agents(), bench.outside()),
    };
    let procs = bench.directory(&to).join("cgroup.procs");
    let mut client = bench.start(&from, program, &[&host, procs.to_str().unwrap()]);
    let flow = bench.listeners.expect_flow(&kernel);
    assert_eq!(flow.creator_cgroup_id, bench.cgroup_id(&from));
    assert_eq!(flow.cgroup_id, bench.cgroup_id(&to));
    assert_eq!(client.line(), "PROXY");
    assert_eq!(client.line(), "", "the program and its child have ended");
    assert_eq!(bench.snowflake.direct(), 0);
}

#[test]
fn a_socket_that_is_used_again_for_another_port_is_free_again() {
    const PROGRAM: &str = r"
import ctypes, socket, struct, sys
s = socket.socket()
s.connect((sys.argv[1], 443))
print(s.recv(64).decode(), flush=True)
unspec = ctypes.create_string_buffer(struct.pack('H14x', socket.AF_UNSPEC))
assert ctypes.CDLL(None).connect(s.fileno(), unspec, 16) == 0
s.connect(('127.0.0.1', int(sys.argv[2])))
print(*s.getpeername(), flush=True)
print(s.recv(64).decode(), flush=True)
";
    let bench = Bench::new();
    let kernel = bench.enforced();
    let other = crate::harness::Server::start(([127, 0, 0, 1], 0).into());
    let host = bench.snowflake.address.ip().to_string();
    let port = other.address.port().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host, &port]);
    bench.listeners.expect_flow(&kernel);
    assert_eq!(client.line(), "PROXY");
    assert_eq!(client.line(), format!("127.0.0.1 {port}"));
    assert_eq!(client.line(), "DIRECT");
}

#[test]
fn a_socket_whose_redirected_connect_failed_is_free_for_another_port() {
    // Two sockets from one address and port to one destination: the second finds it taken, after
    // the decision to redirect it and before its connection begins.
    const PROGRAM: &str = r"
import errno, socket, sys
def bound(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', port))
    return s
first = bound(0)
second = bound(first.getsockname()[1])
first.connect((sys.argv[1], 443))
print(errno.errorcode[second.connect_ex((sys.argv[1], 443))], flush=True)
second.settimeout(2)
second.connect(('127.0.0.1', int(sys.argv[2])))
print(second.recv(64).decode(), flush=True)
sys.stdin.read()
";
    let bench = Bench::new();
    let kernel = bench.enforced();
    let other = crate::harness::Server::start(([127, 0, 0, 1], 0).into());
    let host = bench.snowflake.address.ip().to_string();
    let port = other.address.port().to_string();
    let mut client = bench.start(&bench.agents(), PROGRAM, &[&host, &port]);
    bench.listeners.expect_flow(&kernel);
    assert_eq!(client.line(), "EADDRNOTAVAIL");
    assert_eq!(client.line(), "DIRECT");
    assert_eq!(kernel.flow_count(), 0);
}

#[test]
fn a_connection_to_the_listener_itself_has_no_flow() {
    let bench = Bench::new();
    let kernel = bench.enforced();
    for cgroup in [bench.agents(), bench.outside()] {
        let port = bench.listeners.v4.port();
        let _client = bench.connect(&cgroup, "AF_INET", "127.0.0.1", port);
        let stream = bench.listeners.accept();
        assert_eq!(bench.listeners.flow(&kernel, &stream), None, "{cgroup}");
    }
}

/// Field 22 of `/proc/PID/stat`.
fn start_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(19).unwrap().parse().unwrap()
}
