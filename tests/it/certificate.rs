//! A server that cannot prove that it is Snowflake gets no credential.

use serde_json::{Value, json};

use crate::bench::Bench;

#[test]
fn a_wrong_certificate_ends_a_login_before_the_credential_is_sent() {
    let bench = Bench::new("certificate");
    let host = "testorg-testacct.snowflakecomputing.com";
    for defect in ["name", "issuer", "expired"] {
        bench.inject(&json!({"kind": "wrong_certificate", "defect": defect, "host": host}));
    }
    let message = format!(
        "Snowfence: cannot verify that it is `{host}`: check `[tls] upstream_ca_files` and whether \
         something else answers at that address"
    );
    let seen = bench.ask("from client import *\nreport([shown(login()) for _ in range(3)])");
    let refused = json!([200, "390100", message]);
    assert_eq!(seen, json!([refused, refused, refused]));
    let received = bench.warehouse.received().unwrap();
    assert_eq!(received, Vec::<Value>::new(), "no request was sent");
    let labels = "{operation=\"login\",outcome=\"upstream_unreachable\"}";
    bench.await_metric(&format!("snowfence_requests_total{labels}"), 3.0);
    bench.await_endings("upstream_unreachable", 3);
    bench.assert_serves();
    bench.assert_record_is_whole();
}
