//! What the record says of a statement of a stock driver, and what it never says.

use std::fs;

use serde_json::{Value, json};
use tests::record::{Frame, Kind};

use crate::bench::{Bench, reported};
use crate::masked::{DRIVER, labelled};

const LABELS: &str = r#"
[[label]]
name = "pii.ssn"
columns = ["DEMO.*.*.SSN"]
detectors = ["us-ssn"]
method = "redact"

[[label]]
name = "pci.card"
detectors = ["card"]
method = "redact"
"#;

/// A card in a literal, a comment, a bound value and a refused statement, and a number of a person
/// whom this workload may see, in an error of Snowflake's.
const CLIENT: &str = r#"
snowflake.connector.paramstyle = 'qmark'
connection = connect('JSON')
cursor = connection.cursor()
card = '4111111111111111'
def bound(text, *values):
    return cursor.execute(text, values).fetchall()
bound('select id, city from people where city = ? and id < ?', 'card ' + card, 7)
run(cursor, f"select id /* {card} */ from people where city = '{card}' -- {card}")
failed = run(cursor, 'select cast(ssn as int) from people where id = 1')
denied = run(cursor, f"grant role sysadmin to user \"{card}\"")
big = run(cursor, 'select seq4() as id from table(generator(rowcount => 500))')
print(json.dumps([failed, denied, len(big)]))
"#;

fn find<'f>(frames: &'f [Frame], kind: Kind, is: &dyn Fn(&Value) -> bool) -> &'f Value {
    let mut frames = frames.iter().filter(|frame| frame.kind == kind);
    let found = frames.find(|frame| is(&frame.payload));
    &found.unwrap().payload
}

/// Everything that is written, as bytes.
fn written(bench: &Bench) -> Vec<u8> {
    let files = fs::read_dir(&bench.daemon.files().record).unwrap();
    let files = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.collect::<Vec<_>>().concat()
}

#[test]
fn the_record_tells_who_and_what_and_why_and_no_value_that_is_labelled() {
    let bench = labelled("contents", "inline_rows = 10\nchunk_rows = 100", LABELS);
    let script = format!("{DRIVER}{CLIENT}");
    let seen = reported(&bench.python_in_child(&script).output().unwrap());
    let failed = seen[0].as_str().unwrap();
    assert!(failed.contains("Could not convert"), "{seen}");
    assert_eq!(seen[2], 500, "{seen}");
    let frames = bench.await_frames(|frames| {
        let is_chunk = |it: &&Frame| it.payload["operation"] == "chunk";
        let closes = |it: &&Frame| it.payload["operation"] == "close";
        frames.iter().filter(is_chunk).count() > 3 && frames.iter().any(|it| closes(&it))
    });

    let bound = find(&frames, Kind::Decided, &|it| !it["bindings"].is_null());
    let values = json!([
        {"name": "1", "type": "TEXT", "value": "card [masked:pci.card]"},
        {"name": "2", "type": "FIXED", "value": "7"},
    ]);
    assert_eq!(
        bound["bindings"],
        json!({"values": values, "redacted": true})
    );
    let access = json!({"action": "read", "type": "Table", "object": "DEMO.PUBLIC.PEOPLE",
                        "decision": "allow", "policies": ["statements"]});
    assert_eq!(bound["facts"]["accesses"], json!([access]));
    let caller = &bound["caller"];
    assert!(caller["started"].as_u64().unwrap() > 0, "{caller}");
    assert!(
        caller["comm"].is_string() && caller["gid"].is_u64(),
        "{caller}"
    );
    assert!(
        caller["ancestors"][0]["pid"].as_u64().unwrap() > 0,
        "{caller}"
    );

    let failed = find(&frames, Kind::Ended, &|it| {
        it["outcome"] == "answer" && !it["error"].is_null()
    });
    let message = failed["error"]["message"].as_str().unwrap();
    assert!(message.contains("[masked"), "{failed}");
    let stages = failed["stages"].as_object().unwrap();
    for stage in [
        "read",
        "authenticate",
        "analyse",
        "decide",
        "record",
        "upstream",
        "mask",
    ] {
        assert!(stages[stage].is_u64(), "{failed}");
    }
    let denied = find(&frames, Kind::Ended, &|it| it["verdict"] == "deny");
    assert_eq!(denied["error"]["code"], "003001");
    assert_eq!(denied["facts"]["accesses"][0]["decision"], "deny");

    let chunk = find(&frames, Kind::Decided, &|it| it["operation"] == "chunk");
    let result = find(&frames, Kind::Ended, &|it| it["rows"] == 500);
    assert_eq!(chunk["query"], result["query_id"]);
    let ended = find(&frames, Kind::Ended, &|it| it["rows"] == 100);
    assert_eq!(ended["query_id"], result["query_id"]);

    let written = written(&bench);
    for secret in ["4111111111111111", "078-05-1120"] {
        let mut windows = written.windows(secret.len());
        assert!(!windows.any(|it| it == secret.as_bytes()), "{secret}");
    }
    bench.assert_record_is_whole();
}
