//! The S3 server that shipping is tested with: s3s-fs, which checks signatures, takes uploads in
//! parts and compares checksums.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::shell;
use ::tests::layout;

/// The newest that the workspace's compiler builds.
const VERSION: &str = "0.14.1";

pub(super) const BY_HAND: &str =
    "cargo install s3s-fs --version 0.14.1 --locked --features binary --root target/s3";

pub(super) fn missing() -> bool {
    !layout::s3_server().exists() || fs::read_to_string(stamp()).ok().as_deref() != Some(VERSION)
}

/// Takes about three minutes of one core, once.
pub(super) fn install() -> Result<()> {
    let root = layout::target().join("s3");
    let mut install = shell::cargo();
    install.args(["install", "s3s-fs", "--version", VERSION, "--locked"]);
    install
        .args(["--features", "binary", "--force", "--root"])
        .arg(&root);
    // A target directory that is shared with the workspace would keep what nobody needs again.
    install.env_remove("CARGO_TARGET_DIR");
    shell::run(&mut install).context("cannot build s3s-fs")?;
    fs::write(stamp(), VERSION).context("cannot leave the stamp")
}

fn stamp() -> PathBuf {
    layout::target().join("s3/version")
}
