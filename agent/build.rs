//! Compiles the kernel half when feature `ebpf` is on, and puts it at `OUT_DIR/agent-ebpf`.
#![forbid(unsafe_code)]

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "ebpf")]
    ebpf::build()?;
    Ok(())
}

#[cfg(feature = "ebpf")]
mod ebpf {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};

    use anyhow::{Context as _, bail};
    use aya_build::{Package, Toolchain};

    /// Names the rustup toolchain that compiles the kernel half, instead of the ones tried here.
    const TOOLCHAIN: &str = "SNOWFENCE_BPF_TOOLCHAIN";

    /// Lets a compiler that is not a nightly one build `core`; a nightly one ignores it.
    const BOOTSTRAP: &str = "RUSTC_BOOTSTRAP";

    /// In this order: the nightly that `cargo xtask setup` installs, any other nightly, and a
    /// toolchain linked by hand from packages of the distribution.
    const CANDIDATES: [&str; 3] = ["nightly-2026-05-01", "nightly", "bpf"];

    /// The LLVM that bpf-linker is built on: it reads no bitcode of a later one.
    const LLVM_MAJOR: &str = "22";

    pub(super) fn build() -> anyhow::Result<()> {
        println!("cargo:rerun-if-env-changed={TOOLCHAIN}");
        if std::env::var_os(BOOTSTRAP).is_none() {
            return run_again();
        }
        let toolchain = toolchain()?;
        let manifest = std::env::var("CARGO_MANIFEST_DIR").context("reading CARGO_MANIFEST_DIR")?;
        let root = PathBuf::from(manifest).join("../agent-ebpf");
        let root = root
            .to_str()
            .context("the path of the kernel half is not UTF-8")?;
        let package = Package {
            name: "agent-ebpf",
            root_dir: root,
            no_default_features: true,
            features: &[],
        };
        aya_build::build_ebpf([package], Toolchain::Custom(&toolchain))
            .context("building the kernel half")
    }

    /// Runs this program again with [`BOOTSTRAP`] set, which must not reach any other crate.
    ///
    /// Everything that the inner build says comes as a warning, and cargo repeats warnings at every
    /// build: its progress is left out.
    fn run_again() -> anyhow::Result<()> {
        let program = std::env::current_exe().context("finding the build script")?;
        let output = Command::new(program)
            .env(BOOTSTRAP, "1")
            .stderr(Stdio::inherit())
            .output()
            .context("running the build script again")?;
        let text = String::from_utf8_lossy(&output.stdout);
        for line in text
            .lines()
            .filter(|line| !output.status.success() || !is_progress(line))
        {
            println!("{line}");
        }
        if !output.status.success() {
            bail!("the kernel half was not built: {}", output.status);
        }
        Ok(())
    }

    fn is_progress(line: &str) -> bool {
        const VERBS: [&str; 7] = [
            "Adding",
            "Blocking",
            "Compiling",
            "Downloaded",
            "Downloading",
            "Finished",
            "Locking",
        ];
        line.strip_prefix("cargo:warning=")
            .and_then(|text| text.split_whitespace().next())
            .is_some_and(|verb| VERBS.contains(&verb))
    }

    /// A toolchain that has the source of its own `core`: there is no compiled one for this target.
    fn toolchain() -> anyhow::Result<String> {
        if let Ok(toolchain) = std::env::var(TOOLCHAIN) {
            if !is_fit(&toolchain) {
                bail!(
                    "{TOOLCHAIN} is `{toolchain}`, which has no rust-src or another LLVM than \
                     {LLVM_MAJOR}"
                );
            }
            return Ok(toolchain);
        }
        match CANDIDATES.iter().find(|candidate| is_fit(candidate)) {
            Some(candidate) => Ok((*candidate).to_owned()),
            None => bail!("no toolchain can build the kernel half: run `cargo xtask setup`"),
        }
    }

    fn is_fit(toolchain: &str) -> bool {
        let llvm = format!("LLVM version: {LLVM_MAJOR}.");
        let has_source = ask(toolchain, &["--print", "sysroot"]).is_some_and(|sysroot| {
            Path::new(sysroot.trim_end())
                .join("lib/rustlib/src/rust/library/core")
                .is_dir()
        });
        has_source
            && ask(toolchain, &["--version", "--verbose"]).is_some_and(|text| text.contains(&llvm))
    }

    /// What a toolchain's compiler says, if there is one.
    fn ask(toolchain: &str, arguments: &[&str]) -> Option<String> {
        let mut rustup = Command::new("rustup");
        rustup.args(["run", toolchain, "rustc"]).args(arguments);
        let output = rustup.output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }
}
