//! The table of the masking key.

use super::Section;
use super::keys::{default, optional};

pub(in crate::config) static MASK: Section = Section {
    heading: "[mask]",
    doc: "The key that hashes, formats and shifts are made with; see [masking](masking.md).",
    keys: &[
        optional(
            "key",
            "secret",
            "32 bytes in hexadecimal or base64, read once at the start. Give hosts the same key and what one of them masks joins with what others do.",
        ),
        default(
            "key_file",
            "path",
            "\"/var/lib/snowfence/mask.key\"",
            "Without `key`: a key of this host's own, made at the first start.",
        ),
    ],
};
