//! Reads what a label does to values: `method` and the parameters that belong to it.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::reader::Reader;
use super::suggestion;
use crate::mask::method::{DateRule, Method, NumberRule, Otherwise, Rule};

/// What can be done to a value, the more private first.
const METHODS: [&str; 9] = [
    "null",
    "redact",
    "constant",
    "hash",
    "format-preserving",
    "partial",
    "email-domain",
    "date",
    "number",
];

const DATES: [&str; 3] = ["year", "month", "shift"];
const OTHERWISE: [&str; 2] = ["null", "redact"];

/// The keys that say more about a method.
pub(super) const PARAMETERS: [&str; 8] = [
    "bucket",
    "constant",
    "date",
    "keep_first",
    "keep_last",
    "otherwise",
    "retype",
    "round",
];

/// Its own, because it belongs to one value of `date`.
pub(super) const SHIFT_DAYS: &str = "shift_days";

/// It stands in every masked cell.
const CONSTANT_CHARS_MAX: usize = 64;

/// More of a value than this is no mask.
const KEEP_MAX: u64 = 16;

/// Ten years: dates that are further off are of no use to anybody.
const SHIFT_DAYS_MAX: u64 = 3650;

/// `NUMBER` has 38 digits.
const ROUND_MAX: u64 = 37;

/// PCI DSS 4.0.1, requirement 3.4.1: at most the BIN, of six or eight digits, and the last four.
const CARD_FIRST_MAX: u8 = 8;
const CARD_LAST_MAX: u8 = 4;

/// The parameters of one label as they were written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) method: Option<Spanned<String>>,
    given: Vec<(&'static str, Range<usize>)>,
    constant: Option<String>,
    date: Option<Spanned<String>>,
    keep_first: Option<u8>,
    keep_last: Option<u8>,
    shift_days: Option<u16>,
    round: Option<u8>,
    bucket: Option<u32>,
    otherwise: Option<Otherwise>,
    retype: bool,
}

impl Draft {
    /// Takes a key if it is one of a method's.
    pub(super) fn take(&mut self, key: &str, value: Spanned<DeValue<'_>>, reader: &mut Reader) {
        let span = value.span();
        match key {
            "method" => self.method = reader.text("method", value),
            "constant" => self.constant = constant(value, reader),
            "date" => self.date = reader.text("date", value),
            "keep_first" => self.keep_first = narrow(reader.number(key, &value, 0..=KEEP_MAX)),
            "keep_last" => self.keep_last = narrow(reader.number(key, &value, 0..=KEEP_MAX)),
            "shift_days" => {
                self.shift_days = narrow(reader.number(key, &value, 1..=SHIFT_DAYS_MAX));
            }
            "round" => self.round = narrow(reader.number(key, &value, 1..=ROUND_MAX)),
            "bucket" => {
                self.bucket = narrow(reader.number(key, &value, 2..=u64::from(u32::MAX)));
            }
            "otherwise" => self.otherwise = otherwise(value, reader),
            "retype" => self.retype = reader.flag("retype", &value).unwrap_or_default(),
            _ => return,
        }
        let known = PARAMETERS.iter().chain([&SHIFT_DAYS]);
        let known = known.copied().find(|it| *it == key);
        self.given.extend(known.map(|it| (it, span)));
    }

    /// The first key that says anything of the method.
    pub(super) fn first(&self) -> Option<(&'static str, Range<usize>)> {
        let method = self.method.as_ref();
        let method = method.map(|it| ("method", it.span()));
        method.or_else(|| self.given.first().cloned())
    }

    /// The rule that it is; redacts where it says nothing.
    pub(super) fn rule(&self, span: &Range<usize>, reader: &mut Reader) -> Rule {
        let name = self.method.as_ref().map_or("redact", |it| it.get_ref());
        let at = self
            .method
            .as_ref()
            .map_or_else(|| span.clone(), Spanned::span);
        let (method, parameters): (Option<Method>, &[&str]) = match name {
            "null" => (Some(Method::Null), &[]),
            "redact" => (Some(Method::Redact), &["otherwise", "retype"]),
            "hash" => (Some(Method::Hash), &["otherwise", "retype"]),
            "format-preserving" => (Some(Method::FormatPreserving), &["otherwise", "retype"]),
            "email-domain" => (Some(Method::EmailDomain), &["otherwise", "retype"]),
            "constant" => {
                let method = self.constant.clone().map(Method::Constant);
                self.need(method.is_some(), "constant", name, &at, reader);
                (method, &["constant", "otherwise", "retype"])
            }
            "partial" => (
                self.partial(&at, reader),
                &["keep_first", "keep_last", "otherwise", "retype"],
            ),
            "date" => (
                self.date(&at, reader).map(Method::Date),
                &["date", SHIFT_DAYS, "otherwise"],
            ),
            "number" => (
                self.rounding(&at, reader).map(Method::Number),
                &["bucket", "otherwise", "round"],
            ),
            unknown => {
                let hint = match unknown {
                    "generalise" | "generalize" => " (use `date` or `number`)".to_owned(),
                    _ => suggestion(unknown, &METHODS),
                };
                reader.wrong(&at, format!("unknown method `{unknown}`{hint}"));
                return Rule::default();
            }
        };
        for (key, span) in &self.given {
            if !parameters.contains(key) {
                reader.wrong(span, format!("the method `{name}` has no `{key}`"));
            }
        }
        Rule {
            method: method.unwrap_or(Method::Redact),
            otherwise: self.otherwise.unwrap_or_default(),
            retype: self.retype,
        }
    }

    fn is_given(&self, key: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == key)
    }

    /// A parameter that is there and wrong was told already.
    fn need(&self, has: bool, key: &str, name: &str, at: &Range<usize>, reader: &mut Reader) {
        if !has && !self.is_given(key) {
            reader.wrong(at, format!("the method `{name}` needs `{key}`"));
        }
    }

    fn partial(&self, at: &Range<usize>, reader: &mut Reader) -> Option<Method> {
        if !self.is_given("keep_first") && !self.is_given("keep_last") {
            let message = "the method `partial` needs `keep_first`, `keep_last` or both";
            reader.wrong(at, message);
            return None;
        }
        let (first, last) = (self.keep_first.unwrap_or(0), self.keep_last.unwrap_or(0));
        Some(Method::Partial { first, last })
    }

    fn date(&self, at: &Range<usize>, reader: &mut Reader) -> Option<DateRule> {
        self.need(self.date.is_some(), "date", "date", at, reader);
        let date = self.date.as_ref()?;
        let rule = match date.get_ref().as_str() {
            "year" => Some(DateRule::Year),
            "month" => Some(DateRule::Month),
            "shift" => {
                if !self.is_given(SHIFT_DAYS) {
                    reader.wrong(&date.span(), "`date = \"shift\"` needs `shift_days`");
                }
                return self.shift_days.map(|days| DateRule::Shift { days });
            }
            unknown => {
                let hint = suggestion(unknown, &DATES);
                let message =
                    format!("`date` is `year`, `month` or `shift`, not `{unknown}`{hint}");
                reader.wrong(&date.span(), message);
                return None;
            }
        };
        if let Some((_, span)) = self.given.iter().find(|(key, _)| *key == SHIFT_DAYS) {
            reader.wrong(span, "`shift_days` belongs to `date = \"shift\"`");
        }
        rule
    }

    fn rounding(&self, at: &Range<usize>, reader: &mut Reader) -> Option<NumberRule> {
        match (self.is_given("round"), self.is_given("bucket")) {
            (true, false) => self.round.map(|digits| NumberRule::Round { digits }),
            (false, true) => self.bucket.map(|size| NumberRule::Bucket { size }),
            (true, true) | (false, false) => {
                reader.wrong(at, "the method `number` needs one of `round` and `bucket`");
                None
            }
        }
    }
}

/// What of a card number may be shown; `None` if the rule shows no more.
pub(super) fn shows_too_much_of_a_card(method: &Method) -> Option<String> {
    match method {
        Method::Partial { first, last } if *first > CARD_FIRST_MAX || *last > CARD_LAST_MAX => {
            Some(format!(
                "of a card number at most the first {CARD_FIRST_MAX} and the last {CARD_LAST_MAX} \
                 digits may be shown (PCI DSS 3.4.1)"
            ))
        }
        Method::Partial { .. }
        | Method::Null
        | Method::Redact
        | Method::Constant(_)
        | Method::Hash
        | Method::FormatPreserving
        | Method::EmailDomain
        | Method::Date(_)
        | Method::Number(_) => None,
    }
}

fn constant(value: Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<String> {
    let text = reader.text("constant", value)?;
    let fits = text.get_ref().chars().count() <= CONSTANT_CHARS_MAX;
    if !fits || text.get_ref().chars().any(char::is_control) {
        let message =
            format!("`constant` is at most {CONSTANT_CHARS_MAX} characters, none of control");
        reader.wrong(&text.span(), message);
        return None;
    }
    Some(text.into_inner())
}

fn otherwise(value: Spanned<DeValue<'_>>, reader: &mut Reader) -> Option<Otherwise> {
    let text = reader.text("otherwise", value)?;
    match text.get_ref().as_str() {
        "null" => Some(Otherwise::Null),
        "redact" => Some(Otherwise::Redact),
        unknown => {
            let hint = suggestion(unknown, &OTHERWISE);
            let message = format!("`otherwise` is `null` or `redact`, not `{unknown}`{hint}");
            reader.wrong(&text.span(), message);
            None
        }
    }
}

/// The number was checked to fit.
fn narrow<N: TryFrom<u64>>(number: Option<u64>) -> Option<N> {
    N::try_from(number?).ok()
}
