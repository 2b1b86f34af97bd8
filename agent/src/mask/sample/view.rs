//! What is recorded of the cells of a column.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::finds::{Finds, SECRETS, mark};
use super::room::cut;
use crate::mask::content::Content;
use crate::mask::detect::Hint;
use crate::mask::masks::Masks;
use crate::mask::plan::{self, Plan, Treatment};
use crate::record::told::Cell;
use crate::snowflake::rowtype::{Field, Type};

/// What is recorded of a column.
#[derive(Debug)]
pub(super) struct View {
    kind: Type,
    pub(super) labels: BTreeSet<Arc<str>>,
    hint: Hint,
    secrets_hint: Hint,
    pub(super) how: How,
}

#[derive(Debug)]
pub(super) enum How {
    /// This in place of every value.
    Marked(String),
    /// Every cell as the client saw it, as masked.
    Masked,
    /// Each cell as the client saw it, as masked where that is not what came.
    Compared,
}

impl View {
    pub(super) fn of(
        column: &plan::Column,
        plan: &Plan,
        masks: &Masks,
        marks: Option<&Content>,
    ) -> Self {
        let kind = column.field.kind;
        let mut shown = column
            .cleared
            .as_ref()
            .map_or_else(BTreeSet::new, |it| it.labels.clone());
        if kind == Type::Other {
            // Nobody can look for anything in it: it carries whatever is looked for.
            shown.extend(plan.cleared.iter().cloned());
        }
        let mut labels = column.labels.clone();
        let mut how = match &column.treatment {
            Treatment::Mask(_) => How::Masked,
            Treatment::Scan(_) | Treatment::Clear => How::Compared,
        };
        if let Some(first) = shown.first() {
            // What would mask the column for who sees none of its labels.
            let mut all = labels.union(&shown).map(|it| &**it);
            let decides = masks.strictest(&mut all).map_or(first, |it| &it.label);
            if shown.contains(decides) {
                how = How::Marked(mark(decides));
            }
            labels.extend(shown);
        }
        let hint = marks.map(|marks| marks.scanner().hint(&column.field.name));
        Self {
            kind,
            labels,
            hint: hint.unwrap_or_default(),
            secrets_hint: SECRETS.scanner().hint(&column.field.name),
            how,
        }
    }

    /// Lets values vote, as they do for who does not see the labels.
    pub(super) fn vote(
        &mut self,
        field: &Field,
        marks: &Content,
        values: &mut dyn Iterator<Item = &str>,
    ) {
        let are_numbers = field.kind == Type::Fixed && field.scale == 0;
        if !matches!(self.how, How::Compared) || !(are_numbers || field.kind == Type::Text) {
            return;
        }
        if let Some(masking) = marks.vote(values, &self.hint, are_numbers) {
            self.labels.insert(Arc::clone(&masking.label));
            self.how = How::Marked(mark(&masking.label));
        }
    }

    pub(super) fn cell(
        &self,
        original: Option<&str>,
        shown: Option<&str>,
        marks: Option<&Content>,
    ) -> Cell {
        let masked = |text: Option<&str>| Cell::Masked {
            masked: text.map(|text| cut(text).into_owned()),
        };
        match &self.how {
            How::Marked(mark) => return masked(Some(mark)),
            How::Masked => return masked(shown),
            How::Compared => {}
        }
        let Some(original) = original else {
            return shown.map_or(Cell::Null, |shown| masked(Some(shown)));
        };
        let Some(shown) = shown else {
            return masked(None);
        };
        let is_changed = shown != original;
        let finds = marks.and_then(|marks| Finds::of(marks, self.kind, &self.hint, original));
        let (text, is_masked) = match finds {
            // Part of it is masked by other labels, and nobody knows which part is left.
            Some(finds) if is_changed => return masked(Some(&mark(&finds.label))),
            Some(finds) => (Cow::Owned(finds.marked), true),
            None => (Cow::Borrowed(shown), is_changed),
        };
        if let Some(finds) = Finds::of_secrets(self.kind, &self.secrets_hint, &text) {
            masked(Some(&finds.marked))
        } else if is_masked {
            masked(Some(&text))
        } else {
            Cell::Clear(cut(&text).into_owned())
        }
    }
}
