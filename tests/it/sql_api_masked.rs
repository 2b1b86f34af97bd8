//! Labelled values and the SQL API: masked inline and in partitions, whoever asks for them.

use serde_json::{Value, json};
use tests::layout;
use tests::record::Frame;

use crate::bench::{Bench, reported};
use crate::holds::{id, person};
use crate::sql_api::{WAREHOUSE, bench_of, reached};

/// Everything but to see what is masked; who has a role sees numbers of one schema.
const POLICY: &str = r#"
@id("statements") permit (principal, action in [Action::"login", Action::"observe", Action::"control"], resource);
@id("setup") permit (principal == Workload::"other", action in [Action::"write", Action::"ddl"], resource);
@id("fraud") permit (principal in Role::"fraud", action == Action::"unmask", resource == Label::"pii.ssn")
when { context has table && context.table in Schema::"DEMO.PUBLIC" };
@id("root-operates")
permit (principal == User::"root", action == Action::"operate", resource);
"#;

const LABELS: &str = r#"
[[label]]
name = "pii.ssn"
columns = ["DEMO.*.*.SSN"]
method = "redact"
rank = 20

[[label]]
name = "pii.birth"
columns = ["DEMO.PUBLIC.PEOPLE.BORN"]
method = "date"
date = "year"

[[label]]
name = "pii.email"
detectors = ["email"]
method = "email-domain"
otherwise = "redact"

[[label]]
name = "limit"
columns = ["DEMO.PUBLIC.CARDS.CREDIT_LIMIT"]
method = "redact"
retype = true

[[label]]
name = "holder"
columns = ["DEMO.PUBLIC.CARDS.PERSON_ID"]
method = "hash"
retype = true
"#;

const SSN: &str = "[masked:pii.ssn]";

/// A bench with the demo's tables, whose columns are labelled.
fn bench(name: &str) -> Bench {
    let seed = layout::tests().join("warehouse/demo.sql");
    let warehouse = format!("seed_files = [\"{}\"]\n{WAREHOUSE}", seed.display());
    bench_of(name, &warehouse, POLICY, LABELS)
}

/// A table that is larger than one partition.
fn make_big(bench: &Bench) {
    let script = "from client import *
report(told(statement(\"create table big as select seq4() as id, 'x' || seq4() as ssn, 'y' || seq4() as note \
         from table(generator(rowcount => 3000))\")))";
    let made = reported(&bench.python_in_child(script).output().unwrap());
    assert_eq!(made[0], 200, "{made}\n{}", bench.daemon.log());
}

#[test]
fn labelled_columns_are_masked_and_keep_their_types() {
    let bench = bench("api-masked");
    let seen = bench.ask(
        "from client import *
report([statement(text) for text in (
    'select id, ssn, born, city from people where id in (1, 5) order by id',
    'select max(ssn) as n, count(*) as c from people',
    \"select email, 'write to ' || email || ' soon' as note from people where id = 1\",
    'select credit_limit, person_id, id from cards where id = 2',
    'select id from people where id > 5')])",
    );
    let types = |at: usize| -> Vec<&Value> {
        let columns = seen[at]["resultSetMetaData"]["rowType"].as_array().unwrap();
        columns.iter().map(|column| &column["type"]).collect()
    };
    let data = |at: usize| &seen[at]["data"];
    // Days since 1970-01-01: those of 1985-01-01 and 1992-01-01.
    let people = json!([["1", SSN, "5479", "London"], ["5", null, "8035", "Malmö"]]);
    assert_eq!(*data(0), people, "{seen}");
    assert_eq!(types(0), ["fixed", "text", "date", "text"]);
    assert_eq!(*data(1), json!([[SSN, "5"]]), "{seen}");
    // Nobody labels the column: it is found.
    let found = json!([["****@example.com", "write to ****@example.com soon"]]);
    assert_eq!(*data(2), found, "{seen}");

    // What becomes text says so.
    assert_eq!(types(3), ["text", "text", "fixed"], "{seen}");
    let row = &data(3)[0];
    assert_eq!((&row[0], &row[2]), (&json!("[masked:limit]"), &json!("2")));
    let hash = row[1].as_str().unwrap();
    assert!(hash.starts_with("masked_") && hash.len() == 39, "{hash}");
    let column = &seen[3]["resultSetMetaData"]["rowType"][0];
    assert_eq!(
        (&column["name"], &column["length"], &column["scale"]),
        (&json!("CREDIT_LIMIT"), &json!(16_777_216), &Value::Null)
    );
    assert_eq!(*data(4), json!([]));

    bench.await_metric("snowfence_masked_cells_total{label=\"pii.ssn\"}", 2.0);
    bench.await_metric("snowfence_masked_cells_total{label=\"pii.email\"}", 2.0);
    let frames = bench.await_frames(|frames| {
        let masks = |frame: &&Frame| frame.payload["masked"].is_object();
        frames.iter().filter(masks).count() == 4
    });
    for secret in ["078-05-1120", "ada@example.com", "12500.50"] {
        assert!(!seen.to_string().contains(secret), "{seen}");
        assert!(!format!("{frames:?}").contains(secret));
    }
    bench.assert_record_is_whole();
}

#[test]
fn an_error_of_the_account_tells_no_value() {
    let bench = bench("api-worded");
    let seen = bench.ask(
        "from client import *
report([told(statement('select cast(ssn as int) from people where id = 1')),
    told(statement(\"select cast('ada@' || 'example.com' as int)\")),
    told(statement('select * from nothing_here'))])",
    );
    let told: Vec<&str> = (0..3).map(|at| seen[at][2].as_str().unwrap()).collect();
    assert!(seen[0][0] == 422 && told[0].contains("[masked]"), "{seen}");
    assert!(
        !told[0].contains("078") && !told[1].contains("ada@"),
        "{seen}"
    );
    assert!(told[1].contains("****@example.com"), "{seen}");
    assert!(
        told[2].contains("does not exist or not authorized"),
        "{seen}"
    );
    // The stand-in quotes what it could not read: otherwise this shows nothing.
    let log = format!("{:?}", reached(&bench));
    assert!(log.contains("nothing_here"), "{log}");
    bench.assert_record_is_whole();
}

#[test]
fn every_partition_is_masked_and_asking_again_changes_nothing() {
    let bench = bench("api-sieved");
    make_big(&bench);
    let seen = bench.ask(
        "from client import *
first = statement('select id, ssn, note from big')
place = '/' + first['statementHandle']
count = len(first['resultSetMetaData']['partitionInfo'])
def whole(first):
    parts = [first] + [api('GET', f'{place}?partition={n}') for n in range(1, count)]
    return [row for part in parts for row in part['data']]
def seen(rows):
    return [len(rows), sorted(set(row[1] for row in rows)), sum(int(row[0]) for row in rows),
        all(row[2] == 'y' + row[0] for row in rows)]
again = api('GET', place)
scanned = statement(f\"select * from table(result_scan('{place[1:]}'))\")
report([count, seen(whole(first)), seen(whole(again)), again['resultSetMetaData'] == first['resultSetMetaData'],
    scanned.get('data')])",
    );
    let whole = json!([3000, [SSN], 3000 * 2999 / 2, true]);
    assert_eq!((&seen[0], &seen[1]), (&json!(4), &whole), "{seen}");
    assert_eq!((&seen[2], &seen[3]), (&whole, &json!(true)), "{seen}");
    assert_eq!(seen[4][0][1], SSN, "{seen}");
    bench.await_metric("snowfence_masked_cells_total{label=\"pii.ssn\"}", 6100.0);
    bench.assert_record_is_whole();
}

#[test]
fn a_role_shows_a_label_for_its_time_and_to_nobody_else() {
    let bench = bench("api-unmasked");
    let ask = "from client import *
import sys
first = statement('select ssn from people where id = 1')
report([first['statementHandle'], first['data']])";
    let again = |handle: &Value| {
        bench.ask(&format!(
            "from client import *\nreport(api('GET', '/' + {handle})['data'])"
        ))
    };
    let masked = bench.ask(ask);
    assert_eq!(masked[1], json!([[SSN]]));
    let grant = [
        "grant",
        "fraud",
        "--workload",
        "agent",
        "--for",
        "1h",
        "--reason",
        "case 7",
    ];
    let grant = person(&bench, &grant);
    let clear = bench.ask(ask);
    assert_eq!(clear[1], json!([["078-05-1120"]]), "{}", bench.daemon.log());
    // It is what one may see now that counts, and not what one could when it ran.
    assert_eq!(again(&masked[0]), json!([["078-05-1120"]]));
    let grants = person(&bench, &["grants"]);
    assert_eq!(grants[0]["state"], "active");

    let script = format!(
        "from client import *\nreport([told(api('GET', '/' + {})), statement('select ssn from people where id = 1')['data']])",
        clear[0]
    );
    let other = reported(&bench.python_in_child(&script).output().unwrap());
    assert_eq!(other[0][1], "003001", "{other}");
    assert_eq!(other[1], json!([[SSN]]));

    person(&bench, &["revoke", id(&grant), "--reason", "done"]);
    assert_eq!(bench.ask(ask)[1], json!([[SSN]]));
    assert_eq!(again(&clear[0]), json!([[SSN]]));
    let shows = |frame: &&Frame| frame.payload["unmasked"] == json!(["pii.ssn"]);
    let frames = bench.await_frames(|frames| frames.iter().filter(shows).count() == 2);
    for frame in frames.iter().filter(shows) {
        assert_eq!(frame.payload["unmasked_by"], json!(["fraud"]));
    }
    bench.assert_record_is_whole();
}
