//! The viewer's keys.

use std::io::{self, BufRead, IsTerminal as _, Stdin};
use std::os::fd::AsFd as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// What an arrow key begins with.
const ESCAPE: u8 = 0x1b;

/// What the viewer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Next,
    Back,
    Quit,
}

/// Where keys come from.
pub(super) enum Keys<'a> {
    /// Single keys, until this is dropped.
    Terminal(Box<Raw>),
    /// A line for each key, where there is no terminal.
    Lines(Box<dyn BufRead + 'a>),
    /// Nobody is there.
    None,
}

/// A terminal that gives each key at once and echoes none.
///
/// What ends a process is held back while it is so, and ends this one once the terminal is as it was.
pub(super) struct Raw {
    stdin: Stdin,
    before: Termios,
    ends: SigSet,
    ended: SignalFd,
}

impl Raw {
    fn new() -> Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).context("reading the terminal's settings")?;
        let ends = [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ];
        let ends = SigSet::from_iter(ends);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let ended = SignalFd::with_flags(&ends, flags).context("waiting for signals")?;
        ends.thread_block().context("holding back signals")?;
        let this = Self {
            stdin,
            before,
            ends,
            ended,
        };
        let mut raw = this.before.clone();
        // Ctrl-C comes as a key, so that the settings are put back.
        let flags = LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
        raw.local_flags.remove(flags);
        tcsetattr(&this.stdin, SetArg::TCSANOW, &raw)
            .context("changing the terminal's settings")?;
        Ok(this)
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<Option<Key>> {
        let timeout = match timeout {
            Some(timeout) => PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let mut waiting = [
            PollFd::new(self.stdin.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut waiting, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(error).context("waiting for a key"),
        }
        let [_stdin, ended] = waiting;
        // It stays pending until this is dropped.
        if ended.any() == Some(true) {
            return Ok(Some(Key::Quit));
        }
        Ok(match self.read()?.as_slice() {
            b" " | b"\r" | b"\n" | b"n" | b"\x1b[C" | b"\x1b[B" => Some(Key::Next),
            b"b" | b"\x1b[D" | b"\x1b[A" => Some(Key::Back),
            // Ctrl-C, Ctrl-D, or the end of what is typed.
            b"q" | [3] | [4] | [] => Some(Key::Quit),
            _ => None,
        })
    }
}

impl Raw {
    /// One key: what was typed after it stays for the next time. An arrow is an escape and two more.
    fn read(&self) -> Result<Vec<u8>> {
        let mut key = self.bytes::<1>()?;
        if key == [ESCAPE] {
            let mut waiting = [PollFd::new(self.stdin.as_fd(), PollFlags::POLLIN)];
            if poll(&mut waiting, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
                key.extend(self.bytes::<2>()?);
            }
        }
        Ok(key)
    }

    fn bytes<const COUNT: usize>(&self) -> Result<Vec<u8>> {
        let mut bytes = [0; COUNT];
        let read = nix::unistd::read(&self.stdin, &mut bytes).context("reading a key")?;
        Ok(bytes.into_iter().take(read).collect())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        tcsetattr(&self.stdin, SetArg::TCSANOW, &self.before).unwrap_or_default();
        self.ends.thread_unblock().unwrap_or_default();
    }
}

impl Keys<'_> {
    /// The keys of standard input.
    pub(super) fn stdin() -> Result<Self> {
        if io::stdin().is_terminal() {
            return Ok(Self::Terminal(Box::new(Raw::new()?)));
        }
        Ok(Self::Lines(Box::new(io::stdin().lock())))
    }

    /// Waits for a key as long as it takes; the end of the input quits.
    pub(super) fn key(&mut self) -> Result<Key> {
        loop {
            match self {
                Self::Terminal(raw) => {
                    if let Some(key) = raw.wait(None)? {
                        return Ok(key);
                    }
                }
                Self::Lines(lines) => {
                    let mut line = String::new();
                    if lines.read_line(&mut line)? == 0 {
                        return Ok(Key::Quit);
                    }
                    match line.trim() {
                        "" | "n" => return Ok(Key::Next),
                        "b" => return Ok(Key::Back),
                        "q" => return Ok(Key::Quit),
                        _ => {}
                    }
                }
                Self::None => return Ok(Key::Next),
            }
        }
    }

    /// Lets time pass; a key ends it.
    pub(super) fn pause(&self, time: Duration) -> Result<Option<Key>> {
        match self {
            Self::Terminal(raw) => raw.wait(Some(time)),
            Self::Lines(_) | Self::None => {
                std::thread::sleep(time);
                Ok(None)
            }
        }
    }
}
