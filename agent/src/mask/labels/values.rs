//! Values of one kind, or a finding.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::DeValue;

use super::reader::Reader;

impl Reader {
    pub(super) fn text(
        &mut self,
        key: &str,
        value: Spanned<DeValue<'_>>,
    ) -> Option<Spanned<String>> {
        let span = value.span();
        if let DeValue::String(text) = value.into_inner() {
            return Some(Spanned::new(span, text.into_owned()));
        }
        self.wrong(&span, format!("`{key}` must be a string"));
        None
    }

    pub(super) fn texts(&mut self, key: &str, value: Spanned<DeValue<'_>>) -> Vec<Spanned<String>> {
        let span = value.span();
        let DeValue::Array(elements) = value.into_inner() else {
            self.wrong(&span, format!("`{key}` must be an array of strings"));
            return Vec::new();
        };
        if elements.is_empty() {
            self.wrong(&span, format!("`{key}` is empty: leave it out"));
        }
        let elements = elements.into_iter();
        elements
            .filter_map(|element| self.text(key, element))
            .collect()
    }

    pub(super) fn flag(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.wrong(&value.span(), format!("`{key}` is true or false"));
        None
    }

    pub(super) fn number(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        if let DeValue::Integer(number) = value.get_ref()
            && let Ok(number) = u64::from_str_radix(number.as_str(), number.radix())
            && range.contains(&number)
        {
            return Some(number);
        }
        let (least, most) = range.into_inner();
        let message = format!("`{key}` must be a whole number from {least} to {most}");
        self.wrong(&value.span(), message);
        None
    }
}
