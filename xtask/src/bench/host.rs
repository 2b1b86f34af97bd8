//! The stand-in, the daemon in release, and a scope: what is measured.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ::tests::cgroup::Place;
use ::tests::daemon::{Files, Setup};
use ::tests::environment::Environment;
use ::tests::{Client, Daemon, Warehouse};
use anyhow::{Context as _, Result, ensure};

use super::stats::Spread;
use crate::drivers::Driver;
use crate::setup;

/// What only the daemon and the direct client know.
pub(super) const PASSWORD: &str = "the-password-of-the-bench";

/// Dropped in this order: the daemon drains before what it uses goes.
#[derive(Debug)]
pub(super) struct Host {
    daemon: Daemon,
    _warehouse: Warehouse,
    environment: Environment,
    record: Record,
}

/// Memory of the daemon, in KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) rss: u64,
    pub(super) pss: u64,
    pub(super) rss_peak: u64,
}

impl Host {
    /// Starts everything, with the recording below `record`.
    pub(super) fn start(record: &Path) -> Result<Self> {
        let mut environment = Environment::new("bench")?;
        let record = Record::new(record)?;
        record.mount(&environment)?;
        let secret = environment.dir().join("password");
        write_secret(&secret).context("cannot write the credential")?;
        let warehouse = Warehouse::start(&environment, WAREHOUSE)?;
        environment.trust(&warehouse.certificate(), &[venv()])?;
        let workload = format!(
            "[[workload]]\nname = \"bench\"\ncgroup = \"{}\"",
            environment.tree().name(Place::Agents)
        );
        let setup = Setup {
            credentials: &credential(&secret),
            default_credential: "bench",
            workloads: &workload,
            policy: include_str!("policy.cedar"),
            labels: "",
            scope: "",
            record: "",
            more: "",
        };
        let daemon = Daemon::start(&environment, &warehouse, &setup)?;
        daemon.install_trust(&environment, &venv())?;
        Ok(Self {
            daemon,
            _warehouse: warehouse,
            environment,
            record,
        })
    }

    /// A Python with the stock connector, in the scope or beside it.
    pub(super) fn python(&self, place: Place) -> Client {
        let python = python();
        let client = match place {
            Place::Agents => self.environment.inside(python),
            Place::Free | Place::Daemon => self.environment.outside(python),
        };
        client
            // What the connector would otherwise try first has no place on a machine without a cloud.
            .env("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
            .env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// An address at which nobody serves anything.
    pub(super) fn address(&self) -> String {
        self.environment.addresses().stranger().to_string()
    }

    pub(super) fn cgroup(&self, place: Place) -> PathBuf {
        self.environment.tree().path(place)
    }

    pub(super) fn dir(&self) -> &Path {
        self.environment.dir()
    }

    pub(super) fn metrics(&self) -> Result<String> {
        self.daemon.metrics()
    }

    pub(super) fn memory(&mut self) -> Result<Memory> {
        let proc = PathBuf::from(format!("/proc/{}", self.daemon.process().id()));
        let status = fs::read_to_string(proc.join("status")).context("cannot read its status")?;
        let rollup =
            fs::read_to_string(proc.join("smaps_rollup")).context("cannot read its maps")?;
        Ok(Memory {
            rss: kibibytes(&status, "VmRSS:").context("no resident size")?,
            pss: kibibytes(&rollup, "Pss:").context("no proportional size")?,
            rss_peak: kibibytes(&status, "VmHWM:").context("no peak size")?,
        })
    }

    /// The time of one small append with its sync, where the daemon records: the floor of every
    /// decision.
    pub(super) fn disk_sync_seconds(&self) -> Result<Spread> {
        let path = self.record.0.join("probe");
        let mut file = File::create(&path).context("cannot probe the disk")?;
        let mut samples = Vec::new();
        for _ in 0..PROBES {
            let start = SystemTime::now();
            file.write_all(&[0x55; 1024])
                .and_then(|()| file.sync_data())
                .context("cannot probe the disk")?;
            samples.push(start.elapsed().unwrap_or_default().as_secs_f64());
        }
        fs::remove_file(&path).context("cannot remove the probe")?;
        Spread::of(&samples).context("no samples")
    }
}

/// The daemon takes no secret that others can read.
fn write_secret(path: &Path) -> io::Result<()> {
    File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?
        .write_all(PASSWORD.as_bytes())
}

fn credential(secret: &Path) -> String {
    format!(
        r#"[[credential]]
name = "bench"
account = "testorg-testacct"
kind = "password"
user = "BENCH"
password = {{ file = "{}" }}"#,
        secret.display()
    )
}

pub(super) fn python() -> PathBuf {
    venv().join("bin/python")
}

fn venv() -> PathBuf {
    setup::drivers().join(Driver::PythonConnector4.name())
}

/// A directory on a real disk, over which the environment's own would else be memory on most hosts.
#[derive(Debug)]
struct Record(PathBuf);

impl Record {
    /// One bench at a time is all that means anything, so the name is fixed, and what a killed one
    /// left goes now.
    fn new(parent: &Path) -> Result<Self> {
        let dir = parent.join("bench-record");
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
        }
        private_dir(&dir)?;
        let dir = dir.canonicalize().context("cannot find the recording")?;
        Ok(Self(dir))
    }

    /// In the namespace of the environment only, so it goes with it.
    fn mount(&self, environment: &Environment) -> Result<()> {
        let over = Files::of(environment).record;
        private_dir(&over)?;
        let output = environment
            .outside("/bin/mount")
            .arg("--bind")
            .args([&self.0, &over])
            .output()?;
        ensure!(output.status.success(), "cannot mount: {}", output.stderr);
        Ok(())
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn private_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make {}", dir.display()))
}

/// Finds `name   123 kB` in a file of /proc.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

const WAREHOUSE: &str = r#"
seed = ["create table numbers as select seq4() as n, 'a name of usual length ' || seq4() as name from table(generator(rowcount => 100000))"]
[[user]]
name = "BENCH"
password = "the-password-of-the-bench"
"#;

/// Enough for a median, at 4 ms each not felt.
const PROBES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_found_by_its_whole_name() {
        let text = "VmPeak:\t  900 kB\nPss:                 7 kB\nPss_Dirty:           5 kB\n";
        assert_eq!(kibibytes(text, "Pss:"), Some(7));
        assert_eq!(kibibytes(text, "VmPeak:"), Some(900));
        assert_eq!(kibibytes(text, "VmRSS:"), None);
    }

    #[test]
    fn the_stand_in_knows_the_password_that_the_daemon_has() {
        assert!(WAREHOUSE.contains(&format!("password = \"{PASSWORD}\"")));
    }
}
