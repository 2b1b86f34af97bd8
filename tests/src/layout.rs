//! Where things are in the source tree and in the target directory.

use std::env;
use std::path::{Path, PathBuf};

/// The top of the source tree.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Cargo's target directory, which also holds what `cargo xtask setup` installed.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The daemon under test. `SNOWFENCE_BINARY` names another one.
#[must_use]
pub fn snowfence() -> PathBuf {
    env::var_os("SNOWFENCE_BINARY").map_or_else(|| target().join("debug/snowfence"), PathBuf::from)
}

/// The S3 server that shipping is tested with.
#[must_use]
pub fn s3_server() -> PathBuf {
    target().join("s3/bin/s3s-fs")
}

/// The directory that holds the stand-in's Python package.
#[must_use]
pub fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Python that has what the stand-in needs.
#[must_use]
pub fn warehouse_python() -> PathBuf {
    target().join("warehouse-venv/bin/python")
}
