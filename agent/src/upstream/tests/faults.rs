//! Everything that a network and a front end can do wrong.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(content: &[u8]) -> Reply {
    Reply::with(200, "content-encoding: gzip\r\n", content)
}

/// Plays the replies in order, then rows; returns the outcome and how many tries there were.
async fn play(replies: Vec<fn() -> Reply>) -> (Result<Bytes, UpstreamError>, usize) {
    let (server, upstream, session) = session(limits(), move |_, index| {
        replies
            .get(index)
            .map_or_else(|| Reply::json(ROWS), |reply| reply())
    })
    .await;
    let outcome = ask(&upstream, &session).await;
    (outcome, server.seen().len() - 1)
}

#[tokio::test]
async fn transient_failures_are_tried_again() {
    let cases = [
        ("reset", (|| Reply::Reset) as fn() -> Reply),
        ("closed", || Reply::Cut(Vec::new())),
        ("truncated", || {
            Reply::Cut(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec())
        }),
        ("429", || Reply::status(429)),
        ("502", || Reply::status(502)),
        ("503", || Reply::status(503)),
    ];
    let tasks = cases.map(|(name, reply)| {
        tokio::spawn(async move {
            let (outcome, tries) = play(vec![reply, reply]).await;
            assert_eq!(outcome.unwrap(), ROWS, "{name}");
            assert_eq!(tries, 3, "{name}");
            let (outcome, tries) = play(vec![reply, reply, reply]).await;
            outcome.unwrap_err();
            assert_eq!(tries, 3, "{name}");
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_statement_sent_again_says_so_and_keeps_its_request_id() {
    let (server, upstream, session) = session(limits(), |_, index| {
        if index == 0 {
            Reply::Reset
        } else {
            Reply::json(ROWS)
        }
    })
    .await;
    ask(&upstream, &session).await.unwrap();
    let seen = server.seen();
    let id = "requestId=11111111-2222-3333-4444-555555555555";
    assert!(seen[1].line.contains(id) && seen[2].line.contains(id));
    assert!(!seen[1].line.contains("retryCount"), "{}", seen[1].line);
    assert!(seen[2].line.contains("retryCount=1"), "{}", seen[2].line);
}

#[tokio::test]
async fn other_failures_are_told_at_once() {
    #[track_caller]
    fn check(
        (outcome, tries): (Result<Bytes, UpstreamError>, usize),
        expected: fn(&UpstreamError) -> bool,
    ) {
        let error = outcome.unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_eq!(tries, 1, "{error:?}");
    }
    for status in [400, 403, 404, 500] {
        let reply: fn() -> Reply = match status {
            400 => || Reply::status(400),
            403 => || Reply::status(403),
            404 => || Reply::status(404),
            _ => || Reply::status(500),
        };
        check(play(vec![reply]).await, |error| {
            matches!(error, UpstreamError::Status { .. })
        });
    }
    let malformed: [fn() -> Reply; 5] = [
        || Reply::Full(b"SMTP ready\r\n\r\n".to_vec()),
        || Reply::json("<html>"),
        || Reply::json(""),
        || Reply::json("null"),
        || Reply::json(r#"{"success":"yes"}"#),
    ];
    for reply in malformed {
        check(play(vec![reply]).await, |error| {
            matches!(error, UpstreamError::Malformed { .. })
        });
    }
    let broken: [fn() -> Reply; 5] = [
        || gzipped(b"not gzip"),
        || gzipped(&gzip(ROWS.as_bytes())[..30]),
        || gzipped(&[gzip(ROWS.as_bytes()), b"more".to_vec()].concat()),
        || Reply::with(200, "content-encoding: br\r\n", ROWS.as_bytes()),
        || Reply::with(200, "content-encoding: gzip, gzip\r\n", ROWS.as_bytes()),
    ];
    for reply in broken {
        check(play(vec![reply]).await, |error| {
            matches!(error, UpstreamError::Encoding { .. })
        });
    }
}

#[tokio::test]
async fn gzip_is_undone() {
    let (outcome, _) = play(vec![|| gzipped(&gzip(ROWS.as_bytes()))]).await;
    assert_eq!(outcome.unwrap(), ROWS);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_packed_or_not() {
    let large: [fn() -> Reply; 3] = [
        || Reply::json(&" ".repeat(65 * 1024)),
        // A thousandth of its size on the wire.
        || gzipped(&gzip(&vec![b' '; 32 << 20])),
        || {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11000\r\n".to_vec();
            Reply::Full([head, vec![b' '; 0x11000], b"\r\n0\r\n\r\n".to_vec()].concat())
        },
    ];
    for reply in large {
        let (outcome, tries) = play(vec![reply]).await;
        let error = outcome.unwrap_err();
        assert!(
            matches!(
                error,
                UpstreamError::TooLarge {
                    bytes_max: 65_536,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(tries, 1);
    }
    let (outcome, _) = play(vec![|| {
        let padding = " ".repeat(64 * 1024 - ROWS.len());
        Reply::json(&format!("{ROWS}{padding}"))
    }])
    .await;
    outcome.unwrap();
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_, _| Reply::json(ROWS)).await;
    let port = elsewhere.address.port();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: https://localhost:{port}/\r\n");
        let (server, upstream, session) =
            session(limits(), move |_, _| Reply::with(status, &location, b"")).await;
        let error = ask(&upstream, &session).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Redirect { .. }), "{error:?}");
        assert_eq!(server.paths(), [LOGIN, QUERY]);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_stalled_answer_ends_at_the_limit() {
    let limits = Limits {
        upstream_timeout: Duration::from_millis(500),
        ..limits()
    };
    for reply in [
        || Reply::Stall,
        || Reply::Full(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()),
    ] as [fn() -> Reply; 2]
    {
        let (_server, upstream, session) = session(limits.clone(), move |_, _| reply()).await;
        let error = ask(&upstream, &session).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Timeout { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_wrong_certificate_is_refused_before_anything_is_sent() {
    let server = Server::start(|_, _| login_answer()).await;
    let stranger = Server::start(|_, _| login_answer()).await;

    // Signed by someone else.
    let upstream = Upstream::new(stranger.connector.clone(), &limits(), None);
    let error = log_in(&upstream, &server).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Tls { .. }), "{error:?}");

    // Right signature, other name.
    let upstream = Upstream::new(server.connector.clone(), &limits(), None);
    let other = Target {
        host: "other.snowflakecomputing.com".to_owned(),
        ..target(&server)
    };
    let login = login_as(None);
    let error = upstream
        .log_in(&login, &other, &credential(), &proof(), "tag")
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Tls { .. }), "{error:?}");

    assert!(server.seen().is_empty());
    assert_eq!(
        server.connections(),
        2,
        "a verdict on a certificate is not tried again"
    );
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_told() {
    let server = Server::start(|_, _| login_answer()).await;
    let upstream = Upstream::new(server.connector.clone(), &limits(), None);
    // Nobody listens on port 1 of loopback.
    let nobody = Target {
        address: Some(([127, 0, 0, 1], 1).into()),
        ..target(&server)
    };
    let login = login_as(None);
    let begin = tokio::time::Instant::now();
    let error = upstream
        .log_in(&login, &nobody, &credential(), &proof(), "tag")
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Connect { .. }), "{error:?}");
    assert!(begin.elapsed() >= Duration::from_millis(800), "three tries");
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_nothing_but_a_new_one() {
    let (server, upstream, session) = session(limits(), |_, index| {
        let rows = ROWS.len();
        let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {rows}\r\n\r\n{ROWS}");
        if index == 0 {
            Reply::Cut(whole.into_bytes())
        } else {
            Reply::json(ROWS)
        }
    })
    .await;
    assert_eq!(ask(&upstream, &session).await.unwrap(), ROWS);
    assert_eq!(ask(&upstream, &session).await.unwrap(), ROWS);
    assert_eq!(server.connections(), 2);
}
