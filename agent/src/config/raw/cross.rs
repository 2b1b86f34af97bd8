//! Rules between tables.

use std::collections::BTreeMap;

use agent_ebpf::{SCOPE_LEVEL_MAX, SCOPES_MAX};
use toml::Spanned;

use crate::config::reader::{Reader, closest};

/// The names that tables gave and used, with their places.
///
/// A table with a finding of its own still gives its name, so that one mistake is told once.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) scopes: Vec<Spanned<String>>,
    pub(super) workloads: Vec<Spanned<String>>,
    pub(super) accounts: Vec<Spanned<String>>,
    pub(super) hosts: Vec<Spanned<String>>,
    pub(super) credentials: Vec<Spanned<String>>,
    /// Credential, account it names.
    pub(super) credential_accounts: Vec<(String, Spanned<String>)>,
    /// Account, credential it names.
    pub(super) default_credentials: Vec<(String, Spanned<String>)>,
    /// Webhooks and Slack channels.
    pub(super) receivers: Vec<Spanned<String>>,
    pub(super) attach: Option<Spanned<String>>,
}

pub(super) fn check(seen: &Seen, file: &Reader<'_, '_>) {
    unique(&seen.scopes, "scope", file);
    unique(&seen.workloads, "workload", file);
    unique(&seen.accounts, "account", file);
    unique(&seen.hosts, "host", file);
    unique(&seen.credentials, "credential", file);
    unique(&seen.receivers, "receiver", file);
    scopes_below_attach(seen, file);
    scopes_fit_the_kernel(seen, file);
    accounts_exist(seen, file);
    default_credentials_exist(seen, file);
}

fn unique(names: &[Spanned<String>], noun: &str, file: &Reader<'_, '_>) {
    for (index, name) in names.iter().enumerate() {
        if names
            .iter()
            .take(index)
            .any(|earlier| earlier.get_ref() == name.get_ref())
        {
            let message = format!("{noun} `{}` is given twice", name.get_ref());
            file.problems().at(&name.span(), message);
        }
    }
}

/// The programs walk up to a fixed level and keep scopes in a map of fixed size.
fn scopes_fit_the_kernel(seen: &Seen, file: &Reader<'_, '_>) {
    for scope in &seen.scopes {
        let level = scope
            .get_ref()
            .split('/')
            .filter(|part| !part.is_empty())
            .count();
        if u32::try_from(level).is_ok_and(|level| level <= SCOPE_LEVEL_MAX) {
            continue;
        }
        let message = format!("a scope can be at most {SCOPE_LEVEL_MAX} levels deep");
        file.problems().at(&scope.span(), message);
    }
    if let Some(scope) = seen.scopes.get(SCOPES_MAX) {
        file.problems().at(
            &scope.span(),
            format!("there can be at most {SCOPES_MAX} scopes"),
        );
    }
}

/// The programs see nothing outside the cgroup they are attached to.
fn scopes_below_attach(seen: &Seen, file: &Reader<'_, '_>) {
    let attach = seen.attach.as_ref().map_or("/", |attach| attach.get_ref());
    for scope in &seen.scopes {
        let path = scope.get_ref();
        if path == "/" {
            // The daemon would be a client of itself, and an update of the host would hang on it.
            file.problems()
                .at(&scope.span(), "a scope cannot be the whole host");
        } else if !is_below(path, attach) {
            let message = format!("scope `{path}` is not below `kernel.attach`, `{attach}`");
            file.problems().at(&scope.span(), message);
        }
    }
}

fn is_below(path: &str, ancestor: &str) -> bool {
    let ancestor = ancestor.trim_end_matches('/');
    path.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn accounts_exist(seen: &Seen, file: &Reader<'_, '_>) {
    for (_, account) in &seen.credential_accounts {
        if !contains(&seen.accounts, account.get_ref()) {
            let message = unknown("account", account.get_ref(), &seen.accounts);
            file.problems().at(&account.span(), message);
        }
    }
}

fn default_credentials_exist(seen: &Seen, file: &Reader<'_, '_>) {
    let account_of: BTreeMap<&str, &str> = seen
        .credential_accounts
        .iter()
        .map(|(credential, account)| (credential.as_str(), account.get_ref().as_str()))
        .collect();
    for (account, credential) in &seen.default_credentials {
        let name = credential.get_ref();
        if !contains(&seen.credentials, name) {
            let message = unknown("credential", name, &seen.credentials);
            file.problems().at(&credential.span(), message);
        } else if account_of
            .get(name.as_str())
            .is_some_and(|of| of != account)
        {
            let message = format!("credential `{name}` is not one of account `{account}`");
            file.problems().at(&credential.span(), message);
        }
    }
}

fn contains(names: &[Spanned<String>], name: &str) -> bool {
    names.iter().any(|known| known.get_ref() == name)
}

fn unknown(noun: &str, name: &str, known: &[Spanned<String>]) -> String {
    let hint = closest(name, known.iter().map(|known| known.get_ref().as_str()))
        .map(|known| format!(", did you mean `{known}`?"))
        .unwrap_or_default();
    format!("no [[{noun}]] is called `{name}`{hint}")
}
