//! What an ask can become.

use super::*;

#[tokio::test]
async fn an_approval_is_used_once_for_the_statement_it_was_given_for() {
    let place = Place::new().await;
    let desk = &place.desk;
    let ask = desk.ask(statement("d1"), at(0)).await.unwrap();
    assert_eq!(ask.state, AskState::Open);
    assert_eq!(ask.expires, at(1_800));
    let early = desk.consume(&ask.id, "d1", at(1)).await.unwrap_err();
    assert!(matches!(
        early,
        AccessError::NotApproved { state: "open", .. }
    ));

    let approved = desk.vote(&ask.id, vote("ann", 1_001, true), at(2)).await;
    assert_eq!(approved.unwrap().state, AskState::Approved);
    let other = desk.consume(&ask.id, "d2", at(3)).await.unwrap_err();
    assert!(matches!(other, AccessError::OtherStatement));
    let used = desk.consume(&ask.id, "d1", at(3)).await.unwrap();
    assert_eq!(used.state, AskState::Used);
    let again = desk.consume(&ask.id, "d1", at(4)).await.unwrap_err();
    assert!(matches!(
        again,
        AccessError::NotApproved { state: "used", .. }
    ));

    let place = place.reopen().await;
    assert_eq!(place.desk.find(&ask.id).await.unwrap(), used);
}

#[tokio::test]
async fn of_many_that_use_one_approval_at_once_one_succeeds() {
    let place = Place::new().await;
    let ask = place.desk.ask(statement("d1"), at(0)).await.unwrap();
    let vote = vote("ann", 1_001, true);
    place.desk.vote(&ask.id, vote, at(1)).await.unwrap();
    let consumers: Vec<_> = (0..50)
        .map(|_| {
            let (desk, id) = (place.desk.clone(), ask.id.clone());
            tokio::spawn(async move { desk.consume(&id, "d1", at(2)).await.is_ok() })
        })
        .collect();
    let mut used = 0;
    for consumer in consumers {
        used += usize::from(consumer.await.unwrap());
    }
    assert_eq!(used, 1);
}
