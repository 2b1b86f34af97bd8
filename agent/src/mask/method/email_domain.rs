//! `email-domain`: of an e-mail address the domain stays.
//!
//! The whole value must be an address and nothing else, for what is kept of a value that only
//! contains one could be anything. Lengths are those of RFC 5321, section 4.5.3.1.

use crate::mask::marker::STARS;

/// Returns whether the value is an address; nothing is written if not.
pub(super) fn write(value: &str, output: &mut String) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else {
        return false;
    };
    if !is_local(local) || !is_domain(domain) {
        return false;
    }
    output.push_str(STARS);
    output.push('@');
    output.push_str(domain);
    true
}

fn is_local(local: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"@<>(),;:\\\"[]".contains(c);
    (1..=LOCAL_BYTES_MAX).contains(&local.len()) && local.chars().all(plain)
}

/// Labels of letters, digits and hyphens; the last one is no number.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.len() <= DOMAIN_BYTES_MAX
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && top.starts_with(char::is_alphabetic)
}

const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_keeps_its_domain() {
        let cases = [
            ("john.doe+x@Example.co.uk", Some("****@Example.co.uk")),
            ("jürgen@müller.example", Some("****@müller.example")),
            ("****@example.com", Some("****@example.com")),
            ("john@localhost", None),
            ("john@10.0.0.1", None),
            ("@example.com", None),
            ("john@", None),
            ("john doe@example.com", None),
            ("John <john@example.com>", None),
            ("john@example.com, 555-1234", None),
            ("jane@a.com;john@b.com", None),
            ("john@example.com 4111111111111111", None),
            ("john@example.com\n", None),
            ("john@-a.com", None),
            ("john@a..com", None),
            ("john", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let mut output = String::new();
            let written = write(value, &mut output);
            assert_eq!(written.then_some(output.as_str()), expected, "{value}");
        }
    }
}
