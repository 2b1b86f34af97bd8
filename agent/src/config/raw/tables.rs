//! `[[scope]]`, `[[workload]]`, `[[account]]`.

use toml::Spanned;

use super::all;
use super::cross::Seen;
use crate::config::reader::Reader;
use crate::config::schema;
use crate::config::value;
use crate::config::{Account, OtherTls, Scope, Unnamed, WorkloadMatcher};
use crate::policy::Mode;

/// What identity calls a process that no `[[workload]]` matches.
const NO_WORKLOAD: &str = "unknown";

pub(super) fn scopes(file: &mut Reader<'_, '_>, seen: &mut Seen) -> Option<Vec<Scope>> {
    let tables = file.tables("scope", &schema::SCOPE);
    if tables.is_empty() {
        file.problem("the configuration needs at least one [[scope]]");
    }
    all(tables, |table| scope(table, seen))
}

fn scope(mut table: Reader<'_, '_>, seen: &mut Seen) -> Option<Scope> {
    let cgroup = table.required_as("cgroup", value::cgroup);
    let mode = table.choice("mode", &Mode::CHOICES).unwrap_or_default();
    let other_tls = table
        .choice("other_tls", &OtherTls::CHOICES)
        .unwrap_or(OtherTls::Pass);
    let unnamed = table
        .choice("unnamed", &Unnamed::CHOICES)
        .unwrap_or(Unnamed::Deny);
    let networks_given = table.has("unnamed_networks");
    let networks = table.list("unnamed_networks", value::network);
    match unnamed {
        Unnamed::Deny if networks_given => {
            table.problem("`unnamed_networks` has no effect without `unnamed = \"pass-listed\"`");
        }
        Unnamed::PassListed if !networks_given => {
            table.problem("`unnamed = \"pass-listed\"` needs `unnamed_networks`");
        }
        Unnamed::Deny | Unnamed::PassListed => {}
    }
    table.finish();
    let cgroup = cgroup?;
    seen.scopes.push(cgroup.clone());
    Some(Scope {
        cgroup: cgroup.into_inner(),
        mode,
        other_tls,
        unnamed,
        unnamed_networks: networks.into_iter().map(Spanned::into_inner).collect(),
    })
}

pub(super) fn workloads(
    file: &mut Reader<'_, '_>,
    seen: &mut Seen,
) -> Option<Vec<WorkloadMatcher>> {
    all(file.tables("workload", &schema::WORKLOAD), |table| {
        workload(table, seen)
    })
}

fn workload(mut table: Reader<'_, '_>, seen: &mut Seen) -> Option<WorkloadMatcher> {
    let name = table.required_as("name", value::name);
    if let Some(name) = &name {
        if name.get_ref() == NO_WORKLOAD {
            table.problems().at(
                &name.span(),
                "`unknown` is the name of what matches no workload",
            );
        }
        seen.workloads.push(name.clone());
    }
    let matchers = [
        "unit",
        "slice",
        "cgroup",
        "container",
        "pod",
        "exe",
        "exe_sha256",
        "uid",
    ];
    if !matchers.iter().any(|matcher| table.has(matcher)) {
        // It would give its name, and the rights of that name, to every process.
        table.problem("[[workload]] needs at least one field that must match");
    }
    let unit = table.parsed("unit", value::glob);
    let slice = table.parsed("slice", value::glob);
    let cgroup = table.parsed("cgroup", value::glob);
    let container = table.parsed("container", value::glob);
    let pod = table.parsed("pod", value::glob);
    let exe = table.parsed("exe", value::glob);
    let exe_sha256 = table.parsed("exe_sha256", value::digest);
    // 4294967295 is (uid_t)-1, "no user".
    let uid = table
        .integer("uid", 0..u64::from(u32::MAX))
        .and_then(|uid| u32::try_from(uid).ok());
    table.finish();
    Some(WorkloadMatcher {
        name: name?.into_inner(),
        unit,
        slice,
        cgroup,
        container,
        pod,
        exe,
        exe_sha256,
        uid,
    })
}

pub(super) fn accounts(file: &mut Reader<'_, '_>, seen: &mut Seen) -> Option<Vec<Account>> {
    let tables = file.tables("account", &schema::ACCOUNT);
    if tables.is_empty() {
        file.problem("the configuration needs at least one [[account]]");
    }
    all(tables, |table| account(table, seen))
}

fn account(mut table: Reader<'_, '_>, seen: &mut Seen) -> Option<Account> {
    let name = table.required_as("name", value::name);
    let given = table.elements("hosts");
    if given.is_empty() {
        table.problem("[[account]] needs at least one host in `hosts`");
    }
    let hosts = table.each("hosts", given, value::host);
    let default_credential = table.string("default_credential");
    table.finish();

    seen.hosts.extend(hosts.iter().cloned());
    seen.accounts.extend(name.clone());
    let name = name?.into_inner();
    if let Some(credential) = &default_credential {
        seen.default_credentials
            .push((name.clone(), credential.clone()));
    }
    Some(Account {
        name,
        hosts: hosts.into_iter().map(Spanned::into_inner).collect(),
        default_credential: default_credential.map(Spanned::into_inner),
    })
}
