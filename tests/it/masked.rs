//! No labelled value reaches a driver: inline and in chunks, in both formats, in messages, and whatever
//! the statement does with it.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::record::Kind;
use tests::{layout, wait};

use crate::bench::{Bench, Plan, reported};

/// Everything but to see what is masked; who investigates fraud sees it in one schema.
const POLICY: &str = r#"
@id("statements") permit (principal, action in [Action::"login", Action::"observe", Action::"control"], resource);
@id("setup") permit (principal == Workload::"other", action in [Action::"write", Action::"ddl"], resource);
@id("fraud") permit (principal == Workload::"other", action == Action::"unmask", resource == Label::"pii.ssn")
when { context has table && context.table in Schema::"DEMO.PUBLIC" };
"#;

const LABELS: &str = r#"
[[label]]
name = "pii.ssn"
columns = ["DEMO.*.*.SSN"]
method = "redact"
rank = 20

[[label]]
name = "pii.date"
columns = ["DEMO.PUBLIC.PEOPLE.BORN"]
method = "null"
rank = 10
"#;

/// The stock driver in one of its two formats; what it says of each of some statements.
pub(crate) const DRIVER: &str = r#"
import json
import snowflake.connector
def connect(format):
    return snowflake.connector.connect(
        account="testorg-testacct", user="agent", password="x", database="DEMO", schema="PUBLIC",
        login_timeout=20, network_timeout=20,
        session_parameters={"PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": format})
def run(cursor, text):
    try:
        return [[None if cell is None else str(cell) for cell in row]
                for row in cursor.execute(text).fetchall()]
    except snowflake.connector.errors.Error as error:
        return str(error.msg)
"#;

/// A bench with the demo's tables, whose columns carry labels from the start.
pub(crate) fn bench(name: &str, warehouse: &str) -> Bench {
    labelled(name, warehouse, LABELS)
}

/// The same with other labels.
pub(crate) fn labelled(name: &str, warehouse: &str, text: &str) -> Bench {
    let seed = layout::tests().join("warehouse/demo.sql");
    let warehouse = format!("seed_files = [\"{}\"]\n{warehouse}", seed.display());
    let plan = Plan {
        warehouse: &warehouse,
        policy: POLICY,
        ..Plan::default()
    };
    let bench = Bench::with(name, &plan);
    let labels = bench.daemon.files().policies.join("labels.toml");
    fs::write(labels, text).unwrap();
    bench.daemon.reload().unwrap();
    let read = wait::until("the reload", Duration::from_secs(5), || {
        let log = bench.daemon.log();
        Ok(log.contains("\"policies loaded\"").then_some(()))
    });
    assert!(read.is_ok(), "{}", bench.daemon.log());
    bench
}

/// Runs statements in both formats; they must say the same.
#[track_caller]
fn ask(bench: &Bench, statements: &[&str]) -> Vec<Value> {
    let script = format!(
        "{DRIVER}\nboth = []\nfor format in ('ARROW', 'JSON'):\n    cursor = connect(format).cursor()\n    \
         both.append([run(cursor, text) for text in {}])\nprint(json.dumps(both))",
        json!(statements)
    );
    let seen = bench.ask(&script);
    assert_eq!(seen[0], seen[1], "{}", bench.daemon.log());
    seen[0].as_array().unwrap().clone()
}

#[test]
fn a_labelled_value_is_masked_whatever_the_statement_does_with_it() {
    let bench = bench("masked", "");
    let ssn = "[masked:pii.ssn]";
    let cases = [
        (
            "select id, ssn, born, city from people where id = 1",
            json!([["1", ssn, null, "London"]]),
        ),
        ("select ssn as id from people where id = 2", json!([[ssn]])),
        ("select ssn from people where id = 5", json!([[null]])),
        ("select max(ssn), count(*) from people", json!([[ssn, "5"]])),
        (
            "select upper(ssn) || 'x' from people where id = 1",
            json!([[ssn]]),
        ),
        (
            "with c as (select ssn as x, id as n from people) select x, n from c where n = 1",
            json!([[ssn, "1"]]),
        ),
        (
            "select length(ssn) from people where id = 1",
            json!([[null]]),
        ),
        ("select id from people where id > 5", json!([])),
        ("select count(*) from orders", json!([["5"]])),
    ];
    let statements: Vec<&str> = cases.iter().map(|(text, _)| *text).collect();
    let seen = ask(&bench, &statements);
    for ((text, expected), seen) in cases.iter().zip(&seen) {
        assert_eq!(seen, expected, "{text}\n{}", bench.daemon.log());
    }
    let told = ask(
        &bench,
        &["select cast(ssn as int) from people where id = 1"],
    );
    let told = told[0].as_str().unwrap();
    assert!(!told.contains("078") && told.contains("[masked]"), "{told}");
    // Two formats, six values each that are not null.
    bench.await_metric("snowfence_masked_cells_total{label=\"pii.ssn\"}", 12.0);
    let frames = bench.await_frames(|frames| {
        let masks = |frame: &&tests::record::Frame| frame.payload["masked"]["pii.ssn"].is_number();
        frames.iter().filter(masks).count() >= 12
    });
    assert!(
        frames
            .iter()
            .all(|frame| frame.kind != Kind::Ended || frame.payload["unmasked"].is_null())
    );
    bench.assert_record_is_whole();
}

#[test]
fn who_may_see_a_label_sees_it_in_the_tables_of_the_policy() {
    let bench = bench("unmasked", "");
    let script = format!(
        "{DRIVER}\ncursor = connect('ARROW').cursor()\nseen = [run(cursor, text) for text in (\
         'select ssn from people where id = 1', 'create schema other', \
         'create table other.more (id int, ssn varchar)', \
         \"insert into other.more values (1, '078-05-1120')\", \
         'select ssn from other.more', \
         'select p.ssn || m.ssn from public.people p join other.more m on p.id = m.id')]\n\
         print(json.dumps([seen[0], seen[4], seen[5]]))"
    );
    let output = bench.python_in_child(&script).output().unwrap();
    let masked = json!([["[masked:pii.ssn]"]]);
    let expected = json!([[["078-05-1120"]], masked, masked]);
    assert_eq!(reported(&output), expected, "{}", bench.daemon.log());
    let frames = bench.await_frames(|frames| {
        let shows = |frame: &tests::record::Frame| frame.payload["unmasked"] == json!(["pii.ssn"]);
        frames.iter().any(shows)
    });
    let shown = frames
        .iter()
        .find(|frame| frame.payload["unmasked"].is_array());
    assert_eq!(shown.unwrap().payload["unmasked_by"], json!(["fraud"]));
    bench.assert_record_is_whole();
}

#[test]
fn chunks_are_masked_as_they_come_and_what_needs_no_mask_passes() {
    let bench = bench("sieved", "inline_rows = 100\nchunk_rows = 2000");
    let script = format!(
        "{DRIVER}\ncursor = connect('ARROW').cursor()\nprint(json.dumps(run(cursor, \
         \"create table big as select seq4() as id, 'x' || seq4() as ssn, 'y' || seq4() as note \
         from table(generator(rowcount => 12000))\")))"
    );
    reported(&bench.python_in_child(&script).output().unwrap());
    let script = format!(
        "{DRIVER}\nseen = []\nfor format in ('ARROW', 'JSON'):\n    cursor = connect(format).cursor()\n    \
         rows = run(cursor, 'select id, ssn, note from big')\n    \
         plain = run(cursor, 'select id, note from big')\n    \
         seen.append([len(rows), sorted(set(row[1] for row in rows)), \
         sum(int(row[0]) for row in rows), all(row[2] == 'y' + row[0] for row in rows), \
         len(plain), len(set(row[1] for row in plain))])\nprint(json.dumps(seen))"
    );
    let seen = bench.ask(&script);
    let sum = 12_000 * 11_999 / 2;
    let expected = json!([12_000, ["[masked:pii.ssn]"], sum, true, 12_000, 12_000]);
    assert_eq!(seen, json!([expected, expected]), "{}", bench.daemon.log());
    bench.await_metric("snowfence_masked_cells_total{label=\"pii.ssn\"}", 24_000.0);
    let masked = bench
        .daemon
        .metric("snowfence_masked_chunks_cut_total")
        .unwrap();
    assert!(masked.abs() < f64::EPSILON);
    bench.assert_record_is_whole();
}

#[test]
fn a_mask_is_not_written_back() {
    let bench = bench("written", "");
    let script = format!(
        "{DRIVER}\ncursor = connect('ARROW').cursor()\nprint(json.dumps([run(cursor, text) for text in (\
         \"update people set ssn = '[masked:pii.ssn]' where id = 1\", \
         \"update people set city = 'Paris' where id = 1\")]))"
    );
    let seen = reported(&bench.python_in_child(&script).output().unwrap());
    assert!(
        seen[0].as_str().unwrap().contains("holds a masked value"),
        "{seen}"
    );
    assert!(seen[1].is_array(), "{seen}");
    assert_eq!(bench.executions("[masked"), 0);
    bench.assert_record_is_whole();
}

/// One statement, asked for in every way in which the driver can.
const WAYS: &str = r#"
text = 'select id, ssn, born from people where id = 1'
def shown(rows):
    return [[None if cell is None else str(cell) for cell in row] for row in rows]
def columns(described):
    return [[column.name, column.type_code, column.is_nullable] for column in described]
both = []
for format in ('ARROW', 'JSON'):
    connection = connect(format)
    cursor = connection.cursor()
    described = columns(cursor.describe(text))
    plain = shown(cursor.execute(text).fetchall())
    agree = described == columns(cursor.description)
    query = cursor.sfqid
    scanned = run(cursor, f"select * from table(result_scan('{query}'))")
    again = connection.cursor()
    again.get_results_from_sfqid(query)
    later = connection.cursor()
    later.execute_async(text)
    later.get_results_from_sfqid(later.sfqid)
    several = connection.cursor()
    several.execute(text + '; select count(*) from orders; ' + text, num_statements=3)
    children = [shown(several.fetchall())]
    while several.nextset():
        children.append(shown(several.fetchall()))
    bound = connection.cursor().execute('select %s, ssn, born from people where id = %s', (1, 1)).fetchall()
    named = connection.cursor(snowflake.connector.DictCursor).execute(text).fetchall()
    both.append([agree, plain, scanned, shown(again.fetchall()), shown(later.fetchall()), children, shown(bound),
        shown([row.values() for row in named])])
print(json.dumps(both))
"#;

#[test]
fn a_result_is_masked_however_it_is_asked_for() {
    let bench = bench("ways", "");
    let seen = bench.ask(&format!("{DRIVER}{WAYS}"));
    let row = json!([["1", "[masked:pii.ssn]", null]]);
    let several = json!([row, [["5"]], row]);
    let ways = json!([true, row, row, row, row, several, row, row]);
    assert_eq!(seen, json!([ways, ways]), "{}", bench.daemon.log());
    bench.assert_record_is_whole();
}
