//! A mount namespace in which names resolve and authorities are trusted as the test wants.
//!
//! `/etc/hosts`, `/etc/ssl/certs` and `/usr/local/share/ca-certificates` are copies there, so that
//! `snowfence trust` and `update-ca-certificates` can do their real work without touching the host.
//! The copies live in the environment's directory; the harness changes them from outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// The namespace. It lives as long as this value, or this process.
#[derive(Debug)]
pub struct Mounts {
    holder: Child,
    /// The holder reads until this closes, so it ends with us however we end.
    _alive: Option<ChildStdin>,
    dir: PathBuf,
}

impl Mounts {
    /// Makes the namespace, with its copies below `dir`.
    ///
    /// # Errors
    /// Without root, or when a copy cannot be made.
    pub fn new(dir: &Path, hosts: &[(Ipv4Addr, &str)]) -> Result<Self> {
        let dir = dir.join("mounts");
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        fs::write(dir.join("hosts"), hosts_file(hosts)).context("cannot write the hosts file")?;
        let mut mounts = Self::hold(dir)?;
        mounts.bind_file("hosts", Path::new("/etc/hosts"))?;
        mounts.bind_copy("certs", Path::new(CERTS))?;
        fs::create_dir_all(ANCHORS).with_context(|| format!("cannot make {ANCHORS}"))?;
        mounts.bind_copy("anchors", Path::new(ANCHORS))?;
        Ok(mounts)
    }

    fn hold(dir: PathBuf) -> Result<Self> {
        let mut holder = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                "echo ready; exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start `unshare` (package util-linux)")?;
        let alive = holder.stdin.take();
        let mut ready = String::new();
        if let Some(out) = holder.stdout.take() {
            BufReader::new(out)
                .read_line(&mut ready)
                .context("cannot read from the namespace")?;
        }
        let mounts = Self {
            holder,
            _alive: alive,
            dir,
        };
        ensure!(
            ready.trim() == "ready",
            "cannot make a mount namespace: this needs root"
        );
        Ok(mounts)
    }

    /// A command that runs `program` in the namespace, with a clean environment.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", &self.dir)
            .env("LANG", "C.UTF-8")
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg("--")
            .arg(program);
        command
    }

    /// Puts a copy of a directory, named `name` among the copies, over the directory.
    ///
    /// # Errors
    /// When it cannot be copied or mounted.
    pub fn bind_copy(&mut self, name: &str, over: &Path) -> Result<PathBuf> {
        let copy = self.dir.join(name);
        if copy.exists() {
            return Ok(copy);
        }
        process::run(Command::new("cp").arg("-a").arg(over).arg(&copy))
            .with_context(|| format!("cannot copy {}", over.display()))?;
        self.bind_file(name, over)?;
        Ok(copy)
    }

    fn bind_file(&self, name: &str, over: &Path) -> Result<()> {
        process::run(
            self.command(Path::new("mount"))
                .arg("--bind")
                .arg(self.dir.join(name))
                .arg(over),
        )
        .with_context(|| format!("cannot mount over {}", over.display()))
    }

    /// The namespace's own bundle of trusted roots, as a file that the host can write.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.dir.join("certs/ca-certificates.crt")
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

fn hosts_file(hosts: &[(Ipv4Addr, &str)]) -> String {
    let mut text = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
    for (address, name) in hosts {
        text.push_str(&format!("{address} {name}\n"));
    }
    text
}

const CERTS: &str = "/etc/ssl/certs";
const ANCHORS: &str = "/usr/local/share/ca-certificates";
