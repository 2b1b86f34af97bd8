//! Installing into directories that stand for a host. Nothing of the real host is touched.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use proptest::prelude::*;

use super::super::Authority as CertificateAuthority;
use super::*;

/// A public root, as far as these files go.
const OTHER: &str =
    "# Issuer: someone\n-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n";

fn ca() -> String {
    let dir = tempfile::tempdir().unwrap();
    CertificateAuthority::open_or_create(dir.path(), &[])
        .unwrap()
        .certificate_pem()
        .to_owned()
}

/// A root directory with one virtual environment below `home`.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        host.write(CERTIFI, OTHER);
        host
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn certifi(&self) -> String {
        fs::read_to_string(self.path(CERTIFI)).unwrap()
    }

    fn targets(&self, system: bool) -> TrustTargets {
        let root = self.0.path().to_owned();
        let certifi = certifi::usual_directories(&root);
        TrustTargets {
            root,
            system,
            certifi,
        }
    }

    /// The store of Debian, with the real program.
    fn with_debian_store(self) -> Self {
        for directory in [
            "usr/local/share/ca-certificates",
            "usr/share/ca-certificates",
            "etc/ssl/certs",
            "etc/ca-certificates/update.d",
            "usr/sbin",
        ] {
            fs::create_dir_all(self.path(directory)).unwrap();
        }
        self.write("etc/ca-certificates.conf", "someone.crt\n");
        self.write("usr/share/ca-certificates/someone.crt", &ca());
        let program = self.path("usr/sbin/update-ca-certificates");
        fs::copy("/usr/sbin/update-ca-certificates", program).unwrap();
        self
    }

    /// The store of Red Hat, with a program that does what theirs does to the bundle.
    fn with_red_hat_store(self) -> Self {
        fs::create_dir_all(self.path("etc/pki/ca-trust/source/anchors")).unwrap();
        fs::create_dir_all(self.path("etc/pki/ca-trust/extracted/pem")).unwrap();
        let store = self.path("etc/pki/ca-trust");
        self.write(
            "usr/bin/update-ca-trust",
            &format!(
                "#!/bin/sh\ncd {} && cat source/anchors/*.crt > extracted/pem/tls-ca-bundle.pem \
                 2>/dev/null || : > extracted/pem/tls-ca-bundle.pem\n",
                store.display()
            ),
        );
        self.set_mode("usr/bin/update-ca-trust", 0o755);
        self
    }

    fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
}

const CERTIFI: &str = "home/ann/app/.venv/lib/python3.12/site-packages/certifi/cacert.pem";

#[track_caller]
fn effects(outcomes: Vec<Outcome>) -> Vec<Effect> {
    outcomes
        .into_iter()
        .map(|outcome| outcome.result.unwrap())
        .collect()
}

fn certificates(text: &str) -> usize {
    CertificateDer::pem_slice_iter(text.as_bytes())
        .filter(Result::is_ok)
        .count()
}

#[test]
fn a_bundle_is_served_once_and_restored() {
    let (host, ca) = (Host::new(), ca());
    let targets = host.targets(false);
    assert_eq!(effects(status(&ca, &targets)), [Effect::Absent]);
    assert_eq!(effects(install(&ca, &targets)), [Effect::Added]);
    let installed = host.certifi();
    assert!(installed.starts_with(OTHER));
    assert_eq!(certificates(&installed), 2);
    assert_eq!(effects(status(&ca, &targets)), [Effect::Unchanged]);
    assert_eq!(effects(install(&ca, &targets)), [Effect::Unchanged]);
    assert_eq!(host.certifi(), installed);
    assert_eq!(effects(remove(&targets)), [Effect::Removed]);
    assert_eq!(host.certifi(), OTHER);
    assert_eq!(effects(remove(&targets)), [Effect::Absent]);
}

#[test]
fn an_older_authority_is_replaced() {
    let host = Host::new();
    let (old, new) = (ca(), ca());
    let targets = host.targets(false);
    assert_eq!(effects(install(&old, &targets)), [Effect::Added]);
    assert_eq!(effects(status(&new, &targets)), [Effect::Outdated]);
    assert_eq!(effects(install(&new, &targets)), [Effect::Replaced]);
    assert!(host.certifi().contains(new.trim()));
    assert!(!host.certifi().contains(old.trim()));
    assert_eq!(certificates(&host.certifi()), 2);
}

#[test]
fn openssl_finds_the_authority_in_the_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let authority = CertificateAuthority::open_or_create(dir.path(), &[]).unwrap();
    let host = Host::new();
    // A bundle whose last line has no end must not swallow our first.
    let real = fs::read_to_string(dir.path().join("ca.crt")).unwrap();
    let other = ca();
    host.write(CERTIFI, other.trim_end());
    assert_eq!(
        effects(install(authority.certificate_pem(), &host.targets(false))),
        [Effect::Added]
    );
    let ca_file = dir.path().join("only.crt");
    fs::write(&ca_file, real).unwrap();
    let verified = std::process::Command::new("openssl")
        .args(["verify", "-CAfile"])
        .arg(host.path(CERTIFI))
        .arg(&ca_file)
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}

#[test]
fn owner_and_mode_stay_and_hard_links_part() {
    let (host, ca) = (Host::new(), ca());
    host.set_mode(CERTIFI, 0o640);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(host.path(CERTIFI), Some(12345), Some(23456)).unwrap();
    }
    fs::hard_link(host.path(CERTIFI), host.path("cache.pem")).unwrap();
    let before = fs::metadata(host.path(CERTIFI)).unwrap();
    assert_eq!(effects(install(&ca, &host.targets(false))), [Effect::Added]);
    let after = fs::metadata(host.path(CERTIFI)).unwrap();
    assert_eq!(
        (after.uid(), after.gid(), after.mode()),
        (before.uid(), before.gid(), before.mode())
    );
    assert_eq!(fs::read_to_string(host.path("cache.pem")).unwrap(), OTHER);
    let entries = fs::read_dir(host.path(CERTIFI).parent().unwrap())
        .unwrap()
        .count();
    assert_eq!(entries, 1, "nothing is left beside the bundle");
}

#[test]
fn a_link_in_the_bundles_place_is_left_alone() {
    let (host, ca) = (Host::new(), ca());
    host.write("etc/shadow", OTHER);
    fs::remove_file(host.path(CERTIFI)).unwrap();
    symlink(host.path("etc/shadow"), host.path(CERTIFI)).unwrap();
    let effect = effects(install(&ca, &host.targets(false)));
    assert!(matches!(effect[..], [Effect::Skipped { .. }]), "{effect:?}");
    assert_eq!(fs::read_to_string(host.path("etc/shadow")).unwrap(), OTHER);
    assert!(
        fs::symlink_metadata(host.path(CERTIFI))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn a_link_in_the_staged_files_place_is_not_followed() {
    let (host, ca) = (Host::new(), ca());
    host.write("etc/passwd", "untouched");
    let staged = host.path(CERTIFI).with_file_name(".cacert.pem.snowfence");
    symlink(host.path("etc/passwd"), staged).unwrap();
    assert_eq!(effects(install(&ca, &host.targets(false))), [Effect::Added]);
    assert_eq!(
        fs::read_to_string(host.path("etc/passwd")).unwrap(),
        "untouched"
    );
}

#[test]
fn a_file_that_is_no_bundle_is_left_alone() {
    let (host, ca) = (Host::new(), ca());
    host.write(CERTIFI, "root:x:0:0\n");
    let effect = effects(install(&ca, &host.targets(false)));
    assert!(matches!(effect[..], [Effect::Skipped { .. }]), "{effect:?}");
    assert_eq!(host.certifi(), "root:x:0:0\n");
}

#[test]
fn a_block_without_an_end_is_not_touched() {
    let (host, ca) = (Host::new(), ca());
    assert_eq!(effects(install(&ca, &host.targets(false))), [Effect::Added]);
    let broken = host.certifi().replace("# END SNOWFENCE CA\n", "");
    host.write(CERTIFI, &broken);
    for outcomes in [
        install(&ca, &host.targets(false)),
        status(&ca, &host.targets(false)),
        remove(&host.targets(false)),
    ] {
        assert!(
            matches!(outcomes[0].result, Err(TrustError::BrokenBlock)),
            "{outcomes:?}"
        );
    }
    assert_eq!(host.certifi(), broken);
}

#[test]
fn one_broken_environment_does_not_keep_others_from_being_served() {
    let (host, ca) = (Host::new(), ca());
    let other = "opt/conda/lib/python3.11/site-packages/certifi/cacert.pem";
    host.write(other, OTHER);
    fs::File::options()
        .write(true)
        .open(host.path(CERTIFI))
        .unwrap()
        .set_len(bundle::BUNDLE_BYTES_MAX + 1)
        .unwrap();
    let outcomes = install(&ca, &host.targets(false));
    assert!(
        matches!(outcomes[0].result, Err(TrustError::TooLong)),
        "{outcomes:?}"
    );
    assert!(
        matches!(outcomes[1].result, Ok(Effect::Added)),
        "{outcomes:?}"
    );
}

#[test]
fn every_environment_is_found_and_pips_own_copy_is_not() {
    let host = Host(tempfile::tempdir().unwrap());
    let wanted = [
        "home/ann/.pyenv/versions/3.11.7/lib/python3.11/site-packages/certifi/cacert.pem",
        "home/bob/miniconda3/envs/x/lib/python3.12/site-packages/certifi/cacert.pem",
        "opt/tool/certifi/cacert.pem",
        "root/v/lib/python3.9/site-packages/certifi/cacert.pem",
        "srv/a/certifi/cacert.pem",
        "usr/lib/python3/dist-packages/certifi/cacert.pem",
        "usr/local/lib/python3.12/dist-packages/certifi/cacert.pem",
    ];
    for path in wanted {
        host.write(path, OTHER);
    }
    for path in [
        "home/ann/v/lib/python3.12/site-packages/pip/_vendor/certifi/cacert.pem",
        "home/ann/site/node_modules/certifi/cacert.pem",
        "home/ann/cacert.pem",
        "usr/lib/ruby/certifi/cacert.pem",
        "var/lib/certifi/cacert.pem",
    ] {
        host.write(path, OTHER);
    }
    // A loop, and a way out.
    symlink(host.path("home"), host.path("home/ann/loop")).unwrap();
    symlink(host.path("var/lib"), host.path("opt/way-out")).unwrap();
    let found: Vec<_> = certifi::find(&host.targets(false).certifi)
        .into_iter()
        .collect();
    assert_eq!(found, wanted.map(|path| host.path(path)));
}

/// Whether OpenSSL finds the authority in the directory by the hash of its name.
fn openssl_finds(host: &Host, ca: &str) -> bool {
    host.write("only.crt", ca);
    let output = std::process::Command::new("openssl")
        .args(["verify", "-no-CAfile", "-no-CAstore", "-CApath"])
        .arg(host.path("etc/ssl/certs"))
        .arg(host.path("only.crt"))
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn debians_hash_links_follow_the_authority() {
    if !Path::new("/usr/sbin/update-ca-certificates").exists() {
        return;
    }
    let host = Host::new().with_debian_store();
    let targets = TrustTargets {
        certifi: Vec::new(),
        ..host.targets(true)
    };
    let (old, new) = (ca(), ca());
    assert_eq!(effects(install(&old, &targets)), [Effect::Added]);
    assert!(openssl_finds(&host, &old) && !openssl_finds(&host, &new));
    assert_eq!(effects(install(&new, &targets)), [Effect::Replaced]);
    assert!(openssl_finds(&host, &new) && !openssl_finds(&host, &old));
    assert_eq!(effects(remove(&targets)), [Effect::Removed]);
    assert!(!openssl_finds(&host, &new));
}

fn check_system(host: &Host, anchor: &str, bundle: &str) {
    fs::remove_file(host.path(CERTIFI)).unwrap();
    let (old, new) = (ca(), ca());
    let targets = host.targets(true);
    let bundle = || fs::read_to_string(host.path(bundle)).unwrap_or_default();
    assert_eq!(effects(status(&old, &targets)), [Effect::Absent]);
    assert_eq!(effects(install(&old, &targets)), [Effect::Added]);
    assert!(bundle().contains(old.trim()));
    assert_eq!(
        fs::metadata(host.path(anchor)).unwrap().mode() & 0o777,
        0o644
    );
    assert_eq!(effects(install(&old, &targets)), [Effect::Unchanged]);
    assert_eq!(effects(status(&new, &targets)), [Effect::Outdated]);
    let outcomes = install(&new, &targets);
    assert!(outcomes[0].needs_restart());
    assert_eq!(effects(outcomes), [Effect::Replaced]);
    assert!(bundle().contains(new.trim()) && !bundle().contains(old.trim()));
    assert_eq!(effects(remove(&targets)), [Effect::Removed]);
    assert!(!bundle().contains(new.trim()));
    assert_eq!(effects(remove(&targets)), [Effect::Absent]);
}

#[test]
fn debians_store_takes_the_authority_up() {
    if !Path::new("/usr/sbin/update-ca-certificates").exists() {
        return;
    }
    check_system(
        &Host::new().with_debian_store(),
        "usr/local/share/ca-certificates/snowfence.crt",
        "etc/ssl/certs/ca-certificates.crt",
    );
}

#[test]
fn red_hats_store_takes_the_authority_up() {
    check_system(
        &Host::new().with_red_hat_store(),
        "etc/pki/ca-trust/source/anchors/snowfence.crt",
        "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    );
}

#[test]
fn an_anchor_that_never_reached_the_bundle_is_installed_again() {
    let (host, ca) = (Host::new().with_red_hat_store(), ca());
    host.write(
        "etc/pki/ca-trust/source/anchors/snowfence.crt",
        &format!("{}\n", ca.trim()),
    );
    let targets = TrustTargets {
        certifi: Vec::new(),
        ..host.targets(true)
    };
    assert_eq!(effects(status(&ca, &targets)), [Effect::Outdated]);
    assert_eq!(effects(install(&ca, &targets)), [Effect::Replaced]);
    assert_eq!(effects(status(&ca, &targets)), [Effect::Unchanged]);
}

#[test]
fn a_program_that_fails_or_does_nothing_is_told() {
    let (host, ca) = (Host::new().with_red_hat_store(), ca());
    let targets = TrustTargets {
        certifi: Vec::new(),
        ..host.targets(true)
    };
    host.write("usr/bin/update-ca-trust", "#!/bin/sh\nexit 3\n");
    let outcomes = install(&ca, &targets);
    assert!(
        matches!(outcomes[0].result, Err(TrustError::Refresh { .. })),
        "{outcomes:?}"
    );
    host.write("usr/bin/update-ca-trust", "#!/bin/sh\nexit 0\n");
    let outcomes = install(&ca, &targets);
    assert!(
        matches!(outcomes[0].result, Err(TrustError::NotTakenUp { .. })),
        "{outcomes:?}"
    );
}

#[test]
fn a_system_without_a_known_store_is_told() {
    let host = Host::new();
    let outcomes = install(&ca(), &host.targets(true));
    assert!(
        matches!(outcomes[0].result, Err(TrustError::NoSystemStore)),
        "{outcomes:?}"
    );
    assert!(
        matches!(outcomes[1].result, Ok(Effect::Added)),
        "{outcomes:?}"
    );
}

#[test]
fn only_one_certificate_is_installed() {
    let host = Host::new();
    for pem in [String::new(), "nonsense".to_owned(), [ca(), ca()].concat()] {
        let outcomes = install(&pem, &host.targets(false));
        assert!(matches!(
            outcomes[..],
            [Outcome {
                result: Err(TrustError::NotOneCertificate),
                ..
            }]
        ));
    }
    assert_eq!(host.certifi(), OTHER);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_not_ours_survives(lines in prop::collection::vec("[ -~]{0,40}", 0..20)) {
        let mut bundle = lines.join("\n");
        bundle.push('\n');
        let authority = Authority::parse(&ca()).unwrap();
        let (_, with) = bundle::with_block(bundle.as_bytes(), &authority).unwrap();
        prop_assert_eq!(bundle::state(&with, &authority).unwrap(), Effect::Unchanged);
        let (_, without) = bundle::without_block(&with).unwrap();
        prop_assert_eq!(without, bundle.into_bytes());
    }
}
