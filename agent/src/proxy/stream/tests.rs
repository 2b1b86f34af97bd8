//! What the client gets of a chunk that is not what it should be.

use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::*;
use crate::mask::plan::{Column, Plan, Treatment};
use crate::mask::rows::Format;
use crate::mask::{ChunkShape, chunk_for_test};
use crate::snowflake::rowtype;

/// What comes out of a chunk with these bytes that should have so many rows of one column.
async fn masked(bytes: &'static [u8], rows: u64) -> (Vec<u8>, Result<u64, String>) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let answer = service_fn(move |_request| async move {
        Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from_static(bytes))))
    });
    let server = hyper::server::conn::http1::Builder::new();
    tokio::spawn(server.serve_connection(TokioIo::new(far), answer));
    let client = hyper::client::conn::http1::handshake(TokioIo::new(near)).await;
    let (mut client, connection) = client.unwrap();
    tokio::spawn(connection);
    let request = Request::new(Full::<Bytes>::default());
    let stream = client.send_request(request).await.unwrap().into_body();

    let fields = rowtype::parse(br#"[{"name":"A","type":"text"}]"#).unwrap();
    let columns = fields.into_iter();
    let columns = columns.map(|field| Column::new(field, Treatment::Clear));
    let plan = Plan {
        columns: columns.collect(),
        ..Plan::default()
    };
    let shape = ChunkShape {
        format: Format::Json,
        rows,
        bytes_max: 1000,
    };
    let (source, sieve) = chunk_for_test(stream, &Arc::new(plan), shape);
    let (sender, receiver) = mpsc::channel(PIECES);
    let work = tokio::spawn(async move {
        let outcome = run(source, sieve, Duration::from_secs(5), &sender).await;
        if outcome.is_err() {
            sender.send(Err(Cut)).await.ok();
        }
        outcome
    });
    let mut body = MaskedChunk(receiver);
    let mut got = Vec::new();
    let mut is_cut = false;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => got.extend_from_slice(&frame.into_data().unwrap()),
            Err(Cut) => is_cut = true,
        }
    }
    let outcome = work.await.unwrap();
    assert_eq!(is_cut, outcome.is_err(), "an error cuts, and nothing else");
    let outcome = outcome.map(|tally| tally.rows);
    (got, outcome.map_err(|error| ErrorChain(&error).to_string()))
}

#[tokio::test]
async fn a_whole_chunk_ends() {
    let rows = b"[\"a\"],[\"b\"]";
    assert_eq!(masked(rows, 2).await, (rows.to_vec(), Ok(2)));
}

#[tokio::test]
async fn a_chunk_that_is_cut_broken_or_lies_never_ends_well() {
    for (bytes, rows, why) in [
        (&b"[\"a\"],[\"b\""[..], 2, "cannot be read"),
        (b"[\"a\"],[\"b\"]", 3, "2 rows where 3 were announced"),
        (b"[\"a\"],[\"b\"]", 1, "2 rows where 1 were announced"),
        (b"[\"a\"],[\"b\",\"c\"]", 2, "cannot be read"),
        (b"\x1f\x8b\x08 not gzip at all", 2, "cannot be read"),
        (b"<Error>AccessDenied</Error>", 0, "cannot be read"),
        (b"", 2, "0 rows where 2 were announced"),
    ] {
        let (got, outcome) = masked(bytes, rows).await;
        let error = outcome.unwrap_err();
        assert!(error.contains(why), "{error}");
        assert!(!got.windows(3).any(|it| it == b"\"c\"" || it == b"Acc"));
    }
}
