//! Who has which role, and for how long.

use super::*;

#[tokio::test]
async fn an_approved_role_ask_is_a_grant_that_begins_with_its_first_use() {
    let place = Place::new().await;
    let desk = &place.desk;
    let ask = desk.ask(role(30), at(0)).await.unwrap();
    assert!(
        desk.roles(&key(), "testorg-testacct", at(1))
            .await
            .unwrap()
            .is_empty()
    );
    let approved = desk.vote(&ask.id, vote("ann", 1_001, true), at(10)).await;
    let approved = approved.unwrap();
    assert_eq!(approved.state, AskState::Approved);
    let [grant] = desk.grants(true).await.unwrap().try_into().unwrap();
    assert_eq!(approved.grant.as_ref(), Some(&grant.id));
    assert_eq!((grant.state, grant.activated), (GrantState::Waiting, None));
    assert_eq!(grant.granted_by, ["ann"]);

    let roles = desk
        .roles(&key(), "testorg-testacct", at(100))
        .await
        .unwrap();
    assert_eq!(roles, ["sales-reader"]);
    let place = place.reopen().await;
    let [grant] = place.desk.grants(true).await.unwrap().try_into().unwrap();
    assert_eq!(grant.state, GrantState::Active);
    assert_eq!(grant.ends, Some(at(100 + 1_800)));
    let roles = |seconds| {
        let desk = place.desk.clone();
        async move {
            desk.roles(&key(), "testorg-testacct", at(seconds))
                .await
                .unwrap()
        }
    };
    assert_eq!(roles(1_899).await, ["sales-reader"]);
    assert!(roles(1_900).await.is_empty());
}
