//! The login that a client sends.

use serde_json::value::RawValue;

use crate::http::CanonicalRequest;
use crate::snowflake::json::{JsonError, Object};
use crate::snowflake::operation::Login;
use crate::snowflake::parameters;
use crate::snowflake::route::DecodeError;

/// Reads a client's login and drops every secret in it.
pub(in crate::snowflake) fn parse(request: &CanonicalRequest) -> Result<Login, DecodeError> {
    let body = Object::from_slice(&request.body)?;
    let data = body.object("data")?.ok_or(JsonError::Field("data"))?;
    // The context of a dialogue about a second factor, which we never open.
    if body.get("inFlightCtx").is_some() {
        return Err(refused(SECOND_FACTOR));
    }
    let authenticator = authenticator(&data)?;

    let session_parameters = match data.object("SESSION_PARAMETERS")? {
        None => Vec::new(),
        Some(object) => parameters::allowed(&object)?,
    };
    let name = |name| {
        request
            .parameter(name)
            .map(|value| bounded(value, name))
            .transpose()
    };
    Ok(Login {
        user: text(&data, "LOGIN_NAME")?,
        account: text(&data, "ACCOUNT_NAME")?,
        database: name("databaseName")?,
        schema: name("schemaName")?,
        warehouse: name("warehouse")?,
        role: name("roleName")?,
        client_app_id: text(&data, "CLIENT_APP_ID")?.unwrap_or_default(),
        client_app_version: text(&data, "CLIENT_APP_VERSION")?.unwrap_or_default(),
        client_environment: environment(&data)?,
        session_parameters,
        authenticator,
    })
}

/// Decides whether we can answer this kind of login.
///
/// The kinds that pass prove nothing to us: whatever the client holds is a placeholder. The kinds
/// that need a person, or an identity provider's page, would wait for someone who is not there.
fn authenticator(data: &Object<'_>) -> Result<String, DecodeError> {
    let name = text(data, "AUTHENTICATOR")?.unwrap_or_else(|| "SNOWFLAKE".to_owned());
    let name = name.to_ascii_uppercase();
    if data.get("PASSCODE").is_some() {
        return Err(refused(SECOND_FACTOR));
    }
    // Some drivers always say `push`: only what a person typed is a second factor.
    match text(data, "EXT_AUTHN_DUO_METHOD")?.as_deref() {
        None | Some("push") => {}
        Some(_) => return Err(refused(SECOND_FACTOR)),
    }
    if ["RAW_SAML_RESPONSE", "PROOF_KEY"]
        .iter()
        .any(|name| data.get(name).is_some())
    {
        return Err(refused(BROWSER));
    }
    if data.get("CHOSEN_NEW_PASSWORD").is_some() {
        return Err(refused("a password cannot be changed through Snowfence"));
    }
    match name.as_str() {
        "SNOWFLAKE"
        | "USERNAME_PASSWORD_MFA"
        | "SNOWFLAKE_JWT"
        | "OAUTH"
        | "OAUTH_AUTHORIZATION_CODE"
        | "OAUTH_CLIENT_CREDENTIALS"
        | "PROGRAMMATIC_ACCESS_TOKEN"
        | "WORKLOAD_IDENTITY" => Ok(name),
        "EXTERNALBROWSER" | "ID_TOKEN" => Err(refused(BROWSER)),
        name if name.starts_with("HTTPS://") => Err(refused(BROWSER)),
        _ => Err(refused(UNKNOWN)),
    }
}

/// Reads `CLIENT_ENVIRONMENT` as it came.
fn environment(data: &Object<'_>) -> Result<Box<RawValue>, DecodeError> {
    let Some(environment) = data.get("CLIENT_ENVIRONMENT") else {
        return RawValue::from_string("{}".to_owned()).or(Err(DecodeError::Malformed));
    };
    if environment.get().len() > ENVIRONMENT_BYTES_MAX {
        return Err(JsonError::Field("CLIENT_ENVIRONMENT").into());
    }
    // Parsed only to refuse what is no object or names a key twice.
    drop(Object::from_text(environment.get())?);
    Ok(environment.to_owned())
}

fn text(data: &Object<'_>, name: &'static str) -> Result<Option<String>, DecodeError> {
    data.string(name)?
        .map(|value| bounded(&value, name))
        .transpose()
}

fn bounded(value: &str, name: &'static str) -> Result<String, DecodeError> {
    if value.len() <= NAME_BYTES_MAX && !value.chars().any(char::is_control) {
        Ok(value.to_owned())
    } else {
        Err(JsonError::Field(name).into())
    }
}

const fn refused(message: &'static str) -> DecodeError {
    DecodeError::AuthenticatorRefused { message }
}

pub(in crate::snowflake) const BROWSER: &str = "sign-in through a browser or an identity provider \
    is not possible behind Snowfence, which holds the credential: remove the authenticator option \
    and connect with any placeholder password";
const SECOND_FACTOR: &str = "a second factor is not possible behind Snowfence, which holds the \
    credential: remove the passcode and connect with any placeholder password";
const UNKNOWN: &str = "this authenticator is not known to Snowfence: remove the authenticator \
    option and connect with any placeholder password";

/// An identifier of the service has at most 255 characters, of up to four bytes each, and quotes.
const NAME_BYTES_MAX: usize = 1024;
/// Drivers send about one KiB; one with all optional facts stays below ten.
const ENVIRONMENT_BYTES_MAX: usize = 64 << 10;
