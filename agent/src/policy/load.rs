//! Reads policy files: all of them are good, or none is used.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use cedar_policy::{PolicyId, Schema, ValidationMode, Validator};
use miette::Diagnostic;

const SCHEMA: &str = include_str!("schema.cedarschema");

/// A policy file is written by people; anything larger is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The pack that `snowfence init` writes.
#[must_use]
pub const fn default_policy() -> &'static str {
    include_str!("../../../policies/read-only-agent.cedar")
}

/// Validated policies that are in force together.
#[derive(Clone, Debug)]
pub struct PolicySet {
    cedar: cedar_policy::PolicySet,
    schema: Schema,
    messages: BTreeMap<String, String>,
    version: String,
    dir: PathBuf,
}

/// Why policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read the policies at `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` can be changed by others than root and us", path.display())]
    Exposed { path: PathBuf },
    #[error("the policy file `{}` is larger than {FILE_BYTES_MAX} bytes", path.display())]
    Large { path: PathBuf },
    #[error("there is no `*.cedar` file in `{}`", path.display())]
    Empty { path: PathBuf },
    #[error("the policies are not valid:{}", lines(problems))]
    Invalid { problems: Vec<Problem> },
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        write!(formatter, "{file}:{line}:{column}: {message}")
    }
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("\n  {problem}"))
        .collect()
}

impl PolicySet {
    /// Reads every `*.cedar` file of a directory that only root or we can change.
    ///
    /// # Errors
    /// With everything that is wrong with the policies, at once.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let fail = |source| LoadError::Read {
            path: dir.to_path_buf(),
            source,
        };
        let metadata = fs::symlink_metadata(dir).map_err(fail)?;
        if !metadata.is_dir() {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        check_owner(dir, &metadata)?;
        let mut files = Vec::new();
        for file in fs::read_dir(dir).map_err(fail)? {
            let path = file.map_err(fail)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "cedar")
            {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                files.push((name, read(&path)?));
            }
        }
        if files.is_empty() {
            return Err(LoadError::Empty {
                path: dir.to_path_buf(),
            });
        }
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        Ok(Self {
            dir: dir.to_path_buf(),
            ..Self::parse(&files)?
        })
    }

    /// Parses and validates files, given as name and text.
    ///
    /// # Errors
    /// With everything that is wrong with the policies, at once.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, LoadError> {
        let mut problems = Vec::new();
        let mut files = files.to_vec();
        files.sort_unstable();
        let schema = schema(&mut problems);
        let mut cedar = cedar_policy::PolicySet::new();
        let mut owners = BTreeMap::new();
        for &(name, text) in &files {
            match cedar_policy::PolicySet::from_str(text) {
                Ok(set) => add_file((name, text), &set, &mut cedar, &mut owners, &mut problems),
                Err(errors) => {
                    problems.extend(errors.iter().map(|error| problem((name, text), error)));
                }
            }
        }
        if let Some(schema) = &schema {
            validate(schema, &cedar, &owners, &mut problems);
        }
        let (Some(schema), true) = (schema, problems.is_empty()) else {
            problems.sort();
            return Err(LoadError::Invalid { problems });
        };
        let messages = cedar.policies().filter_map(|policy| {
            // One line, whatever the file says: it goes into a client's error message.
            let message = policy
                .annotation("message")?
                .split_whitespace()
                .collect::<Vec<_>>();
            Some((policy.id().to_string(), message.join(" ")))
        });
        let messages = messages.collect();
        let dir = PathBuf::from("/etc/snowfence/policies");
        Ok(Self {
            cedar,
            schema,
            messages,
            version: version(&files),
            dir,
        })
    }

    /// BLAKE3 over the files' names and contents, in hexadecimal.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Number of policies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cedar.num_of_policies()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) const fn cedar(&self) -> &cedar_policy::PolicySet {
        &self.cedar
    }

    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) fn message(&self, policy: &str) -> Option<&str> {
        self.messages.get(policy).map(String::as_str)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

fn schema(problems: &mut Vec<Problem>) -> Option<Schema> {
    match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _warnings)) => Some(schema),
        Err(error) => {
            problems.push(problem(("schema.cedarschema", SCHEMA), &error));
            None
        }
    }
}

/// Adds a file's policies under the names that their `@id` gives them.
fn add_file<'a>(
    file: (&'a str, &'a str),
    set: &cedar_policy::PolicySet,
    cedar: &mut cedar_policy::PolicySet,
    owners: &mut BTreeMap<String, (&'a str, &'a str)>,
    problems: &mut Vec<Problem>,
) {
    let (name, text) = file;
    let mut wrong = |policy: &str, message: String| {
        // What Cedar read from text, it shows as that text.
        let (line, column) = place(text, text.rfind(policy).unwrap_or_default());
        problems.push(Problem {
            file: name.to_owned(),
            line,
            column,
            message,
        });
    };
    for template in set.templates() {
        wrong(
            &template.to_string(),
            "templates are not supported".to_owned(),
        );
    }
    for policy in set.policies() {
        let shown = policy.to_string();
        let id = policy.annotation("id").unwrap_or_default();
        let taken = owners.get(id).map(|(other, _)| *other);
        // A name of its own, so that the policy is validated all the same.
        let mut key = format!("{name}, policy {}", owners.len() + 1);
        match taken {
            _ if id.is_empty() => wrong(&shown, "the policy has no `@id`".to_owned()),
            Some(other) => {
                wrong(
                    &shown,
                    format!("the id `{id}` is taken by another policy, in `{other}`"),
                );
            }
            None => id.clone_into(&mut key),
        }
        if let Err(error) = cedar.add(policy.new_id(PolicyId::new(&key))) {
            wrong(&shown, error.to_string());
        }
        owners.insert(key, file);
    }
}

/// Strict validation; a warning (a policy that can never apply, a name that looks like another) is
/// as bad as an error, because the file does not do what it seems to do.
fn validate(
    schema: &Schema,
    cedar: &cedar_policy::PolicySet,
    owners: &BTreeMap<String, (&str, &str)>,
    problems: &mut Vec<Problem>,
) {
    let result = Validator::new(schema.clone()).validate(cedar, ValidationMode::Strict);
    let owner = |id: &PolicyId| owners.get(&id.to_string()).copied().unwrap_or_default();
    let errors = result
        .validation_errors()
        .map(|it| problem(owner(it.policy_id()), it));
    problems.extend(errors);
    let warnings = result
        .validation_warnings()
        .map(|it| problem(owner(it.policy_id()), it));
    problems.extend(warnings);
}

fn problem((name, text): (&str, &str), error: &impl Diagnostic) -> Problem {
    let label = error.labels().and_then(|mut labels| labels.next());
    let (line, column) = place(text, label.as_ref().map_or(0, miette::LabeledSpan::offset));
    let mut message = first_line(&error.to_string());
    if let Some(detail) = label.as_ref().and_then(miette::LabeledSpan::label) {
        message = format!("{message}: {detail}");
    }
    if let Some(help) = error.help() {
        message = format!("{message} ({help})");
    }
    Problem {
        file: name.to_owned(),
        line,
        column,
        message,
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Line and column of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text
        .get(..text.floor_char_boundary(offset))
        .unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}

fn version(files: &[(&str, &str)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in files.iter().flat_map(|(name, text)| [name, text]) {
        // Lengths keep two sets apart whose concatenations are the same.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn read(path: &Path) -> Result<String, LoadError> {
    let fail = |source| LoadError::Read {
        path: path.to_path_buf(),
        source,
    };
    // A link could lead to a file that others can change after it was checked.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(fail(io::ErrorKind::InvalidInput.into()));
    }
    check_owner(path, &metadata)?;
    let mut text = String::new();
    let read = file
        .take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(fail)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(LoadError::Large {
            path: path.to_path_buf(),
        });
    }
    Ok(text)
}

fn check_owner(path: &Path, metadata: &fs::Metadata) -> Result<(), LoadError> {
    let ours = metadata.uid() == 0 || metadata.uid() == nix::unistd::geteuid().as_raw();
    if ours && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(LoadError::Exposed {
        path: path.to_path_buf(),
    })
}
