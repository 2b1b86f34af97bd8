//! IPv4 addresses, RFC 791 in the dotted decimal form of RFC 6943 section 3.1.1.
//!
//! Four small numbers with dots are the form of versions and of section numbers too: words before them,
//! and numbers so small that hardly any host has them, tell those.

use std::net::Ipv4Addr;

use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "ipv4",
    title: "IPv4 address",
    category: "IP_ADDRESS",
    pattern: r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
    check,
    context: &[
        "ip",
        "ipv4",
        "ip address",
        "ipaddr",
        "remote addr",
        "source ip",
        "client ip",
        "inet",
        "ping",
        "gateway",
        "dns",
    ],
    numeric: false,
};

/// What stands before versions and numbers of sections.
const VERSION_WORDS: [&str; 16] = [
    "v", "ver", "version", "versions", "release", "rev", "build", "firmware", "upgrade",
    "upgraded", "section", "chapter", "clause", "oid", "driver", "assembly",
];

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let address: Ipv4Addr = candidate.text.parse().ok()?;
    if is_part_of_more(candidate) || is_version(candidate.before) {
        return None;
    }
    let octets = address.octets();
    let is_no_host = address.is_unspecified()
        || address.is_loopback()
        || address.is_broadcast()
        || octets.first().is_some_and(|it| *it == 0 || *it == 255);
    if is_no_host {
        return Some(30);
    }
    let is_small = octets.iter().all(|octet| *octet < 20);
    // Resolvers that people know by heart.
    let is_known = octets.windows(2).all(|pair| pair.first() == pair.last());
    match (candidate.in_context, is_small && !is_known) {
        (true, false) => Some(95),
        (true, true) => Some(70),
        (false, false) => Some(80),
        (false, true) => Some(45),
    }
}

/// A number with more than four parts, or a fraction.
fn is_part_of_more(candidate: &Candidate<'_>) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    let after = candidate.after.strip_prefix('.');
    candidate.before.ends_with('.')
        || candidate.before.ends_with("-")
            && candidate.before.trim_end_matches('-').ends_with(digit)
        || after.is_some_and(|after| after.starts_with(digit))
}

fn is_version(before: &str) -> bool {
    // `Chrome/120.0.0.0` and `libfoo-1.2.3.4`.
    let joined = before.strip_suffix(['/', '-', '_', '@']);
    if joined.is_some_and(|it| it.ends_with(|c: char| c.is_ascii_alphabetic())) {
        let is_scheme = before.ends_with("//");
        return !is_scheme;
    }
    let before = before.trim_end_matches([' ', ':', '=', '"', '\'', '#', '.']);
    let word = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next();
    word.is_some_and(|word| VERSION_WORDS.iter().any(|it| it.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{
        assert_absent, assert_found, assert_needs_context, believed,
    };
    use super::*;

    #[test]
    fn addresses_are_found() {
        for address in [
            "203.0.113.77",
            "10.0.0.200",
            "192.168.1.1",
            "8.8.8.8",
            "172.16.254.3",
        ] {
            assert_found(&DETECTOR, address);
        }
        assert_eq!(
            believed(&DETECTOR, "GET http://203.0.113.77:8080/"),
            ["203.0.113.77"]
        );
        assert_eq!(
            believed(&DETECTOR, "from 203.0.113.77/24."),
            ["203.0.113.77"]
        );
        assert_needs_context(&DETECTOR, "1.2.3.4");
    }

    #[test]
    fn versions_and_what_is_no_host_are_not() {
        for text in [
            "version 120.3.44.200",
            "v120.3.44.200",
            "Chrome/120.3.44.200",
            "build: 120.3.44.200",
            "256.1.1.100",
            "1.20.30.40.50",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.0",
            "01.102.103.104",
            "1.2.3",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
