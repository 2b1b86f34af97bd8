//! `snowfence export`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, ValueEnum};

use super::Which;
use super::when::Times;
use crate::cli::output::{Output, one_line, remark};
use crate::record::export::{Exporter, Filter, Format};
use crate::record::walk::{Damage, Step, Walk};
use crate::telemetry::ErrorChain;

/// Bytes that are written at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Places of damage that are told; of more, the number.
const DAMAGES_MAX: usize = 20;
/// Of a message about a damaged segment.
const LINE_CHARS_MAX: usize = 1_000;

/// Writes the recording for other programs, one line of JSON for each frame or event.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    which: Which,
    /// Frames as they are, or events of OCSF 1.8.0
    #[arg(long, value_enum)]
    format: Form,
    #[command(flatten)]
    times: Times,
    /// Only what this workload did
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// Writes to a file of its own; one that is there is not overwritten
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrites the file
    #[arg(long, requires = "output")]
    force: bool,
}

const EXIT_STATUS: &str = "Exit status: 0 done, 1 failed or the recording is damaged (what is whole is exported), 2 wrong usage.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Jsonl,
    Ocsf,
}

/// Where lines go.
enum Sink<'a, 'w> {
    File(File, &'a Path),
    Output(&'a mut Output<'w>),
}

impl Export {
    pub(in crate::cli) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let dir = self.which.dir()?;
        let identities = self.which.identities()?;
        let walk = Walk::new(&dir, &identities)?;
        if walk.is_done() {
            bail!("there is no recording in `{}`", dir.display());
        }
        let mut sink = match &self.output {
            Some(path) => Sink::File(self.create(path)?, path),
            None => Sink::Output(output),
        };
        let format = match self.format {
            Form::Jsonl => Format::Jsonl,
            Form::Ocsf => Format::Ocsf,
        };
        let filter = Filter::new(self.times.since, self.times.until, self.workload.clone());
        let mut exporter = Exporter::new(format, filter);
        let mut damages: u64 = 0;
        let mut complain = |text: &str| {
            damages += 1;
            if damages <= DAMAGES_MAX as u64 {
                remark(&one_line(text, LINE_CHARS_MAX));
            }
        };
        let mut lines = Vec::with_capacity(CHUNK_BYTES);
        for step in walk {
            match step {
                Step::Frame(placed) => {
                    if let Err(error) = exporter.frame(&placed, &mut lines) {
                        complain(&ErrorChain(&error).to_string());
                    }
                }
                Step::Damage(damage) if damage.is_tail => remark(&place(&damage)),
                Step::Damage(damage) => complain(&place(&damage)),
            }
            if lines.len() >= CHUNK_BYTES {
                sink.write(&lines)?;
                lines.clear();
            }
        }
        exporter.finish(&mut lines)?;
        sink.write(&lines)?;
        sink.finish()?;
        match damages {
            0 => Ok(()),
            damages => Err(anyhow!(
                "the recording is damaged in {damages} places; what is whole was exported; \
                 `snowfence verify` says what can be proved"
            )),
        }
    }

    /// Nobody else may read it: it has what the recording has.
    fn create(&self, path: &Path) -> Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        if self.force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(
                "`{}` is there already; name another file, or overwrite it with `--force`",
                path.display()
            ),
            opened => opened.with_context(|| format!("cannot write `{}`", path.display())),
        }
    }
}

/// What is wrong, and where.
pub(super) fn place(damage: &Damage) -> String {
    let what = ErrorChain(&damage.error);
    let more = if damage.is_tail {
        ": it is being written, or the host stopped in between"
    } else {
        ""
    };
    format!(
        "segment {} (`{}`): {what}{more}",
        damage.segment,
        damage.path.display()
    )
}

impl Sink<'_, '_> {
    fn write(&mut self, lines: &[u8]) -> Result<()> {
        match self {
            Self::File(file, path) => file.write_all(lines).with_context(|| unwritten(path)),
            Self::Output(output) => output.bytes(lines),
        }
    }

    fn finish(&mut self) -> Result<()> {
        match self {
            Self::File(file, path) => match file.sync_all() {
                // What is no file on a disk has nothing to sync.
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                    Err(error).with_context(|| unwritten(path))
                }
                Ok(()) | Err(_) => Ok(()),
            },
            Self::Output(output) => output.flush(),
        }
    }
}

fn unwritten(path: &Path) -> String {
    format!(
        "cannot write `{}`; what is in it is not the whole export",
        path.display()
    )
}
