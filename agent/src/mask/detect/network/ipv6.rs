//! IPv6 addresses, RFC 4291 section 2.2 and RFC 5952.
//!
//! `::` between names of a program (`de::ad`) has the shape of an address: one needs a digit and more than
//! two groups to be believed without a word near it.

use std::net::Ipv6Addr;

use super::super::{Candidate, Confidence, Detector};

pub(super) static DETECTOR: Detector = Detector {
    name: "ipv6",
    title: "IPv6 address",
    category: "IP_ADDRESS",
    pattern: concat!(
        "(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}",
        "|(?:[0-9A-Fa-f]{1,4}:){6}[0-9]{1,3}(?:[.][0-9]{1,3}){3}",
        "|(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*)?::",
        "(?:(?:[0-9A-Fa-f]{1,4}:)*(?:[0-9]{1,3}(?:[.][0-9]{1,3}){3}|[0-9A-Fa-f]{1,4}))?",
    ),
    check,
    context: &[
        "ip",
        "ipv6",
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

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let address: Ipv6Addr = candidate.text.parse().ok()?;
    if candidate.before.ends_with(':')
        || candidate.after.starts_with(':') && ends_in_group(candidate)
    {
        return None;
    }
    if address.is_unspecified() || address.is_loopback() {
        return Some(30);
    }
    let groups = candidate
        .text
        .split(':')
        .filter(|group| !group.is_empty())
        .count();
    let has_digit = candidate.text.contains(|c: char| c.is_ascii_digit());
    let own = match (groups, has_digit) {
        (8, _) => 90,
        (3.., true) => 85,
        (2, true) => 65,
        _ => 40,
    };
    Some(if candidate.in_context {
        95.min(own + 30)
    } else {
        own
    })
}

/// `1::2:` goes on: it is part of something else, if something follows.
fn ends_in_group(candidate: &Candidate<'_>) -> bool {
    let rest = candidate.after.trim_start_matches(':');
    rest.starts_with(|c: char| c.is_ascii_hexdigit())
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
            "2001:db8::8a2e:370:7334",
            "2001:0db8:0000:0000:0000:8a2e:0370:7334",
            "fe80::1",
            "::ffff:192.0.2.128",
            "2001:DB8:1::",
            "64:ff9b:1:2:3:4:192.0.2.33",
        ] {
            assert_found(&DETECTOR, address);
        }
        assert_eq!(
            believed(&DETECTOR, "http://[2001:db8::17]:80/"),
            ["2001:db8::17"]
        );
        assert_eq!(
            believed(&DETECTOR, "from 2001:db8::17: refused"),
            ["2001:db8::17"]
        );
    }

    #[test]
    fn two_groups_without_a_digit_need_a_word() {
        assert_needs_context(&DETECTOR, "de::ad");
    }

    #[test]
    fn times_hardware_and_paths_are_not() {
        for text in [
            "12:30:45",
            "00:1b:44:11:3a:b7",
            "std::vec",
            "de::ad",
            "::1",
            "::",
            "1:2:3:4:5:6:7:8:9",
            "2001:db8::1::2",
            "12345::1",
        ] {
            assert_absent(&DETECTOR, text);
        }
    }
}
