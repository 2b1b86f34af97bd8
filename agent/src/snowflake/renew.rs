//! `POST /session/token-request`: new tokens for old.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroizing;

use super::envelope::{AnswerError, Envelope};
use super::json;
use super::login::ClientTokens;

/// The upstream's new tokens.
pub struct Renewed {
    pub session_token: Zeroizing<String>,
    pub master_token: Zeroizing<String>,
    pub validity: Duration,
    pub master_validity: Duration,
}

impl fmt::Debug for Renewed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Renewed")
            .field("validity", &self.validity)
            .field("master_validity", &self.master_validity)
            .finish_non_exhaustive()
    }
}

/// Writes path and body of a renewal; the caller authorises it with the master token.
#[must_use]
pub fn upstream_request(old_session_token: &str, request_id: &str) -> (String, Zeroizing<Vec<u8>>) {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        old_session_token: &'a str,
        request_type: &'static str,
    }

    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("requestId", request_id)
        .finish();
    let body = Body {
        old_session_token,
        request_type: "RENEW",
    };
    (
        format!("/session/token-request?{query}"),
        json::write_secret(&body),
    )
}

/// Reads the upstream's answer to a renewal.
pub fn parse_answer(body: &[u8]) -> Result<Renewed, AnswerError> {
    let data = Envelope::parse(body)?.into_success()?;
    let seconds = |name| -> Result<Duration, AnswerError> {
        data.u64(name)?
            .map(Duration::from_secs)
            .ok_or(AnswerError::Malformed)
    };
    Ok(Renewed {
        session_token: data.secret("sessionToken")?.ok_or(AnswerError::Malformed)?,
        master_token: data.secret("masterToken")?.ok_or(AnswerError::Malformed)?,
        validity: seconds("validityInSecondsST")?,
        master_validity: seconds("validityInSecondsMT")?,
    })
}

/// Writes the answer that gives a client its renewed tokens.
#[must_use]
pub fn client_answer(tokens: &ClientTokens<'_>, session_id: u64) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        session_token: &'a str,
        #[serde(rename = "validityInSecondsST")]
        validity: u64,
        master_token: &'a str,
        #[serde(rename = "validityInSecondsMT")]
        master_validity: u64,
        session_id: u64,
    }

    json::success(&Data {
        session_token: tokens.session_token,
        validity: tokens.validity.as_secs(),
        master_token: tokens.master_token,
        master_validity: tokens.master_validity.as_secs(),
        session_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_trades_the_upstreams_tokens_and_gives_ours() {
        let (path, body) = upstream_request("old", "id");
        assert_eq!(path, "/session/token-request?requestId=id");
        assert_eq!(
            &**body,
            br#"{"oldSessionToken":"old","requestType":"RENEW"}"#
        );

        let answer = br#"{"data":{"sessionToken":"up-s","validityInSecondsST":3600,
            "masterToken":"up-m","validityInSecondsMT":14400,"sessionId":7},"success":true}"#;
        let renewed = parse_answer(answer).unwrap();
        assert_eq!(
            (
                renewed.session_token.as_str(),
                renewed.master_token.as_str()
            ),
            ("up-s", "up-m")
        );
        assert_eq!(renewed.master_validity, Duration::from_secs(14_400));
        assert!(!format!("{renewed:?}").contains("up-"));

        let tokens = ClientTokens {
            session_token: "our-s",
            master_token: "our-m",
            validity: renewed.validity,
            master_validity: renewed.master_validity,
        };
        let text = String::from_utf8(client_answer(&tokens, 7)).unwrap();
        insta::assert_snapshot!(text, @r#"{"data":{"sessionToken":"our-s","validityInSecondsST":3600,"masterToken":"our-m","validityInSecondsMT":14400,"sessionId":7},"code":null,"message":null,"success":true,"headers":null}"#);
    }

    #[test]
    fn a_master_token_that_is_no_more_is_a_refusal_with_its_code() {
        let answer = br#"{"data":null,"code":"390114","message":"gone","success":false}"#;
        let expected = AnswerError::Refused {
            code: "390114".to_owned(),
            message: "gone".to_owned(),
        };
        assert_eq!(parse_answer(answer).unwrap_err(), expected);
        let answer = br#"{"data":{"sessionToken":"x"},"success":true}"#;
        assert_eq!(parse_answer(answer).unwrap_err(), AnswerError::Malformed);
    }
}
