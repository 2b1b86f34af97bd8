//! `[[credential]]`, and where its secrets come from.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::all;
use super::cross::Seen;
use crate::config::reader::{Reader, type_of, wrong_type};
use crate::config::schema;
use crate::config::value;
use crate::config::{Credential, CredentialKind, SecretSource};

/// Long enough that a secret manager is not asked for every login, short enough that a rotated
/// secret is picked up within a coffee break.
const TTL_DEFAULT: Duration = Duration::from_secs(600);
/// Shorter, and the program would run all the time.
const TTL_MIN: Duration = Duration::from_secs(10);
/// Longer, and a revoked secret would outlive a day.
const TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Copy)]
enum Kind {
    KeyPair,
    Pat,
    Oauth,
    Password,
}

const KINDS: [(&str, Kind); 4] = [
    ("key-pair", Kind::KeyPair),
    ("programmatic-access-token", Kind::Pat),
    ("oauth-client-credentials", Kind::Oauth),
    ("password", Kind::Password),
];

/// Every key that belongs to some kinds only.
const KIND_KEYS: [&str; 8] = [
    "private_key",
    "passphrase",
    "token",
    "token_url",
    "client_id",
    "client_secret",
    "scope",
    "password",
];

impl Kind {
    const fn required(self) -> &'static [&'static str] {
        match self {
            Self::KeyPair => &["user", "private_key"],
            Self::Pat => &["user", "token"],
            Self::Oauth => &["token_url", "client_id", "client_secret"],
            Self::Password => &["user", "password"],
        }
    }

    const fn optional(self) -> &'static [&'static str] {
        match self {
            Self::KeyPair => &["passphrase"],
            Self::Oauth => &["scope"],
            Self::Pat | Self::Password => &[],
        }
    }
}

pub(super) fn credentials(file: &mut Reader<'_, '_>, seen: &mut Seen) -> Option<Vec<Credential>> {
    let tables = file.tables("credential", &schema::CREDENTIAL);
    all(tables, |table| credential(table, seen))
}

fn credential(mut table: Reader<'_, '_>, seen: &mut Seen) -> Option<Credential> {
    let name = table.required_as("name", value::name);
    let account = table.required("account");
    seen.credentials.extend(name.clone());
    if let (Some(name), Some(account)) = (&name, &account) {
        seen.credential_accounts
            .push((name.get_ref().clone(), account.clone()));
    }
    let kind = kind(&mut table);
    let user = table.parsed("user", value::not_empty);
    let role = table.parsed("role", value::not_empty);
    let roles = table.list("roles", value::not_empty);
    let warehouse = table.parsed("warehouse", value::not_empty);
    let database = table.parsed("database", value::not_empty);
    let schema = table.parsed("schema", value::not_empty);
    let session_parameters = session_parameters(&mut table);
    table.finish();
    Some(Credential {
        name: name?.into_inner(),
        account: account?.into_inner(),
        user,
        kind: kind?,
        role,
        roles: roles.into_iter().map(Spanned::into_inner).collect(),
        warehouse,
        database,
        schema,
        session_parameters,
    })
}

fn kind(table: &mut Reader<'_, '_>) -> Option<CredentialKind> {
    let kind = table.required_choice("kind", &KINDS);
    if let Some(kind) = kind {
        for key in kind.required().iter().filter(|key| !table.has(key)) {
            table.missing(key);
        }
        let foreign = KIND_KEYS
            .iter()
            .filter(|key| !kind.required().contains(key) && !kind.optional().contains(key));
        for key in foreign.filter(|key| table.has(key)) {
            table.problem(format!(
                "`{key}` does not belong to this `kind` of [[credential]]"
            ));
        }
    }
    // All are read whatever the kind, so that a secret written into the file is always told.
    let private_key = secret(table, "private_key");
    let passphrase = secret(table, "passphrase");
    let token = secret(table, "token");
    let token_url = table.parsed("token_url", value::url);
    let client_id = table.parsed("client_id", value::not_empty);
    let client_secret = secret(table, "client_secret");
    let scope = table.parsed("scope", value::not_empty);
    let password = secret(table, "password");
    Some(match kind? {
        Kind::KeyPair => CredentialKind::KeyPair {
            private_key: private_key?,
            passphrase,
        },
        Kind::Pat => CredentialKind::ProgrammaticAccessToken { token: token? },
        Kind::Oauth => CredentialKind::OauthClientCredentials {
            token_url: token_url?,
            client_id: client_id?,
            client_secret: client_secret?,
            scope,
        },
        Kind::Password => CredentialKind::Password {
            password: password?,
        },
    })
}

/// Reads where a secret comes from. A secret itself is refused, and not repeated.
pub(super) fn secret(table: &mut Reader<'_, '_>, key: &'static str) -> Option<SecretSource> {
    let value = table.take(key)?;
    if value.get_ref().is_str() {
        let message = format!(
            "`{key}` must not be written into this file; write where it is: \
             `{key} = {{ file = \"/etc/snowfence/secrets/NAME\" }}`, or `systemd`, or `command`"
        );
        table.problems().at(&value.span(), message);
        return None;
    }
    let mut source = table.child(key, value, &schema::SECRET)?;
    let (file_given, systemd_given, command_given) = (
        source.has("file"),
        source.has("systemd"),
        source.has("command"),
    );
    // The text is not repeated: it may be the secret itself, put in the wrong place.
    let file = source.parsed("file", |text| {
        value::path(text).ok().ok_or("not an absolute path")
    });
    let systemd = source.parsed("systemd", |text| value::name(text).ok().ok_or("not a name"));
    let argv = source.list("command", value::not_empty);
    let ttl_given = source.has("ttl");
    let ttl = source.parsed("ttl", |text| value::duration(text, TTL_MIN, TTL_MAX));
    if [file_given, systemd_given, command_given]
        .iter()
        .filter(|given| **given)
        .count()
        != 1
    {
        source.problem(format!(
            "`{key}` needs exactly one of `file`, `systemd` and `command`"
        ));
    } else if ttl_given && !command_given {
        source.problem("`ttl` belongs to `command`");
    }
    let problems = source.problems();
    source.finish();
    if let Some(path) = file {
        return Some(SecretSource::File(path));
    }
    if let Some(name) = systemd {
        return Some(SecretSource::Systemd(name));
    }
    // The daemon runs it as root: which program it is must not depend on a search path.
    let program = argv.first()?;
    if !program.get_ref().starts_with('/') {
        problems.at(
            &program.span(),
            "the program of `command` must be an absolute path",
        );
    }
    let argv = argv.into_iter().map(Spanned::into_inner).collect();
    Some(SecretSource::Command {
        argv,
        ttl: ttl.unwrap_or(TTL_DEFAULT),
    })
}

/// Snowflake's parameters are texts, numbers and booleans; all are sent as text.
fn session_parameters(table: &mut Reader<'_, '_>) -> BTreeMap<String, String> {
    let Some(value) = table.take("session_parameters") else {
        return BTreeMap::new();
    };
    let problems = table.problems();
    let span = value.span();
    let DeValue::Table(parameters) = value.into_inner() else {
        problems.at(&span, "`session_parameters` must be a table");
        return BTreeMap::new();
    };
    let mut read = BTreeMap::new();
    for (key, value) in parameters {
        let name = key.get_ref().to_ascii_uppercase();
        let text = match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Boolean(flag) => Some(flag.to_string()),
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            other @ (DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_)) => {
                wrong_type(
                    &name,
                    "a string, number or boolean",
                    type_of(other),
                    &value.span(),
                    problems,
                );
                None
            }
        };
        if let Some(text) = text
            && read.insert(name, text).is_some()
        {
            problems.at(&key.span(), "parameter is given twice in different case");
        }
    }
    read
}
