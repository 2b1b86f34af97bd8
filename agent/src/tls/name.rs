//! Which server names are Snowflake's.

use std::collections::BTreeSet;

/// The domains below which every account host is. Private link names are below them too.
pub const SNOWFLAKE_SUFFIXES: [&str; 3] = [
    "snowflakecomputing.com",
    "snowflakecomputing.cn",
    "snowflakecomputing.mil",
];

/// The names for which TLS is terminated.
#[derive(Clone, Debug, Default)]
pub struct SnowflakeNames {
    configured: BTreeSet<String>,
}

impl SnowflakeNames {
    /// The Snowflake suffixes and these hosts; a host that is no DNS name is given back.
    pub fn new<I>(hosts: I) -> Result<Self, InvalidName>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut configured = BTreeSet::new();
        for host in hosts {
            let host = host.as_ref();
            let name = normalize(host).ok_or_else(|| InvalidName {
                name: host.to_owned(),
            })?;
            configured.insert(name);
        }
        Ok(Self { configured })
    }

    /// Whether connections to this name are ours to terminate.
    #[must_use]
    pub fn contains(&self, server_name: &str) -> bool {
        let Some(name) = normalize(server_name) else {
            return false;
        };
        SNOWFLAKE_SUFFIXES
            .iter()
            .any(|suffix| is_at_or_below(&name, suffix))
            || self.configured.contains(&name)
    }

    /// The suffixes and the configured names.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        SNOWFLAKE_SUFFIXES
            .into_iter()
            .chain(self.configured.iter().map(String::as_str))
    }
}

/// A configured host that is not a DNS name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a DNS name")]
pub struct InvalidName {
    pub name: String,
}

/// The one form in which names are compared: lower case, without a trailing dot. `None` for what is
/// not a DNS name. Underscores are accepted: account names have them, and hosts are made of those.
#[must_use]
pub fn normalize(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.split('.').all(is_label) {
        return None;
    }
    Some(name.to_ascii_lowercase())
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    bytes.len() <= LABEL_BYTES_MAX
        && bytes.first().is_some_and(|&first| first != b'-')
        && bytes.last().is_some_and(|&last| last != b'-')
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_at_or_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// RFC 1035 section 2.3.4, in text form without the trailing dot.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(name: &str, expected: bool) {
        let names =
            SnowflakeNames::new(["warehouse.example.test", "My_Org.Example.TEST."]).unwrap();
        assert_eq!(names.contains(name), expected, "{name}");
    }

    #[test]
    fn suffixes_match_on_label_boundaries_only() {
        check("snowflakecomputing.com", true);
        check("testorg-testacct.snowflakecomputing.com", true);
        check("xy12345.eu-central-1.snowflakecomputing.com", true);
        check("testorg-testacct.privatelink.snowflakecomputing.com", true);
        check("acct.snowflakecomputing.cn", true);
        check("acct.snowflakecomputing.mil", true);
        check("evilsnowflakecomputing.com", false);
        check("snowflakecomputing.com.example.test", false);
        check("acct.snowflakecomputing.org", false);
        check("com", false);
        check("", false);
    }

    #[test]
    fn case_trailing_dot_and_underscores_do_not_matter() {
        check("Acct.SnowflakeComputing.COM.", true);
        check("my_org-my_acct.snowflakecomputing.com", true);
        check("_.snowflakecomputing.com", true);
        check("acct.snowflakecomputing.com..", false);
        check(".snowflakecomputing.com", false);
        check("acct snowflakecomputing.com", false);
        check("acct\0.snowflakecomputing.com", false);
    }

    #[test]
    fn configured_hosts_match_exactly() {
        check("warehouse.example.test", true);
        check("my_org.example.test", true);
        check("below.warehouse.example.test", false);
        check("example.test", false);
    }

    #[test]
    fn a_configured_host_that_is_no_name_is_refused() {
        for host in [
            "",
            "*.example.test",
            "https://example.test",
            "a..b",
            "-a.test",
            "a-.test",
        ] {
            let error = SnowflakeNames::new([host]).unwrap_err();
            assert_eq!(error.name, host);
        }
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(name in "[a-zA-Z0-9_.\\-]{0,80}") {
            if let Some(once) = normalize(&name) {
                prop_assert_eq!(normalize(&once), Some(once));
            }
        }
    }
}
