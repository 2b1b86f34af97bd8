//! Single values of the configuration, from their text.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use globset::GlobBuilder;
use jiff::SignedDuration;
use thiserror::Error;

use crate::access::notify::is_address;
use crate::tls::name::normalize;

const KIB: u64 = 1024;
const UNITS: [(&str, u64); 3] = [("GiB", KIB * KIB * KIB), ("MiB", KIB * KIB), ("KiB", KIB)];

/// Why a text is not the value it should be.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum ValueError {
    #[error("`{0}` is not a duration such as `50s` or `10m`")]
    Duration(String),
    #[error("`{0}` is not from {1} to {2}")]
    DurationRange(String, String, String),
    #[error("`{0}` is not a size such as `64 MiB`")]
    Bytes(String),
    #[error("`{0}` is not from {1} to {2}")]
    BytesRange(String, String, String),
    #[error("`{0}` is not a network such as `10.0.0.0/8`")]
    Network(String),
    #[error("`{0}` has bits set after its prefix")]
    NetworkBits(String),
    #[error("`{0}` is not a host name alone, such as `org-account.snowflakecomputing.com`")]
    Host(String),
    #[error("`{0}` is not an absolute path")]
    Path(String),
    #[error("`{0}` is not a cgroup path such as `/agents.slice`")]
    Cgroup(String),
    #[error("`{text}` is not a pattern: {why}")]
    Glob { text: String, why: String },
    #[error("`{0}` is not a name of letters, digits, `-`, `_` and `.`")]
    Name(String),
    #[error("`{0}` is not 64 hexadecimal digits")]
    Digest(String),
    #[error("`{0}` is not an https URL without user or password")]
    Url(String),
    #[error("not an https URL, or http to an address of this host's loopback, without a user")]
    Receiver,
    #[error("`{0}` is not an address and port such as `127.0.0.1:9464`, or `off`")]
    Listen(String),
    #[error("must not be empty")]
    Empty,
}

/// Reads `50s`, `10m`, `1h 30m`.
pub(super) fn duration(text: &str, from: Duration, to: Duration) -> Result<Duration, ValueError> {
    let parsed = text.parse::<SignedDuration>().ok();
    let parsed = parsed.and_then(|signed| Duration::try_from(signed).ok());
    let value = parsed.ok_or_else(|| ValueError::Duration(text.to_owned()))?;
    if (from..=to).contains(&value) {
        return Ok(value);
    }
    Err(ValueError::DurationRange(
        text.to_owned(),
        show_duration(from),
        show_duration(to),
    ))
}

/// Reads `90d`, or what [`duration`] reads.
pub(super) fn age(text: &str, from: Duration, to: Duration) -> Result<Duration, ValueError> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    match days.and_then(|days: u64| days.checked_mul(24)) {
        Some(hours) => duration(&format!("{hours}h"), from, to),
        None => duration(text, from, to),
    }
}

/// The inverse of [`duration`].
pub(super) fn show_duration(duration: Duration) -> String {
    match SignedDuration::try_from(duration) {
        Ok(signed) => format!("{signed:#}"),
        Err(_) => format!("{}s", duration.as_secs()),
    }
}

/// Reads `64 MiB`.
pub(super) fn bytes(text: &str, from: u64, to: u64) -> Result<u64, ValueError> {
    let value = UNITS.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.trim_end();
        number.parse::<u64>().ok()?.checked_mul(*factor)
    });
    let value = value.ok_or_else(|| ValueError::Bytes(text.to_owned()))?;
    if (from..=to).contains(&value) {
        return Ok(value);
    }
    Err(ValueError::BytesRange(
        text.to_owned(),
        show_bytes(from),
        show_bytes(to),
    ))
}

/// The inverse of [`bytes()`].
pub(super) fn show_bytes(bytes: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    match unit {
        Some((unit, factor)) => format!("{} {unit}", bytes / factor),
        None => format!("{bytes} B"),
    }
}

/// Reads an address and prefix length; a single address is a network of one.
pub(super) fn network(text: &str) -> Result<(IpAddr, u8), ValueError> {
    let wrong = || ValueError::Network(text.to_owned());
    let (address, prefix) = text
        .split_once('/')
        .map_or((text, None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().ok().ok_or_else(wrong)?;
    let (bits, width) = match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let prefix: u8 = match prefix {
        Some(prefix) => prefix.parse().ok().ok_or_else(wrong)?,
        None => width,
    };
    if prefix > width {
        return Err(wrong());
    }
    if bits.checked_shl(u32::from(prefix)).unwrap_or(0) != 0 {
        return Err(ValueError::NetworkBits(text.to_owned()));
    }
    Ok((address, prefix))
}

/// Reads a host name, in the form in which names are compared.
pub(super) fn host(text: &str) -> Result<String, ValueError> {
    normalize(text)
        .filter(|host| host.contains('.') && host.parse::<IpAddr>().is_err())
        .ok_or_else(|| ValueError::Host(text.to_owned()))
}

pub(super) fn path(text: &str) -> Result<PathBuf, ValueError> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(ValueError::Path(text.to_owned()))
    }
}

/// Reads a path relative to the cgroup v2 mount, and gives it its leading `/`.
pub(super) fn cgroup(text: &str) -> Result<String, ValueError> {
    let inner = text.strip_prefix('/').unwrap_or(text);
    if inner.is_empty() && !text.is_empty() {
        return Ok("/".to_owned());
    }
    let plain =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    if inner.split('/').all(plain) {
        return Ok(format!("/{inner}"));
    }
    Err(ValueError::Cgroup(text.to_owned()))
}

/// Checks a pattern the way identity compiles it.
pub(super) fn glob(text: &str) -> Result<String, ValueError> {
    if text.is_empty() {
        return Err(ValueError::Empty);
    }
    match GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(false)
        .build()
    {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(ValueError::Glob {
            text: text.to_owned(),
            why: error.kind().to_string(),
        }),
    }
}

/// Reads a name that policies, files and headers can carry as it is.
pub(super) fn name(text: &str) -> Result<String, ValueError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !text.is_empty() && text.len() <= 128 && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err(ValueError::Name(text.to_owned()))
}

pub(super) fn digest(text: &str) -> Result<String, ValueError> {
    let digest = text.to_ascii_lowercase();
    if digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digest);
    }
    Err(ValueError::Digest(text.to_owned()))
}

/// Reads a URL that a secret may be sent to.
pub(super) fn url(text: &str) -> Result<String, ValueError> {
    // The text is not repeated when it may carry a password of its own.
    let shown = || ValueError::Url(if text.contains('@') { "…" } else { text }.to_owned());
    let uri: http::Uri = text.parse().ok().ok_or_else(shown)?;
    let authority = uri.authority().ok_or_else(shown)?;
    if uri.scheme_str() == Some("https") && !authority.as_str().contains('@') {
        return Ok(text.to_owned());
    }
    Err(shown())
}

/// Reads the address of a receiver of notifications. It is not repeated: some have a token in them.
pub(super) fn receiver(text: &str) -> Result<String, ValueError> {
    if is_address(text) {
        Ok(text.to_owned())
    } else {
        Err(ValueError::Receiver)
    }
}

pub(super) fn not_empty(text: &str) -> Result<String, ValueError> {
    if text.is_empty() {
        Err(ValueError::Empty)
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T>(parse: impl Fn(&str) -> Result<T, ValueError>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(parse(text).is_ok(), "`{text}` must be accepted");
        }
        for text in bad {
            assert!(parse(text).is_err(), "`{text}` must be refused");
        }
    }

    #[test]
    fn durations_have_a_unit_and_a_range() {
        let parse = |text: &str| duration(text, Duration::from_secs(1), Duration::from_secs(7200));
        check(
            parse,
            &["1s", "50s", "10m", "1h 30m", "2h"],
            &["", "50", "0s", "3h", "-5s", "1s x"],
        );
        assert_eq!(parse("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(show_duration(Duration::from_secs(600)), "10m");
    }

    #[test]
    fn sizes_are_binary_and_do_not_overflow() {
        let parse = |text: &str| bytes(text, 1024, u64::MAX);
        check(
            parse,
            &["1 KiB", "16MiB"],
            &["", "16", "16 MB", "1 B", "99999999999999 GiB", "-1 MiB"],
        );
        assert_eq!(parse("16 MiB"), Ok(16 << 20));
        assert_eq!(show_bytes(16 << 20), "16 MiB");
    }

    #[test]
    fn networks_have_no_bits_after_the_prefix() {
        check(
            network,
            &[
                "10.0.0.0/8",
                "0.0.0.0/0",
                "::/0",
                "fd00::/8",
                "10.1.2.3",
                "::1/128",
            ],
            &[
                "",
                "10.0.0.1/8",
                "10.0.0.0/33",
                "fd00::1/8",
                "::/129",
                "10.0.0.0/",
                "host/8",
            ],
        );
    }

    #[test]
    fn hosts_are_names_alone() {
        check(
            host,
            &[
                "a.snowflakecomputing.com",
                "My_Org-x.privatelink.snowflakecomputing.com",
            ],
            &[
                "",
                "localhost",
                "10.0.0.1",
                "a.b:443",
                "https://a.b",
                "a..b",
                "-a.b",
                "*.b",
            ],
        );
        assert_eq!(host("A.B.").as_deref(), Ok("a.b"));
    }

    #[test]
    fn cgroups_cannot_climb() {
        check(
            cgroup,
            &["agents.slice", "/a/b", "/"],
            &["", "..", "/a/../b", "a//b", "/a/", "//"],
        );
        assert_eq!(cgroup("a/b").as_deref(), Ok("/a/b"));
    }

    #[test]
    fn a_url_takes_a_secret_only_over_https() {
        check(
            url,
            &["https://idp.example.com/token"],
            &["", "http://a.b/", "https://u:p@a.b/", "/x"],
        );
        let error = url("https://u:hunter2@a.b/").map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| !text.contains("hunter2")));
    }
}
