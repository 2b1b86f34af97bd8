//! Which credentials speak the SQL API, and how a client names one.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;

use serde_json::json;
use tests::Environment;

use crate::bench::{Bench, Plan, reported, write_private};
use crate::secrets::make_key;
use crate::sql_api::{TOKEN, WAREHOUSE, reached};

/// Logs in by the name in a placeholder's claims.
const NAMED: &str = r#"
import base64, sys
from client import *
part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
seen = {}
for name in sys.argv[1:]:
    token = ".".join([part({"alg": "RS256"}), part({"sub": "TESTORG-TESTACCT." + name.upper()}), "x"])
    answer = api("POST", "", {"statement": "select current_user()"}, token)
    seen[name] = told(answer)
report(seen)
"#;

const KINDS: &str = r#"
[[credential]]
name = "c"
account = "testorg-testacct"
kind = "password"
user = "ANALYST"
password = { file = "DIR/password" }
[[credential]]
name = "keyed"
account = "testorg-testacct"
kind = "key-pair"
user = "KEYED"
private_key = { file = "DIR/keyed.p8" }
[[credential]]
name = "bearer"
account = "testorg-testacct"
kind = "programmatic-access-token"
user = "BEARER"
token = { file = "DIR/token" }
[[credential]]
name = "machine"
account = "testorg-testacct"
kind = "oauth-client-credentials"
token_url = "https://testorg-testacct.snowflakecomputing.com/oauth/token-request"
client_id = "machine"
client_secret = { file = "DIR/client_secret" }
"#;

#[test]
fn every_kind_of_credential_but_a_password_speaks_the_sql_api() {
    let environment = Environment::new("api-kinds").unwrap();
    let dir = environment.dir().join("secrets");
    DirBuilder::new().mode(0o700).create(&dir).unwrap();
    make_key(&dir, "keyed");
    fs::copy(dir.join("keyed.pub"), environment.dir().join("keyed.pub")).unwrap();
    write_private(&dir.join("token"), TOKEN);
    write_private(
        &dir.join("client_secret"),
        "real-client-secret-of-machine-4711",
    );
    write_private(&dir.join("password"), "some");
    let credentials = KINDS.replace("DIR", dir.to_str().unwrap());
    let warehouse = format!(
        "{WAREHOUSE}\n[[user]]\nname = \"KEYED\"\npublic_key_file = \"keyed.pub\"\n\
         [[user]]\nname = \"MACHINE\"\noauth_client_id = \"machine\"\n\
         oauth_client_secret = \"real-client-secret-of-machine-4711\"\n"
    );
    let plan = Plan {
        warehouse: &warehouse,
        credentials: Some(&credentials),
        ..Plan::default()
    };
    let bench = Bench::within(environment, &plan);
    let client = bench
        .python(NAMED)
        .args(["keyed", "bearer", "machine", "c", "nobody"]);
    let seen = reported(&client.output().unwrap());
    for (name, kind) in [
        ("keyed", "KEYPAIR_JWT"),
        ("bearer", "PROGRAMMATIC_ACCESS_TOKEN"),
        ("machine", "OAUTH"),
    ] {
        let user = name.to_uppercase();
        assert_eq!(seen[name], json!([200, "090001", [[user]]]), "{seen}");
        assert!(
            reached(&bench)
                .iter()
                .any(|row| row["auth"] == kind && row["user"] == *user)
        );
    }
    for name in ["c", "nobody"] {
        assert_eq!(seen[name][0], 422, "{seen}");
        assert!(
            seen[name][2].as_str().unwrap().contains("is a password"),
            "{seen}"
        );
    }
}
