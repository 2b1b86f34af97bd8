//! Result chunks from storage.

use http_body_util::BodyExt as _;

use super::*;

async fn fetch(server: &Server, url: &str) -> Result<(Bytes, Option<u64>), UpstreamError> {
    let limits = Limits {
        upstream_timeout: Duration::from_secs(2),
        ..limits()
    };
    let upstream = Upstream::new(server.connector.clone(), &limits, None);
    let key = Zeroizing::new("wrapped-key".to_owned());
    let headers = [("x-amz-server-side-encryption-customer-key".to_owned(), key)];
    match upstream.chunk(url, &headers).await?.into_body() {
        UnmaskedBody::Chunk {
            stream,
            content_length,
        } => Ok((stream.collect().await.unwrap().to_bytes(), content_length)),
        UnmaskedBody::Json(_) => panic!("not a chunk"),
    }
}

fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address.port())
}

#[tokio::test]
async fn a_chunk_comes_as_it_is_with_the_headers_that_storage_wants() {
    let server =
        Server::start(|_, _| Reply::with(200, "content-encoding: gzip\r\n", b"\x1f\x8bpacked"))
            .await;
    let address = url(&server, "/stage/data_0_0_1?sig=a%2Fb%3D&x");
    let (bytes, length) = fetch(&server, &address).await.unwrap();
    assert_eq!(
        (bytes.as_ref(), length),
        (b"\x1f\x8bpacked".as_ref(), Some(8))
    );

    let seen = server.seen().remove(0);
    assert_eq!(seen.line, "GET /stage/data_0_0_1?sig=a%2Fb%3D&x");
    let key = seen.header("x-amz-server-side-encryption-customer-key");
    assert_eq!(key, Some("wrapped-key"));
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn an_expired_link_is_told_apart() {
    for status in [400, 403, 404] {
        let server = Server::start(move |_, _| Reply::status(status)).await;
        let error = fetch(&server, &url(&server, "/x?sig=secret"))
            .await
            .unwrap_err();
        assert!(
            matches!(error, UpstreamError::ChunkExpired { .. }),
            "{status}: {error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("sig=secret"));
    }
}

#[tokio::test]
async fn storage_that_is_busy_is_asked_again() {
    let server = Server::start(|_, index| {
        if index == 0 {
            Reply::status(503)
        } else {
            Reply::with(200, "", b"rows")
        }
    })
    .await;
    let (bytes, _) = fetch(&server, &url(&server, "/x")).await.unwrap();
    assert_eq!(bytes, "rows");
}

#[tokio::test]
async fn only_https_addresses_without_a_user_are_fetched() {
    let server = Server::start(|_, _| Reply::with(200, "", b"rows")).await;
    let port = server.address.port();
    for address in [
        format!("http://localhost:{port}/x"),
        format!("https://user@localhost:{port}/x"),
        format!("file://localhost:{port}/x"),
        format!("//localhost:{port}/x"),
        "/x".to_owned(),
        String::new(),
    ] {
        let error = fetch(&server, &address).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::ChunkAddress),
            "{address}: {error:?}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_header_cannot_change_the_framing_of_the_request() {
    let server = Server::start(|_, _| Reply::with(200, "", b"rows")).await;
    let upstream = Upstream::new(server.connector.clone(), &limits(), None);
    for (name, value) in [
        ("Host", "other"),
        ("transfer-encoding", "chunked"),
        ("Content-Length", "5"),
        ("x y", "z"),
        ("x", "a\r\nb: c"),
    ] {
        let headers = [(name.to_owned(), Zeroizing::new(value.to_owned()))];
        let outcome = upstream.chunk(&url(&server, "/x"), &headers).await;
        assert!(
            matches!(outcome, Err(UpstreamError::ChunkAddress)),
            "{name}: {outcome:?}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_redirect_of_storage_is_refused() {
    let server =
        Server::start(|_, _| Reply::with(307, "location: https://localhost/elsewhere\r\n", b""))
            .await;
    let error = fetch(&server, &url(&server, "/x")).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Redirect { status: 307, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_chunk_that_stops_coming_is_an_error_and_not_a_wait() {
    let server = Server::start(|_, _| {
        Reply::Full(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nrows".to_vec())
    })
    .await;
    let limits = Limits {
        upstream_timeout: Duration::from_millis(500),
        ..limits()
    };
    let upstream = Upstream::new(server.connector.clone(), &limits, None);
    let body = upstream
        .chunk(&url(&server, "/x"), &[])
        .await
        .unwrap()
        .into_body();
    let UnmaskedBody::Chunk { stream, .. } = body else {
        panic!("not a chunk")
    };
    let error = soon(stream.collect()).await.unwrap_err();
    assert!(format!("{error:?}").contains("TimedOut"), "{error:?}");
}
