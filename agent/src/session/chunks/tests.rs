use zeroize::Zeroizing;

use super::*;

fn key(workload: &str) -> PrincipalKey {
    PrincipalKey {
        workload: workload.to_owned(),
        anchor: "/agents.slice/a.service".to_owned(),
        user: None,
        netns_cookie: 1,
    }
}

fn chunks(workload: &str, session: u64, urls: usize) -> StoredChunks {
    StoredChunks {
        principal: key(workload),
        session: SessionId(session),
        query_id: QueryId::parse("01b00000-0000-0000-0000-000000000001").unwrap(),
        set: ChunkSet {
            urls: (0..urls)
                .map(|_| Zeroizing::new("https://s/x".to_owned()))
                .collect(),
            headers: Vec::new(),
            qrmk: None,
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunk_needs_both_tokens_the_principal_and_time() {
    let mut table = ChunkTable::default();
    let (random, now) = (SystemRandom::new(), Instant::now());
    let tokens = table.store(chunks("a", 1, 2), &random, now).unwrap();
    let (path, header) = (tokens.path.as_str(), tokens.header.as_str());
    let second = Duration::from_secs(1);
    let found = |path, header, workload, after| {
        table
            .find(path, header, &key(workload), now + after)
            .is_some()
    };
    assert!(found(path, Some(header), "a", LINK_LIFE - second));
    assert!(!found(path, Some(header), "a", LINK_LIFE));
    assert!(!found(path, Some(header), "b", second));
    assert!(!found(path, None, "a", second));
    assert!(!found(path, Some(path), "a", second));
    assert!(!found(header, Some(header), "a", second));
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_takes_its_capabilities_along() {
    let mut table = ChunkTable::default();
    let (random, now) = (SystemRandom::new(), Instant::now());
    let closed = table.store(chunks("a", 1, 2), &random, now).unwrap();
    let open = table.store(chunks("a", 2, 3), &random, now).unwrap();
    table.close(SessionId(1));
    let found = |tokens: &ChunkTokens| {
        table
            .find(
                tokens.path.as_str(),
                Some(tokens.header.as_str()),
                &key("a"),
                now,
            )
            .is_some()
    };
    assert!(!found(&closed));
    assert!(found(&open));
    assert_eq!(table.urls, 3);
    table.sweep(now + LINK_LIFE);
    assert_eq!(
        (table.entries.len(), table.order.len(), table.urls),
        (0, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn the_table_is_bounded_and_the_greediest_principal_loses_first() {
    let mut table = ChunkTable::default();
    let (random, now) = (SystemRandom::new(), Instant::now());
    let quiet = table.store(chunks("quiet", 1, 1), &random, now).unwrap();
    let mut last = None;
    for _ in 0..8 {
        last = Some(
            table
                .store(chunks("busy", 2, URLS_MAX / 4), &random, now)
                .unwrap(),
        );
    }
    assert!(table.urls <= URLS_MAX, "{}", table.urls);
    let found = |tokens: &ChunkTokens, workload| {
        let header = Some(tokens.header.as_str());
        table
            .find(tokens.path.as_str(), header, &key(workload), now)
            .is_some()
    };
    assert!(found(&quiet, "quiet"));
    assert!(found(&last.unwrap(), "busy"));
}
