//! Child processes that never outlive the test that started them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{interrupt, wait};

/// A process that runs in the background. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with both its outputs going to `<dir>/<name>.log`.
    ///
    /// # Errors
    /// When the program cannot be started, or the user has asked to stop.
    pub fn start(name: &'static str, dir: &Path, command: &mut Command) -> Result<Self> {
        interrupt::check()?;
        let log = dir.join(format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        let err = out.try_clone().context("cannot share the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        Ok(Self { name, child, log })
    }

    /// Waits until `ready` says so. A process that ends first is an error that shows its log.
    ///
    /// # Errors
    /// When the process ends, or is not ready in time.
    pub fn wait_until(&mut self, limit: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let Self { name, child, log } = self;
        let told = wait::until(&format!("the {name}"), limit, || {
            if let Some(status) = child.try_wait().context("cannot ask for the process")? {
                bail!("the {name} ended with {status}");
            }
            Ok(ready().then_some(()))
        });
        told.with_context(|| format!("the {name} did not start; its log ends:\n{}", tail(log)))
    }

    /// What the process wrote.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// True while the process runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("cannot name the process")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("cannot signal the {}", self.name))
    }

    /// Asks the process to end, waits for it, and kills it when it does not listen.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self
            .child
            .try_wait()
            .context("cannot ask for the process")?
        {
            return Ok(status);
        }
        self.signal(Signal::SIGTERM)?;
        let child = &mut self.child;
        let stopped = wait::regardless(self.name, STOP_LIMIT, || Ok(child.try_wait()?));
        if stopped.is_err() {
            self.kill()?;
        }
        stopped.with_context(|| format!("the {} did not end when asked", self.name))
    }

    /// Kills the process the hard way and waits until it is gone.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child
            .kill()
            .with_context(|| format!("cannot kill the {}", self.name))?;
        self.child
            .wait()
            .with_context(|| format!("cannot wait for the {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.stop().is_err() {
            drop(self.kill());
        }
    }
}

/// Runs a short command to its end and fails with what it wrote on standard error.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs a short command to its end and gives its standard output.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{program}`"))?;
    ensure!(
        done.status.success(),
        "`{program}` ended with {}: {}",
        done.status,
        String::from_utf8_lossy(&done.stderr).trim()
    );
    String::from_utf8(done.stdout).with_context(|| format!("`{program}` did not write UTF-8"))
}

/// The last lines of a log, for an error message.
#[must_use]
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_else(|error| format!("({error})"));
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(TAIL_LINES);
    lines.get(start..).unwrap_or_default().join("\n")
}

/// A Python traceback or a chain of causes fits.
const TAIL_LINES: usize = 30;

/// Longer than the daemon gives its connections to finish.
const STOP_LIMIT: Duration = Duration::from_secs(15);
