//! Who may do what, and what bad input gets.

use super::*;

#[test]
fn the_kernel_says_who_is_who() {
    let Some(bench) = Bench::new() else { return };
    let agent = bench.agent(ETL, "GET /v1/me", &json!(null), 200);
    assert_eq!(
        (&agent["kind"], &agent["workload"]),
        (&json!("agent"), &json!("etl"))
    );
    let unknown = bench.agent(EVE, "GET /v1/me", &json!(null), 200);
    assert_eq!(unknown["workload"], "unknown");
    let person = bench.person(ALICE, "GET /v1/me", &json!(null), 200);
    assert_eq!(
        (&person["kind"], &person["name"]),
        (&json!("person"), &json!("uid:4301"))
    );
    let root = bench.person(0, "GET /v1/me", &json!(null), 200);
    assert_eq!(root["name"], "root");
}

#[test]
fn an_agent_decides_nothing_whatever_its_user() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("reader");
    let grant = json!({"role": "writer", "workload": "etl", "for_seconds": 60, "reason": "x"});
    let requests = [
        (format!("POST /v1/asks/{id}/votes"), approval()),
        ("POST /v1/grants".to_owned(), grant),
        (
            "POST /v1/grants/grant-x/extend".to_owned(),
            json!({"by_seconds": 60}),
        ),
    ];
    // Outside, the policies let the first two decide, and root everything.
    for uid in [ALICE, BOB, 0] {
        for (request, body) in &requests {
            let refused = bench.agent(uid, request, body, 403);
            assert_eq!(refused["code"], "wrong_side", "{request} as {uid}");
        }
    }
    let open = bench.agent(ETL, &format!("GET /v1/asks/{id}"), &json!(null), 200);
    assert_eq!(
        (&open["state"], &open["votes"]),
        (&json!("open"), &json!([]))
    );
}

#[test]
fn nobody_decides_their_own_ask() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("reader");
    // The policies let the agent's user decide, and it stands outside of the scope.
    let own = bench.person(ETL, &format!("POST /v1/asks/{id}/votes"), &approval(), 403);
    assert_eq!(own["code"], "own_ask");
    // Root outside is the operator, and another person than an agent that runs as root.
    let asked = bench.agent(0, "POST /v1/asks", &role_ask("reader"), 201);
    let id = asked["id"].as_str().unwrap();
    let decided = bench.person(0, &format!("POST /v1/asks/{id}/votes"), &approval(), 200);
    assert_eq!(decided["state"], "approved");
}

#[test]
fn sudo_gives_no_second_vote_and_no_other_name() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("writer");
    let target = format!("/v1/asks/{id}/votes");
    let vote = |login, uid| {
        let peer = bench.peer_after(At::Outside, login, uid, "POST", &target, &approval());
        answer(peer)
    };
    let (status, first) = vote(ALICE, ALICE);
    assert_eq!(
        (status, &first["votes"][0]["person"]),
        (200, &json!("uid:4301"))
    );
    let (status, again) = vote(ALICE, 0);
    assert_eq!((status, &again["code"]), (409, &json!("voted_already")));
    let (status, borrowed) = vote(ALICE, BOB);
    assert_eq!((status, &borrowed["code"]), (403, &json!("unidentified")));
    let own = bench.peer_after(At::Outside, ETL, 0, "POST", &target, &approval());
    let (status, own) = answer(own);
    assert_eq!((status, &own["code"]), (403, &json!("own_ask")));
}

#[test]
fn who_has_no_rights_sees_and_does_nothing() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("reader");
    assert_eq!(
        bench.person(EVE, "GET /v1/asks?open=true", &json!(null), 200),
        json!([])
    );
    for request in [
        format!("GET /v1/asks/{id}"),
        format!("POST /v1/asks/{id}/votes"),
    ] {
        let refused = bench.person(EVE, &request, &approval(), 404);
        assert_eq!(refused["code"], "unknown_ask");
    }
    // Who may decide does not operate.
    let grant = json!({"role": "writer", "workload": "etl", "for_seconds": 60, "reason": "x"});
    for (request, body) in [
        ("GET /v1/grants", json!(null)),
        ("POST /v1/grants", grant),
        ("POST /v1/grants/grant-x/revoke", json!({})),
        ("POST /v1/grants/grant-x/extend", json!({"by_seconds": 60})),
    ] {
        for uid in [EVE, ALICE] {
            let refused = bench.person(uid, request, &body, 403);
            assert_eq!(refused["code"], "not_permitted", "{request} as {uid}");
        }
    }
    assert_eq!(
        ids(&bench.person(ALICE, "GET /v1/asks?open=true", &json!(null), 200)),
        [&id]
    );
    assert_eq!(
        ids(&bench.person(0, "GET /v1/asks", &json!(null), 200)),
        [&id]
    );
}

#[test]
fn agents_see_their_own_alone() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("reader");
    assert_eq!(
        ids(&bench.agent(ETL, "GET /v1/asks", &json!(null), 200)),
        [&id]
    );
    assert_eq!(
        bench.agent(OTHER, "GET /v1/asks", &json!(null), 200),
        json!([])
    );
    let hidden = bench.agent(OTHER, &format!("GET /v1/asks/{id}"), &json!(null), 404);
    assert_eq!(hidden["code"], "unknown_ask");
    let refused = bench.person(0, "POST /v1/asks", &role_ask("reader"), 403);
    assert_eq!(refused["code"], "wrong_side");
}

#[test]
fn bad_input_gets_a_clear_answer() {
    let Some(bench) = Bench::new() else { return };
    let with = |field: &str, value: Value| {
        let mut ask = role_ask("reader");
        ask[field] = value;
        ask
    };
    for body in [
        json!(null),
        json!([]),
        with("workload", json!("other")),
        with("for_seconds", json!(-1)),
        with("for_seconds", json!(0)),
        with("for_seconds", json!(u64::MAX)),
        with("reason", json!("")),
        with("reason", json!("\u{1b}[2J")),
        with("reason", json!("x".repeat(1001))),
        with("account", json!("b")),
    ] {
        let refused = bench.agent(ETL, "POST /v1/asks", &body, 400);
        assert_eq!(refused["code"], "bad_request", "{body}");
    }
    let large = with("reason", json!("x".repeat(70_000)));
    assert_eq!(
        bench.agent(ETL, "POST /v1/asks", &large, 413)["code"],
        "too_large"
    );
    for request in [
        "GET /",
        "GET /v1/status",
        "DELETE /v1/asks",
        "GET //v1/asks",
    ] {
        let refused = bench.agent(ETL, request, &json!(null), 404);
        assert_eq!(refused["code"], "no_such_route", "{request}");
    }
    assert_eq!(bench.runtime.block_on(bench.desk.asks(false)).unwrap(), []);
}
