//! Keys, tokens and passwords.
//!
//! Snowflake's classification has no name for them: the category here is `SECRET`. Shapes of tokens are
//! those that their issuers publish for secret scanning. What is found by a name before it (`password=`)
//! is found with that name: a value alone says nothing, unless its column or key is so called.

mod aws;
mod azure;
mod bearer;
mod github;
mod google;
mod jwt;
mod keyed;
mod models;
mod named;
mod password;
mod private_key;
mod slack;
mod snowflake;
mod tokens;
mod url;

use super::{Detector, Named};

pub static ALL: &[&Detector] = &[
    &aws::KEY_ID,
    &aws::SECRET_KEY,
    &azure::SAS,
    &azure::STORAGE_KEY,
    &bearer::DETECTOR,
    &github::GITHUB,
    &github::NPM,
    &google::API_KEY,
    &google::OAUTH,
    &jwt::DETECTOR,
    &keyed::DETECTOR,
    &models::ANTHROPIC,
    &models::OPENAI,
    &password::DETECTOR,
    &private_key::DETECTOR,
    &slack::TOKEN,
    &slack::WEBHOOK,
    &snowflake::DETECTOR,
    &tokens::DATABRICKS,
    &tokens::GITLAB,
    &tokens::HUGGING_FACE,
    &tokens::PYPI,
    &tokens::SENDGRID,
    &tokens::STRIPE,
    &tokens::TWILIO,
    &url::DETECTOR,
];

/// What of these the name of a column or key alone tells.
pub static NAMED: &[Named] = named::ALL;

/// Words in names of what is no secret: `next_page_token`.
pub(super) const HARMLESS: [&str; 9] = [
    "public",
    "primary",
    "foreign",
    "page",
    "sort",
    "partition",
    "next",
    "continuation",
    "csrf",
];

/// How many different bytes a text has: random ones have many, words and fillers few.
fn distinct(text: &str) -> usize {
    let mut seen = [false; 256];
    for byte in text.bytes() {
        if let Some(seen) = seen.get_mut(usize::from(byte)) {
            *seen = true;
        }
    }
    seen.into_iter().filter(|seen| *seen).count()
}

/// Kinds of characters: small and capital letters, digits, others.
fn kinds(text: &str) -> usize {
    let kinds: [fn(char) -> bool; 4] = [
        char::is_lowercase,
        char::is_uppercase,
        char::is_numeric,
        |c| !c.is_alphanumeric(),
    ];
    kinds.iter().filter(|kind| text.contains(**kind)).count()
}

/// Whether it stands for a value: `${TOKEN}`, `<your key>`, `****`, `xxxx`.
fn is_placeholder(value: &str) -> bool {
    let inner = value.trim_matches(['"', '\'', '`']);
    inner.starts_with(['$', '<', '{', '%', '[', '?', ':', '@'])
        && !inner.ends_with(|c: char| c.is_ascii_digit())
        && inner.ends_with(['}', '>', ']', '%', ')', '?'])
        || inner.starts_with("${")
        || inner.starts_with("{{")
        || inner.starts_with("$(")
        || distinct(inner) < 3
        || ["example", "placeholder", "redacted", "changeme", "your"]
            .iter()
            .any(|word| {
                inner
                    .get(..word.len())
                    .is_some_and(|it| it.eq_ignore_ascii_case(word))
            })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::super::testing::{finds, patterned};
    use super::*;

    #[test]
    fn fillers_are_told_from_values() {
        for value in [
            "${TOKEN}",
            "<your key>",
            "{{ token }}",
            "********",
            "xxxxxxxx",
            "your-api-key",
            "%s",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["hunter2", "$ecret1", "<3cats99"] {
            assert!(!is_placeholder(value), "{value}");
        }
        assert_eq!((distinct("abca"), kinds("aB1-")), (3, 4));
    }

    proptest! {
        #[test]
        fn anything_of_the_right_shape_is_judged(text in patterned(ALL)) {
            for detector in ALL {
                for (range, confidence) in finds(detector, &text, Some(detector.context[0])) {
                    prop_assert!(text.get(range).is_some() && confidence <= 99);
                }
            }
        }
    }
}
