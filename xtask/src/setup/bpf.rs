//! A compiler and a linker for the kernel half.
//!
//! The compiler must accept `-Z build-std=core` and have the `rust-src` of exactly its version.
//! Usually that is rustup's nightly. Where rustup cannot fetch that component, Debian's `rustc-web`
//! does as well, linked into rustup under the name `bpf`; `agent/build.rs` takes either. The linker
//! reads the compiler's bitcode, so both must be built on the same major version of LLVM.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::packages;
use crate::shell;

pub(super) const COMPILER_BY_HAND: &str =
    "rustup toolchain install nightly --profile minimal --component rust-src";
pub(super) const LINKER_BY_HAND: &str = "LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker \
     --version 0.13.0 --no-default-features --features llvm-22";

pub(super) fn compiler_missing() -> bool {
    ["nightly", "bpf"]
        .iter()
        .all(|toolchain| !has_source(toolchain))
}

pub(super) fn install_compiler() -> Result<()> {
    // What rustup says when it cannot is of no interest: the other route follows.
    let nightly = shell::succeeds(Command::new("rustup").args([
        "toolchain",
        "install",
        "nightly",
        "--profile",
        "minimal",
        "--component",
        "rust-src",
    ]));
    if nightly && has_source("nightly") {
        return Ok(());
    }
    println!("setup: rustup has no nightly with rust-src; taking Debian's rustc-web");
    packages::install(&["rustc-web", "rust-web-src"])?;
    shell::run(Command::new("rustup").args(["toolchain", "link", "bpf", "/usr"]))?;
    if compiler_missing() {
        bail!("the toolchain `bpf` has no source of the standard library");
    }
    Ok(())
}

pub(super) fn linker_missing() -> bool {
    let linker = shell::find("bpf-linker").unwrap_or_else(|| shell::cargo_bin().join("bpf-linker"));
    !shell::output(Command::new(linker).arg("--version"))
        .is_ok_and(|version| version.trim().ends_with(LINKER_VERSION))
}

pub(super) fn install_linker() -> Result<()> {
    packages::install(&["llvm-22-dev", "libzstd-dev", "zlib1g-dev"])?;
    let mut install = shell::cargo();
    install.args([
        "install",
        "bpf-linker",
        "--version",
        LINKER_VERSION,
        "--locked",
    ]);
    install.args(["--no-default-features", "--features", "llvm-22"]);
    // Without it the build looks in the compiler's own library directory and fails to link.
    install.env("LLVM_PREFIX", LLVM);
    // A target directory that is shared with the workspace would keep what nobody needs again.
    install.env_remove("CARGO_TARGET_DIR");
    shell::run(&mut install).context("cannot build bpf-linker")
}

/// True if the toolchain exists and can build `core` from source.
fn has_source(toolchain: &str) -> bool {
    let mut print = Command::new("rustup");
    print.args(["run", toolchain, "rustc", "--print", "sysroot"]);
    shell::output(&mut print).is_ok_and(|sysroot| {
        Path::new(sysroot.trim())
            .join("lib/rustlib/src/rust/library/core/Cargo.toml")
            .is_file()
    })
}

const LINKER_VERSION: &str = "0.13.0";
const LLVM: &str = "/usr/lib/llvm-22";
