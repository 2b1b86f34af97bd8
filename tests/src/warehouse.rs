//! The stand-in for Snowflake: started, asked, and read.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cgroup::Place;
use crate::environment::Environment;
use crate::layout;
use crate::process::Process;

/// A running stand-in.
#[derive(Debug)]
pub struct Warehouse {
    process: Process,
    state: PathBuf,
}

impl Warehouse {
    /// Starts the stand-in beside the scope and waits until it answers. `config` is TOML; files
    /// that it names are looked for in the environment's directory.
    ///
    /// # Errors
    /// When it does not start; the error shows its log.
    pub fn start(environment: &Environment, config: &str) -> Result<Self> {
        let file = environment.dir().join("warehouse.toml");
        fs::write(&file, config).context("cannot write the stand-in's configuration")?;
        Self::start_with(environment, &file)
    }

    fn start_with(environment: &Environment, config: &Path) -> Result<Self> {
        let python = layout::warehouse_python();
        ensure!(
            python.exists(),
            "there is no {}: run `cargo xtask setup`",
            python.display()
        );
        let state = environment.dir().join("warehouse");
        fs::create_dir_all(&state).context("cannot make the stand-in's directory")?;
        let addresses = environment.addresses();
        let control = addresses.control();
        let mut process = environment
            .client(Place::Free, &python)
            .env("PYTHONPATH", layout::tests())
            .env("PYTHONUNBUFFERED", "1")
            // The engine makes a directory for stages and leaves it: ours goes with the environment.
            .env("TMPDIR", environment.dir())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["-m", "warehouse"])
            .args([
                "--listen".to_owned(),
                format!("{}:443", addresses.account()),
            ])
            .args([
                "--storage-listen".to_owned(),
                format!("{}:443", addresses.storage()),
            ])
            .args(["--control".to_owned(), control.to_string()])
            .arg("--state")
            .arg(&state)
            .arg("--config")
            .arg(config)
            .start("warehouse")?;
        process.wait_until(START_LIMIT, || TcpStream::connect(control).is_ok())?;
        Ok(Self { process, state })
    }

    /// The certificate of the authority that signed the stand-in's certificates.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.state.join("warehouse-ca.pem")
    }

    /// Everything that reached the stand-in, oldest first.
    ///
    /// # Errors
    /// When the file is not what the stand-in promises.
    pub fn received(&self) -> Result<Vec<Value>> {
        let path = self.state.join("received.jsonl");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        text.lines()
            .map(|line| serde_json::from_str(line).context("a line is not JSON"))
            .collect()
    }

    /// What the stand-in logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The process.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// DuckDB and the connector take seconds to import on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
