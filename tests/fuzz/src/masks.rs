//! What the targets for rows mask with.

use std::sync::{Arc, LazyLock};

use agent::mask::content::Content;
use agent::mask::detect;
use agent::mask::key::MasterKey;
use agent::mask::labels::Detection;
use agent::mask::method::{Masking, Method, Otherwise, Rule};
use agent::mask::plan::{Column, Plan, Treatment};
use zeroize::Zeroizing;

/// Every detector; a few values vote, so that short input has rows that do and rows that do not.
static CONTENT: LazyLock<Arc<Content>> = LazyLock::new(|| {
    let masking = masking(Method::Redact, Otherwise::Null, false);
    let detectors = detect::all().map(|detector| (detector, Arc::clone(&masking)));
    let detection = Detection {
        sample: 3,
        ..Detection::default()
    };
    Arc::new(Content::new(detectors.collect(), detection))
});

/// A plan whose scanned columns have every detector.
pub(crate) fn plan(columns: impl Iterator<Item = Column>) -> Arc<Plan> {
    Arc::new(Plan {
        columns: columns.collect(),
        content: Arc::clone(&CONTENT),
        ..Plan::default()
    })
}

/// What can be done to a column: nothing, a scan, and each of these methods, retyping or not.
pub(crate) fn treatments<const N: usize>(
    methods: [(Method, bool); N],
    otherwise: Otherwise,
) -> Vec<Treatment> {
    let hint = CONTENT.scanner().hint("C");
    let masks = methods.map(|(method, retype)| Treatment::Mask(masking(method, otherwise, retype)));
    [Treatment::Clear, Treatment::Scan(hint)]
        .into_iter()
        .chain(masks)
        .collect()
}

fn masking(method: Method, otherwise: Otherwise, retype: bool) -> Arc<Masking> {
    let rule = Rule {
        method,
        otherwise,
        retype,
    };
    let key = MasterKey::new(Zeroizing::new([7; 32])).of("x");
    Arc::new(Masking::new("x".into(), 0, rule, key))
}
