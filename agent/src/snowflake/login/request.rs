//! The login that goes upstream.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::snowflake::json;
use crate::snowflake::operation::Login;
use crate::snowflake::request::{QUERY_TAG, encode};

/// Who we log in as, and into what. Configuration and policy decide it, never the client alone.
#[derive(Debug)]
pub struct LoginIdentity<'a> {
    pub account_name: &'a str,
    pub login_name: Option<&'a str>,
    pub proof: LoginProof<'a>,
    pub role: Option<&'a str>,
    pub warehouse: Option<&'a str>,
    pub database: Option<&'a str>,
    pub schema: Option<&'a str>,
    /// Set in any case; they win over what the client asks for.
    pub session_parameters: &'a BTreeMap<String, String>,
    pub query_tag: &'a str,
}

/// The secret that proves it.
pub enum LoginProof<'a> {
    Jwt(&'a str),
    ProgrammaticAccessToken(&'a str),
    Oauth(&'a str),
    Password(&'a str),
}

impl fmt::Debug for LoginProof<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Jwt(_) => "Jwt(<redacted>)",
            Self::ProgrammaticAccessToken(_) => "ProgrammaticAccessToken(<redacted>)",
            Self::Oauth(_) => "Oauth(<redacted>)",
            Self::Password(_) => "Password(<redacted>)",
        })
    }
}

/// Writes path and body of the upstream login: the client's own description of itself, our identity.
///
/// The driver's name and version go along as they came because the service chooses the result
/// format by them.
#[must_use]
pub fn upstream_request(
    login: &Login,
    identity: &LoginIdentity<'_>,
    request_id: &str,
) -> (String, Zeroizing<Vec<u8>>) {
    let optional = [
        ("databaseName", identity.database),
        ("schemaName", identity.schema),
        ("warehouse", identity.warehouse),
        ("roleName", identity.role),
    ];
    let mut pairs = vec![("requestId", request_id)];
    pairs.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value))),
    );

    let (authenticator, token, password) = match identity.proof {
        LoginProof::Jwt(token) => ("SNOWFLAKE_JWT", Some(token), None),
        LoginProof::ProgrammaticAccessToken(token) => {
            ("PROGRAMMATIC_ACCESS_TOKEN", Some(token), None)
        }
        LoginProof::Oauth(token) => ("OAUTH", Some(token), None),
        LoginProof::Password(password) => ("SNOWFLAKE", None, Some(password)),
    };
    let data = Data {
        client_app_id: &login.client_app_id,
        client_app_version: &login.client_app_version,
        svn_revision: None,
        account_name: identity.account_name,
        login_name: identity.login_name,
        client_environment: &login.client_environment,
        session_parameters: SessionParameters { login, identity },
        authenticator,
        token,
        password,
    };
    let body = json::write_secret(&Body { data });
    (
        format!("/session/v1/login-request?{}", encode(&pairs)),
        body,
    )
}

#[derive(Serialize)]
struct Body<'a> {
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Data<'a> {
    // Some clients do not name themselves, and the service takes that as one more kind of client.
    #[serde(skip_serializing_if = "str::is_empty")]
    client_app_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_app_version: &'a str,
    svn_revision: Option<&'a str>,
    account_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_name: Option<&'a str>,
    client_environment: &'a RawValue,
    session_parameters: SessionParameters<'a>,
    authenticator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

struct SessionParameters<'a> {
    login: &'a Login,
    identity: &'a LoginIdentity<'a>,
}

impl Serialize for SessionParameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ours = self.identity.session_parameters;
        let is_ours =
            |name: &str| name == QUERY_TAG || ours.keys().any(|key| key.eq_ignore_ascii_case(name));
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self
            .login
            .session_parameters
            .iter()
            .filter(|(name, _)| !is_ours(name))
        {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in ours
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case(QUERY_TAG))
        {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(QUERY_TAG, self.identity.query_tag)?;
        map.end()
    }
}
