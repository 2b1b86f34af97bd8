//! Keys are made, and signatures checked, by the openssl command: a second opinion.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

/// Runs openssl with `input` on standard input.
fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn rsa(bits: &str) -> Vec<u8> {
    let bits = format!("rsa_keygen_bits:{bits}");
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits], b"")
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::from_bytes(bytes).unwrap()
}

fn parse(pem: &[u8], passphrase: Option<&str>) -> Result<KeyPair, KeyError> {
    let passphrase = passphrase.map(|text| secret(text.as_bytes()));
    KeyPair::parse(&secret(pem), passphrase.as_ref())
}

#[test]
fn the_token_is_what_openssl_verifies_and_snowflake_asks_for() {
    let pem = rsa("2048");
    let spki = openssl(&["pkey", "-pubout", "-outform", "DER"], &pem);
    let expected = STANDARD.encode(digest(&SHA256, &spki));

    let now = Duration::from_millis(1_700_000_000_900);
    let key = parse(&pem, None).unwrap();
    let token = key
        .token("testorg-testacct", "agent@corp.example", now)
        .unwrap();

    let parts: Vec<&str> = token.reveal().split('.').collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(
        URL_SAFE_NO_PAD.decode(parts[0]).unwrap(),
        br#"{"alg":"RS256","typ":"JWT"}"#
    );
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!(
        claims,
        serde_json::json!({
            "iss": format!("TESTORG-TESTACCT.AGENT@CORP.EXAMPLE.SHA256:{expected}"),
            "sub": "TESTORG-TESTACCT.AGENT@CORP.EXAMPLE",
            "iat": 1_700_000_000,
            "exp": 1_700_000_060,
        })
    );

    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("public"), openssl(&["pkey", "-pubout"], &pem)).unwrap();
    std::fs::write(path("signature"), URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
    let signed = format!("{}.{}", parts[0], parts[1]);
    let verify = [
        "dgst",
        "-sha256",
        "-verify",
        &path("public"),
        "-signature",
        &path("signature"),
    ];
    assert_eq!(openssl(&verify, signed.as_bytes()), b"Verified OK\n");
}

#[test]
fn encrypted_keys_open_with_their_passphrase_only() {
    let plain = rsa("2048");
    let fingerprint = parse(&plain, None).unwrap().fingerprint;
    // `-v2 des3` is the command in Snowflake's own guide.
    let schemes: [&[&str]; 4] = [
        &["-v2", "aes-256-cbc"],
        &["-v2", "aes-128-cbc", "-iter", "10000"],
        &["-v2", "des3"],
        &["-scrypt"],
    ];
    for scheme in schemes {
        let arguments = [&["pkcs8", "-topk8", "-passout", "pass:correct"], scheme].concat();
        let pem = openssl(&arguments, &plain);
        assert_eq!(
            parse(&pem, Some("correct")).unwrap().fingerprint,
            fingerprint,
            "{scheme:?}"
        );
        let wrong = parse(&pem, Some("wrong")).unwrap_err();
        assert!(matches!(wrong, KeyError::Decrypt), "{scheme:?}: {wrong}");
        let none = parse(&pem, None).unwrap_err();
        assert!(
            matches!(none, KeyError::PassphraseMissing),
            "{scheme:?}: {none}"
        );
    }
}

#[test]
fn a_passphrase_for_a_plain_key_is_not_needed() {
    parse(&rsa("2048"), Some("unused")).unwrap();
}

#[test]
fn other_keys_are_refused_with_what_to_do() {
    #[track_caller]
    fn check(pem: &[u8], expected: &str) {
        let message = parse(pem, None).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    check(
        &rsa("1024"),
        "not an RSA key of 2048 to 4096 bits (TooSmall)",
    );
    let curve = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ];
    check(&openssl(&curve, b""), "not an RSA key");
    check(
        &openssl(&["rsa", "-traditional"], &rsa("2048")),
        "openssl pkcs8 -topk8",
    );
    check(
        &openssl(&["pkey", "-pubout"], &rsa("2048")),
        "`PUBLIC KEY` is not a PKCS#8 key",
    );
    check(b"not a key", "not PEM");
}

#[test]
fn the_account_loses_region_and_external_id() {
    for (name, expected) in [
        ("testorg-testacct", "TESTORG-TESTACCT"),
        ("my_org-my_acct", "MY_ORG-MY_ACCT"),
        ("xy12345.us-east-1.aws", "XY12345"),
        ("org-acct.privatelink", "ORG-ACCT"),
        ("acme-connection-abc123.global", "ACME-CONNECTION"),
        ("plain.GLOBAL", "PLAIN"),
        ("", ""),
    ] {
        assert_eq!(account_identifier(name), expected, "{name}");
    }
}

#[test]
fn a_key_shows_only_its_fingerprint() {
    let pem = rsa("2048");
    let shown = format!("{:?}", parse(&pem, None).unwrap());
    assert!(shown.starts_with("KeyPair { fingerprint: "), "{shown}");
    assert!(shown.len() < 100, "{shown}");
}
