//! Runs a program whose standard output is a secret.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::secret::SECRET_BYTES_MAX;

/// A vault's client answers within a second or two; a login waits for it, and drivers give a login
/// sixty seconds at least.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a command gave no secret. Nothing that the program wrote is in it.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error("the command is empty; give the absolute path of a program and its arguments")]
    Empty,
    #[error("`{program}` is not an absolute path")]
    Relative { program: String },
    #[error("cannot run `{program}`")]
    Run {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("`{program}` ended with {status}")]
    Failed { program: String, status: ExitStatus },
    #[error("`{program}` did not end within {} s", COMMAND_TIMEOUT.as_secs())]
    Timeout { program: String },
    #[error("`{program}` wrote more than {SECRET_BYTES_MAX} bytes")]
    TooLarge { program: String },
}

/// The standard output of a program, run without a shell and without a terminal.
///
/// Standard error is dropped: programs like to print what they were given.
pub(super) async fn output(argv: &[String]) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let (program, arguments) = argv.split_first().ok_or(CommandError::Empty)?;
    if !program.starts_with('/') {
        // Looked up in PATH it would be someone else's choice.
        return Err(CommandError::Relative {
            program: program.clone(),
        });
    }
    let run = |source| CommandError::Run {
        program: program.clone(),
        source,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(run)?;
    let stdout = child.stdout.take();
    let work = async {
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
        if let Some(stdout) = stdout {
            let limit = u64::try_from(SECRET_BYTES_MAX + 1).unwrap_or(u64::MAX);
            stdout
                .take(limit)
                .read_to_end(&mut bytes)
                .await
                .map_err(run)?;
        }
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(CommandError::TooLarge {
                program: program.clone(),
            });
        }
        let status = child.wait().await.map_err(run)?;
        if !status.success() {
            return Err(CommandError::Failed {
                program: program.clone(),
                status,
            });
        }
        Ok(bytes)
    };
    // On a timeout the child is dropped with the future, which kills it.
    tokio::time::timeout(COMMAND_TIMEOUT, work)
        .await
        .unwrap_or_else(|_elapsed| {
            Err(CommandError::Timeout {
                program: program.clone(),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(argv: &[&str]) -> Result<String, String> {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        match output(&argv).await {
            Ok(bytes) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn arguments_are_not_read_by_a_shell() {
        assert_eq!(
            run(&["/bin/echo", "$HOME", "; id"]).await.unwrap(),
            "$HOME ; id\n"
        );
    }

    #[tokio::test]
    async fn every_failure_is_told_apart() {
        let sh = |script| ["/bin/sh", "-c", script];
        assert!(run(&[]).await.unwrap_err().contains("is empty"));
        assert!(
            run(&["echo"])
                .await
                .unwrap_err()
                .contains("not an absolute path")
        );
        assert!(
            run(&["/nothing/here"])
                .await
                .unwrap_err()
                .starts_with("cannot run")
        );
        assert!(
            run(&sh("echo s; exit 3"))
                .await
                .unwrap_err()
                .contains("exit status: 3")
        );
        let endless = run(&sh("while :; do echo 0123456789abcdef; done")).await;
        assert!(endless.unwrap_err().contains("more than 65536 bytes"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_never_ends_is_killed() {
        // The pause jumps to the timeout because the runtime has nothing else to wait for.
        let error = run(&["/usr/bin/tail", "-f", "/dev/null"])
            .await
            .unwrap_err();
        assert!(error.contains("did not end within 10 s"), "{error}");
    }
}
