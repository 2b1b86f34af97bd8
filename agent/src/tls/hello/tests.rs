//! Real hellos from rustls, cut and damaged in every way.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const LIMIT: Duration = Duration::from_secs(5);
const NAME: &str = "my_org-acct.snowflakecomputing.com";

/// The first flight of a real client.
fn real_hello(name: &str, alpn: &[&[u8]]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A hello of these extensions only, for what no real client sends.
fn built_hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let vector = |bytes: &[u8]| {
        let mut vector = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        vector.extend_from_slice(bytes);
        vector
    };
    let mut list = Vec::new();
    for (kind, content) in extensions {
        list.extend_from_slice(&kind.to_be_bytes());
        list.extend(vector(content));
    }
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.push(0);
    body.extend_from_slice(&[0, 2, 0x13, 1, 1, 0]);
    body.extend(vector(&list));
    message(&body)
}

fn message(body: &[u8]) -> Vec<u8> {
    let mut message = vec![1];
    message.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    message.extend_from_slice(body);
    in_records(&message, 16384)
}

fn in_records(message: &[u8], size: usize) -> Vec<u8> {
    let mut records = Vec::new();
    for part in message.chunks(size) {
        records.extend_from_slice(&[22, 3, 1]);
        records.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
        records.extend_from_slice(part);
    }
    records
}

fn sni(names: &[(u8, &[u8])]) -> (u16, Vec<u8>) {
    let mut list = Vec::new();
    for (kind, name) in names {
        list.push(*kind);
        list.extend_from_slice(&u16::try_from(name.len()).unwrap().to_be_bytes());
        list.extend_from_slice(name);
    }
    let mut content = u16::try_from(list.len()).unwrap().to_be_bytes().to_vec();
    content.extend(list);
    (0, content)
}

/// Sends the parts one after another, closes, and checks that everything is replayed.
async fn outcome_of(parts: &[&[u8]]) -> Result<Hello, HelloError> {
    let (mut client, server) = tokio::io::duplex(1);
    let all = parts.concat();
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
    let sending = tokio::spawn(async move {
        for part in parts {
            client.write_all(&part).await.unwrap();
        }
    });
    let Peeked {
        mut stream,
        outcome,
    } = peek(server, LIMIT).await;
    let mut replayed = Vec::new();
    stream.read_to_end(&mut replayed).await.unwrap();
    sending.await.unwrap();
    assert_eq!(
        replayed, all,
        "the stream must begin with what was peeked at"
    );
    outcome
}

fn parse_at_once(bytes: &[u8]) -> Result<Option<Hello>, HelloError> {
    match Records::default().advance(bytes)? {
        Some(body) => parse::client_hello(body).map(Some),
        None => Ok(None),
    }
}

fn expected() -> Hello {
    Hello {
        server_name: Some(NAME.to_owned()),
        alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        encrypted_client_hello: false,
    }
}

#[tokio::test]
async fn a_real_hello_is_read_and_replayed_however_it_is_cut() {
    let bytes = real_hello(NAME, &[b"h2", b"http/1.1"]);
    for cut in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(
            outcome_of(&[head, tail]).await.unwrap(),
            expected(),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_hello_fed_byte_by_byte_is_whole_only_at_its_last_byte() {
    let bytes = real_hello(NAME, &[b"h2", b"http/1.1"]);
    let mut records = Records::default();
    for end in 0..bytes.len() {
        assert!(records.advance(&bytes[..end]).unwrap().is_none(), "{end}");
    }
    let body = records.advance(&bytes).unwrap().unwrap();
    assert_eq!(parse::client_hello(body).unwrap(), expected());
}

#[tokio::test]
async fn a_hello_in_many_records_is_put_together() {
    let bytes = real_hello(NAME, &[b"h2", b"http/1.1"]);
    for size in [1, 2, 3, 4, 5, 100] {
        let records = in_records(&bytes[5..], size);
        assert_eq!(
            outcome_of(&[&records]).await.unwrap(),
            expected(),
            "records of {size}"
        );
    }
}

#[tokio::test]
async fn what_follows_the_hello_is_replayed_too() {
    let bytes = real_hello(NAME, &[b"h2", b"http/1.1"]);
    assert_eq!(
        outcome_of(&[&bytes, b"early data"]).await.unwrap(),
        expected()
    );
}

#[track_caller]
fn check_name(sent: &[u8], expected: Option<&str>) {
    let hello = parse_at_once(&built_hello(&[sni(&[(0, sent)])]))
        .unwrap()
        .unwrap();
    assert_eq!(hello.server_name.as_deref(), expected);
}

#[test]
fn names_are_lower_case_without_a_trailing_dot() {
    check_name(
        b"Acct.SnowflakeComputing.com.",
        Some("acct.snowflakecomputing.com"),
    );
    check_name(
        b"my_org.snowflakecomputing.com",
        Some("my_org.snowflakecomputing.com"),
    );
}

#[test]
fn an_address_is_no_name() {
    check_name(b"192.0.2.1", None);
    check_name(b"2001:db8::1", None);
    let hello = parse_at_once(&real_hello("192.0.2.1", &[]))
        .unwrap()
        .unwrap();
    assert_eq!(hello.server_name, None);
}

#[test]
fn a_hello_without_extensions_names_no_server() {
    let mut body = vec![3, 3];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0, 0x2f, 1, 0]);
    assert_eq!(
        parse_at_once(&message(&body)).unwrap().unwrap(),
        Hello::default()
    );
}

#[test]
fn an_encrypted_hello_is_told() {
    for kind in [0xfe0d, 0xffce] {
        let bytes = built_hello(&[sni(&[(0, b"outer.example")]), (kind, vec![1, 2])]);
        let hello = parse_at_once(&bytes).unwrap().unwrap();
        assert!(hello.encrypted_client_hello);
        assert_eq!(hello.server_name.as_deref(), Some("outer.example"));
    }
}

#[track_caller]
fn check_malformed(bytes: &[u8], expected: &str) {
    let error = parse_at_once(bytes).unwrap_err();
    assert!(
        matches!(error, HelloError::Malformed { rule } if rule == expected),
        "{error:?}"
    );
}

#[test]
fn a_hello_that_two_readers_could_take_differently_is_malformed() {
    let one = sni(&[(0, b"a.example")]);
    check_malformed(
        &built_hello(&[one.clone(), sni(&[(0, b"acct.snowflakecomputing.com")])]),
        "an extension comes twice",
    );
    check_malformed(
        &built_hello(&[sni(&[(0, b"a.example"), (0, b"b.example")])]),
        "there is more than one server name",
    );
    check_malformed(
        &built_hello(&[sni(&[(1, b"a.example")])]),
        "the server name is of an unknown kind",
    );
    check_malformed(&built_hello(&[sni(&[])]), "the server name list is empty");
    let mut long = one;
    long.1.push(0);
    check_malformed(&built_hello(&[long]), "bytes follow the server name list");
}

#[test]
fn a_name_that_is_no_dns_name_is_malformed() {
    for name in [
        &b"a\0.snowflakecomputing.com"[..],
        b"",
        b"a..b",
        b"*.example",
        b"a b",
        b"-a",
    ] {
        check_malformed(
            &built_hello(&[sni(&[(0, name)])]),
            "the server name is not a DNS name",
        );
    }
    check_malformed(
        &built_hello(&[sni(&[(0, b"\xff")])]),
        "the server name is not text",
    );
}

#[test]
fn too_many_extensions_are_malformed() {
    let extensions: Vec<_> = (1000..1200).map(|kind| (kind, Vec::new())).collect();
    check_malformed(&built_hello(&extensions), "there are too many extensions");
}

#[test]
fn records_that_no_client_sends_are_malformed() {
    let bytes = real_hello(NAME, &[]);
    let mut interrupted = in_records(&bytes[5..], 100);
    interrupted[105] = 21;
    check_malformed(&interrupted, "another record interrupts the hello");
    check_malformed(&[22, 3, 1, 0, 0], "a record's length is out of range");
    check_malformed(&[22, 3, 1, 0x40, 1], "a record's length is out of range");
    check_malformed(
        &[22, 3, 1, 0, 1, 2],
        "the first message is not a ClientHello",
    );
    let mut doubled = bytes[5..].to_vec();
    doubled.push(0);
    check_malformed(
        &in_records(&doubled, 16384),
        "bytes follow the hello in its record",
    );
}

#[tokio::test]
async fn what_is_not_tls_is_told_from_http() {
    for (sent, http) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], true),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true),
        (b"CONNECT a:443 HTTP/1.1\r\n", true),
        (b"SSH-2.0-OpenSSH_9.7\r\n", false),
        (&[0x80, 0x2e, 1, 0, 2], false),
        (&[22, 5, 5, 5], false),
    ] {
        let error = outcome_of(&[sent]).await.unwrap_err();
        assert!(
            matches!(error, HelloError::NotTls { looks_like_http } if looks_like_http == http),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_hello_that_ends_early_is_truncated() {
    let bytes = real_hello(NAME, &[]);
    for end in [0, 1, 5, 9, bytes.len() - 1] {
        let error = outcome_of(&[&bytes[..end]]).await.unwrap_err();
        assert!(
            matches!(error, HelloError::Truncated { received } if received == end),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_is_for_the_whole_hello() {
    let bytes = real_hello(NAME, &[]);
    let (mut client, server) = tokio::io::duplex(64);
    let dripping = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(LIMIT / 4);
        for byte in bytes {
            ticks.tick().await;
            if client.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    let before = tokio::time::Instant::now();
    let peeked = peek(server, LIMIT).await;
    assert_eq!(before.elapsed().as_secs(), LIMIT.as_secs());
    assert!(matches!(
        peeked.outcome,
        Err(HelloError::Timeout { received: 4..=6 })
    ));
    drop(peeked);
    dripping.await.unwrap();
}

#[tokio::test]
async fn a_hello_longer_than_the_limit_is_not_read_on() {
    // Announced by the message.
    let announced = [22, 3, 1, 0, 4, 1, 1, 0, 1];
    assert!(matches!(
        outcome_of(&[&announced]).await,
        Err(HelloError::TooLong)
    ));
    // Reached through record headers: 20000 bytes in records of one byte.
    let mut message = vec![1, 0, 0x4e, 0x1c];
    message.resize(20_000, 0);
    let records = in_records(&message, 1);
    let (mut client, server) = tokio::io::duplex(1 << 20);
    client.write_all(&records).await.unwrap();
    let peeked = peek(server, LIMIT).await;
    assert!(matches!(peeked.outcome, Err(HelloError::TooLong)));
    assert_eq!(peeked.stream.into_parts().0.len(), HELLO_BYTES_MAX);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _outcome = parse_at_once(&bytes);
        let _outcome = parse::client_hello(&bytes);
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = real_hello(NAME, &[b"http/1.1"]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(length.index(bytes.len() + 1));
        let _outcome = parse_at_once(&bytes);
    }

    #[test]
    fn the_name_read_is_the_name_sent(name in "[a-z0-9_]{1,20}(\\.[a-z][a-z0-9_-]{0,20}[a-z0-9]){1,4}") {
        let hello = parse_at_once(&built_hello(&[sni(&[(0, name.as_bytes())])])).unwrap().unwrap();
        prop_assert_eq!(hello.server_name, Some(name));
    }
}
