//! Microsoft Azure: storage account keys and shared access signatures.
//!
//! Azure Storage documentation, "Manage storage account access keys" (64 bytes in base 64) and "Create a
//! service SAS" (`sig` is an HMAC-SHA256 in base 64, percent-encoded). 64 bytes are a SHA-512 too: a bare
//! key needs a word near it.

use super::super::{Candidate, Confidence, Detector};
use super::distinct;

pub(super) static STORAGE_KEY: Detector = Detector {
    name: "azure-storage-key",
    title: "Azure storage account key",
    category: "SECRET",
    pattern: "[A-Za-z0-9+/]{86}==",
    check: check_storage_key,
    context: &[
        "accountkey",
        "account key",
        "azure",
        "storage key",
        "storage",
        "sharedaccesskey",
        "primarykey",
        "defaultendpointsprotocol",
        "accountname",
    ],
    numeric: false,
};

pub(super) static SAS: Detector = Detector {
    name: "azure-sas",
    title: "Azure shared access signature",
    category: "SECRET",
    pattern: "[Ss][Ii][Gg]=[A-Za-z0-9%+/]{43,129}(?:%3[Dd]|=)",
    check: check_sas,
    context: &["sas", "sharedaccesssignature", "azure", "shared access"],
    numeric: false,
};

fn check_storage_key(candidate: &Candidate<'_>) -> Option<Confidence> {
    // Subresource integrity says what it is.
    let is_hash = candidate.before.ends_with("sha512-");
    let is_random = distinct(candidate.text) >= 25 && !candidate.before.ends_with(['+', '/']);
    let own = if candidate.in_context { 92 } else { 50 };
    (is_random && !is_hash).then_some(own)
}

fn check_sas(candidate: &Candidate<'_>) -> Option<Confidence> {
    if distinct(candidate.text) < 15 {
        return None;
    }
    let parameters = ["se=", "sv=", "sp=", "sr=", "skn="];
    let is_whole = |part: &str| parameters.iter().any(|it| part.contains(it));
    Some(if is_whole(candidate.before) || is_whole(candidate.after) {
        95
    } else {
        70
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_needs_context, believed};
    use super::*;

    const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    #[test]
    fn storage_keys() {
        // Microsoft's own for its emulator.
        assert_needs_context(&STORAGE_KEY, KEY);
        assert_absent(&STORAGE_KEY, &format!("azure integrity=sha512-{KEY}"));
        assert_absent(&STORAGE_KEY, &format!("azure {}==", "A".repeat(86)));
    }

    #[test]
    fn signatures() {
        let signature = "sig=Z%2FRHIX5Xcg0Mq2rqI3OlWTjEg2tYkboXr1P9ZUXDtkk%3D";
        let text = format!("https://a.blob.core.windows.net/c?sv=2022-11-02&{signature}");
        assert_eq!(believed(&SAS, &text), [signature]);
        assert_eq!(believed(&SAS, signature), [signature]);
        assert_absent(&SAS, "sig=short%3D");
    }
}
