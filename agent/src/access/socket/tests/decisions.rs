//! Asking, voting, giving and ending, from one end to the other.

use std::time::Duration;

use tokio::time::Instant;

use super::*;

#[test]
fn a_role_is_asked_for_voted_on_used_up_and_ended() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("writer");
    let votes = format!("POST /v1/asks/{id}/votes");
    let shown = bench.person(ALICE, &format!("GET /v1/asks/{id}"), &json!(null), 200);
    assert_eq!(shown["asker"]["workload"], "etl");
    assert_eq!(shown["asker"]["uid"], ETL);
    assert_eq!(shown["approvers"], json!(["stewards"]));
    assert_eq!(shown["reason"], "the report of march");
    assert_eq!(shown["account"], "a", "the only one");

    let first = bench.person(ALICE, &votes, &approval(), 200);
    assert_eq!(
        (&first["state"], &first["grant"]),
        (&json!("open"), &json!(null))
    );
    let again = bench.person(ALICE, &votes, &approval(), 409);
    assert_eq!(again["code"], "voted_already");
    let second = bench.person(BOB, &votes, &approval(), 200);
    assert_eq!(second["state"], "approved");
    let late = bench.person(0, &votes, &approval(), 409);
    assert_eq!(late["code"], "closed");

    let held = bench.agent(ETL, "GET /v1/grants?live=true", &json!(null), 200);
    assert_eq!(ids(&held), [second["grant"].as_str().unwrap()]);
    assert_eq!(held[0]["granted_by"], json!(["uid:4301", "uid:4302"]));
    let grant = ids(&held)[0].to_owned();
    let ended = bench.agent(
        ETL,
        &format!("POST /v1/grants/{grant}/revoke"),
        &json!({}),
        200,
    );
    assert_eq!(ended["state"], "revoked");
    assert_eq!(ended["ended_by"], "its holder");
    let left = bench.agent(ETL, "GET /v1/grants?live=true", &json!(null), 200);
    assert_eq!(left, json!([]));
}

#[test]
fn one_denial_denies_and_says_why() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("reader");
    let votes = format!("POST /v1/asks/{id}/votes");
    let mute = bench.person(ALICE, &votes, &json!({"approves": false}), 400);
    assert_eq!(mute["code"], "bad_request");
    let denial = json!({"approves": false, "note": "not today"});
    assert_eq!(bench.person(ALICE, &votes, &denial, 200)["state"], "denied");
    let seen = bench.agent(ETL, &format!("GET /v1/asks/{id}"), &json!(null), 200);
    assert_eq!(seen["votes"][0]["note"], "not today");
}

#[test]
fn an_ask_is_taken_back_by_who_asked_alone() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("reader");
    let withdraw = format!("POST /v1/asks/{id}/withdraw");
    assert_eq!(
        bench.agent(OTHER, &withdraw, &json!(null), 404)["code"],
        "unknown_ask"
    );
    assert_eq!(
        bench.person(0, &withdraw, &json!(null), 403)["code"],
        "wrong_side"
    );
    let back = bench.agent(ETL, &withdraw, &json!(null), 200);
    assert_eq!(back["state"], "withdrawn");
}

#[test]
fn who_waits_hears_of_the_decision_at_once() {
    let Some(bench) = Bench::new() else { return };
    let id = bench.ask("reader");
    let target = format!("/v1/asks/{id}?wait=60");
    let started = Instant::now();
    let mut waiting = bench.peer(At::Inside, ETL, "GET", &target, &json!(null));
    let waiting = waiting.stdout(Stdio::piped()).spawn().unwrap();
    bench.person(
        ALICE,
        &format!("POST /v1/asks/{id}/votes"),
        &approval(),
        200,
    );
    let output = waiting.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("200 ") && text.contains("\"approved\""),
        "{text}"
    );
    assert!(started.elapsed() < Duration::from_secs(30));
    // One that nobody decides comes back open when the wait is over.
    let other = bench.ask("reader");
    let open = bench.agent(
        ETL,
        &format!("GET /v1/asks/{other}?wait=1"),
        &json!(null),
        200,
    );
    assert_eq!(open["state"], "open");
}

#[test]
fn broken_glass_gives_at_once() {
    let Some(bench) = Bench::new() else { return };
    let asked = bench.agent(ETL, "POST /v1/asks", &role_ask("emergency"), 201);
    assert_eq!(asked["state"], "approved");
    assert_eq!(asked["break_glass"], true);
    let held = bench.agent(ETL, "GET /v1/grants?live=true", &json!(null), 200);
    assert_eq!(held[0]["role"], "emergency");
}

#[test]
fn an_operator_gives_extends_and_revokes() {
    let Some(bench) = Bench::new() else { return };
    let new = json!({
        "role": "writer", "workload": "etl", "for_seconds": 3600, "reason": "on call", "account": "a",
    });
    let grant = bench.person(0, "POST /v1/grants", &new, 201);
    let id = grant["id"].as_str().unwrap();
    assert_eq!(grant["granted_by"], json!(["root"]));
    let extend = format!("POST /v1/grants/{id}/extend");
    let longer = bench.person(0, &extend, &json!({"by_seconds": 1800}), 200);
    assert_eq!(longer["duration"]["secs"], 5400);
    // It is for every instance of the workload: not one instance's to end.
    let revoke = format!("POST /v1/grants/{id}/revoke");
    let refused = bench.agent(ETL, &revoke, &json!({}), 403);
    assert_eq!(refused["code"], "not_permitted");
    assert_eq!(
        bench.agent(OTHER, &revoke, &json!({}), 404)["code"],
        "unknown_grant"
    );
    let ended = bench.person(0, &revoke, &json!({"reason": "done"}), 200);
    assert_eq!(ended["ended_by"], "root: done");
    let listed = bench.person(0, "GET /v1/grants?live=false", &json!(null), 200);
    assert_eq!(ids(&listed), [id]);
    for (field, wrong) in [("role", "wirter"), ("workload", "elt"), ("account", "b")] {
        let mut new = new.clone();
        new[field] = json!(wrong);
        let refused = bench.person(0, "POST /v1/grants", &new, 400);
        assert!(
            refused["message"].as_str().unwrap().contains("there is"),
            "{refused}"
        );
    }
}

#[test]
fn a_role_is_asked_for_within_what_policies_say() {
    let Some(bench) = Bench::new() else { return };
    let offers = bench.agent(OTHER, "GET /v1/roles", &json!(null), 200);
    assert_eq!(offers.as_array().unwrap().len(), 1, "{offers}");
    assert_eq!(offers[0]["role"], "reader");
    let denied = bench.agent(OTHER, "POST /v1/asks", &role_ask("writer"), 403);
    assert_eq!(denied["code"], "not_permitted");
    let mut long = role_ask("writer");
    long["for_seconds"] = json!(7201);
    let refused = bench.agent(ETL, "POST /v1/asks", &long, 400);
    assert!(
        refused["message"].as_str().unwrap().contains("2h"),
        "{refused}"
    );
    assert_eq!(bench.runtime.block_on(bench.desk.asks(false)).unwrap(), []);
}
