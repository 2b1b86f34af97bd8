//! The text of the file → a checked [`Config`], or everything that is wrong with it.

mod credential;
mod cross;
mod notify;
mod record;
mod settings;
mod ship;
mod tables;

use toml::de::DeTable;

use super::reader::Reader;
use super::report::{Problems, Report};
use super::schema;
use super::{Config, OtherTls, Unnamed};
use crate::policy::Mode;
use crate::tls::SnowflakeNames;

/// Reads a configuration. `file` is how the report calls it.
pub(super) fn read(text: &str, file: &str) -> Result<Config, Report> {
    let problems = Problems::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.at(&error.span().unwrap_or_default(), error.message());
    }
    // What follows a syntax error is a guess, and findings about guesses mislead.
    let config = match errors.as_slice() {
        [] => read_file(Reader::new(table, &schema::FILE, &problems)),
        [..] => None,
    };
    match (problems.into_report(file, text), config) {
        (None, Some(config)) => Ok(config),
        (report, _) => Err(report.unwrap_or_else(|| Report::incomplete(file))),
    }
}

fn read_file(mut file: Reader<'_, '_>) -> Option<Config> {
    let mut seen = cross::Seen::default();
    let scopes = tables::scopes(&mut file, &mut seen);
    let workloads = tables::workloads(&mut file, &mut seen);
    let accounts = tables::accounts(&mut file, &mut seen);
    let credentials = credential::credentials(&mut file, &mut seen);
    let kernel = settings::kernel(&mut file, &mut seen);
    let tls = settings::tls(&mut file);
    let policy = settings::policy(&mut file);
    let record = record::record(&mut file);
    let access = settings::access(&mut file);
    let notify = notify::notify(&mut file, &mut seen);
    let admin = settings::admin(&mut file);
    let mask = settings::mask(&mut file);
    let limits = settings::limits(&mut file);
    cross::check(&seen, &file);
    file.finish();

    let accounts = accounts?;
    let mut tls = tls;
    let snowflake = SnowflakeNames::default();
    let hosts = accounts.iter().flat_map(|account| &account.hosts);
    for host in hosts.filter(|host| !snowflake.contains(host)) {
        if !tls.extra_names.contains(host) {
            tls.extra_names.push(host.clone());
        }
    }
    Some(Config {
        scopes: scopes?,
        workloads: workloads?,
        accounts,
        credentials: credentials?,
        kernel,
        tls,
        policy,
        record,
        access,
        notify: notify?,
        admin,
        mask: mask?,
        limits,
    })
}

/// Reads every table, also after one that cannot be read.
fn all<'p, 'i, T>(
    tables: Vec<Reader<'p, 'i>>,
    read: impl FnMut(Reader<'p, 'i>) -> Option<T>,
) -> Option<Vec<T>> {
    // Collecting straight into an Option would stop at the first table with a finding.
    let read: Vec<Option<T>> = tables.into_iter().map(read).collect();
    read.into_iter().collect()
}

impl Mode {
    pub(super) const CHOICES: [(&str, Self); 2] =
        [("enforce", Self::Enforce), ("observe", Self::Observe)];
}

impl OtherTls {
    pub(super) const CHOICES: [(&str, Self); 2] = [("pass", Self::Pass), ("deny", Self::Deny)];
}

impl Unnamed {
    pub(super) const CHOICES: [(&str, Self); 2] =
        [("deny", Self::Deny), ("pass-listed", Self::PassListed)];
}
