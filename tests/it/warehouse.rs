//! The stand-in as the harness starts it, reached directly by a stock connector.

use std::path::PathBuf;

use tests::{Environment, Output, Warehouse, layout};

const CONFIG: &str = r#"
seed = ["create table t (n int); insert into t values (1), (2)"]
[[user]]
name = "ANALYST"
password = "real-password-of-analyst"
"#;

const SCRIPT: &str = r#"
import sys, snowflake.connector
with snowflake.connector.connect(
    account="testorg-testacct", user="analyst", password=sys.argv[1], login_timeout=20,
) as connection:
    print(connection.cursor().execute("select max(n) from t").fetchall())
"#;

/// Runs the script, with the connector that the stand-in itself has in its environment.
fn connect(environment: &Environment, password: &str) -> Output {
    environment
        .outside(layout::warehouse_python())
        .env("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
        .args(["-c", SCRIPT, password])
        .output()
        .unwrap()
}

fn venv() -> PathBuf {
    layout::target().join("warehouse-venv")
}

#[test]
fn a_stock_connector_logs_in_with_the_right_password_only() {
    let mut environment = Environment::new("warehouse").unwrap();
    let warehouse = Warehouse::start(&environment, CONFIG).unwrap();
    environment
        .trust(&warehouse.certificate(), &[venv()])
        .unwrap();

    let right = connect(&environment, "real-password-of-analyst");
    assert_eq!(right.stdout.trim(), "[(2,)]", "{right:?}");
    let wrong = connect(&environment, "not-the-real-password");
    assert!(
        wrong.stderr.contains("Incorrect username or password"),
        "{wrong:?}"
    );

    // The proof that later tests rest on: what arrived is written down.
    let received = serde_json::to_string(&warehouse.received().unwrap()).unwrap();
    assert!(received.contains("not-the-real-password"), "{received}");
    assert!(received.contains("select max(n) from t"), "{received}");
}
