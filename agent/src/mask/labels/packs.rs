//! The labels that are shipped: name and text of each pack.

/// Every pack, in the order in which they are told.
pub(super) const PACKS: [(&str, &str); 4] = [
    ("pci", include_str!("../../../../policies/labels/pci.toml")),
    ("pii", include_str!("../../../../policies/labels/pii.toml")),
    ("phi", include_str!("../../../../policies/labels/phi.toml")),
    (
        "secrets",
        include_str!("../../../../policies/labels/secrets.toml"),
    ),
];
