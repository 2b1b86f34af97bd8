//! Logins as drivers send them, and what goes upstream instead.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::http::Method;
use crate::snowflake::route::tests::request;
use crate::snowflake::{AnswerError, DecodeError, Login, Operation, decode};

const PATH: &str =
    "/session/v1/login-request?request_id=1&databaseName=db&schemaName=s&warehouse=w&roleName=r";

fn login(data: &str) -> Result<Login, DecodeError> {
    let body = format!(r#"{{"data":{{"CLIENT_APP_ID":"Go","CLIENT_APP_VERSION":"1",{data}}}}}"#);
    let operation = decode(&request(Method::Post, PATH, &body))?;
    let Operation::Login(login) = operation else {
        panic!("{operation:?}")
    };
    Ok(*login)
}

#[test]
fn logins_that_prove_nothing_pass_and_logins_that_need_a_person_are_refused() {
    #[track_caller]
    fn check(data: &str, expected: Result<&str, &str>) {
        let outcome = login(data).map(|login| login.authenticator);
        match (outcome, expected) {
            (Ok(authenticator), Ok(expected)) => assert_eq!(authenticator, expected),
            (Err(DecodeError::AuthenticatorRefused { message }), Err(word)) => {
                assert!(message.contains(word), "{message}");
                assert!(
                    message.contains("placeholder") || word == "cannot be changed",
                    "{message}"
                );
            }
            (outcome, _) => panic!("{data}: {outcome:?}"),
        }
    }
    check(r#""PASSWORD":"x""#, Ok("SNOWFLAKE"));
    check(
        r#""PASSWORD":"x","AUTHENTICATOR":"snowflake""#,
        Ok("SNOWFLAKE"),
    );
    check(
        r#""PASSWORD":"x","EXT_AUTHN_DUO_METHOD":"push""#,
        Ok("SNOWFLAKE"),
    );
    check(
        r#""TOKEN":"x","AUTHENTICATOR":"USERNAME_PASSWORD_MFA""#,
        Ok("USERNAME_PASSWORD_MFA"),
    );
    check(
        r#""TOKEN":"x","AUTHENTICATOR":"SNOWFLAKE_JWT""#,
        Ok("SNOWFLAKE_JWT"),
    );
    check(r#""TOKEN":"x","AUTHENTICATOR":"OAUTH""#, Ok("OAUTH"));
    let token = "PROGRAMMATIC_ACCESS_TOKEN";
    check(
        &format!(r#""TOKEN":"x","AUTHENTICATOR":"{token}""#),
        Ok(token),
    );
    check(
        r#""AUTHENTICATOR":"WORKLOAD_IDENTITY","PROVIDER":"AWS""#,
        Ok("WORKLOAD_IDENTITY"),
    );

    check(
        r#""PASSWORD":"x","EXT_AUTHN_DUO_METHOD":"passcode""#,
        Err("second factor"),
    );
    check(
        r#""PASSWORD":"x","PASSCODE":"123456""#,
        Err("second factor"),
    );
    check(
        r#""AUTHENTICATOR":"EXTERNALBROWSER","TOKEN":"x""#,
        Err("browser"),
    );
    check(r#""AUTHENTICATOR":"ID_TOKEN","TOKEN":"x""#, Err("browser"));
    check(r#""AUTHENTICATOR":"https://x.okta.com""#, Err("browser"));
    check(r#""RAW_SAML_RESPONSE":"x""#, Err("browser"));
    check(r#""CHOSEN_NEW_PASSWORD":"x""#, Err("cannot be changed"));
    check(r#""AUTHENTICATOR":"NEW_KIND""#, Err("not known"));
}

#[test]
fn a_login_that_names_a_key_twice_or_is_misshapen_is_refused() {
    #[track_caller]
    fn check(data: &str, expected: &DecodeError) {
        assert_eq!(&login(data).unwrap_err(), expected, "{data}");
    }
    check(
        r#""LOGIN_NAME":"a","LOGIN_NAME":"b""#,
        &DecodeError::DuplicateKey,
    );
    check(
        r#""LOGIN_NAME":"a","LOGIN\u005fNAME":"b""#,
        &DecodeError::DuplicateKey,
    );
    check(
        r#""CLIENT_ENVIRONMENT":{"OS":1,"OS":2}"#,
        &DecodeError::DuplicateKey,
    );
    check(r#""CLIENT_ENVIRONMENT":"x""#, &DecodeError::Malformed);
    check(r#""LOGIN_NAME":7"#, &DecodeError::Field("LOGIN_NAME"));
    check(r#""LOGIN_NAME":"a\nb""#, &DecodeError::Field("LOGIN_NAME"));
    check(
        &format!(r#""LOGIN_NAME":"{}""#, "a".repeat(1025)),
        &DecodeError::Field("LOGIN_NAME"),
    );
}

#[test]
fn no_secret_of_the_client_is_kept() {
    let login = login(
        r#""PASSWORD":"hunter2","TOKEN":"hunter2","SPCS_TOKEN":"hunter2",
           "SESSION_PARAMETERS":{"CLIENT_REQUEST_MFA_TOKEN":"hunter2"}"#,
    );
    assert!(!format!("{:?}", login.unwrap()).contains("hunter2"));
}

#[test]
fn the_upstream_login_is_ours_with_the_clients_description_of_itself() {
    let login = login(
        r#""LOGIN_NAME":"placeholder","ACCOUNT_NAME":"hint","PASSWORD":"x",
           "CLIENT_ENVIRONMENT":{"OS": "Linux"},
           "SESSION_PARAMETERS":{"TIMEZONE":"UTC","QUERY_TAG":"mine","AUTOCOMMIT":false,"X":1}"#,
    )
    .unwrap();
    let ours = BTreeMap::from([("timezone".to_owned(), "Europe/Berlin".to_owned())]);
    let identity = |proof| LoginIdentity {
        account_name: "acct",
        login_name: Some("SVC"),
        proof,
        role: Some("R & D"),
        warehouse: None,
        database: None,
        schema: None,
        session_parameters: &ours,
        query_tag: "tag",
    };
    let (path, body) = upstream_request(&login, &identity(LoginProof::Jwt("secret")), "id");
    assert_eq!(
        path,
        "/session/v1/login-request?requestId=id&roleName=R+%26+D"
    );
    insta::assert_snapshot!(std::str::from_utf8(&body).unwrap(), @r#"{"data":{"CLIENT_APP_ID":"Go","CLIENT_APP_VERSION":"1","SVN_REVISION":null,"ACCOUNT_NAME":"acct","LOGIN_NAME":"SVC","CLIENT_ENVIRONMENT":{"OS": "Linux"},"SESSION_PARAMETERS":{"AUTOCOMMIT":false,"timezone":"Europe/Berlin","QUERY_TAG":"tag"},"AUTHENTICATOR":"SNOWFLAKE_JWT","TOKEN":"secret"}}"#);

    let (_, body) = upstream_request(&login, &identity(LoginProof::Password("secret")), "id");
    let text = std::str::from_utf8(&body).unwrap();
    assert!(
        text.ends_with(r#""AUTHENTICATOR":"SNOWFLAKE","PASSWORD":"secret"}}"#),
        "{text}"
    );
    for proof in [
        LoginProof::Oauth("secret"),
        LoginProof::ProgrammaticAccessToken("secret"),
    ] {
        assert!(!format!("{:?}", identity(proof)).contains("secret"));
    }
}

#[test]
fn the_client_gets_our_tokens_and_levers_and_nothing_secret_of_the_upstream() {
    let body = br#"{"data":{"token":"up-s","masterToken":"up-m","validityInSeconds":3600,
        "masterValidityInSeconds":14400,"sessionId":9007199254740993,"displayUserName":"SVC",
        "serverVersion":"9.1","idToken":"up-i","mfaToken":"up-f","remMeToken":"up-r",
        "parameters":[{"name":"TIMEZONE","value":"UTC"},
            {"name":"client_telemetry_enabled","value":true},
            {"name":"CLIENT_STAGE_ARRAY_BINDING_THRESHOLD","value":65280}],
        "sessionInfo":{"databaseName":"DB","schemaName":null,"warehouseName":"W","roleName":"R"}},
        "code":null,"message":null,"success":true}"#;
    let answer = parse_answer(body).unwrap();
    assert_eq!(
        (answer.session_token.as_str(), answer.master_token.as_str()),
        ("up-s", "up-m")
    );
    assert_eq!(answer.validity, Duration::from_secs(3600));
    assert!(!format!("{answer:?}").contains("up-"));

    let tokens = ClientTokens {
        session_token: "our-s",
        master_token: "our-m",
        validity: Duration::from_secs(3600),
        master_validity: Duration::from_secs(14_400),
    };
    assert!(!format!("{tokens:?}").contains("our-"));
    let text = String::from_utf8(client_answer(&answer, &tokens)).unwrap();
    assert!(!text.contains("up-"), "{text}");
    insta::assert_snapshot!(text, @r#"{"data":{"token":"our-s","masterToken":"our-m","validityInSeconds":3600,"masterValidityInSeconds":14400,"displayUserName":"SVC","serverVersion":"9.1","firstLogin":false,"remMeToken":null,"remMeValidityInSeconds":0,"healthCheckInterval":45,"newClientForUpgrade":null,"sessionId":9007199254740993,"parameters":[{"name":"CLIENT_STAGE_ARRAY_BINDING_THRESHOLD","value":0},{"name":"CLIENT_TELEMETRY_ENABLED","value":false},{"name":"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED","value":false},{"name":"JDBC_ENABLE_PUT_GET","value":false},{"name":"TIMEZONE","value":"UTC"}],"sessionInfo":{"databaseName":"DB","schemaName":null,"warehouseName":"W","roleName":"R"},"idToken":null,"idTokenValidityInSeconds":0,"mfaToken":null,"mfaTokenValidityInSeconds":0,"responseData":null},"code":null,"message":null,"success":true,"headers":null}"#);
}

#[test]
fn an_answer_without_a_session_is_a_refusal_or_malformed() {
    #[track_caller]
    fn check(body: &str, expected: &AnswerError) {
        assert_eq!(
            &parse_answer(body.as_bytes()).unwrap_err(),
            expected,
            "{body}"
        );
    }
    let refused = |code: &str, message: &str| AnswerError::Refused {
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let body = r#"{"data":null,"code":"390100","message":"wrong","success":false}"#;
    check(body, &refused("390100", "wrong"));
    check(
        r#"{"data":{},"code":390144,"success":false}"#,
        &refused("390144", ""),
    );
    let factor = "the credential's user must first do `EXT_AUTHN_DUO_ALL`";
    let body = r#"{"data":{"nextAction":"EXT_AUTHN_DUO_ALL"},"code":null,"success":true}"#;
    check(body, &refused("390120", factor));
    check(
        r#"{"data":{"token":"x"},"success":true}"#,
        &AnswerError::Malformed,
    );
    check(
        r#"{"data":{"token":"x","token":"y"},"success":true}"#,
        &AnswerError::Malformed,
    );
    check(r#"{"success":true}"#, &AnswerError::Malformed);
    check("<html>", &AnswerError::Malformed);
    check("", &AnswerError::Malformed);
}
