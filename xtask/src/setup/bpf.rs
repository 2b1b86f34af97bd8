//! A compiler and a linker for the kernel half.
//!
//! The compiler must accept `-Z build-std=core` and have the `rust-src` of exactly its version.
//! Usually that is a nightly of rustup's, of a fixed day: the linker reads the compiler's bitcode, so
//! both must be built on the same major version of LLVM, and nightlies move on. Where rustup cannot
//! fetch it, Debian's `rustc-web` does as well, linked into rustup under the name `bpf`;
//! `agent/build.rs` takes either.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::packages;
use crate::shell;

pub(super) const COMPILER_BY_HAND: &str =
    "rustup toolchain install nightly-2026-05-01 --profile minimal --component rust-src";
pub(super) const LINKER_BY_HAND: &str = "LLVM_PREFIX=/usr/lib/llvm-22 cargo install bpf-linker \
     --version 0.13.0 --no-default-features --features llvm-22";

pub(super) fn compiler_missing() -> bool {
    [NIGHTLY, "nightly", "bpf"]
        .iter()
        .all(|toolchain| !is_fit(toolchain))
}

pub(super) fn install_compiler() -> Result<()> {
    // What rustup says when it cannot is of no interest: the other route follows.
    let nightly = shell::succeeds(Command::new("rustup").args([
        "toolchain",
        "install",
        NIGHTLY,
        "--profile",
        "minimal",
        "--component",
        "rust-src",
    ]));
    if nightly && is_fit(NIGHTLY) {
        return Ok(());
    }
    println!("setup: rustup has no {NIGHTLY} with rust-src; taking Debian's rustc-web");
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

/// True if the toolchain exists, can build `core` from source, and speaks the linker's LLVM.
fn is_fit(toolchain: &str) -> bool {
    let ask = |arguments: &[&str]| {
        let mut rustup = Command::new("rustup");
        shell::output(rustup.args(["run", toolchain, "rustc"]).args(arguments))
    };
    let has_source = ask(&["--print", "sysroot"]).is_ok_and(|sysroot| {
        Path::new(sysroot.trim())
            .join("lib/rustlib/src/rust/library/core/Cargo.toml")
            .is_file()
    });
    has_source && ask(&["--version", "--verbose"]).is_ok_and(|text| text.contains(LLVM_VERSION))
}

/// The last day on which it was built on LLVM 22 would do; this one is known to.
const NIGHTLY: &str = "nightly-2026-05-01";
const LLVM_VERSION: &str = "LLVM version: 22.";

const LINKER_VERSION: &str = "0.13.0";
const LLVM: &str = "/usr/lib/llvm-22";
