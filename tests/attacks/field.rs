//! The field on which attacks are tried: a scope, a daemon, and something worth reaching.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tests::{Client, Daemon, Environment, Output, Warehouse, daemon, layout};

const WAREHOUSE: &str = r#"
[[user]]
name = "ANALYST"
password = "real-password-of-analyst"
"#;

/// A scope with its daemon, and a target on TCP and UDP port 443 that counts what reaches it.
///
/// The environment is dropped last: it holds the addresses.
pub(crate) struct Field {
    pub(crate) daemon: Daemon,
    _warehouse: Warehouse,
    target: Target,
    pub(crate) environment: Environment,
}

impl Field {
    pub(crate) fn new(name: &str) -> Self {
        let environment = Environment::new(name).unwrap();
        let warehouse = Warehouse::start(&environment, WAREHOUSE).unwrap();
        let secret = environment.dir().join("password");
        fs::write(&secret, "real-password-of-analyst").unwrap();
        set_private(&secret);
        let setup = daemon::Setup {
            credentials: &format!(
                "[[credential]]\nname = \"c\"\naccount = \"testorg-testacct\"\nkind = \"password\"\n\
                 user = \"ANALYST\"\npassword = {{ file = \"{}\" }}",
                secret.display()
            ),
            default_credential: "c",
            workloads: "",
            policy: "",
            labels: "",
            scope: "",
            record: "",
            more: "",
        };
        let daemon = Daemon::start(&environment, &warehouse, &setup).unwrap();
        let target = Target::open(environment.addresses().stranger());
        Self {
            environment,
            daemon,
            _warehouse: warehouse,
            target,
        }
    }

    /// Runs a Python program in the scope, with the target's address as its argument.
    pub(crate) fn inside(&self, program: &str) -> Output {
        self.run(self.environment.inside(layout::warehouse_python()), program)
    }

    /// Runs the same outside, where nothing is in its way.
    pub(crate) fn outside(&self, program: &str) -> Output {
        self.run(
            self.environment.outside(layout::warehouse_python()),
            program,
        )
    }

    fn run(&self, client: Client, program: &str) -> Output {
        let target = self.environment.addresses().stranger().to_string();
        client
            .args(["-c", &format!("{PRELUDE}{program}"), &target])
            .output()
            .unwrap()
    }

    /// How often the target was reached since the last time this was asked.
    pub(crate) fn reached(&self) -> usize {
        self.target.reached.swap(0, Ordering::SeqCst)
    }

    /// Runs an attack outside, where it must reach the target, and inside, where it must not.
    #[track_caller]
    pub(crate) fn check(&self, attack: &str) -> Output {
        let free = self.outside(attack);
        assert!(
            self.reached() > 0,
            "the attack does not work even outside: {free:?}"
        );
        let output = self.inside(attack);
        assert_eq!(self.reached(), 0, "bypass: {output:?}");
        output
    }
}

/// Something worth reaching, on TCP and UDP port 443.
struct Target {
    address: (Ipv4Addr, u16),
    reached: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Target {
    /// Listens until it is dropped. It counts before the peer sees the first byte of the answer, so
    /// an attack that waits for it is counted when it ends.
    fn open(address: Ipv4Addr) -> Self {
        let address = (address, 443);
        let reached = Arc::<AtomicUsize>::default();
        let closed = Arc::<AtomicBool>::default();
        let tcp = TcpListener::bind(address).unwrap();
        let (count, end) = (Arc::clone(&reached), Arc::clone(&closed));
        let accept = thread::spawn(move || {
            for stream in tcp.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                drop(stream.and_then(|mut stream| stream.write_all(b"reached")));
            }
        });
        let udp = UdpSocket::bind(address).unwrap();
        let (count, end) = (Arc::clone(&reached), Arc::clone(&closed));
        let receive = thread::spawn(move || {
            while let Ok((_, peer)) = udp.recv_from(&mut [0; 64]) {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                drop(udp.send_to(b"reached", peer));
            }
        });
        Self {
            address,
            reached,
            closed,
            threads: vec![accept, receive],
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Each thread waits for one more peer: this is it.
        self.closed.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let knock = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        drop(knock.and_then(|socket| socket.send_to(b"", self.address)));
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn set_private(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// What the attacks share: where to, and how to be sure to have arrived.
const PRELUDE: &str = r#"
import os, socket, subprocess, sys
TARGET = sys.argv[1]

def arrive(s):
    s.settimeout(3)
    print("arrived", s.recv(7))

"#;
