//! Passwords behind a name that says so: `password=…`, `pwd: …`, `the password is …`.
//!
//! The value goes to white space or its closing quote. The find begins with the name and ends with the
//! value; of a value in quotes after a quoted name, as in JSON, the last quote is left. A plain word after a
//! colon may be prose ("password: required"), so it is doubted.

use super::super::{Candidate, Confidence, Detector};
use super::{is_placeholder, kinds};

pub(super) static DETECTOR: Detector = Detector {
    name: "password",
    title: "Password behind its name",
    category: "SECRET",
    pattern: concat!(
        r"(?i)[A-Za-z0-9_.-]*(?:password|passwd|passphrase|passcode|pwd|passwort|kennwort|contrase(?:n|\xc3\xb1)a|",
        r"senha|wachtwoord|mot de passe)",
        r#"(?:["']\s*(?:=>|[:=])\s*["'][^"'\s]+|\s*(?::=|=>|[:=]|\bis\b)\s*(?:"[^"\r\n]+"|'[^'\r\n]+'|[^\s"',;&<>]+))"#,
    ),
    check,
    context: &[
        "password",
        "login",
        "credentials",
        "user",
        "username",
        "pwd",
        "passwd",
    ],
    numeric: false,
};

/// What is said about passwords in place of them.
pub(super) const NOT_VALUES: [&str; 24] = [
    "null",
    "none",
    "true",
    "false",
    "required",
    "optional",
    "invalid",
    "incorrect",
    "wrong",
    "expired",
    "reset",
    "changed",
    "missing",
    "empty",
    "hidden",
    "string",
    "varchar",
    "undefined",
    "unknown",
    "disabled",
    "enabled",
    "set",
    "not",
    "input",
];

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text;
    let (separator, value) = separated(text)?;
    let quotes: [char; 2] = ['"', '\''];
    let is_quoted = value.starts_with(quotes);
    let inner = value.trim_matches(quotes);
    // A part of a value is not judged.
    let goes_on = |c: char| !c.is_whitespace() && !"\"',;&<>".contains(c);
    if !is_quoted && candidate.after.starts_with(goes_on) {
        return None;
    }
    let word = inner
        .trim_end_matches(['.', '!', ')', '?', ':'])
        .to_ascii_lowercase();
    if inner.chars().count() < 4 || is_placeholder(value) || NOT_VALUES.contains(&word.as_str()) {
        return None;
    }
    // A call is code: `password = request.form.get(`.
    let callee = inner.split('(').next().unwrap_or_default();
    let is_name = callee
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let is_code = !is_quoted
        && callee.len() > 1
        && is_name
        && inner.contains('(')
        && inner.ends_with(['(', ')']);
    if is_code {
        return None;
    }
    let is_word = kinds(&word) < 2;
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let goes_on = candidate.after.starts_with(' ');
    match (is_word, is_number, separator) {
        (false, _, ':' | '=') => Some(if kinds(inner) >= 3 { 92 } else { 85 }),
        (false, _, _) => Some(75),
        (true, true, _) => Some(65),
        (true, false, '=') => Some(75),
        (true, false, _) if is_quoted => Some(75),
        (true, false, ':') => Some(if goes_on { 40 } else { 65 }),
        (true, false, _) => Some(40),
    }
}

/// The separator, `i` for "is", and what stands behind it.
fn separated(text: &str) -> Option<(char, &str)> {
    let at = text.find([':', '=']);
    let verb = text.to_ascii_lowercase().find(" is ");
    let (separator, from) = match (at, verb) {
        (Some(at), Some(verb)) if verb < at => ('i', verb + 4),
        (Some(at), _) => (
            if text.get(at..)?.starts_with(':') {
                ':'
            } else {
                '='
            },
            at + 1,
        ),
        (None, Some(verb)) => ('i', verb + 4),
        (None, None) => return None,
    };
    let value = text
        .get(from..)?
        .trim_start_matches(['=', '>', ' ', '\t', '\r', '\n']);
    Some((separator, value))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, believed};
    use super::*;

    #[test]
    fn values_behind_names_are_found() {
        for text in [
            "password=hunter2",
            "DB_PASSWORD=s3cr3t!Pa$$",
            "pwd: Tr0ub4dor&3",
            "passwd = 'correct horse battery'",
            "Password: letmein",
            "the password is Winter2024!",
            "Passwort: geheim123",
            "password=letmein",
        ] {
            let name = text.strip_prefix("the ").unwrap_or(text);
            let name = if text.starts_with("pwd") {
                "pwd: Tr0ub4dor"
            } else {
                name
            };
            assert_eq!(believed(&DETECTOR, text), [name]);
        }
        assert_found(&DETECTOR, "password=hunter2");
        let text = r#"{"user":"x","password": "hunter2"}"#;
        assert_eq!(believed(&DETECTOR, text), [r#"password": "hunter2"#]);
        let text = "jdbc:x://h/db?user=a&password=hunter2&ssl=1";
        assert_eq!(believed(&DETECTOR, text), ["password=hunter2"]);
    }

    #[test]
    fn talk_about_passwords_is_not() {
        for text in [
            "password: required",
            "password=null",
            "password=${DB_PASSWORD}",
            "Password: must be long",
            "password=****",
            "the password is not set",
            "forgot password?",
            "password = request.form.get('x')",
            "password: <your password>",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
