//! What the tests share: cgroups, a stand-in for Snowflake, a listener of ours, and clients.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use agent::config;
use agent::kernel::{Counter, Flow, Kernel, KernelError, detach, netns_cookie};

/// Far more than anything here takes: only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nine at the cgroup, two at tracepoints.
pub(crate) const LINKS: usize = 11;

const BPFFS: &str = "/sys/fs/bpf";

/// A parent cgroup to attach to, with an enforced child and one that is not.
pub(crate) struct Bench {
    pub(crate) snowflake: Server,
    pub(crate) listeners: Listeners,
    mount: PathBuf,
    name: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let [low, ..] = process.to_le_bytes();
        mount_bpffs();
        let bench = Self {
            snowflake: Server::start(SocketAddr::from(([127, 9, low, number], 443))),
            listeners: Listeners::start(),
            mount: cgroup_mount(),
            name: format!("snowfence-test-{process}-{number}"),
        };
        for cgroup in [bench.attach(), bench.agents(), bench.outside()] {
            bench.make(&cgroup);
        }
        bench
    }

    pub(crate) fn attach(&self) -> String {
        format!("/{}", self.name)
    }

    /// The scope.
    pub(crate) fn agents(&self) -> String {
        format!("/{}/agents", self.name)
    }

    pub(crate) fn outside(&self) -> String {
        format!("/{}/outside", self.name)
    }

    pub(crate) fn pin_dir(&self) -> PathBuf {
        Path::new(BPFFS).join(&self.name)
    }

    pub(crate) fn directory(&self, cgroup: &str) -> PathBuf {
        self.mount.join(cgroup.trim_start_matches('/'))
    }

    pub(crate) fn cgroup_id(&self, cgroup: &str) -> u64 {
        fs::metadata(self.directory(cgroup)).unwrap().ino()
    }

    pub(crate) fn load(&self) -> Kernel {
        self.load_scopes(&[&self.agents()])
    }

    pub(crate) fn load_scopes(&self, cgroups: &[&str]) -> Kernel {
        self.try_load(cgroups).unwrap()
    }

    pub(crate) fn config(&self) -> config::Kernel {
        config::Kernel {
            attach: self.attach(),
            pin_dir: self.pin_dir(),
            ports: vec![443],
        }
    }

    pub(crate) fn try_load(&self, cgroups: &[&str]) -> Result<Kernel, KernelError> {
        let scope = |cgroup: &&str| config::Scope {
            cgroup: (*cgroup).to_owned(),
            other_tls: config::OtherTls::Deny,
            unnamed: config::Unnamed::Deny,
            mode: agent::policy::Mode::Enforce,
            unnamed_networks: Vec::new(),
        };
        let scopes: Vec<_> = cgroups.iter().map(scope).collect();
        Kernel::load(&self.config(), &scopes)
    }

    pub(crate) fn publish(&self, kernel: &Kernel) {
        kernel
            .publish_listener(self.listeners.v4.port(), self.listeners.v6.port())
            .unwrap();
    }

    /// Everything in place, for the first time.
    pub(crate) fn enforced(&self) -> Kernel {
        let mut kernel = self.load();
        self.publish(&kernel);
        let enforced = kernel.enforce().unwrap();
        assert_eq!((enforced.links_created, enforced.links_updated), (LINKS, 0));
        kernel
    }

    pub(crate) fn make(&self, cgroup: &str) {
        fs::create_dir(self.directory(cgroup)).unwrap();
    }

    /// Removes a cgroup that no process is in, or is about to leave.
    pub(crate) fn remove(&self, cgroup: &str) {
        remove(&self.directory(cgroup)).unwrap();
    }

    /// Closes our listeners, as the end of the daemon does, and opens others at other ports.
    pub(crate) fn replace_listeners(&mut self) {
        self.listeners = Listeners::start();
    }

    /// Starts a program in a cgroup: it is in there before its first instruction.
    pub(crate) fn start(&self, cgroup: &str, program: &str, arguments: &[&str]) -> Client {
        let procs = self.directory(cgroup).join("cgroup.procs");
        let child = Command::new("sh")
            .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(procs)
            .args(["python3", "-c", program])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Client::new(child)
    }

    /// Runs [`CONNECT`] in a cgroup.
    pub(crate) fn connect(&self, cgroup: &str, family: &str, host: &str, port: u16) -> Client {
        self.start(cgroup, CONNECT, &[family, host, &port.to_string()])
    }

    pub(crate) fn connect_snowflake(&self, cgroup: &str) -> Client {
        let address = self.snowflake.address;
        self.connect(cgroup, "AF_INET", &address.ip().to_string(), address.port())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Also after a failed test, and nothing here may panic a second time.
        if let Err(error) = detach(&self.pin_dir()) {
            eprintln!("pins are left: {error}");
        }
        if let Err(error) = remove_tree(&self.directory(&self.attach())) {
            eprintln!("cgroups of {} are left: {error}", self.name);
        }
    }
}

/// Removes a cgroup with those below it.
fn remove_tree(cgroup: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cgroup)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    remove(cgroup)
}

/// Waits for what the kernel does in its own time.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = SystemTime::now();
    while !is_so() {
        assert!(start.elapsed().unwrap() < PATIENCE, "never: {what}");
        thread::yield_now();
    }
}

/// Removes a cgroup, with what a failed test left running in it.
fn remove(cgroup: &Path) -> io::Result<()> {
    fs::write(cgroup.join("cgroup.kill"), "1")?;
    let start = SystemTime::now();
    loop {
        match fs::remove_dir(cgroup) {
            // A process leaves its cgroup some time after it was killed.
            Err(error)
                if error.kind() == io::ErrorKind::ResourceBusy
                    && start.elapsed().unwrap_or(PATIENCE) < PATIENCE =>
            {
                thread::yield_now();
            }
            result => return result,
        }
    }
}

/// Connects, prints the peer's address as the socket tells it, then what the peer sends.
///
/// Ends when its standard input does.
pub(crate) const CONNECT: &str = r"
import errno, socket, sys
family, host, port = sys.argv[1:]
try:
    s = socket.socket(getattr(socket, family), socket.SOCK_STREAM)
    s.settimeout(20)
    s.connect((host, int(port)))
    name = s.getpeername()
    print('connected', name[0], name[1], flush=True)
    print(s.recv(64).decode(), flush=True)
except OSError as e:
    print(errno.errorcode.get(e.errno, str(e)), flush=True)
sys.stdin.read()
";

/// A process of ours, killed and reaped at the end.
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn new(mut child: Child) -> Self {
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            input,
            output,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints; empty when it ended.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the client {} is left", self.child.id());
        }
    }
}

/// Answers every TCP connection with `DIRECT`.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    _acceptor: Acceptor,
}

impl Server {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        // Kept open: a test looks at what becomes of the connection.
        let mut streams = Vec::new();
        let acceptor = Acceptor::start(TcpListener::bind(address).unwrap(), move |mut stream| {
            counter.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"DIRECT").unwrap();
            streams.push(stream);
        });
        Self {
            address: acceptor.address,
            accepted,
            _acceptor: acceptor,
        }
    }

    /// The connections that came past us.
    pub(crate) fn direct(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Our listeners, as the daemon has them.
pub(crate) struct Listeners {
    pub(crate) v4: SocketAddr,
    pub(crate) v6: SocketAddr,
    cookie: u64,
    accepted: Receiver<TcpStream>,
    _acceptors: [Acceptor; 2],
}

impl Listeners {
    pub(crate) fn start() -> Self {
        let (sender, accepted) = mpsc::channel();
        let forward = |sender: Sender<TcpStream>| {
            move |stream| {
                // Nobody waits any more when the test is over.
                drop(sender.send(stream));
            }
        };
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
        let cookie = netns_cookie(&v4).unwrap();
        let v4 = Acceptor::start(v4, forward(sender.clone()));
        let v6 = Acceptor::start(v6, forward(sender));
        Self {
            v4: v4.address,
            v6: v6.address,
            cookie,
            accepted,
            _acceptors: [v4, v6],
        }
    }

    pub(crate) fn accept(&self) -> TcpStream {
        self.accepted
            .recv_timeout(PATIENCE)
            .expect("a connection at our listener")
    }

    /// The connections that wait to be accepted here.
    pub(crate) fn waiting(&self) -> usize {
        self.accepted.try_iter().count()
    }

    pub(crate) fn flow(&self, kernel: &Kernel, stream: &TcpStream) -> Option<Flow> {
        let (peer, local) = (stream.peer_addr().unwrap(), stream.local_addr().unwrap());
        kernel.flows().take(peer, local, self.cookie).unwrap()
    }

    /// Accepts a connection that must have a flow, and answers it with `PROXY`.
    pub(crate) fn expect_flow(&self, kernel: &Kernel) -> Flow {
        let mut stream = self.accept();
        let flow = self.flow(kernel, &stream).expect("a flow");
        stream.write_all(b"PROXY").unwrap();
        flow
    }
}

/// A thread that accepts until it is dropped.
struct Acceptor {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    fn start(listener: TcpListener, mut each: impl FnMut(TcpStream) + Send + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                each(stream);
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes it up.
        drop(TcpStream::connect(self.address));
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            eprintln!("the server at {} panicked", self.address);
        }
    }
}

#[track_caller]
pub(crate) fn counted(kernel: &Kernel, counter: Counter) -> u64 {
    let counters = kernel.counters();
    counters
        .iter()
        .find(|(name, _)| *name == counter)
        .unwrap()
        .1
}

pub(crate) fn ip(flow: &Flow) -> IpAddr {
    flow.original.ip()
}

fn cgroup_mount() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    PathBuf::from(mount.expect("cgroup v2").split(' ').nth(1).unwrap())
}

fn mount_bpffs() {
    static MOUNTED: std::sync::Once = std::sync::Once::new();
    MOUNTED.call_once(|| {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        if !mounts
            .lines()
            .any(|line| line.split(' ').nth(1) == Some(BPFFS))
        {
            let status = Command::new("mount")
                .args(["-t", "bpf", "bpf", BPFFS])
                .status()
                .unwrap();
            assert!(status.success());
        }
    });
}
