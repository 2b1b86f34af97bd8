//! The resolved configuration as TOML that reads back as itself. Secrets appear as their sources.

use std::fmt::Display;
use std::path::Path;

use toml::{Table, Value};

use super::value::{show_bytes, show_duration};
use super::{
    Account, Config, Credential, CredentialKind, Durability, Literals, OtherTls, Record, Scope,
    SecretSource, Ship, ShipAuth, Unnamed, WorkloadMatcher,
};
use crate::access::notify::{self, Slack, Webhook};
use crate::policy::Mode;

/// Prints every setting, defaults included.
#[must_use]
pub fn show(config: &Config) -> String {
    let mut page = Page::default();
    let Config {
        scopes,
        workloads,
        accounts,
        credentials,
        ..
    } = config;
    page.tables(scopes, workloads, accounts, credentials);
    page.receivers(&config.notify);
    page.settings(config);
    page.text
}

/// Prints the tables that have no defaults, for a file that says nothing else.
#[must_use]
pub fn show_tables(
    scopes: &[Scope],
    workloads: &[WorkloadMatcher],
    accounts: &[Account],
    credentials: &[Credential],
) -> String {
    let mut page = Page::default();
    page.tables(scopes, workloads, accounts, credentials);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn tables(
        &mut self,
        scopes: &[Scope],
        workloads: &[WorkloadMatcher],
        accounts: &[Account],
        credentials: &[Credential],
    ) {
        scopes.iter().for_each(|scope| self.scope(scope));
        workloads
            .iter()
            .for_each(|workload| self.workload(workload));
        accounts.iter().for_each(|account| self.account(account));
        credentials
            .iter()
            .for_each(|credential| self.credential(credential));
    }

    fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(heading);
        self.text.push('\n');
    }

    fn line(&mut self, key: &str, value: impl Into<Value>) {
        let value: Value = value.into();
        self.text.push_str(&format!("{key} = {value}\n"));
    }

    fn optional(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.line(key, value);
        }
    }

    fn path(&mut self, key: &str, path: &Path) {
        self.line(key, path.display().to_string());
    }

    fn scope(&mut self, scope: &Scope) {
        let Scope {
            cgroup,
            mode,
            other_tls,
            unnamed,
            unnamed_networks,
        } = scope;
        self.heading("[[scope]]");
        self.line("cgroup", cgroup.as_str());
        self.line("mode", word(&Mode::CHOICES, *mode));
        self.line("other_tls", word(&OtherTls::CHOICES, *other_tls));
        self.line("unnamed", word(&Unnamed::CHOICES, *unnamed));
        if !unnamed_networks.is_empty() {
            let networks = unnamed_networks
                .iter()
                .map(|(address, bits)| format!("{address}/{bits}"));
            self.line("unnamed_networks", strings(networks));
        }
    }

    fn workload(&mut self, workload: &WorkloadMatcher) {
        let WorkloadMatcher {
            name,
            unit,
            slice,
            cgroup,
            container,
            pod,
            exe,
            exe_sha256,
            uid,
        } = workload;
        self.heading("[[workload]]");
        self.line("name", name.as_str());
        self.optional("unit", unit.as_deref());
        self.optional("slice", slice.as_deref());
        self.optional("cgroup", cgroup.as_deref());
        self.optional("container", container.as_deref());
        self.optional("pod", pod.as_deref());
        self.optional("exe", exe.as_deref());
        self.optional("exe_sha256", exe_sha256.as_deref());
        self.optional("uid", uid.map(i64::from));
    }

    fn account(&mut self, account: &Account) {
        let Account {
            name,
            hosts,
            default_credential,
        } = account;
        self.heading("[[account]]");
        self.line("name", name.as_str());
        self.line("hosts", strings(hosts));
        self.optional("default_credential", default_credential.as_deref());
    }

    fn credential(&mut self, credential: &Credential) {
        let Credential {
            name,
            account,
            user,
            kind,
            role,
            roles,
            warehouse,
            database,
            schema,
            session_parameters,
        } = credential;
        self.heading("[[credential]]");
        self.line("name", name.as_str());
        self.line("account", account.as_str());
        self.optional("user", user.as_deref());
        self.kind(kind);
        self.optional("role", role.as_deref());
        self.line("roles", strings(roles));
        self.optional("warehouse", warehouse.as_deref());
        self.optional("database", database.as_deref());
        self.optional("schema", schema.as_deref());
        if !session_parameters.is_empty() {
            let parameters = session_parameters.iter();
            let table: Table = parameters
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect();
            self.line("session_parameters", table);
        }
    }

    fn kind(&mut self, kind: &CredentialKind) {
        match kind {
            CredentialKind::KeyPair {
                private_key,
                passphrase,
            } => {
                self.line("kind", "key-pair");
                self.line("private_key", secret(private_key));
                self.optional("passphrase", passphrase.as_ref().map(secret));
            }
            CredentialKind::ProgrammaticAccessToken { token } => {
                self.line("kind", "programmatic-access-token");
                self.line("token", secret(token));
            }
            CredentialKind::OauthClientCredentials {
                token_url,
                client_id,
                client_secret,
                scope,
            } => {
                self.line("kind", "oauth-client-credentials");
                self.line("token_url", token_url.as_str());
                self.line("client_id", client_id.as_str());
                self.line("client_secret", secret(client_secret));
                self.optional("scope", scope.as_deref());
            }
            CredentialKind::Password { password } => {
                self.line("kind", "password");
                self.line("password", secret(password));
            }
        }
    }

    fn receivers(&mut self, notify: &notify::Config) {
        let notify::Config { webhooks, slack } = notify;
        for Webhook {
            name,
            url,
            secret: key,
            events,
            redact,
        } in webhooks
        {
            self.heading("[[webhook]]");
            self.line("name", name.as_str());
            self.line("url", url.as_str());
            self.line("secret", secret(key));
            self.line("events", strings(events));
            self.line("redact", *redact);
        }
        for Slack {
            name,
            url,
            events,
            redact,
        } in slack
        {
            self.heading("[[slack]]");
            self.line("name", name.as_str());
            self.line("url", secret(url));
            self.line("events", strings(events));
            self.line("redact", *redact);
        }
    }

    fn record(&mut self, record: &Record) {
        let Record {
            dir,
            durability,
            segment_bytes_max,
            segment_age_max,
            reserve_bytes,
            key_file,
            index,
            index_text,
            literals,
            rows_max,
            rows_bytes_max,
            compression_level,
            encrypt_to,
            keep_age_max,
            keep_bytes_max,
            ship,
        } = record;
        self.heading("[record]");
        self.path("dir", dir);
        let durability = match durability {
            Durability::BeforeForward => "before-forward",
        };
        self.line("durability", durability);
        self.line("segment_bytes_max", show_bytes(*segment_bytes_max));
        self.line("segment_age_max", show_duration(*segment_age_max));
        self.line("reserve_bytes", show_bytes(*reserve_bytes));
        self.path("key_file", key_file);
        match index {
            Some(path) => self.path("index", path),
            None => self.line("index", "off"),
        }
        self.line("index_text", *index_text);
        let literals = match literals {
            Literals::Detected => "detected",
            Literals::None => "none",
            Literals::All => "all",
        };
        self.line("literals", literals);
        self.line("rows_max", count(*rows_max));
        let rows_bytes = u64::try_from(*rows_bytes_max).unwrap_or(u64::MAX);
        self.line("rows_bytes_max", show_bytes(rows_bytes));
        self.line("compression_level", i64::from(*compression_level));
        self.line("encrypt_to", strings(encrypt_to));
        self.optional("keep_age_max", keep_age_max.map(show_duration));
        self.optional("keep_bytes_max", keep_bytes_max.map(show_bytes));
        if let Some(ship) = ship {
            self.ship(ship);
        }
    }

    fn ship(&mut self, ship: &Ship) {
        let Ship {
            target,
            endpoint,
            region,
            auth,
            ca_files,
        } = ship;
        self.heading("[record.ship]");
        self.line("url", target.to_string());
        self.optional("endpoint", endpoint.as_deref());
        self.optional("region", region.as_deref());
        match auth {
            ShipAuth::None => {}
            ShipAuth::Instance { account } => {
                self.line("auth", "instance");
                self.optional("access_key_id", account.as_deref());
            }
            ShipAuth::Keys { id, secret: key } => {
                self.line("auth", "keys");
                self.optional("access_key_id", id.as_deref());
                self.line("secret_access_key", secret(key));
            }
        }
        self.line("ca_files", strings(ca_files.iter().map(|it| it.display())));
    }

    fn settings(&mut self, config: &Config) {
        let Config {
            kernel,
            tls,
            policy,
            record,
            access,
            admin,
            mask,
            limits,
            ..
        } = config;
        self.heading("[kernel]");
        self.line("attach", kernel.attach.as_str());
        self.path("pin_dir", &kernel.pin_dir);
        let ports = kernel
            .ports
            .iter()
            .map(|port| Value::from(i64::from(*port)));
        self.line("ports", Value::Array(ports.collect()));
        self.heading("[tls]");
        self.path("ca_dir", &tls.ca_dir);
        self.line(
            "upstream_ca_files",
            strings(tls.upstream_ca_files.iter().map(|p| p.display())),
        );
        self.line("extra_names", strings(&tls.extra_names));
        self.heading("[policy]");
        self.path("dir", &policy.dir);
        self.record(record);
        self.heading("[access]");
        self.path("store", &access.store);
        self.path("socket", &access.socket);
        self.heading("[admin]");
        self.path("socket", &admin.socket);
        self.line(
            "metrics",
            admin
                .metrics
                .map_or_else(|| "off".to_owned(), |address| address.to_string()),
        );
        self.heading("[mask]");
        self.optional("key", mask.key.as_ref().map(secret));
        self.path("key_file", &mask.key_file);
        self.heading("[limits]");
        self.line("connections_max", count(limits.connections_max));
        self.line("sessions_max", count(limits.sessions_max));
        self.line("hello_timeout", show_duration(limits.hello_timeout));
        self.line(
            "request_body_bytes_max",
            size(limits.request_body_bytes_max),
        );
        self.line(
            "response_body_bytes_max",
            size(limits.response_body_bytes_max),
        );
        self.line("row_bytes_max", size(limits.row_bytes_max));
        self.line("upstream_timeout", show_duration(limits.upstream_timeout));
        self.line("hold_poll", show_duration(limits.hold_poll));
    }
}

fn word<T: Copy + PartialEq>(choices: &[(&'static str, T)], choice: T) -> &'static str {
    choices
        .iter()
        .find(|(_, known)| *known == choice)
        .map_or("", |(name, _)| name)
}

fn strings<T: Display>(values: impl IntoIterator<Item = T>) -> Value {
    Value::Array(
        values
            .into_iter()
            .map(|value| Value::from(value.to_string()))
            .collect(),
    )
}

fn size(bytes: usize) -> String {
    show_bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
}

fn secret(source: &SecretSource) -> Table {
    let mut table = Table::new();
    match source {
        SecretSource::File(path) => {
            table.insert("file".to_owned(), path.display().to_string().into());
        }
        SecretSource::Systemd(name) => {
            table.insert("systemd".to_owned(), name.as_str().into());
        }
        SecretSource::Command { argv, ttl } => {
            table.insert("command".to_owned(), strings(argv));
            table.insert("ttl".to_owned(), show_duration(*ttl).into());
        }
    }
    table
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
