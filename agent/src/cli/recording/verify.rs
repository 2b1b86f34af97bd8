//! `snowfence verify`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use crate::cli::Misuse;
use crate::cli::output::{Output, Tone, one_line};
use crate::record::key::read_public;
use crate::record::read::Identities;
use crate::record::verify::{Head, Near, NoHead, Problem, Report, Stretch, verify};
use crate::telemetry::ErrorChain;

/// More than any sentence that is printed, and enough for a message of the system in it.
const SENTENCE_CHARS_MAX: usize = 500;
/// Listed for people; programs get all that are kept.
const PLACES_MAX: usize = 20;

/// Proves offline that a recording is as the host wrote it, or says where it is not.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 nothing is wrong, 1 something is wrong, 2 wrong usage.")]
pub(in crate::cli) struct Verify {
    /// The directory of a recording, or one segment.
    path: PathBuf,
    /// The host's public key, `host.pub`, from where nobody on the host could change it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What opens encrypted segments, as `age-keygen` writes it; can be given more than once.
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// A head that was kept elsewhere, or a file with it: the recording must contain it.
    #[arg(long, value_name = "SEGMENT:DIGEST|FILE")]
    head: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(in crate::cli) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let host = read_public(&self.key).map_err(|error| misuse(&error))?;
        let head = self.head.as_deref().map(read_head).transpose()?;
        let identities = Identities::read(&self.identity).map_err(|error| misuse(&error))?;
        let report = verify(&self.path, host, &identities, head);
        let report = report.map_err(|error| misuse(&error))?;
        if self.json {
            output.json(&report)?;
        } else {
            print(&report, head.is_some(), output)?;
        }
        match report.problems.len() as u64 + report.problems_more {
            0 => Ok(()),
            1 => bail!("the recording is not proven: 1 problem"),
            count => bail!("the recording is not proven: {count} problems"),
        }
    }
}

/// Nothing was checked: what was given is not what it should be.
fn misuse(error: &(dyn std::error::Error + 'static)) -> Misuse {
    Misuse(ErrorChain(error).to_string())
}

/// A head as it is printed, or a file that has one: alone, or in what `--json` printed.
fn read_head(text: &str) -> Result<Head> {
    if let Ok(head) = text.parse() {
        return Ok(head);
    }
    let Ok(file) = fs::read_to_string(text) else {
        bail!(Misuse(format!(
            "`{text}` is neither a head (SEGMENT:DIGEST) nor a file that can be read"
        )));
    };
    let report: Option<Value> = serde_json::from_str(&file).ok();
    let kept = report.as_ref().and_then(|it| it.get("head")?.as_str());
    match kept.unwrap_or(&file).parse() {
        Ok(head) => Ok(head),
        Err(NoHead) => bail!(Misuse(format!("`{text}` has no head in it: {NoHead}"))),
    }
}

fn print(report: &Report, has_head: bool, output: &mut Output<'_>) -> Result<()> {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let (proven, unproven, broken) = (report.proven, report.unproven, report.broken);
    let verdict = match (report.is_proven(), unproven.frames) {
        (true, 0) => output.paint(Tone::Good, "as the host wrote it"),
        (true, _) => "as the host wrote it, as far as it is signed".to_owned(),
        (false, _) => output.paint(Tone::Bad, "NOT AS THE HOST WROTE IT"),
    };
    let up_to = report.up_to.as_ref();
    let up_to = up_to.map_or_else(String::new, |near| format!(", up to {near}"));
    let mut rows = vec![
        row("recording", verdict),
        row(
            "segments",
            format!("{}, {} bytes", report.segments, report.bytes),
        ),
        row(
            "proven",
            format!(
                "{} frames, {} entries{up_to}",
                proven.frames, proven.entries
            ),
        ),
        row(
            "not proven",
            format!("{} frames, {} entries", unproven.frames, unproven.entries),
        ),
        row(
            "broken",
            format!("{} places, {} bytes", broken.places, broken.bytes),
        ),
    ];
    if let Some(head) = report.head {
        rows.push(row("head", head.to_string()));
    }
    output.table(&rows)?;
    places(&report.unproven_places, output)?;
    if !report.problems.is_empty() {
        output.line("")?;
    }
    for problem in &report.problems {
        let wrong = output.paint(Tone::Bad, "wrong");
        output.line(&format!("{wrong}  {}", sentence(problem)))?;
    }
    if report.problems_more > 0 {
        output.line(&format!("and {} problems more", report.problems_more))?;
    }
    output.line("")?;
    for note in &report.notes {
        let note = one_line(&note.to_string(), SENTENCE_CHARS_MAX);
        output.line(&format!("note  {note}"))?;
    }
    if report.notes_more > 0 {
        output.line(&format!("and {} notes more", report.notes_more))?;
    }
    if !has_head {
        let what = "whether anything was cut off the very end shows only against a head that was \
                    kept elsewhere (`--head`)";
        output.line(&format!("note  {what}"))?;
    }
    Ok(())
}

/// Where frames are that no signature covers.
fn places(stretches: &[Stretch], output: &mut Output<'_>) -> Result<()> {
    for stretch in stretches.iter().take(PLACES_MAX) {
        let Stretch {
            segment, from, to, ..
        } = stretch;
        let frames = stretch.count.frames;
        let why = match stretch.is_end {
            true => "that the next signature will cover",
            false => "under no signature",
        };
        output.line(&format!(
            "            segment {segment}, bytes {from} to {to}: frames {why}: {frames}"
        ))?;
    }
    if let Some(more @ 1..) = stretches.len().checked_sub(PLACES_MAX) {
        output.line(&format!("            and {more} places more"))?;
    }
    Ok(())
}

/// Where, then what.
fn sentence(problem: &Problem) -> String {
    let mut place = match (&problem.file, problem.segment) {
        (Some(file), _) => file.clone(),
        (None, 0) => "the recording".to_owned(),
        (None, segment) => format!("segment {segment}"),
    };
    if let Some(offset) = problem.offset {
        place.push_str(&format!(", byte {offset}"));
    }
    if let Some(frame) = problem.frame {
        place.push_str(&format!(", frame {frame}"));
    }
    let near = |word: &str, near: &Option<Near>| {
        near.as_ref()
            .map_or_else(String::new, |near| format!(" {word} {near};"))
    };
    let around = [
        near("after", &problem.after),
        near("before", &problem.before),
    ];
    let around = around.concat();
    if !around.is_empty() {
        place.push_str(&format!(" ({})", around.trim().trim_end_matches(';')));
    }
    let sentence = format!("{place}: {}", problem.finding);
    one_line(&sentence, SENTENCE_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command, exit_code};
    use crate::record::key::HostKey;
    use crate::record::verify::tests::build::{Segment, fixed_key, plain, recording, write};

    /// What is printed, and the exit status.
    fn run(dir: &Path, arguments: &[&str]) -> (String, u8) {
        let (path, key) = (dir.join("record"), dir.join("host.pub"));
        let (path, key) = (path.display().to_string(), key.display().to_string());
        let arguments = [&["snowfence", "verify", &path, "--key", &key], arguments].concat();
        let command = Cli::try_parse_from(arguments).unwrap().command;
        let Command::Verify(command) = command else {
            panic!("{command:?}");
        };
        let mut bytes = Vec::new();
        let result = command.run(&mut Output::plain(&mut bytes));
        let mut text = String::from_utf8(bytes).unwrap();
        let status = result.map_or_else(
            |error| {
                text.push_str(&format!("{error}\n"));
                exit_code(&error)
            },
            |()| 0,
        );
        (text.replace(&dir.display().to_string(), "DIR"), status)
    }

    fn recorded(dir: &Path) -> (HostKey, Vec<Segment>) {
        let key = fixed_key(dir);
        let segments = recording(&key);
        fs::create_dir(dir.join("record")).unwrap();
        write(&dir.join("record"), &plain(&segments));
        (key, segments)
    }

    #[test]
    fn a_whole_recording_is_told_with_its_head() {
        let dir = tempfile::tempdir().unwrap();
        let (_key, segments) = recorded(dir.path());
        let (text, status) = run(dir.path(), &[]);
        insta::assert_snapshot!(text);
        assert_eq!(status, 0);
        let head = dir.path().join("head");
        let (json, status) = run(dir.path(), &["--json"]);
        assert_eq!(status, 0);
        let file = head.display().to_string();
        for kept in [json, format!("{}\n", segments[2].head())] {
            fs::write(&head, kept).unwrap();
            assert_eq!(run(dir.path(), &["--head", &file]).1, 0);
        }
        fs::remove_file(dir.path().join("record/0000000000000003.sfr")).unwrap();
        let (text, status) = run(dir.path(), &["--head", &file]);
        insta::assert_snapshot!(text);
        assert_eq!(status, 1);
    }

    #[test]
    fn damage_is_told_in_a_sentence_each() {
        let dir = tempfile::tempdir().unwrap();
        let (key, segments) = recorded(dir.path());
        let mut files = plain(&segments);
        let end = files[0].1.len();
        files[0].1.truncate(end - 100);
        let frame = segments[1].range(6).start;
        files[1].1[frame + 40] ^= 1;
        let mut open = segments[2].next(&key);
        open.entry().checkpoint(&key, 0).entry();
        files.extend(plain(&[open]));
        write(&dir.path().join("record"), &files);
        let (text, status) = run(dir.path(), &[]);
        insta::assert_snapshot!(text);
        assert_eq!(status, 1);
        let (text, status) = run(dir.path(), &["--json"]);
        insta::assert_snapshot!(text);
        assert_eq!(status, 1);
    }

    #[test]
    fn what_was_given_wrongly_is_misuse() {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path());
        let other = dir.path().join("host.key").display().to_string();
        let check = |arguments: &[&str], path: &str, key: &str| {
            let arguments = [&["snowfence", "verify", path, "--key", key], arguments].concat();
            let command = Cli::try_parse_from(arguments).unwrap().command;
            let Command::Verify(command) = command else {
                panic!("{command:?}");
            };
            let error = command.run(&mut Output::plain(&mut Vec::new()));
            let error = error.unwrap_err();
            assert_eq!(exit_code(&error), 2, "{error:#}");
            error.to_string()
        };
        let (path, key) = (dir.path().join("record"), dir.path().join("host.pub"));
        let (path, key) = (path.display().to_string(), key.display().to_string());
        let said = [
            check(&[], &path, &other),
            check(&[], &path, "/none"),
            check(&[], "/none", &key),
            check(&[], &key, &key),
            check(&["--head", "1:zz"], &path, &key),
            check(&["--head", &key], &path, &key),
            check(&["--identity", &key], &path, &key),
        ];
        let said = said
            .join("\n")
            .replace(&dir.path().display().to_string(), "DIR");
        insta::assert_snapshot!(said);
    }
}
