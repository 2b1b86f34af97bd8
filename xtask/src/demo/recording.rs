//! The auditor's part: what was recorded, replayed, searched and proven, and one byte changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ::tests::environment::Environment;
use ::tests::{Daemon, layout};
use anyhow::{Context as _, Result, ensure};

use super::report;

/// Shows the recording as operators and auditors see it, and what becomes of a forgery.
pub(super) fn show(environment: &Environment, daemon: &Daemon) -> Result<()> {
    let files = daemon.files();
    let config = files.config.display().to_string();
    let key = files.host_key.with_extension("pub").display().to_string();
    let record = files.record.display().to_string();
    report::title("What was recorded, for those who ask later");
    shown(&["sessions", "--config", &config])?;
    shown(&["search", "cards", "--config", &config])?;
    shown(&["replay", "--last", "--speed", "max", "--config", &config])?;

    report::title("Provable with the public key alone");
    shown(&["verify", &record, "--key", &key])?;
    let copy = environment.dir().join("forged");
    forge(&files.record, &copy)?;
    println!("a copy of it, in which one bit is another:");
    let forged = copy.display().to_string();
    let output = run(&["verify", &forged, "--key", &key])?;
    ensure!(!output.status.success(), "a forged recording was proven");
    print(&output.stdout);
    Ok(())
}

fn shown(arguments: &[&str]) -> Result<()> {
    println!("$ snowfence {}", arguments.join(" "));
    let output = run(arguments)?;
    print(&output.stdout);
    print(&output.stderr);
    ensure!(output.status.success(), "it failed: {}", output.status);
    Ok(())
}

fn run(arguments: &[&str]) -> Result<std::process::Output> {
    Command::new(layout::snowfence())
        .args(arguments)
        .output()
        .context("cannot run snowfence")
}

fn print(text: &[u8]) {
    for line in String::from_utf8_lossy(text).lines() {
        println!("  {line}");
    }
}

/// Copies a recording, with one bit of a statement in the first segment turned.
fn forge(record: &Path, copy: &Path) -> Result<()> {
    fs::create_dir(copy).context("cannot make a directory")?;
    let mut segments: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(record).context("cannot list the recording")? {
        let path = entry.context("cannot list the recording")?.path();
        if path.extension().is_some_and(|extension| extension == "sfr") {
            segments.push(path);
        }
    }
    segments.sort();
    for path in &segments {
        let mut bytes = fs::read(path).context("cannot read a segment")?;
        let statement = b"\"text\":\"";
        let at = bytes
            .windows(statement.len())
            .position(|it| it == statement);
        if let Some(byte) = at.and_then(|at| bytes.get_mut(at + statement.len())) {
            *byte ^= 1;
        }
        let name = path.file_name().context("a segment has no name")?;
        fs::write(copy.join(name), bytes).context("cannot write the forgery")?;
    }
    Ok(())
}
