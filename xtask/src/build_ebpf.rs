//! `cargo xtask build-ebpf`: the daemon with its kernel programs.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{setup, shell};

/// Builds the daemon and prints where the object with the programs is.
pub(crate) fn run() -> Result<()> {
    setup::run(setup::Need::Demo)?;
    println!("{}", build()?.display());
    Ok(())
}

/// Builds the daemon with its programs and gives the path of the object.
pub(crate) fn build() -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "--package", "agent", "--features", "ebpf"]);
    cargo.arg("--message-format=json-render-diagnostics");
    // Only the messages go through us; cargo's own words go to the terminal.
    cargo.stderr(std::process::Stdio::inherit());
    let messages = shell::output(&mut cargo).context("cannot build the daemon")?;
    object(&messages).context("the build of the agent named no output directory")
}

/// Finds the output directory of the agent's build script among cargo's messages.
fn object(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| {
            let is_ours = message.get("reason")?.as_str()? == "build-script-executed"
                && message.get("package_id")?.as_str()?.contains("/agent#");
            is_ours
                .then(|| message.get("out_dir")?.as_str().map(PathBuf::from))
                .flatten()
        })
        .map(|dir| dir.join("agent-ebpf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_in_the_output_directory_of_the_agents_build_script() {
        let messages = concat!(
            "not a message\n",
            r#"{"reason":"build-script-executed","package_id":"registry+x#ring@0.17","out_dir":"/a"}"#,
            "\n",
            r#"{"reason":"build-script-executed","package_id":"path+file:///x/agent#0.1.0","out_dir":"/b"}"#,
        );
        assert_eq!(object(messages), Some(PathBuf::from("/b/agent-ebpf")));
    }
}
