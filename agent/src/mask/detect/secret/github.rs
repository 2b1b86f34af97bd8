//! GitHub and npm tokens, which carry a checksum.
//!
//! GitHub, "Behind GitHub's new authentication token formats" (2021), and npm, which took the format over:
//! thirty random characters and the CRC-32 of them in six of base 62. A token without a right one is still
//! believed: not every one was made by that rule.

use flate2::Crc;

use super::super::{Candidate, Confidence, Detector};
use super::distinct;

pub(super) static GITHUB: Detector = Detector {
    name: "github-token",
    title: "GitHub token",
    category: "SECRET",
    pattern: "gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    check,
    context: &["github", "gh token", "github token"],
    numeric: false,
};

pub(super) static NPM: Detector = Detector {
    name: "npm-token",
    title: "npm access token",
    category: "SECRET",
    pattern: "npm_[A-Za-z0-9]{36}",
    check,
    context: &["npm", "npmrc", "registry"],
    numeric: false,
};

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let (_, body) = candidate.text.rsplit_once('_')?;
    if distinct(body) < 10 {
        return None;
    }
    Some(if has_checksum(body) == Some(true) {
        99
    } else {
        85
    })
}

fn has_checksum(body: &str) -> Option<bool> {
    let (random, check) = body.split_at_checked(body.len().checked_sub(6)?)?;
    let mut crc = Crc::new();
    crc.update(random.as_bytes());
    let check = check.chars().try_fold(0_u64, |sum, c| {
        Some(sum * 62 + u64::try_from(BASE62.find(c)?).ok()?)
    });
    Some(check? == u64::from(crc.sum()))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, finds};
    use super::*;

    /// A token with a right checksum.
    fn token(prefix: &str, random: &str) -> String {
        let mut crc = Crc::new();
        crc.update(random.as_bytes());
        let mut rest = usize::try_from(crc.sum()).unwrap();
        let mut check = String::new();
        for _ in 0..6 {
            check.insert(0, BASE62.chars().nth(rest % 62).unwrap());
            rest /= 62;
        }
        format!("{prefix}_{random}{check}")
    }

    #[test]
    fn a_checksum_says_more_than_a_shape() {
        for (detector, prefix) in [(&GITHUB, "ghp"), (&GITHUB, "gho"), (&NPM, "npm")] {
            let token = token(prefix, "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ");
            assert_found(detector, &token);
            assert_eq!(finds(detector, &token, None)[0].1, 99);
            let broken = token.replace("zQW", "zQX");
            assert_eq!(finds(detector, &broken, None)[0].1, 85);
        }
    }

    #[test]
    fn fillers_and_short_ones_are_not() {
        assert_absent(&GITHUB, "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        assert_absent(&GITHUB, "ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ");
        assert_absent(&NPM, "npm_install_dependencies_of_the_project");
        let new = "github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW";
        assert_found(&GITHUB, new);
    }
}
