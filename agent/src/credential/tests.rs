//! Whatever goes wrong, no secret is told.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::config::{Credential, CredentialKind, SecretSource};
use crate::snowflake::login::LoginProof;

const MARKER: &str = "m4rk3r-s3cr3t";

fn connector() -> TlsConnector {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn credential(name: &str, kind: CredentialKind) -> Credential {
    Credential {
        name: name.to_owned(),
        account: "testorg-testacct".to_owned(),
        user: Some("agent".to_owned()),
        kind,
        role: None,
        roles: Vec::new(),
        warehouse: None,
        database: None,
        schema: None,
        session_parameters: BTreeMap::new(),
    }
}

/// A directory with one secret file.
fn place(content: &str) -> (tempfile::TempDir, SecretSource) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    (directory, SecretSource::File(path))
}

fn shell(script: &str) -> SecretSource {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    SecretSource::Command {
        argv,
        ttl: Duration::from_secs(60),
    }
}

/// Everything that an error can show.
fn shown(error: &dyn Error) -> String {
    let mut text = format!("{error:?}");
    let mut next = Some(error);
    while let Some(error) = next {
        write!(text, "\n{error}").unwrap();
        next = error.source();
    }
    text
}

async fn outcome(kind: CredentialKind) -> Result<Proof, CredentialError> {
    let credentials = Credentials::new(&[credential("c", kind)], None, &connector())?;
    assert!(
        !format!("{credentials:?}").contains(MARKER),
        "{credentials:?}"
    );
    credentials.proof("c").await
}

#[tokio::test]
async fn each_kind_makes_its_own_proof() {
    let (_directory, file) = place("the-secret\n");
    let token = outcome(CredentialKind::ProgrammaticAccessToken {
        token: file.clone(),
    })
    .await;
    let proof = token.unwrap();
    assert!(matches!(
        proof.as_login_proof(),
        LoginProof::ProgrammaticAccessToken("the-secret")
    ));
    let password = outcome(CredentialKind::Password {
        password: shell("echo pw"),
    })
    .await;
    assert!(matches!(
        password.unwrap().as_login_proof(),
        LoginProof::Password("pw")
    ));
}

#[tokio::test]
async fn a_key_from_a_command_signs_like_a_key_from_a_file() {
    let pem = std::process::Command::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
        ])
        .output()
        .unwrap();
    let (_directory, file) = place(&String::from_utf8(pem.stdout).unwrap());
    let SecretSource::File(path) = &file else {
        panic!("a file")
    };
    let command = shell(&format!("cat {}", path.display()));
    for private_key in [file, command] {
        let kind = CredentialKind::KeyPair {
            private_key,
            passphrase: None,
        };
        let proof = outcome(kind).await.unwrap();
        let LoginProof::Jwt(token) = proof.as_login_proof() else {
            panic!("{proof:?}")
        };
        assert_eq!(token.split('.').count(), 3);
        assert_eq!(format!("{proof:?}"), "Jwt(<redacted>)");
    }
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    let key =
        |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
    let (_first, marked) = place(MARKER);
    let (_second, marked_pem) = place(&key(MARKER));
    let (_third, invalid) = place(&key("bTRyazNyLXMzY3IzdA=="));
    let (directory, readable) = place(MARKER);
    let path = directory.path().join("secret");
    let file = path.display();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();

    let key_pair = |private_key| CredentialKind::KeyPair {
        private_key,
        passphrase: Some(SecretSource::Command {
            argv: vec!["/bin/echo".to_owned(), "x".to_owned()],
            ttl: Duration::ZERO,
        }),
    };
    let oauth = |token_url: &str| CredentialKind::OauthClientCredentials {
        token_url: token_url.to_owned(),
        client_id: "id".to_owned(),
        client_secret: marked.clone(),
        scope: None,
    };
    let password = |password| CredentialKind::Password { password };
    let kinds = [
        key_pair(marked.clone()),
        key_pair(marked_pem),
        key_pair(invalid),
        password(readable),
        password(shell(&format!("cat {file}; cat {file} >&2; exit 1"))),
        password(shell(&format!("while :; do cat {file}; done"))),
        password(SecretSource::File(PathBuf::from("/nothing/here"))),
        oauth("http://localhost/token"),
        // A port that nobody listens on.
        oauth("https://127.0.0.1:1/token"),
    ];
    for kind in kinds {
        let text = shown(&outcome(kind).await.unwrap_err());
        assert!(!text.contains("m4rk3r"), "{text}");
    }
}

#[tokio::test]
async fn credentials_are_found_by_name_only_once() {
    let (_directory, file) = place("x");
    let one = credential(
        "a",
        CredentialKind::Password {
            password: file.clone(),
        },
    );
    let twice = Credentials::new(&[one.clone(), one.clone()], None, &connector());
    assert!(
        matches!(twice, Err(CredentialError::Twice { .. })),
        "{twice:?}"
    );

    let credentials = Credentials::new(&[one], None, &connector()).unwrap();
    assert_eq!(
        credentials.get("a").map(|found| found.name.as_str()),
        Some("a")
    );
    assert!(credentials.get("b").is_none());
    let unknown = credentials.proof("b").await;
    assert!(
        matches!(unknown, Err(CredentialError::Unknown { .. })),
        "{unknown:?}"
    );

    let mut key = credential(
        "k",
        CredentialKind::KeyPair {
            private_key: file,
            passphrase: None,
        },
    );
    key.user = None;
    let nameless = Credentials::new(&[key], None, &connector());
    assert!(
        matches!(nameless, Err(CredentialError::UserMissing { .. })),
        "{nameless:?}"
    );
}
