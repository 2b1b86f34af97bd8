//! `snowfence replay` on a terminal, with the keys that a person presses and the signals that end it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;
use tests::{layout, wait};

/// How long anything may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// A minute of the recording is cut to three seconds, which take five minutes at this speed.
const SLOW: &[&str] = &["--speed", "0.01x"];

/// A terminal with somebody before it who plays the recording.
struct Viewer {
    /// Kept open, so that its settings are there to be read when the other side is closed.
    terminal: OwnedFd,
    person: File,
    before: Termios,
    child: Child,
    seen: String,
    /// What was looked at.
    read: usize,
}

impl Viewer {
    fn new(arguments: &[&str]) -> Self {
        let pair = openpty(None, None).unwrap();
        let before = tcgetattr(&pair.slave).unwrap();
        assert!(before.local_flags.contains(LocalFlags::ICANON));
        let end = || pair.slave.try_clone().unwrap();
        let child = Command::new(layout::snowfence())
            .args(["replay", "s1", "--width", "80", "--record"])
            .arg(layout::tests().join("terminal/record"))
            .args(arguments)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self {
            terminal: pair.slave,
            person: File::from(pair.master),
            before,
            child,
            seen: String::new(),
            read: 0,
        }
    }

    fn settings(&self) -> Termios {
        tcgetattr(&self.terminal).unwrap()
    }

    /// Waits until something is shown after what was looked at already.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen.get(self.read..).unwrap().find(text) {
                self.read += at + text.len();
                return;
            }
            let mut waiting = [PollFd::new(self.person.as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(PATIENCE).unwrap();
            let ready = poll(&mut waiting, timeout).unwrap();
            assert!(ready > 0, "no `{text}` in {:?}", self.seen);
            let mut bytes = [0; 4096];
            let count = self.person.read(&mut bytes).unwrap();
            self.seen
                .push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.person.write_all(keys).unwrap();
    }

    fn signal(&self, signal: Signal) {
        let child = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(child, signal).unwrap();
    }

    /// How it ended; the terminal must be as it was.
    #[track_caller]
    fn ends(&mut self) -> ExitStatus {
        let status = wait::until("the end of replay", PATIENCE, || {
            Ok(self.child.try_wait()?)
        });
        let status = status.unwrap();
        assert_eq!(self.settings(), self.before, "the terminal is another");
        status
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().unwrap_or_default();
        self.child.wait().unwrap();
    }
}

#[test]
fn keys_step_forth_and_back_and_end_it() {
    let mut viewer = Viewer::new(&["--step"]);
    viewer.sees("session opens");
    let keyed = viewer.settings().local_flags;
    assert!(!keyed.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
    viewer.press(b" ");
    viewer.sees("select 1");
    viewer.press(b"\x1b[D");
    viewer.sees("session opens");
    // What is no key of its own changes nothing.
    viewer.press(b"x");
    viewer.press(b"\r");
    viewer.sees("select 1");
    viewer.press(b"\x1b[C");
    viewer.sees("the answer");
    viewer.press(b"q");
    assert!(viewer.ends().success());
    assert!(!viewer.seen.contains("session ends"), "{}", viewer.seen);
}

#[test]
fn the_last_scene_ends_it_too() {
    let mut viewer = Viewer::new(&["--step"]);
    for scene in [
        "session opens",
        "select 1",
        "the answer",
        "select 2",
        "the answer",
    ] {
        viewer.sees(scene);
        viewer.press(b"n");
    }
    viewer.sees("session ends");
    viewer.press(b"n");
    assert!(viewer.ends().success());
}

#[test]
fn a_key_ends_a_pause_and_another_the_film() {
    let mut viewer = Viewer::new(SLOW);
    viewer.sees("… 1 min 0 s …");
    viewer.press(b" ");
    viewer.sees("❯ query");
    // What is typed is slow as well.
    viewer.press(b" ");
    viewer.sees("select 1");
    viewer.press(b"q");
    assert!(viewer.ends().success());
    assert!(!viewer.seen.contains("select 2"), "{}", viewer.seen);
}

#[test]
fn interrupting_gives_the_terminal_back() {
    for arguments in [SLOW, &["--step"]] {
        let mut viewer = Viewer::new(arguments);
        viewer.sees("cgroup");
        viewer.press(b"\x03");
        assert!(viewer.ends().success());
    }
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        for arguments in [SLOW, &["--step"]] {
            let mut viewer = Viewer::new(arguments);
            viewer.sees("cgroup");
            assert_ne!(viewer.settings(), viewer.before);
            viewer.signal(signal);
            assert_eq!(viewer.ends().signal(), Some(signal as i32));
        }
    }
}

#[test]
fn without_pauses_the_terminal_stays_as_it_is() {
    let mut viewer = Viewer::new(&["--speed", "max"]);
    viewer.sees("session ends: logout");
    assert!(viewer.ends().success());
}
