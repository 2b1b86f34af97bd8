//! Labels with their keys: everything that masking needs, made once per version of the policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::Content;
use super::key::MasterKey;
use super::labels::Labels;
use super::method::Masking;

/// Every label's masking, and the detectors.
#[derive(Debug, Default)]
pub struct Masks {
    by_label: BTreeMap<Arc<str>, Arc<Masking>>,
    content: Arc<Content>,
}

impl Masks {
    #[must_use]
    pub fn new(labels: &Labels, key: &MasterKey) -> Self {
        let mut by_label = BTreeMap::new();
        let mut found = Vec::new();
        for (name, label) in labels.iter() {
            let name: Arc<str> = name.into();
            let rule = label.rule.clone();
            let masking = Masking::new(Arc::clone(&name), label.rank, rule, key.of(&name));
            let masking = Arc::new(masking);
            let detectors = label.detectors.iter();
            found.extend(detectors.map(|it| (*it, Arc::clone(&masking))));
            by_label.insert(name, masking);
        }
        Self {
            by_label,
            content: Arc::new(Content::new(found, labels.detection().clone())),
        }
    }

    #[must_use]
    pub const fn content(&self) -> &Arc<Content> {
        &self.content
    }

    #[must_use]
    pub fn get(&self, label: &str) -> Option<&Arc<Masking>> {
        self.by_label.get(label)
    }

    /// Of some labels the one that decides: the highest rank, then the method that says least, then
    /// the name.
    #[must_use]
    pub fn strictest(&self, labels: &mut dyn Iterator<Item = &str>) -> Option<&Arc<Masking>> {
        let maskings = labels.filter_map(|label| self.get(label));
        maskings.max_by_key(|it| (it.rank, it.rule.method.privacy(), Arc::clone(&it.label)))
    }
}
