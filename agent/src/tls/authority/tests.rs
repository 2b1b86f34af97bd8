//! The authority on disk, and its leaves as OpenSSL sees them.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::time::Duration;

use x509_parser::prelude::FromDer as _;

use super::*;

const NAME: &str = "testorg-testacct.snowflakecomputing.com";

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(dir: &Path) -> Authority {
    Authority::open_or_create(dir, &["warehouse.example.test".to_owned()]).unwrap()
}

fn pem_of(key: &CertifiedKey) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(&key.cert[0]);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

fn openssl(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn an_authority_is_made_once_and_opened_afterwards() {
    let dir = directory();
    let first = open(dir.path());
    let second = open(dir.path());
    assert_eq!(first.certificate_pem(), second.certificate_pem());
    assert_eq!(mode(&dir.path().join(KEY)), 0o600);
    assert_eq!(mode(&dir.path().join(CERTIFICATE)), 0o644);
}

#[test]
fn a_start_that_was_interrupted_before_the_certificate_is_repeated() {
    let dir = directory();
    open(dir.path());
    std::fs::remove_file(dir.path().join(CERTIFICATE)).unwrap();
    open(dir.path()).leaf(NAME).unwrap();
}

#[test]
fn openssl_accepts_a_leaf_for_our_names_and_none_for_others() {
    let dir = directory();
    let authority = open(dir.path());
    let verify = |name: &str| {
        let leaf = leaf::make(&authority.issuer, name, SystemTime::now()).unwrap();
        let path = dir.path().join("leaf.crt");
        std::fs::write(&path, pem_of(&leaf.key)).unwrap();
        let ca = dir.path().join(CERTIFICATE);
        openssl(&[
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            name,
            "-CAfile",
            ca.to_str().unwrap(),
            path.to_str().unwrap(),
        ])
    };
    for name in [
        NAME,
        "my_org-my_acct.snowflakecomputing.com",
        "acct.privatelink.snowflakecomputing.cn",
        "warehouse.example.test",
    ] {
        let (accepted, text) = verify(name);
        assert!(accepted, "{name}: {text}");
    }
    for name in [
        "example.org",
        "evilsnowflakecomputing.com",
        "snowflakecomputing.com.example.org",
    ] {
        let (accepted, text) = verify(name);
        assert!(
            !accepted && text.contains("permitted subtree violation"),
            "{name}: {text}"
        );
    }
}

#[test]
fn certificates_say_what_drivers_need_and_nothing_to_fetch() {
    let dir = directory();
    let authority = open(dir.path());
    let ca = dir.path().join(CERTIFICATE);
    let (_, ca) = openssl(&["x509", "-noout", "-text", "-in", ca.to_str().unwrap()]);
    for part in [
        "X509v3 Name Constraints: critical",
        "DNS:snowflakecomputing.com",
        "DNS:snowflakecomputing.cn",
        "DNS:snowflakecomputing.mil",
        "DNS:warehouse.example.test",
        "IP:0.0.0.0/0.0.0.0",
        "CA:TRUE, pathlen:0",
        "NIST CURVE: P-256",
    ] {
        assert!(ca.contains(part), "{part}\n{ca}");
    }
    let path = dir.path().join("leaf.crt");
    std::fs::write(&path, pem_of(&authority.leaf(NAME).unwrap())).unwrap();
    let (_, leaf) = openssl(&["x509", "-noout", "-text", "-in", path.to_str().unwrap()]);
    for part in [
        &format!("DNS:{NAME}\n"),
        "TLS Web Server Authentication",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "CA:FALSE",
        "NIST CURVE: P-256",
    ] {
        assert!(leaf.contains(part), "{part}\n{leaf}");
    }
    for part in ["Authority Information Access", "CRL Distribution"] {
        assert!(!leaf.contains(part) && !ca.contains(part), "{part}");
    }
}

#[test]
fn a_leaf_lives_five_days_at_most_and_began_an_hour_ago() {
    let dir = directory();
    let authority = open(dir.path());
    let now = SystemTime::now();
    let leaf = authority.leaf_at(NAME, now).unwrap();
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&leaf.cert[0]).unwrap();
    let validity = parsed.validity();
    let now = i64::try_from(
        now.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap();
    assert_eq!(validity.not_before.timestamp(), now - 3600);
    // The last second is part of the validity.
    let seconds = validity.not_after.timestamp() - validity.not_before.timestamp() + 1;
    assert_eq!(seconds, 5 * 24 * 3600);
}

#[test]
fn a_leaf_is_kept_for_half_of_its_life() {
    let dir = directory();
    let authority = open(dir.path());
    let now = SystemTime::now();
    let at = |hours: i64| {
        let distance = Duration::from_secs(hours.unsigned_abs() * 3600);
        let time = if hours < 0 {
            now - distance
        } else {
            now + distance
        };
        authority.leaf_at(NAME, time).unwrap()
    };
    let first = at(0);
    assert!(Arc::ptr_eq(&first, &at(58)));
    let second = at(60);
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &at(60)));
    // A clock that was set back would make it a certificate of the future.
    assert!(!Arc::ptr_eq(&second, &at(0)));
}

#[test]
fn names_are_compared_without_case_and_dot() {
    let dir = directory();
    let authority = open(dir.path());
    let leaf = authority.leaf(NAME).unwrap();
    assert!(Arc::ptr_eq(
        &leaf,
        &authority
            .leaf(&format!("{}.", NAME.to_uppercase()))
            .unwrap()
    ));
}

#[test]
fn the_cache_is_limited() {
    let dir = directory();
    let authority = open(dir.path());
    let now = SystemTime::now();
    for number in 0..leaf::LEAVES_MAX + 5 {
        let made = leaf::make(&authority.issuer, NAME, now).unwrap();
        authority
            .leaves()
            .insert(format!("a{number}.snowflakecomputing.com"), made);
    }
    let leaves = authority.leaves();
    assert_eq!(leaves.len(), leaf::LEAVES_MAX);
    assert!(leaves.fresh("a4.snowflakecomputing.com", now).is_none());
    assert!(leaves.fresh("a5.snowflakecomputing.com", now).is_some());
}

#[test]
fn other_names_are_refused() {
    let dir = directory();
    let authority = open(dir.path());
    for name in [
        "example.org",
        "below.warehouse.example.test",
        "",
        "*.snowflakecomputing.com",
    ] {
        let error = authority.leaf(name).unwrap_err();
        assert!(
            matches!(error, AuthorityError::NameRefused { .. }),
            "{name}: {error}"
        );
    }
}

#[track_caller]
fn check_refused(spoil: impl FnOnce(&Path), expected: &str) {
    let dir = directory();
    open(dir.path());
    spoil(dir.path());
    let error = Authority::open_or_create(dir.path(), &[]).unwrap_err();
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(&error) {
        text = format!("{text}: {source}");
    }
    assert!(text.contains(expected), "{text}");
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn files_that_others_could_have_touched_are_refused() {
    check_refused(|dir| set_mode(&dir.join(KEY), 0o640), "mode 0640");
    check_refused(|dir| set_mode(&dir.join(KEY), 0o604), "mode 0604");
    check_refused(|dir| set_mode(&dir.join(CERTIFICATE), 0o664), "mode 0664");
    check_refused(|dir| set_mode(dir, 0o777), "mode 0777");
    check_refused(
        |dir| {
            std::fs::rename(dir.join(KEY), dir.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", dir.join(KEY)).unwrap();
        },
        "cannot open",
    );
    check_refused(
        |dir| {
            std::fs::remove_file(dir.join(KEY)).unwrap();
            nix::unistd::mkfifo(&dir.join(KEY), nix::sys::stat::Mode::S_IRUSR).unwrap();
        },
        "not a regular file",
    );
}

#[test]
fn a_file_of_another_user_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    check_refused(
        |dir| std::os::unix::fs::chown(dir.join(KEY), Some(12345), None).unwrap(),
        "belongs to uid 12345",
    );
}

#[test]
fn a_certificate_without_its_key_is_not_replaced() {
    check_refused(
        |dir| std::fs::remove_file(dir.join(KEY)).unwrap(),
        "its key is not",
    );
}

#[test]
fn a_key_of_another_authority_is_refused() {
    let other = directory();
    open(other.path());
    check_refused(
        |dir| {
            std::fs::copy(other.path().join(KEY), dir.join(KEY)).unwrap();
        },
        "may not sign for",
    );
}

#[test]
fn an_authority_without_name_constraints_is_refused() {
    let spoil = |dir: &Path| {
        let key = KeyPair::from_pem(&std::fs::read_to_string(dir.join(KEY)).unwrap()).unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).unwrap().pem();
        std::fs::write(dir.join(CERTIFICATE), pem).unwrap();
    };
    check_refused(spoil, "no critical name constraints");
}

#[test]
fn an_authority_whose_constraints_leave_names_open_is_refused() {
    let spoil = |dir: &Path| {
        let key = KeyPair::from_pem(&std::fs::read_to_string(dir.join(KEY)).unwrap()).unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        parameters.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.org".to_owned())],
        });
        let pem = parameters.self_signed(&key).unwrap().pem();
        std::fs::write(dir.join(CERTIFICATE), pem).unwrap();
    };
    check_refused(spoil, "signs for foreign names");
}

#[test]
fn a_name_that_was_configured_later_is_not_covered() {
    let dir = directory();
    open(dir.path());
    let names = [
        "warehouse.example.test".to_owned(),
        "later.example.test".to_owned(),
    ];
    let error = Authority::open_or_create(dir.path(), &names).unwrap_err();
    assert!(
        matches!(error, AuthorityError::NameNotCovered { ref name } if name == "later.example.test")
    );
    // The one that is trusted is still there.
    open(dir.path());
}

#[test]
fn an_authority_is_not_used_before_or_after_its_time() {
    let dir = directory();
    let authority = open(dir.path());
    let hour = Duration::from_secs(3600);
    for now in [authority.not_after() + hour, SystemTime::now() - 2 * hour] {
        let error = root::check(authority.certificate(), now).unwrap_err();
        assert!(matches!(error, AuthorityError::Expired));
    }
}

#[test]
fn no_key_is_shown() {
    let dir = directory();
    let authority = open(dir.path());
    let key = std::fs::read_to_string(dir.path().join(KEY)).unwrap();
    let shown = format!("{authority:?}");
    let line = key.lines().nth(1).unwrap();
    assert!(
        !shown.contains(line) && !shown.contains("private"),
        "{shown}"
    );
}
