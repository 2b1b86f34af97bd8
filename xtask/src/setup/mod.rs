//! `cargo xtask setup`: everything that building and testing need, on a machine that has only
//! rustup's stable Rust and Python.
//!
//! Each step first looks whether there is anything to do, so running it twice is fast and safe. A
//! step that lacks a permission or a package names the command that a person can run.

mod bpf;
mod packages;
mod python;
mod s3;

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use crate::drivers::{self, Driver};
use ::tests::layout;

/// How much of the set-up a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Building the daemon, the stand-in, and one Python connector.
    Demo,
    /// All of it, with every driver.
    Everything,
}

/// One thing that a machine may lack.
struct Step {
    what: &'static str,
    missing: fn() -> bool,
    install: fn() -> Result<()>,
    /// What a person can run when we cannot.
    by_hand: &'static str,
}

const STEPS: [Step; 6] = [
    Step {
        what: "command line tools",
        missing: packages::tools_missing,
        install: packages::install_tools,
        by_hand: packages::TOOLS_BY_HAND,
    },
    Step {
        what: "BPF compiler",
        missing: bpf::compiler_missing,
        install: bpf::install_compiler,
        by_hand: bpf::COMPILER_BY_HAND,
    },
    Step {
        what: "bpf-linker",
        missing: bpf::linker_missing,
        install: bpf::install_linker,
        by_hand: bpf::LINKER_BY_HAND,
    },
    Step {
        what: "stand-in warehouse",
        missing: python::warehouse_missing,
        install: python::install_warehouse,
        by_hand: python::WAREHOUSE_BY_HAND,
    },
    Step {
        what: "S3 server",
        missing: s3::missing,
        install: s3::install,
        by_hand: s3::BY_HAND,
    },
    Step {
        what: "languages of the drivers",
        missing: packages::languages_missing,
        install: packages::install_languages,
        by_hand: packages::LANGUAGES_BY_HAND,
    },
];

/// Installs what is missing.
pub(crate) fn run(need: Need) -> Result<()> {
    for step in steps(need) {
        if !(step.missing)() {
            println!("setup: {} is there", step.what);
            continue;
        }
        println!("setup: installing {} …", step.what);
        let start = SystemTime::now();
        (step.install)()
            .with_context(|| format!("cannot install {}; by hand: {}", step.what, step.by_hand))?;
        println!(
            "setup: {} took {:.0?}",
            step.what,
            start.elapsed().unwrap_or_default()
        );
    }
    let which: &[Driver] = match need {
        Need::Demo => &[Driver::PythonConnector4],
        Need::Everything => Driver::ALL,
    };
    drivers::install(&drivers(), which).context("cannot install drivers")
}

/// Where the drivers are, one directory for each.
pub(crate) fn drivers() -> PathBuf {
    layout::target().join("drivers")
}

/// Says what is missing, and fails if anything is. Drivers are not looked at: they are installed
/// by the tests that want them.
pub(crate) fn check() -> Result<()> {
    let mut missing = false;
    for step in steps(Need::Everything) {
        if (step.missing)() {
            missing = true;
            println!("setup: {} is MISSING; by hand: {}", step.what, step.by_hand);
        } else {
            println!("setup: {} is there", step.what);
        }
    }
    if missing {
        bail!("something is missing: run `cargo xtask setup`");
    }
    Ok(())
}

/// The demo needs no Java, no Node and no S3.
fn steps(need: Need) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().take(match need {
        Need::Demo => STEPS.len() - 2,
        Need::Everything => STEPS.len(),
    })
}
