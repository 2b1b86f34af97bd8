//! What would be masked of a statement's result, as far as it can be told before there is one.

use serde::Serialize;
use zeroize::Zeroizing;

use super::judge::Asker;
use crate::cli::labels::words;
use crate::mask::key::MasterKey;
use crate::mask::masks::Masks;
use crate::mask::outputs::{Explained, Origin, Scope, outputs};
use crate::mask::plan::Reason;
use crate::policy::PolicySet;
use crate::policy::rights::may_see;
use crate::sql::{Facts, ObjectName, SessionState};

/// One column of the result.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MaskView {
    /// `None` is every column; one without a name is called by its place: `$2`.
    pub(super) column: Option<String>,
    pub(super) labels: Vec<String>,
    /// `lineage`, `name` or `unknown`; `None` when it carries no label that is hidden.
    pub(super) reason: Option<&'static str>,
    pub(super) why: Option<String>,
    /// What masks its values; `None` when only detectors look at them.
    pub(super) method: Option<&'static str>,
    /// Labels that it carries and that this caller sees.
    pub(super) unmasked: Vec<String>,
}

/// Labels ready for many statements. Nothing is masked here, so any key will do.
pub(super) fn masks(policies: &PolicySet) -> Masks {
    Masks::new(policies.labels(), &MasterKey::new(Zeroizing::new([0; 32])))
}

/// The columns of a statement's result.
pub(super) fn of(
    policies: &PolicySet,
    masks: &Masks,
    asker: &Asker,
    facts: &Facts,
    session: &SessionState,
) -> Vec<MaskView> {
    let question = asker.question(Some(facts), session);
    let unmasked = |label: &str, table: Option<&ObjectName>| {
        may_see(policies, &question, label, table).is_some()
    };
    let scope = Scope {
        labels: policies.labels(),
        masks,
        account: question.account,
        unmasked: &unmasked,
        written: &|_| None,
    };
    let outputs = outputs(&scope, Origin::whole(facts));
    outputs.iter().zip(1..).map(view).collect()
}

fn view((explained, place): (&Explained, usize)) -> MaskView {
    let told = &explained.told;
    MaskView {
        column: explained.column.as_ref().map(|name| match name.as_str() {
            "" => format!("${place}"),
            name => name.to_owned(),
        }),
        labels: told.labels.iter().map(ToString::to_string).collect(),
        reason: told.reason.as_ref().map(Reason::name),
        why: told.reason.as_ref().and_then(|reason| match reason {
            Reason::Unknown(why) => Some(why.clone()),
            Reason::Lineage | Reason::Name => None,
        }),
        method: told
            .masking
            .as_ref()
            .map(|masking| words::name(&masking.rule.method)),
        unmasked: told.cleared.iter().map(ToString::to_string).collect(),
    }
}

/// The rows of a table for people.
pub(super) fn rows(masks: &[MaskView]) -> Vec<Vec<String>> {
    let titles = ["column", "masked by", "labels", "because of", "shown"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(masks.iter().map(|mask| {
        let why = match (mask.reason, &mask.why) {
            (Some(reason), Some(why)) => format!("{reason}: {why}"),
            (Some(reason), None) => reason.to_owned(),
            (None, _) => String::new(),
        };
        vec![
            mask.column.clone().unwrap_or_else(|| "every".to_owned()),
            mask.method.unwrap_or_default().to_owned(),
            mask.labels.join(", "),
            why,
            mask.unmasked.join(", "),
        ]
    }));
    rows
}
