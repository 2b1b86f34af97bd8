//! The suite for snowflake-connector-rs. One JSON line per case.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use serde_json::{Value, json};
use snowflake_connector_rs::{
    AuthConfig, Client, ClientConfig, Result, Session, SessionConfig, Statement,
};

struct Suite {
    cases: HashMap<String, String>,
    session: Session,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("which cases?")?;
    let table = env::var("CONFORMANCE_TABLE")?;
    let raw: HashMap<String, String> = serde_json::from_str(&fs::read_to_string(file)?)?;
    let cases = raw
        .into_iter()
        .map(|(name, sql)| (name, sql.replace("{table}", &table)))
        .collect();
    let session = match connect().await {
        Ok(session) => session,
        Err(error) => {
            report("connect", Err(error));
            return Ok(());
        }
    };
    report("connect", Ok(json!({})));
    let suite = Suite { cases, session };
    if let Ok(only) = env::var("CONFORMANCE_ONLY") {
        report(&only, suite.query(&only).await);
        return Ok(());
    }
    for name in [
        "scalars", "nulls", "unicode", "seed", "empty", "context", "show", "protected",
    ] {
        report(name, suite.query(name).await);
    }
    report("large", suite.large().await);
    report("dml", suite.dml().await);
    for name in ["missing_table", "syntax_error"] {
        report(name, suite.query(name).await);
    }
    report("binds", suite.binds().await);
    report("cancel", suite.cancel().await);
    report("long_running", suite.query("long_running").await);
    report(
        "session_parameters",
        suite.each(&["set_parameter", "unset_parameter"]).await,
    );
    report("transaction", suite.transaction().await);
    Ok(())
}

async fn connect() -> Result<Session> {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let account = env::var("CONFORMANCE_ACCOUNT").unwrap_or("testorg-testacct".to_owned());
    let auth = AuthConfig::password(variable("CONFORMANCE_PASSWORD"));
    let place = SessionConfig::new()
        .with_database("DEMO")
        .with_schema("PUBLIC");
    let config = ClientConfig::new(variable("CONFORMANCE_USER"), account, auth).with_session(place);
    Client::new(config)?.create_session().await
}

impl Suite {
    fn sql(&self, name: &str) -> String {
        self.cases.get(name).cloned().unwrap_or_default()
    }

    async fn run(&self, statement: Statement) -> Result<(Vec<Vec<String>>, Value)> {
        let table = self.session.query(statement).await?.collect_table().await?;
        let types = table
            .schema()
            .columns()
            .iter()
            .map(|column| json!([column.name(), column.ty().to_string(), column.is_nullable()]))
            .collect();
        let mut rows = Vec::new();
        for row in table.dynamic_rows()? {
            rows.push(
                row?.values()
                    .iter()
                    .map(|value| format!("{value:?}"))
                    .collect(),
            );
        }
        Ok((rows, types))
    }

    async fn query(&self, name: &str) -> Result<Value> {
        let (rows, types) = self.run(Statement::new(self.sql(name))).await?;
        Ok(json!({"rows": rows, "types": types}))
    }

    async fn large(&self) -> Result<Value> {
        let (rows, types) = self.run(Statement::new(self.sql("large"))).await?;
        let mut hash = DefaultHasher::new();
        rows.hash(&mut hash);
        let shown = json!([rows.len(), rows.first(), rows.last(), hash.finish()]);
        Ok(json!({"rows": shown, "types": types}))
    }

    async fn each(&self, names: &[&str]) -> Result<Value> {
        let mut found = Vec::new();
        for name in names {
            found.push(self.query(name).await?);
        }
        Ok(json!({"rows": found}))
    }

    async fn dml(&self) -> Result<Value> {
        self.each(&["create", "insert", "update", "delete", "read_back"])
            .await
    }

    async fn binds(&self) -> Result<Value> {
        let statement = Statement::new(self.sql("binds"))
            .bind(7_i64)
            .bind("text ☕")
            .bind(true);
        let table = self.session.query(statement).await?.collect_table().await?;
        let mut rows = Vec::new();
        for row in table.dynamic_rows()? {
            rows.push(format!("{:?}", row?.values()));
        }
        Ok(json!({"rows": rows}))
    }

    async fn cancel(&self) -> Result<Value> {
        let handle = self.session.query_handle(self.sql("wait_long"))?;
        let canceller = handle.canceller();
        let cancelling = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            canceller.cancel().await
        };
        let (ended, cancelled) = tokio::join!(handle.execute(), cancelling);
        let status = format!("{:?}", cancelled?);
        ended.map(|_| json!({"status": status}))
    }

    async fn transaction(&self) -> Result<Value> {
        let mut seen = Vec::new();
        for end in ["rollback", "commit"] {
            self.each(&["begin", "insert_one", end]).await?;
            seen.push(self.query("count").await?);
        }
        Ok(json!({"rows": seen}))
    }
}

fn report(name: &str, found: Result<Value>) {
    let line = match found {
        Ok(value) => {
            let mut line = json!({"case": name, "ok": true});
            if let (Some(line), Value::Object(more)) = (line.as_object_mut(), value) {
                line.extend(more);
            }
            line
        }
        Err(error) => json!({"case": name, "ok": false, "error": {
            "type": format!("{:?}", error.kind()),
            "code": error.snowflake_code(),
            "sqlstate": null,
            "message": error.snowflake_message().map_or(error.to_string(), str::to_owned),
        }}),
    };
    println!("{line}");
}
