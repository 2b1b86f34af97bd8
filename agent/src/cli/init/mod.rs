//! `snowfence init`: a first configuration, authority, policy and labels, from flags or from questions.

mod answers;
mod files;

use std::io::{self, BufRead, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use super::Misuse;
use super::output::Output;
use crate::config::{
    Account, Config, ConfigError, Credential, CredentialKind, OtherTls, Scope, SecretSource,
    Unnamed, WorkloadMatcher, load, show_tables,
};
use crate::policy::default_policy;
use crate::tls::Authority;

pub(super) use answers::Answers;
use files::Layout;

/// Writes a first configuration, authority, policy and labels. Asks on a terminal for what no flag says.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The host name of the Snowflake account: `org-account.snowflakecomputing.com`.
    #[arg(long, value_name = "HOST")]
    account: Option<String>,
    /// How the daemon proves itself to Snowflake.
    #[arg(long, value_enum, default_value = "key-pair")]
    kind: Kind,
    /// The Snowflake user that agents act as.
    #[arg(long)]
    user: Option<String>,
    /// The file with the secret: private key, token, client secret or password.
    #[arg(long, value_name = "FILE", group = "secret")]
    secret_file: Option<PathBuf>,
    /// The systemd credential with the secret.
    #[arg(long, value_name = "NAME", group = "secret")]
    secret_systemd: Option<String>,
    /// The program that prints the secret, and its arguments.
    #[arg(long, value_name = "ARGUMENT", num_args = 1.., allow_hyphen_values = true, group = "secret")]
    secret_command: Vec<String>,
    /// The token endpoint, for `oauth-client-credentials`.
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// The client id, for `oauth-client-credentials`.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The role of every session.
    #[arg(long)]
    role: Option<String>,
    /// The warehouse of every session.
    #[arg(long)]
    warehouse: Option<String>,
    /// The cgroup below which agents run: `agents.slice`.
    #[arg(long, value_name = "CGROUP")]
    scope: Option<String>,
    /// What policies call the agents.
    #[arg(long, value_name = "NAME", default_value = "agents")]
    workload: String,
    /// The systemd unit of the agents, a pattern; without it everything in the scope.
    #[arg(long, value_name = "PATTERN")]
    unit: Option<String>,
    /// Puts everything below this directory instead of below `/`.
    #[arg(long, value_name = "DIR", default_value = "/")]
    dir: PathBuf,
    /// Replaces an existing configuration, first policy and labels. The authority is always kept.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    KeyPair,
    ProgrammaticAccessToken,
    OauthClientCredentials,
    Password,
}

/// What is masked on a fresh host: everything that the shipped labels know.
const FIRST_LABELS: &str = include_str!("../../../../policies/labels.toml");

/// The one credential that `init` writes.
const CREDENTIAL: &str = "default";

impl Init {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let root = std::path::absolute(&self.dir).context("finding the directory")?;
        let layout = Layout::below(&root);
        if !self.force {
            layout.refuse_existing()?;
        }
        let force = self.force;
        let mut input = io::stdin().lock();
        let input = input
            .is_terminal()
            .then_some(&mut input as &mut dyn BufRead);
        let answers = Answers::complete(self, input, output)?;
        let (text, config) = compose(&answers, &layout)?;
        layout.create_directories()?;
        let authority = Authority::open_or_create(&config.tls.ca_dir, &config.tls.extra_names)
            .context("making the authority")?;
        drop(authority);
        layout.write_policy(default_policy(), force)?;
        layout.write_labels(FIRST_LABELS, force)?;
        // Last: a configuration is there only if everything that it names is.
        layout.write_config(&text, force)?;
        next_steps(&answers, &layout, output)
    }
}

/// Writes the file, and reads it back: what cannot be read is told and never written.
fn compose(answers: &Answers, layout: &Layout) -> Result<(String, Config), ConfigError> {
    let account_name = answers
        .account
        .split('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    let scope = Scope {
        mode: crate::policy::Mode::Enforce,
        cgroup: answers.scope.clone(),
        other_tls: OtherTls::Pass,
        unnamed: Unnamed::Deny,
        unnamed_networks: Vec::new(),
    };
    let account = Account {
        name: account_name.clone(),
        hosts: vec![answers.account.clone()],
        default_credential: Some(CREDENTIAL.to_owned()),
    };
    let credential = Credential {
        name: CREDENTIAL.to_owned(),
        account: account_name,
        user: answers.user.clone(),
        kind: answers.credential_kind(),
        role: answers.role.clone(),
        roles: Vec::new(),
        warehouse: answers.warehouse.clone(),
        database: None,
        schema: None,
        session_parameters: std::collections::BTreeMap::new(),
    };
    let tables = show_tables(&[scope], &[workload(answers)], &[account], &[credential]);
    let text = format!("{HEADER}\n{tables}{}", layout.sections());
    let config = load(Path::new("snowfence.toml"), &|_: &Path| Ok(text.clone()))?;
    Ok((text, config))
}

fn workload(answers: &Answers) -> WorkloadMatcher {
    // Without a unit the scope is the workload: what else runs in it is enforced all the same.
    let scope = globset::escape(answers.scope.trim_matches('/'));
    let below = format!("{{/{scope},/{scope}/**}}");
    WorkloadMatcher {
        name: answers.workload.clone(),
        unit: answers.unit.clone(),
        slice: None,
        cgroup: answers.unit.is_none().then_some(below),
        container: None,
        pod: None,
        exe: None,
        exe_sha256: None,
        uid: None,
    }
}

fn next_steps(answers: &Answers, layout: &Layout, output: &mut Output<'_>) -> Result<()> {
    let config = layout.config();
    let config = config.display();
    output.line(&format!(
        "Wrote {config}, the authority, a first policy and labels. Next:"
    ))?;
    if let SecretSource::File(path) = &answers.secret
        && !path.exists()
    {
        let path = path.display();
        output.line(&format!(
            "  put the secret there:      install -m 0600 SECRET {path}"
        ))?;
    }
    if let SecretSource::Systemd(name) = &answers.secret {
        output.line(&format!(
            "  give the unit the secret:  LoadCredential={name}:PATH"
        ))?;
    }
    output.line(&format!(
        "  read the first policy:     {}",
        layout.policy().display()
    ))?;
    output.line(&format!(
        "  say what is masked:        {}",
        layout.labels().display()
    ))?;
    output.line(&format!(
        "  check the configuration:   snowfence config check --config {config}"
    ))?;
    output.line(&format!(
        "  make clients trust us:     snowfence trust install --config {config}"
    ))?;
    output.line(&format!(
        "  start the daemon:          snowfence run --config {config}"
    ))?;
    let scope = answers.scope.trim_matches('/');
    // Only slices are systemd's to fill by name.
    let start = if scope.ends_with(".slice") && !scope.contains('/') {
        format!("systemd-run --slice={scope} AGENT")
    } else {
        format!("in the cgroup {scope}")
    };
    output.line(&format!("  start an agent in scope:   {start}"))
}

const HEADER: &str = "# Snowfence. Every key: docs/configuration.md, or `snowfence config show`.\n";
