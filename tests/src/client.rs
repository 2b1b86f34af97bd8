//! Any program, run to its end inside or outside the enforced scope.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cgroup::{Place, Tree};
use crate::mounts::Mounts;
use crate::process::Process;
use crate::{interrupt, wait};

/// A program to be run. It sees the names and the trust of the environment and nothing of the
/// environment variables of the test.
#[derive(Debug)]
pub struct Client {
    command: Command,
    dir: PathBuf,
    limit: Duration,
}

/// What a program left.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Client {
    pub(crate) fn new(
        tree: &Tree,
        place: Place,
        mounts: &Mounts,
        dir: &Path,
        program: &Path,
    ) -> Self {
        let mut command = mounts.command(Path::new("/bin/sh"));
        // The shell joins the cgroup and becomes the program: no instruction of the program runs
        // outside, and the process id stays.
        command
            .args(["-c", "set -e; echo $$ > \"$0\"; cd /; exec \"$@\""])
            .arg(tree.path(place).join("cgroup.procs"))
            .arg(program);
        Self {
            command,
            dir: dir.to_owned(),
            limit: LIMIT,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets environment variables; one that was set before is replaced.
    #[must_use]
    pub fn envs(mut self, variables: &[(&str, &OsStr)]) -> Self {
        self.command.envs(variables.iter().copied());
        self
    }

    /// Changes how long the program may take; one that takes longer is killed.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the program to its end. That it fails is a result, not an error.
    ///
    /// # Errors
    /// When it cannot be started or takes too long.
    pub fn output(mut self) -> Result<Output> {
        interrupt::check()?;
        // Files, not pipes: nobody reads while we wait, and a full pipe would hang the program.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let stdout = self.dir.join(format!("client-{number}.out"));
        let stderr = self.dir.join(format!("client-{number}.err"));
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).context("cannot make a file for the output")?)
            .stderr(File::create(&stderr).context("cannot make a file for the output")?)
            .spawn()
            .context("cannot start `nsenter` (package util-linux)")?;
        let ended = wait::until("the client to end", self.limit, || Ok(child.try_wait()?));
        if ended.is_err() {
            drop(child.kill());
            drop(child.wait());
        }
        let read = |path: &Path| {
            fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .context("cannot read the output")
        };
        let (stdout, stderr) = (read(&stdout)?, read(&stderr)?);
        interrupt::check()?;
        let status = ended.with_context(|| format!("it wrote:\n{stdout}{stderr}"))?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Starts the program in the background.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut self, name: &'static str) -> Result<Process> {
        Process::start(name, &self.dir, &mut self.command)
    }
}

/// Every client of this process writes to files of its own.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Python's import of the connector alone takes seconds on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
