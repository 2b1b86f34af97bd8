//! Keys of model providers: OpenAI and those that took its shape over, and Anthropic.
//!
//! Shapes as the providers registered them for secret scanning. `T3BlbkFJ` is base 64 of "OpenAI" and stands
//! in the middle of OpenAI's own.

use super::super::{Candidate, Confidence, Detector};
use super::{distinct, kinds};

pub(super) static OPENAI: Detector = Detector {
    name: "openai-key",
    title: "OpenAI-style API key",
    category: "SECRET",
    pattern: "sk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,}",
    check: check_openai,
    context: &["openai", "api key", "gpt", "llm"],
    numeric: false,
};

pub(super) static ANTHROPIC: Detector = Detector {
    name: "anthropic-key",
    title: "Anthropic API key",
    category: "SECRET",
    pattern: "sk-ant-[a-z]+[0-9]{2}-[A-Za-z0-9_-]{32,}",
    check: check_anthropic,
    context: &["anthropic", "claude", "api key"],
    numeric: false,
};

fn check_openai(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text;
    if text.starts_with("sk-ant-") || distinct(text) < 14 {
        return None;
    }
    if text.contains("T3BlbkFJ") {
        return Some(99);
    }
    // Class names of style sheets are words with hyphens.
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    let longest = text.split(['-', '_']).map(str::len).max();
    let is_random = has_digit && kinds(text) >= 3 && longest.is_some_and(|it| it >= 16);
    is_random.then_some(if candidate.in_context { 92 } else { 85 })
}

fn check_anthropic(candidate: &Candidate<'_>) -> Option<Confidence> {
    (distinct(candidate.text) >= 16).then_some(97)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found};
    use super::*;

    #[test]
    fn keys_are_found() {
        assert_found(
            &OPENAI,
            "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",
        );
        assert_found(&OPENAI, "sk-proj-4kXq9Zt7WvYpR2mB6nLs8Jd3Hf5Gc1Ae0Tu");
        assert_found(
            &ANTHROPIC,
            &format!("sk-ant-api03-{}", "4kXq9Zt7WvYpR2mB6nLs8Jd3Hf5Gc1Ae0Tu-_x"),
        );
        assert_absent(&OPENAI, "sk-button-primary-large-outlined-v2");
        assert_absent(&OPENAI, "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx1X");
        assert_absent(&OPENAI, "task-4kXq9Zt7WvYpR2mB6nLs8Jd3Hf5Gc1");
        assert_absent(&ANTHROPIC, "sk-ant-api03-short");
    }
}
