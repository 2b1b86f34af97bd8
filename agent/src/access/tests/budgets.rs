//! What principals have used, before and after a crash.

use super::*;
use crate::policy::Usage;

const ONE: Spend = Spend {
    queries: 1,
    rows: 10,
    bytes: 100,
};

#[tokio::test]
async fn windows_slide_and_never_forget_early() {
    let place = Place::new().await;
    let desk = &place.desk;
    desk.spend(&key(), ONE, at(0)).await.unwrap();
    desk.spend(&key(), ONE, at(600)).await.unwrap();
    let usage = |seconds| {
        let desk = desk.clone();
        async move { desk.usage(&key(), at(seconds)).await.unwrap() }
    };
    let both = Usage {
        queries_hour: 2,
        queries_day: 2,
        rows_hour: 20,
        rows_day: 20,
        bytes_hour: 200,
        bytes_day: 200,
        running: 0,
    };
    assert_eq!(usage(601).await, both);
    assert_eq!(usage(3_600).await, both);
    assert_eq!(usage(3_600 + 300).await.queries_hour, 1);
    assert_eq!(usage(3_600 + 900).await.queries_hour, 0);
    assert_eq!(usage(86_400).await.queries_day, 2);
    assert_eq!(usage(86_400 + 300).await.queries_day, 1);
    assert_eq!(usage(86_400 + 900).await.queries_day, 0);
    // A clock that goes back gives nothing back.
    assert_eq!(usage(-7_200).await, both);

    let mut other = key();
    other.user = Some("bob".to_owned());
    assert_eq!(desk.usage(&other, at(601)).await.unwrap(), Usage::default());
    other = key();
    other.netns_cookie = 99;
    assert_eq!(desk.usage(&other, at(601)).await.unwrap(), both);
}

#[tokio::test]
async fn a_crash_gives_nothing_back_and_takes_little() {
    let mut place = Place::new().await;
    let mut spent = 0;
    for _ in 0..5 {
        let before = place.desk.usage(&key(), at(10)).await.unwrap().queries_hour;
        assert!(before >= spent);
        for _ in 0..100 {
            place.desk.spend(&key(), ONE, at(10)).await.unwrap();
        }
        spent += 100;
        let used = place.desk.usage(&key(), at(10)).await.unwrap();
        assert_eq!(used.queries_hour, before + 100);
        // Nothing is written down at the end, as when the process is killed.
        place = place.reopen().await;
        let after = place.desk.usage(&key(), at(10)).await.unwrap();
        assert!(after.queries_hour >= used.queries_hour, "{after:?}");
        assert!(after.rows_hour >= used.rows_hour && after.bytes_hour >= used.bytes_hour);
        let most = used.queries_hour + used.queries_hour / 4 + 8;
        assert!(after.queries_hour <= most, "{after:?}");
    }
}

#[tokio::test]
async fn what_rests_is_written_down_exactly() {
    let place = Place::new().await;
    place.desk.spend(&key(), ONE, at(10)).await.unwrap();
    place.desk.sweep(at(69)).await.unwrap();
    let place = place.reopen().await;
    assert_eq!(
        place.desk.usage(&key(), at(70)).await.unwrap().queries_hour,
        9
    );

    place.desk.spend(&key(), ONE, at(300)).await.unwrap();
    place.desk.sweep(at(361)).await.unwrap();
    let place = place.reopen().await;
    assert_eq!(
        place
            .desk
            .usage(&key(), at(362))
            .await
            .unwrap()
            .queries_hour,
        10
    );

    place.desk.spend(&key(), ONE, at(600)).await.unwrap();
    place.desk.settle(at(600)).await.unwrap();
    let place = place.reopen().await;
    assert_eq!(
        place
            .desk
            .usage(&key(), at(600))
            .await
            .unwrap()
            .queries_hour,
        11
    );
}

#[tokio::test]
async fn spends_that_come_together_are_all_counted() {
    let place = Place::new().await;
    let spenders: Vec<_> = (0..400)
        .map(|number: i64| {
            let desk = place.desk.clone();
            let mut key = key();
            key.user = Some(format!("u{}", number % 4));
            tokio::spawn(async move {
                let running = desk.enter(&key);
                desk.spend(&key, ONE, at(number)).await.unwrap();
                if number % 10 == 0 {
                    desk.sweep(at(number + 61)).await.unwrap();
                }
                drop(running);
            })
        })
        .collect();
    for spender in spenders {
        spender.await.unwrap();
    }
    let place = place.reopen().await;
    for number in 0..4 {
        let mut key = key();
        key.user = Some(format!("u{number}"));
        let usage = place.desk.usage(&key, at(400)).await.unwrap();
        assert!(usage.queries_hour >= 100, "{usage:?}");
        assert!(usage.rows_hour >= 1_000 && usage.bytes_hour >= 10_000);
    }
}

#[tokio::test]
async fn a_statement_runs_until_its_guard_is_dropped() {
    let place = Place::new().await;
    let running = |desk: &Desk| {
        let desk = desk.clone();
        async move { desk.usage(&key(), at(0)).await.unwrap().running }
    };
    let first = place.desk.enter(&key());
    let second = place.desk.enter(&key());
    assert_eq!(running(&place.desk).await, 2);
    drop(first);
    assert_eq!(running(&place.desk).await, 1);
    drop(second);
    assert_eq!(running(&place.desk).await, 0);
}

#[tokio::test]
async fn who_cannot_be_counted_is_refused() {
    let place = Place::new().await;
    let mut key = key();
    for number in 0..4_096 {
        key.anchor = format!("/a/{number}");
        place.desk.ledger.books.add(&key, ONE, at(0)).unwrap();
    }
    key.anchor = "/a/more".to_owned();
    let refused = place.desk.spend(&key, ONE, at(1)).await;
    assert!(matches!(refused, Err(AccessError::TooManyPrincipals)));
    // A day later there is room.
    place.desk.spend(&key, ONE, at(86_400 + 600)).await.unwrap();
}
