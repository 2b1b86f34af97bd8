//! Every kind of socket that could carry bytes out.

use std::fs;

use tests::cgroup::Place;

use crate::field::Field;

#[test]
fn a_connect_of_any_kind_never_arrives_unredirected() {
    let field = Field::new("connect");
    field.check("arrive(socket.create_connection((TARGET, 443), 3))");
    field.check(
        "s = socket.socket(socket.AF_INET6); s.settimeout(3)\n\
         s.connect(('::ffff:' + TARGET, 443)); arrive(s)",
    );
    field.check(
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.settimeout(3)\n\
         s.connect((TARGET, 443)); arrive(s)",
    );
    // Non-blocking, and from a grandchild that nobody waits for by name.
    field.check(
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        \
         s = socket.socket(); s.setblocking(False); s.connect_ex((TARGET, 443)); arrive(s)\n    \
         else: os.wait()\n\
         else: os.wait()",
    );
}

#[test]
fn a_socket_made_outside_does_not_connect_from_inside() {
    let field = Field::new("moved");
    let attack = |place| {
        let procs = field.environment.tree().path(place).join("cgroup.procs");
        format!(
            "s = socket.socket(); s.settimeout(3)\nopen({procs:?}, 'w').write(str(os.getpid()))\n\
             s.connect((TARGET, 443)); arrive(s)"
        )
    };
    field.outside(&attack(Place::Free));
    assert_eq!(field.reached(), 1);
    let output = field.outside(&attack(Place::Agents));
    assert_eq!(field.reached(), 0, "bypass: {output:?}");
}

#[test]
fn udp_to_the_https_port_is_refused() {
    let field = Field::new("udp");
    let sent = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                s.sendto(b'x', (TARGET, 443)); arrive(s)";
    assert!(field.check(sent).stderr.contains("PermissionError"));
    let connected = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                     s.connect((TARGET, 443)); s.send(b'x'); arrive(s)";
    field.check(connected);
    let mapped = "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n\
                  s.sendto(b'x', ('::ffff:' + TARGET, 443)); arrive(s)";
    field.check(mapped);
}

#[test]
fn fast_open_carries_nothing_out() {
    let field = Field::new("fastopen");
    // With a cookie or without, the data goes with the first segment or the handshake follows.
    field.check(
        "s = socket.socket()\n\
         s.sendto(b'x', socket.MSG_FASTOPEN, (TARGET, 443)); arrive(s)",
    );
}

/// Runs a program that makes a socket: outside it can, inside it cannot.
#[track_caller]
fn check_refused(field: &Field, make: &str) {
    let outside = field.outside(make);
    assert!(outside.status.success(), "not even outside: {outside:?}");
    let inside = field.inside(make);
    assert!(!inside.status.success(), "{inside:?}");
}

#[test]
fn raw_sockets_are_refused() {
    let field = Field::new("raw");
    check_refused(
        &field,
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)",
    );
    check_refused(
        &field,
        "socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_UDP)",
    );
}

#[test]
fn transports_that_the_redirect_does_not_see_are_refused() {
    let field = Field::new("transport");
    // 262 is MPTCP. SCTP is not tried: without its module it fails everywhere.
    check_refused(
        &field,
        "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)",
    );
    check_refused(
        &field,
        "socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 262)",
    );
}

#[test]
fn a_dead_daemon_means_refused() {
    let mut field = Field::new("dead");
    field.daemon.process().kill().unwrap();
    let attack = "arrive(socket.create_connection((TARGET, 443), 3))";
    assert!(
        field
            .check(attack)
            .stderr
            .contains("ConnectionRefusedError")
    );
}

#[test]
fn the_listener_serves_nobody_without_a_flow() {
    let mut field = Field::new("listener");
    // The peer that the kernel shows is the address that was asked for; the listener's own is found
    // among the sockets of the daemon.
    let knock = "
import re
for line in open('/proc/net/tcp').read().splitlines()[1:]:
    fields = line.split()
    address, port = fields[1].split(':')
    if fields[3] != '0A' or address != '0100007F':
        continue
    try:
        s = socket.create_connection(('127.0.0.1', int(port, 16)), 3)
        s.settimeout(3)
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: testorg-testacct.snowflakecomputing.com\\r\\n\\r\\n')
        if s.recv(64).startswith((b'HTTP', bytes([21]), bytes([22]))):
            print('served by', int(port, 16))
    except OSError:
        pass
";
    let pid = field.daemon.process().id();
    let ports = listening(pid);
    assert!(!ports.is_empty());
    let output = field.outside(knock);
    for port in ports {
        assert!(
            !output.stdout.contains(&format!("served by {port}\n")),
            "{output:?}"
        );
    }
}

/// The TCP ports on 127.0.0.1 on which a process listens.
fn listening(pid: u32) -> Vec<u16> {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|fd| fs::read_link(fd.unwrap().path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .into(),
            )
        })
        .collect();
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let port = fields.get(1)?.strip_prefix("0100007F:")?;
            let listens =
                *fields.get(3)? == "0A" && sockets.contains(&(*fields.get(9)?).to_owned());
            listens.then(|| u16::from_str_radix(port, 16).ok())?
        })
        .collect()
}
