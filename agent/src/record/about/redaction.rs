//! Takes the values out of what is recorded.

use std::borrow::Cow;
use std::sync::Arc;

use crate::access::redact;
use crate::config::Literals;
use crate::mask::content::Content;
use crate::mask::detect::Hint;
use crate::mask::{literal, text};

/// What stands for a bound value where none is recorded; in a text it stands for a literal.
pub(super) const MARK: &str = "?";

/// What is not recorded: by the labels in force, and by what the configuration says of literals.
#[derive(Clone, Debug)]
pub struct Redaction {
    content: Arc<Content>,
    literals: Literals,
}

/// All but what detectors find, of which there are none.
impl Default for Redaction {
    fn default() -> Self {
        Self::new(Arc::default(), Literals::Detected)
    }
}

impl Redaction {
    /// `content` must mask by `redact`, or the record keeps what its methods keep.
    #[must_use]
    pub const fn new(content: Arc<Content>, literals: Literals) -> Self {
        Self { content, literals }
    }

    /// A statement without the values that are not recorded.
    #[must_use]
    pub fn statement<'s>(&self, text: &'s str) -> Cow<'s, str> {
        match self.literals {
            Literals::All => Cow::Borrowed(text),
            Literals::Detected => literal::redact(text, &self.content),
            Literals::None => {
                let shown = redact::redact(text);
                // Names stay, and may be values in disguise.
                match literal::redact(&shown, &self.content) {
                    Cow::Owned(clean) => Cow::Owned(clean),
                    Cow::Borrowed(_) if shown == text => Cow::Borrowed(text),
                    Cow::Borrowed(_) => Cow::Owned(shown),
                }
            }
        }
    }

    /// What the text of a statement says of its bound values; `None` if that is not asked for.
    pub(super) fn context(&self, statement: &str) -> Option<Hint> {
        match self.literals {
            Literals::Detected if !self.content.is_empty() => {
                Some(literal::context(statement, &self.content))
            }
            Literals::Detected | Literals::None | Literals::All => None,
        }
    }

    /// A bound value as it is recorded.
    pub(super) fn value<'v>(
        &self,
        value: &'v str,
        is_json: bool,
        context: Option<&Hint>,
    ) -> Cow<'v, str> {
        if self.literals == Literals::None {
            return Cow::Borrowed(MARK);
        }
        let Some(context) = context else {
            return Cow::Borrowed(value);
        };
        let (mut clean, found) = (String::new(), &mut Vec::new());
        let is_found = match is_json {
            true => self.content.json(value, context, &mut clean, found),
            false => self.content.text(value, context, &mut clean, found),
        };
        match is_found {
            true => Cow::Owned(clean),
            false => Cow::Borrowed(value),
        }
    }

    /// Whether no bound value is recorded, not even that one is NULL.
    pub(super) fn hides_values(&self) -> bool {
        self.literals == Literals::None
    }

    /// A message of an error, which quotes literals and bound values: where none are recorded, it
    /// keeps nothing that it quotes.
    pub(super) fn message<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.literals {
            Literals::Detected | Literals::All => self.told(text),
            Literals::None => {
                let told = self.told(text);
                Cow::Owned(text::without_values(&told))
            }
        }
    }

    /// A text that is no statement: a message, or a name of a statement in which values were found.
    #[must_use]
    pub fn told<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let hint = self.content.scanner().hint("");
        let mut clean = String::new();
        let is_empty = self.content.is_empty();
        match !is_empty && self.content.text(text, &hint, &mut clean, &mut Vec::new()) {
            true => Cow::Owned(clean),
            false => Cow::Borrowed(text),
        }
    }
}
