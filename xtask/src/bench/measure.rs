//! One measurement: a program that measures itself, run to its end.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ::tests::cgroup::Place;
use ::tests::{Client, Output, process};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::cell::{Cell, Way};
use super::host::{self, Host};
use super::stages::{Means, Stages};

/// The host, and the programs that measure.
#[derive(Debug)]
pub(super) struct Bench {
    host: Host,
    driver: PathBuf,
    connect: PathBuf,
}

/// What a measurement gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) seconds: f64,
    /// Of statements that went through us.
    pub(super) stages: Option<Means>,
}

impl Bench {
    pub(super) fn new(host: Host) -> Result<Self> {
        let script = |name, text| {
            let path = host.dir().join(name);
            fs::write(&path, text).context("cannot write a script")?;
            Ok::<_, anyhow::Error>(path)
        };
        Ok(Self {
            driver: script("driver.py", include_str!("driver.py"))?,
            connect: script("connect.py", include_str!("connect.py"))?,
            host,
        })
    }

    pub(super) const fn host(&mut self) -> &mut Host {
        &mut self.host
    }

    pub(super) fn measure(&self, cell: Cell, way: Way) -> Result<Sample> {
        let what = || format!("measuring {} {}", cell.name(), way.name());
        if cell == Cell::Connect {
            let seconds = self.connect(way).with_context(what)?;
            return Ok(Sample {
                seconds,
                stages: None,
            });
        }
        let before = Stages::read(&self.host.metrics()?);
        let seconds = self.driver(cell, way).with_context(what)?;
        let after = Stages::read(&self.host.metrics()?);
        let told = cell == Cell::Select && way == Way::Inside;
        Ok(Sample {
            seconds,
            stages: told.then(|| after.since(&before)),
        })
    }

    fn driver(&self, cell: Cell, way: Way) -> Result<f64> {
        // Inside, the client has nothing that the stand-in would take.
        let (place, password) = match way {
            Way::Inside => (Place::Agents, "not-the-password"),
            Way::Beside | Way::Direct | Way::Control => (Place::Free, host::PASSWORD),
        };
        let client = self
            .host
            .python(place)
            .env("BENCH_USER", "bench")
            .env("BENCH_PASSWORD", password)
            .arg(&self.driver)
            .arg(cell.name());
        output(client)
    }

    fn connect(&self, way: Way) -> Result<f64> {
        let mut command = Command::new(host::python());
        command.arg(&self.connect).arg(self.host.address());
        match way {
            Way::Inside => command.arg(self.host.cgroup(Place::Agents)),
            Way::Beside => command.arg(self.host.cgroup(Place::Free)),
            // Our own cgroup is above none of our programs.
            Way::Direct | Way::Control => &mut command,
        };
        seconds(&process::output(&mut command)?)
    }
}

fn output(client: Client) -> Result<f64> {
    let Output {
        status,
        stdout,
        stderr,
    } = client.output()?;
    ensure!(status.success(), "the client ended with {status}: {stderr}");
    seconds(&stdout)
}

fn seconds(text: &str) -> Result<f64> {
    let value: Value = serde_json::from_str(text).context("the client told no number")?;
    let seconds = value.get("seconds").and_then(Value::as_f64);
    seconds.context("the client told no number")
}
