//! The upstream's answer to a login, and ours to the client.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::snowflake::envelope::{AnswerError, Envelope};
use crate::snowflake::json::{self, JsonError, Object};

/// A successful upstream login.
pub struct LoginAnswer {
    pub session_token: Zeroizing<String>,
    pub master_token: Zeroizing<String>,
    pub validity: Duration,
    pub master_validity: Duration,
    /// The upstream's session id: drivers put it into statements of their own.
    pub session_id: u64,
    pub display_user_name: Option<String>,
    pub server_version: Option<String>,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub warehouse: Option<String>,
    pub role: Option<String>,
    /// Session parameters as the upstream sends them, name and JSON value.
    pub parameters: Vec<(String, Box<RawValue>)>,
}

impl fmt::Debug for LoginAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoginAnswer")
            .field("session_id", &self.session_id)
            .field("validity", &self.validity)
            .field("master_validity", &self.master_validity)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// The tokens that a client gets: ours, never the upstream's.
pub struct ClientTokens<'a> {
    pub session_token: &'a str,
    pub master_token: &'a str,
    pub validity: Duration,
    pub master_validity: Duration,
}

impl fmt::Debug for ClientTokens<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientTokens")
            .field("validity", &self.validity)
            .field("master_validity", &self.master_validity)
            .finish_non_exhaustive()
    }
}

/// Reads the upstream's answer to a login.
///
/// An answer that asks for a second factor or a new password is a refusal: nobody is there to give
/// them.
pub fn parse_answer(body: &[u8]) -> Result<LoginAnswer, AnswerError> {
    let data = Envelope::parse(body)?.into_success()?;
    if let Some(action) = data
        .string("nextAction")?
        .filter(|action| action != "EXT_AUTHN_SUCCESS")
    {
        let action: String = action.chars().take(64).collect();
        let message = format!("the credential's user must first do `{action}`");
        return Err(AnswerError::Refused {
            code: "390120".to_owned(),
            message,
        });
    }
    let info = data.object("sessionInfo")?.unwrap_or_default();
    Ok(LoginAnswer {
        session_token: required(data.secret("token")?)?,
        master_token: required(data.secret("masterToken")?)?,
        validity: Duration::from_secs(required(data.u64("validityInSeconds")?)?),
        master_validity: Duration::from_secs(required(data.u64("masterValidityInSeconds")?)?),
        session_id: required(data.u64("sessionId")?)?,
        display_user_name: data.string("displayUserName")?,
        server_version: data.string("serverVersion")?,
        database: info.string("databaseName")?,
        schema: info.string("schemaName")?,
        warehouse: info.string("warehouseName")?,
        role: info.string("roleName")?,
        parameters: parameters(&data)?,
    })
}

fn required<T>(value: Option<T>) -> Result<T, AnswerError> {
    value.ok_or(AnswerError::Malformed)
}

fn parameters(data: &Object<'_>) -> Result<Vec<(String, Box<RawValue>)>, JsonError> {
    let field = JsonError::Field("parameters");
    let Some(list) = data.get("parameters") else {
        return Ok(Vec::new());
    };
    let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else {
        return Err(field);
    };
    let mut parameters = Vec::with_capacity(list.len());
    for entry in list {
        let entry = Object::from_text(entry.get())?;
        let name = entry.string("name")?.ok_or_else(|| field.clone())?;
        let value = entry.get("value").unwrap_or(RawValue::NULL);
        // Every session parameter is a scalar; anything else is not ours to pass on.
        if value.get().starts_with(['{', '[']) {
            return Err(field);
        }
        parameters.push((name, value.to_owned()));
    }
    Ok(parameters)
}

/// Writes the answer that gives a client its session: the upstream's description of it with our
/// tokens and our levers.
#[must_use]
pub fn client_answer(answer: &LoginAnswer, tokens: &ClientTokens<'_>) -> Vec<u8> {
    let passed = answer.parameters.iter().filter(|(name, _)| {
        !LEVERS
            .iter()
            .any(|(lever, _)| name.eq_ignore_ascii_case(lever))
    });
    let passed = passed.map(|(name, value)| Parameter {
        name,
        value: Value::Raw(value),
    });
    let levers = LEVERS.iter().map(|(name, value)| Parameter {
        name,
        value: Value::Ours(value),
    });
    json::success(&Data {
        token: tokens.session_token,
        master_token: tokens.master_token,
        validity_in_seconds: tokens.validity.as_secs(),
        master_validity_in_seconds: tokens.master_validity.as_secs(),
        display_user_name: answer.display_user_name.as_deref(),
        server_version: answer.server_version.as_deref(),
        first_login: false,
        rem_me_token: None,
        rem_me_validity_in_seconds: 0,
        health_check_interval: HEALTH_CHECK_INTERVAL,
        new_client_for_upgrade: None,
        session_id: answer.session_id,
        parameters: levers.chain(passed).collect(),
        session_info: SessionInfo {
            database_name: answer.database.as_deref(),
            schema_name: answer.schema.as_deref(),
            warehouse_name: answer.warehouse.as_deref(),
            role_name: answer.role.as_deref(),
        },
        id_token: None,
        id_token_validity_in_seconds: 0,
        mfa_token: None,
        mfa_token_validity_in_seconds: 0,
        response_data: None,
    })
}

/// Parameters that make drivers avoid what we refuse: uploads past us, and telemetry.
const LEVERS: [(&str, Lever); 4] = [
    // Array bindings stay in the statement, where they can be seen, instead of in a stage file.
    ("CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", Lever::Number(0)),
    ("CLIENT_TELEMETRY_ENABLED", Lever::Flag(false)),
    ("CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED", Lever::Flag(false)),
    ("JDBC_ENABLE_PUT_GET", Lever::Flag(false)),
];

/// JDBC changes its socket timeout when this is not what the service always sends.
const HEALTH_CHECK_INTERVAL: u64 = 45;

#[derive(Serialize)]
#[serde(untagged)]
enum Lever {
    Number(u64),
    Flag(bool),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Raw(&'a RawValue),
    Ours(&'a Lever),
}

#[derive(Serialize)]
struct Parameter<'a> {
    name: &'a str,
    value: Value<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    token: &'a str,
    master_token: &'a str,
    validity_in_seconds: u64,
    master_validity_in_seconds: u64,
    display_user_name: Option<&'a str>,
    server_version: Option<&'a str>,
    first_login: bool,
    rem_me_token: Option<&'a str>,
    rem_me_validity_in_seconds: u64,
    health_check_interval: u64,
    new_client_for_upgrade: Option<&'a str>,
    session_id: u64,
    parameters: Vec<Parameter<'a>>,
    session_info: SessionInfo<'a>,
    id_token: Option<&'a str>,
    id_token_validity_in_seconds: u64,
    mfa_token: Option<&'a str>,
    mfa_token_validity_in_seconds: u64,
    response_data: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionInfo<'a> {
    database_name: Option<&'a str>,
    schema_name: Option<&'a str>,
    warehouse_name: Option<&'a str>,
    role_name: Option<&'a str>,
}
