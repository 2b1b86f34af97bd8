//! What is left in the recording of people who give, end and decide, and of those who may not.

use serde_json::{Value, json};

use super::{ALICE, Bench, ETL, EVE, approval, role_ask};
use crate::record::format::Kind;
use crate::record::read::said;

impl Bench {
    /// Kind and payload of every frame so far.
    fn frames(&self) -> Vec<(Kind, Value)> {
        said(&self.dir.path().join("record"))
    }
}

fn grant() -> Value {
    json!({"role": "writer", "workload": "etl", "for_seconds": 600, "reason": "on call"})
}

#[test]
fn an_operator_is_named_with_what_was_done_and_with_what_was_refused() {
    let Some(bench) = Bench::new() else { return };
    bench.agent(ETL, "POST /v1/grants", &grant(), 403);
    bench.person(EVE, "POST /v1/grants", &grant(), 403);
    let wrong = json!({"role": "writer"});
    bench.person(EVE, "POST /v1/grants", &wrong, 400);
    let given = bench.person(0, "POST /v1/grants", &grant(), 201);
    let id = given["id"].as_str().unwrap().to_owned();
    let extend = format!("POST /v1/grants/{id}/extend");
    bench.person(EVE, &extend, &json!({"by_seconds": 60}), 403);
    bench.person(0, &extend, &json!({"by_seconds": 60}), 200);
    let revoke = format!("POST /v1/grants/{id}/revoke");
    bench.person(EVE, &revoke, &json!({}), 403);
    bench.person(0, &revoke, &json!({"reason": "done"}), 200);
    bench.person(0, &revoke, &json!({}), 409);
    let import = json!({"account": "a", "credential": "c"});
    bench.person(0, "POST /v1/labels/import", &import, 502);
    let import = json!({"account": "a"});
    // Its frame is durable before this returns, and so is everything before it.
    bench.person(0, "POST /v1/labels/import", &import, 200);

    let frames = bench.frames();
    let told: Vec<Value> = frames
        .iter()
        .map(|(kind, it)| {
            let what = it.get("event").unwrap_or_else(|| &it["action"]);
            json!([
                kind.name(),
                what,
                it["operator"],
                it["uid"],
                it["object"],
                it["outcome"]
            ])
        })
        .collect();
    let eve = format!("uid:{EVE}");
    let to = "writer to etl";
    assert_eq!(
        told,
        [
            json!(["operator", "grant", "workload etl", ETL, to, "refused"]),
            json!(["operator", "grant", eve, EVE, to, "refused"]),
            json!(["grant", "grant_given", "root", 0, null, null]),
            json!(["operator", "extend", eve, EVE, id, "refused"]),
            json!(["grant", "grant_extended", "root", 0, null, null]),
            json!(["operator", "revoke", eve, EVE, id, "refused"]),
            json!(["grant", "grant_revoked", "root", 0, null, null]),
            json!(["operator", "revoke", "root", 0, id, "refused"]),
            json!(["operator", "labels import", "root", 0, "a", "failed"]),
            json!(["operator", "labels import", "root", 0, "a", "done"]),
        ]
    );
    assert_eq!(frames[8].1["message"], "refused to `root`");
    assert_eq!(frames[6].1["grant"]["ended_by"], "root: done");
}

#[test]
fn a_vote_is_one_frame_also_when_it_is_refused() {
    let Some(bench) = Bench::new() else { return };
    let asked = bench.agent(ETL, "POST /v1/asks", &role_ask("reader"), 201);
    let id = asked["id"].as_str().unwrap().to_owned();
    let votes = format!("POST /v1/asks/{id}/votes");
    bench.agent(0, &votes, &approval(), 403);
    bench.person(EVE, &votes, &approval(), 404);
    bench.person(ALICE, &votes, &approval(), 200);
    let told: Vec<Value> = bench
        .frames()
        .iter()
        .map(|(kind, it)| {
            let what = it.get("event").unwrap_or_else(|| &it["action"]);
            let by = it["vote"].get("uid").unwrap_or_else(|| &it["uid"]);
            json!([kind.name(), what, by, it["object"]])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["ask", "ask_opened", null, null]),
            json!(["operator", "vote", 0, id]),
            json!(["operator", "vote", EVE, id]),
            json!(["vote", "ask_voted", ALICE, null]),
            json!(["grant", "grant_given", null, null]),
            json!(["ask", "ask_approved", null, null]),
        ]
    );
}
