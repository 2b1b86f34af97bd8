//! What a statement without a session is judged by and sent with.

use serde_json::value::RawValue;

use super::*;

fn session() -> SessionState {
    SessionState {
        database: Some("SALES".to_owned()),
        schema: Some("RAW".to_owned()),
        warehouse: Some("WH".to_owned()),
        role: Some("ANALYST".to_owned()),
        ..SessionState::default()
    }
}

fn credential(warehouse: Option<&str>) -> Credential {
    Credential {
        name: "c".to_owned(),
        account: "a".to_owned(),
        user: None,
        kind: CredentialKind::ProgrammaticAccessToken {
            token: crate::config::SecretSource::File("/x".into()),
        },
        role: None,
        roles: Vec::new(),
        warehouse: warehouse.map(str::to_owned),
        database: None,
        schema: None,
        session_parameters: [("timezone".to_owned(), "UTC".to_owned())].into(),
    }
}

/// Database, schema, warehouse and role as they are sent; as they are judged they are the same.
#[track_caller]
fn check(asked: Api, warehouse: Option<&str>, expected: [&str; 4]) {
    let mut query = Query::for_test("r", "select 1");
    query.via = Via::Api(asked);
    query.parameters = vec![("TIMEZONE".to_owned(), RawValue::NULL.to_owned())];
    let state = settle(&mut query, &session(), &credential(warehouse));
    let Via::Api(sent) = &query.via else {
        panic!("it came through the SQL API");
    };
    let of = |name: &Option<String>| name.clone().unwrap_or_default();
    let sent = [&sent.database, &sent.schema, &sent.warehouse, &sent.role].map(of);
    assert_eq!(sent, expected);
    let judged = [
        &state.database,
        &state.schema,
        &state.warehouse,
        &state.role,
    ]
    .map(of);
    assert_eq!(judged, expected);
    let [(name, value)] = query.parameters.as_slice() else {
        panic!("the configuration's value is the only one");
    };
    assert_eq!((name.as_str(), value.get()), ("TIMEZONE", "\"UTC\""));
}

#[test]
fn what_is_sent_is_what_is_judged_and_leaves_nothing_to_a_default() {
    let name = |name: &str| Some(name.to_owned());
    check(Api::default(), None, ["SALES", "RAW", "WH", "ANALYST"]);
    let other = Api {
        database: name("HR"),
        warehouse: name("BIG"),
        ..Api::default()
    };
    check(other.clone(), None, ["HR", "PUBLIC", "BIG", "ANALYST"]);
    check(other.clone(), Some("WH"), ["HR", "PUBLIC", "WH", "ANALYST"]);
    let with_schema = Api {
        schema: name("PAY"),
        ..other
    };
    check(with_schema, None, ["HR", "PAY", "BIG", "ANALYST"]);
    let same = Api {
        database: name("SALES"),
        ..Api::default()
    };
    check(same, None, ["SALES", "RAW", "WH", "ANALYST"]);
}
