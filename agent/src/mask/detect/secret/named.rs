//! Secrets that only the name of their column or of their JSON key tells: `{"password": "hunter2"}`.
//!
//! A name counts by its end: `USER_PASSWORD` holds some, `PASSWORD_CHANGED_AT` does not.

use super::super::{Confidence, Named};
use super::{distinct, is_placeholder, keyed, password};

pub(super) static ALL: &[Named] = &[
    Named {
        detector: &password::DETECTOR,
        names: &[
            "password",
            "passwords",
            "passwd",
            "passphrase",
            "passcode",
            "pwd",
            "passwort",
            "kennwort",
            "contraseña",
            "contrasena",
            "senha",
            "wachtwoord",
            "mot de passe",
        ],
        check: any,
    },
    Named {
        detector: &keyed::DETECTOR,
        names: &[
            "secret",
            "secrets",
            "secret key",
            "secret value",
            "api key",
            "api keys",
            "private key",
            "access key",
            "encryption key",
            "signing key",
            "hmac key",
            "credential",
            "credentials",
        ],
        check: one_word,
    },
    Named {
        detector: &keyed::DETECTOR,
        // Texts are cut into tokens too, and pages are counted by them: these have to look like one.
        names: &["token", "tokens", "auth token", "access token"],
        check: random,
    },
];

/// Whatever people choose.
fn any(value: &str) -> Option<Confidence> {
    let is_one = value.chars().count() >= 4 && !is_absent(value);
    is_one.then_some(80)
}

/// What a machine made, or a person in place of it.
fn one_word(value: &str) -> Option<Confidence> {
    if value.len() < 6 || is_absent(value) || is_reference(value) {
        return None;
    }
    let mixes = value.contains(|c: char| !c.is_alphabetic()) && value.contains(char::is_alphabetic);
    Some(if mixes && distinct(value) >= 5 {
        80
    } else {
        45
    })
}

fn random(value: &str) -> Option<Confidence> {
    let mixes = value.contains(|c: char| c.is_ascii_digit()) && value.contains(char::is_alphabetic);
    let is_one = value.len() >= 12 && mixes && distinct(value) >= 9;
    (is_one && !is_absent(value) && !is_reference(value)).then_some(75)
}

/// Whether the value says that there is none, or what is the matter with it.
fn is_absent(value: &str) -> bool {
    let word = value.split_whitespace().next().unwrap_or_default();
    let word = word.trim_end_matches(['.', ',', ':', '!']);
    let says = |it: &&str| word.eq_ignore_ascii_case(it);
    is_placeholder(value) || password::NOT_VALUES.iter().any(says)
}

/// Where the secret is to be found, or prose about it.
fn is_reference(value: &str) -> bool {
    value.contains(char::is_whitespace)
        || value.contains("://")
        || value.starts_with('/')
        || value.starts_with("arn:")
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::finds;
    use super::super::super::{Detector, Hint, Scanner};
    use super::*;

    #[track_caller]
    fn check(detector: &'static Detector, column: &str, value: &str, sure: Option<Confidence>) {
        let found = finds(detector, value, Some(column));
        let expected: Vec<_> = sure.map(|it| (0..value.len(), it)).into_iter().collect();
        assert_eq!(found, expected, "{column}: {value}");
    }

    #[test]
    fn passwords_are_told_by_their_column() {
        for column in [
            "PASSWORD",
            "userPassword",
            "DB_PWD",
            "ADMINPASSWORD",
            "password_hash",
            "PASSWORD_2",
        ] {
            check(&password::DETECTOR, column, "hunter2", Some(80));
        }
        for value in ["letmein", "123456", "correct horse", "pässword", "s3cr3t!"] {
            check(&password::DETECTOR, "PASSWORD", value, Some(80));
        }
        for value in [
            "null", "None", "TRUE", "false", "abc", "****", "${PW}", "Invalid!", "",
        ] {
            check(&password::DETECTOR, "PASSWORD", value, None);
        }
        for column in ["PASSWORD_CHANGED_AT", "NOTE", "LOGIN", "USER", ""] {
            check(&password::DETECTOR, column, "hunter2", None);
        }
    }

    #[test]
    fn keys_are_told_by_their_column() {
        for column in ["API_KEY", "apiKey", "APIKEY", "clientSecret", "SECRET"] {
            check(&keyed::DETECTOR, column, "q7Rk2Zp9", Some(80));
        }
        check(&keyed::DETECTOR, "SECRET", "hunter2", Some(80));
        check(&keyed::DETECTOR, "SECRET", "default", Some(45));
        check(&keyed::DETECTOR, "TOKEN", "q7Rk2ZpXv9Lm4Tn8", Some(75));
        for (column, value) in [
            ("TOKEN", "hello"),
            ("TOKEN", "tokenization"),
            ("SECRET", "a secret 1 of ours"),
            ("SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:x1"),
            ("SECRET", "vault://kv/app1"),
            ("SECRET", "null"),
            ("API_KEY", "none"),
            ("API_KEY_ID", "q7Rk2Zp9"),
            ("next_page_token", "q7Rk2ZpXv9Lm4Tn8"),
            ("PRIMARY_KEY", "q7Rk2ZpXv9Lm4Tn8"),
        ] {
            check(&keyed::DETECTOR, column, value, None);
        }
    }

    #[test]
    fn words_of_a_statement_name_no_column() {
        let scanner = Scanner::new([&password::DETECTOR]);
        let mut hits = Vec::new();
        scanner.scan("hunter2", &scanner.context("password"), 0, &mut hits);
        assert!(hits.is_empty());
        scanner.scan("hunter2", &Hint::default(), 0, &mut hits);
        assert!(hits.is_empty());
        let some = scanner.only(&|_| false);
        some.scan("hunter2", &scanner.hint("password"), 0, &mut hits);
        assert!(hits.is_empty());
    }

    #[test]
    fn spaces_around_a_value_stay() {
        let scanner = Scanner::new([&password::DETECTOR]);
        let mut hits = Vec::new();
        scanner.scan(" hunter2\n", &scanner.hint("password"), 0, &mut hits);
        assert_eq!(hits[0].range, 1..8);
        scanner.scan_number("123456", &scanner.hint("password"), 0, &mut hits);
        assert_eq!(hits[0].range, 0..6);
    }
}
