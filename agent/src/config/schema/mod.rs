//! Every key of the configuration file: what the reader accepts and the reference page says.

mod keys;
mod mask;
mod notify;
mod record;

pub(super) use keys::{
    ACCESS, ACCOUNT, ADMIN, CREDENTIAL, FILE, KERNEL, LIMITS, POLICY, SCOPE, SECRET, TLS, WORKLOAD,
};
pub(super) use mask::MASK;
pub(super) use notify::{SLACK, WEBHOOK};
pub(super) use record::{RECORD, SHIP};

/// A table of the file.
#[derive(Debug)]
pub(super) struct Section {
    /// As it is written in the file: `[[scope]]`.
    pub(super) heading: &'static str,
    pub(super) doc: &'static str,
    pub(super) keys: &'static [Key],
}

/// One key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) need: Need,
    pub(super) doc: &'static str,
}

/// Whether a key must be given.
#[derive(Debug)]
pub(super) enum Need {
    Required,
    Optional,
    /// The value, as TOML, that stands when the key is not given.
    Default(&'static str),
}

/// The tables, in the order of the reference page.
pub(super) static SECTIONS: [&Section; 16] = [
    &SCOPE,
    &WORKLOAD,
    &ACCOUNT,
    &CREDENTIAL,
    &SECRET,
    &KERNEL,
    &TLS,
    &POLICY,
    &RECORD,
    &SHIP,
    &ACCESS,
    &WEBHOOK,
    &SLACK,
    &ADMIN,
    &MASK,
    &LIMITS,
];

/// The reference page, `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for Section { heading, doc, keys } in SECTIONS {
        let heading = if heading.starts_with('[') {
            format!("`{heading}`")
        } else {
            (*heading).to_owned()
        };
        page.push_str(&format!(
            "\n## {heading}\n\n{doc}\n\n| key | type | default | |\n|---|---|---|---|\n"
        ));
        for Key {
            name,
            kind,
            need,
            doc,
        } in *keys
        {
            let default = match need {
                Need::Required => "required".to_owned(),
                Need::Optional => "none".to_owned(),
                Need::Default(value) => format!("`{value}`"),
            };
            page.push_str(&format!("| `{name}` | {kind} | {default} | {doc} |\n"));
        }
    }
    page
}

const INTRODUCTION: &str = "\
<!-- Generated from agent/src/config/schema/keys.rs. To write it again:
     UPDATE_GOLDEN=1 cargo test -p agent --lib config:: -->
# Configuration

One file, `/etc/snowfence/snowfence.toml`. It is strict: an unknown key is an error, and all errors
are told at once (`snowfence config check`). `snowfence config show` prints what the daemon uses,
defaults included.

Durations are written `50s` or `10m`, sizes `64 MiB`, networks `10.0.0.0/8`. Patterns know `*`, `?`,
`[…]` and `{a,b}`.
";
