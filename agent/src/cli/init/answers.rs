//! What `init` must know: from flags, else from questions, else told as missing all at once.

use std::io::BufRead;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::{CredentialKind, Init, Kind, Misuse, SecretSource};
use crate::cli::output::Output;

/// How long what a command printed is used, unless the configuration is edited.
const TTL: Duration = Duration::from_secs(600);

/// Complete, not yet checked.
#[derive(Debug)]
pub(in crate::cli) struct Answers {
    pub(super) account: String,
    pub(super) user: Option<String>,
    pub(super) secret: SecretSource,
    pub(super) role: Option<String>,
    pub(super) warehouse: Option<String>,
    pub(super) scope: String,
    pub(super) workload: String,
    pub(super) unit: Option<String>,
    kind: Kind,
    token_url: Option<String>,
    client_id: Option<String>,
}

/// Asks, or notes what it would have asked.
struct Questions<'i, 'o, 'w> {
    input: Option<&'i mut dyn BufRead>,
    output: &'o mut Output<'w>,
    missing: Vec<&'static str>,
}

impl Questions<'_, '_, '_> {
    fn answer(&mut self, given: Option<String>, flag: &'static str, ask: &str) -> Result<String> {
        if let Some(given) = given {
            return Ok(given);
        }
        let mut line = String::new();
        if let Some(input) = &mut self.input {
            self.output.prompt(ask)?;
            input.read_line(&mut line)?;
        }
        let answer = line.trim().to_owned();
        if answer.is_empty() {
            self.missing.push(flag);
        }
        Ok(answer)
    }
}

impl Answers {
    /// Fills what the flags leave open with lines of `input`; `None` if nobody can be asked.
    pub(in crate::cli) fn complete(
        flags: Init,
        input: Option<&mut dyn BufRead>,
        output: &mut Output<'_>,
    ) -> Result<Self> {
        let mut questions = Questions {
            input,
            output,
            missing: Vec::new(),
        };
        let account = questions.answer(flags.account, "--account", "Snowflake account host")?;
        let oauth = flags.kind == Kind::OauthClientCredentials;
        let (mut user, mut token_url, mut client_id) =
            (flags.user, flags.token_url, flags.client_id);
        if oauth {
            token_url =
                Some(questions.answer(token_url, "--token-url", "Token endpoint (https)")?);
            client_id = Some(questions.answer(client_id, "--client-id", "Client id")?);
        } else {
            user = Some(questions.answer(user, "--user", "Snowflake user of the agents")?);
        }
        let secret = if let Some(name) = flags.secret_systemd {
            SecretSource::Systemd(name)
        } else if flags.secret_command.is_empty() {
            let given = flags.secret_file.map(|path| path.display().to_string());
            let file = questions.answer(given, "--secret-file", "File with the secret")?;
            SecretSource::File(PathBuf::from(file))
        } else {
            SecretSource::Command {
                argv: flags.secret_command,
                ttl: TTL,
            }
        };
        let ask = "Scope, the cgroup of the agents (agents.slice)";
        let scope = questions.answer(flags.scope, "--scope", ask)?;
        if !questions.missing.is_empty() {
            let missing = questions.missing.join(", ");
            return Err(Misuse(format!("not on a terminal or not answered: {missing}")).into());
        }
        Ok(Self {
            account,
            user,
            secret,
            role: flags.role,
            warehouse: flags.warehouse,
            scope,
            workload: flags.workload,
            unit: flags.unit,
            kind: flags.kind,
            token_url,
            client_id,
        })
    }

    pub(super) fn credential_kind(&self) -> CredentialKind {
        let secret = self.secret.clone();
        match self.kind {
            Kind::KeyPair => CredentialKind::KeyPair {
                private_key: secret,
                passphrase: None,
            },
            Kind::ProgrammaticAccessToken => {
                CredentialKind::ProgrammaticAccessToken { token: secret }
            }
            Kind::OauthClientCredentials => CredentialKind::OauthClientCredentials {
                token_url: self.token_url.clone().unwrap_or_default(),
                client_id: self.client_id.clone().unwrap_or_default(),
                client_secret: secret,
                scope: None,
            },
            Kind::Password => CredentialKind::Password { password: secret },
        }
    }
}
