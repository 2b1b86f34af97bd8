//! What is found in texts that a client saw unmasked, and what is recorded in its place.

use std::sync::{Arc, LazyLock};

use zeroize::Zeroizing;

use crate::mask::column::is_json;
use crate::mask::content::Content;
use crate::mask::detect::{Hint, secret};
use crate::mask::key::MasterKey;
use crate::mask::labels::Detection;
use crate::mask::masks::Masks;
use crate::mask::method::{Masking, Rule};
use crate::mask::plan::Plan;
use crate::snowflake::rowtype::Type;

/// Replaces what a principal sees by right in the values of any column; `None` if that is nothing.
pub(super) fn marks(plan: &Plan, masks: &Masks) -> Option<Content> {
    if plan.cleared.is_empty() {
        return None;
    }
    let others = masks
        .content()
        .without(&|label| !plan.cleared.contains(label));
    Some(others.saying(&mark))
}

pub(super) fn mark(label: &str) -> String {
    format!("[unmasked:{label}]")
}

/// A text with what was found in it replaced.
#[derive(Debug)]
pub(super) struct Finds {
    pub(super) marked: String,
    /// That of the first.
    pub(super) label: Arc<str>,
}

impl Finds {
    pub(super) fn of(content: &Content, kind: Type, hint: &Hint, text: &str) -> Option<Self> {
        let (mut marked, mut found) = (String::new(), Vec::new());
        let is_found = if is_json(kind) {
            content.json(text, hint, &mut marked, &mut found)
        } else {
            kind == Type::Text && content.text(text, hint, &mut marked, &mut found)
        };
        let label = Arc::clone(&found.first().filter(|_| is_found)?.label);
        Some(Self { marked, label })
    }

    /// The same of secrets, in the beginning of a text that is cut.
    pub(super) fn of_secrets(kind: Type, hint: &Hint, text: &str) -> Option<Self> {
        let (start, rest) = text.split_at_checked(text.floor_char_boundary(SECRETS_BYTES_MAX))?;
        let mut finds = Self::of(&SECRETS, kind, hint, start)?;
        finds.marked.push_str(rest);
        Some(finds)
    }
}

/// Keys, tokens and passwords are not recorded, labels or none.
pub(super) static SECRETS: LazyLock<Content> = LazyLock::new(|| {
    let label: Arc<str> = "secret".into();
    // The method has no use for a key.
    let key = MasterKey::new(Zeroizing::new([0; 32])).of(&label);
    let masking = Masking::new(label, 0, Rule::default(), key);
    let masking = Arc::new(masking.saying(mark("secret")));
    let detectors = secret::ALL.iter().map(|it| (*it, Arc::clone(&masking)));
    Content::new(detectors.collect(), Detection::default())
});

/// What is recorded of a cell is its beginning: a secret in it is looked for this far, which is beyond the
/// longest of keys.
const SECRETS_BYTES_MAX: usize = 64 << 10;
