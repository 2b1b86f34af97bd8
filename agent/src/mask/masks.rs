//! Labels with their keys: everything that masking needs, made once per version of the policies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::content::Content;
use super::key::MasterKey;
use super::labels::Labels;
use super::method::Masking;

/// Sets of detectors that are kept ready. Their number is that of the rights to see labels that
/// principals have; one takes some hundred KiB of compiled patterns.
const CONTENTS_MAX: usize = 32;

/// Every label's masking, and the detectors.
#[derive(Debug, Default)]
pub struct Masks {
    by_label: BTreeMap<Arc<str>, Arc<Masking>>,
    content: Arc<Content>,
    /// Labels that are found by their looks.
    detected: BTreeSet<Arc<str>>,
    /// The detectors without some labels.
    without: Mutex<HashMap<BTreeSet<Arc<str>>, Arc<Content>>>,
    digest: [u8; 32],
    redactions: OnceLock<Arc<Content>>,
}

impl Masks {
    #[must_use]
    pub fn new(labels: &Labels, key: &MasterKey) -> Self {
        let mut by_label = BTreeMap::new();
        let (mut found, mut detected) = (Vec::new(), BTreeSet::new());
        let mut rules = blake3::Hasher::new();
        for (name, label) in labels.iter() {
            let name: Arc<str> = name.into();
            let rule = label.rule.clone();
            rules.update(format!("{name} {} {rule:?};", label.rank).as_bytes());
            let masking = Masking::new(Arc::clone(&name), label.rank, rule, key.of(&name));
            let masking = Arc::new(masking);
            for detector in &label.detectors {
                rules.update(format!("{};", detector.name).as_bytes());
                found.push((*detector, Arc::clone(&masking)));
                detected.insert(Arc::clone(&name));
            }
            by_label.insert(name, masking);
        }
        rules.update(format!("{:?}", labels.detection()).as_bytes());
        Self {
            by_label,
            content: Arc::new(Content::new(found, labels.detection().clone())),
            detected,
            without: Mutex::default(),
            digest: *rules.finalize().as_bytes(),
            redactions: OnceLock::new(),
        }
    }

    #[must_use]
    pub const fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// What is done to texts that are stored: finds are redacted, whatever their method.
    #[must_use]
    pub fn redactions(&self) -> &Arc<Content> {
        self.redactions
            .get_or_init(|| Arc::new(self.content.redacting()))
    }

    /// The labels that are found by their looks.
    pub fn detected(&self) -> impl Iterator<Item = &Arc<str>> {
        self.detected.iter()
    }

    /// The detectors without those of some labels.
    #[must_use]
    pub fn content_without(&self, clear: &BTreeSet<Arc<str>>) -> Arc<Content> {
        let clear: BTreeSet<Arc<str>> = clear.intersection(&self.detected).cloned().collect();
        if clear.is_empty() {
            return Arc::clone(&self.content);
        }
        let mut without = self.without.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = without.get(&clear) {
            return Arc::clone(known);
        }
        let content = Arc::new(self.content.without(&|label| clear.contains(label)));
        // What is asked for again comes back by itself.
        if without.len() >= CONTENTS_MAX {
            without.clear();
        }
        without.insert(clear, Arc::clone(&content));
        content
    }

    /// The same for the same labels, methods and detectors.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    #[must_use]
    pub fn get(&self, label: &str) -> Option<&Arc<Masking>> {
        self.by_label.get(label)
    }

    /// True if nothing is ever masked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_label.is_empty()
    }

    /// Of some labels the one that decides ([`Masking::strictness`]).
    #[must_use]
    pub fn strictest(&self, labels: &mut dyn Iterator<Item = &str>) -> Option<&Arc<Masking>> {
        let maskings = labels.filter_map(|label| self.get(label));
        maskings.max_by_key(|it| it.strictness())
    }
}

/// Makes masks of labels, and keeps those that were made last: policies change rarely.
#[derive(Debug)]
pub struct Masker {
    key: MasterKey,
    made: Mutex<Option<(String, Arc<Masks>)>>,
}

impl Masker {
    #[must_use]
    pub const fn new(key: MasterKey) -> Self {
        Self {
            key,
            made: Mutex::new(None),
        }
    }

    /// The masks of these labels, which are those of this version of the policies.
    #[must_use]
    pub fn masks(&self, labels: &Labels, version: &str) -> Arc<Masks> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, masks)) = &*made
            && of == version
        {
            return Arc::clone(masks);
        }
        let masks = Arc::new(Masks::new(labels, &self.key));
        *made = Some((version.to_owned(), Arc::clone(&masks)));
        masks
    }
}
