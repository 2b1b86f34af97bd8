//! Private keys in text: RFC 7468 (PKCS#8, also encrypted), RFC 1421 headers, OpenSSH's and OpenPGP's
//! (RFC 9580 section 6.2) armour, PuTTY's files.
//!
//! The find is the whole block. Where its end is missing, a cell or a log line was cut: the find then goes
//! to the end of the text, since half of a key may be enough for the other half.

use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "private-key",
    title: "Private key",
    category: "SECRET",
    pattern: concat!(
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?",
        r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\z)",
        r"|PuTTY-User-Key-File-[0-9]:[\s\S]*\z",
    ),
    check,
    context: &["private key", "pem", "ssh", "rsa", "key"],
    numeric: false,
};

/// As far behind the first line the key must have begun: headers of RFC 1421 come before it.
const HEADERS_BYTES_MAX: usize = 512;

/// Base 64 without a space, longer than words are.
const RUN_BYTES_MIN: usize = 24;

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let text = candidate.text;
    let first_line = text.find("-----BEGIN").map_or(Some(text), |at| {
        text.get(at + 10..)?
            .split_once("-----")
            .map(|(_, rest)| rest)
    })?;
    // In JSON and in environment variables line ends are written as `\n`.
    let body = first_line
        .get(..first_line.floor_char_boundary(HEADERS_BYTES_MAX))?
        .replace("\\n", "\n");
    let is_run = |run: &str| {
        run.len() >= RUN_BYTES_MIN
            && run
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"+/=".contains(&c))
    };
    let has_key = body
        .split(|c: char| c.is_whitespace() || c == '-')
        .any(is_run);
    has_key.then_some(99)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, believed};
    use super::*;

    const BODY: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";

    fn block(kind: &str) -> String {
        format!("-----BEGIN {kind}-----\n{BODY}\n-----END {kind}-----")
    }

    #[test]
    fn blocks_are_found_whole() {
        for kind in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            assert_found(&DETECTOR, &block(kind));
            assert_found(&DETECTOR, &block(kind).replace('\n', "\\n"));
        }
        let two = format!("a {} b {} c", block("PRIVATE KEY"), block("EC PRIVATE KEY"));
        assert_eq!(
            believed(&DETECTOR, &two),
            [block("PRIVATE KEY"), block("EC PRIVATE KEY")]
        );
        assert_found(
            &DETECTOR,
            &format!("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{BODY}"),
        );
    }

    #[test]
    fn a_block_without_its_end_goes_to_the_end() {
        let cut = format!("-----BEGIN PRIVATE KEY-----\n{BODY}\nand more");
        assert_found(&DETECTOR, &cut);
    }

    #[test]
    fn headers_come_before_the_key() {
        let text = format!(
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n{BODY}\n-----END RSA PRIVATE KEY-----"
        );
        assert_found(&DETECTOR, &text);
    }

    #[test]
    fn public_keys_and_talk_are_not() {
        assert_absent(&DETECTOR, &block("PUBLIC KEY"));
        assert_absent(&DETECTOR, &block("CERTIFICATE"));
        assert_absent(
            &DETECTOR,
            "The file begins with -----BEGIN PRIVATE KEY----- and a line end.",
        );
    }
}
