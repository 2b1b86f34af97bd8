//! Path and query of a request target, canonical.

use super::HttpError;

/// Longer paths than any endpoint's; a chunk path with its capability is about 100 bytes.
const PATH_BYTES_MAX: usize = 1024;
/// More parameters than the busiest endpoint's eight.
const PARAMETERS_MAX: usize = 32;

/// The one spelling of a path: decoded once, no empty segments, no `.` or `..`.
///
/// Python 5.2 asks for `/monitoring/queries//<id>`, so empty segments are dropped, not refused.
/// An encoded slash, a control character or a second layer of encoding has no canonical form:
/// we and the upstream could read it differently.
///
/// # Errors
/// [`HttpError::Target`] for a path without that spelling.
pub fn canonical_path(raw: &str) -> Result<String, HttpError> {
    if raw.len() > PATH_BYTES_MAX || !raw.starts_with('/') {
        return Err(HttpError::Target);
    }
    let mut path = String::with_capacity(raw.len());
    for segment in raw.split('/').filter(|segment| !segment.is_empty()) {
        let segment = decode_segment(segment)?;
        if segment == "." || segment == ".." {
            return Err(HttpError::Target);
        }
        path.push('/');
        path.push_str(&segment);
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

fn decode_segment(raw: &str) -> Result<String, HttpError> {
    let mut bytes = raw.bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let high = bytes.next().and_then(hex).ok_or(HttpError::Target)?;
            let low = bytes.next().and_then(hex).ok_or(HttpError::Target)?;
            high << 4 | low
        } else {
            byte
        };
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b'%') {
            return Err(HttpError::Target);
        }
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_invalid| HttpError::Target)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The decoded parameters in order. A name that comes twice is refused: which one counts is
/// the reader's choice, and we are not the only reader.
pub(super) fn canonical_query(raw: Option<&str>) -> Result<Vec<(String, String)>, HttpError> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
        if parameters.iter().any(|(seen, _)| *seen == name) {
            return Err(HttpError::DuplicateParameter(name.into_owned()));
        }
        if parameters.len() == PARAMETERS_MAX {
            return Err(HttpError::Target);
        }
        parameters.push((name.into_owned(), value.into_owned()));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: Option<&str>) {
        assert_eq!(canonical_path(raw).ok().as_deref(), expected, "{raw}");
    }

    #[test]
    fn a_path_has_one_spelling() {
        check(
            "/queries/v1/query-request",
            Some("/queries/v1/query-request"),
        );
        check("/monitoring/queries//id", Some("/monitoring/queries/id"));
        check(
            "/queries/v1/query%2drequest",
            Some("/queries/v1/query-request"),
        );
        check(
            "/queries/v1/query-request/",
            Some("/queries/v1/query-request"),
        );
        check("//", Some("/"));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for raw in [
            "/a/../b", "/./a", "/a%2fb", "/a%5cb", "/a%252fb", "/a%00", "/%", "/%zz", "a", "", "*",
        ] {
            check(raw, None);
        }
        check(&format!("/{}", "a".repeat(PATH_BYTES_MAX)), None);
    }

    #[test]
    fn a_parameter_that_comes_twice_is_refused() {
        assert!(matches!(
            canonical_query(Some("requestId=1&requestId=2")),
            Err(HttpError::DuplicateParameter(name)) if name == "requestId"
        ));
        let parameters = canonical_query(Some("delete=true&a=b%20c")).unwrap();
        assert_eq!(
            parameters,
            [("delete".into(), "true".into()), ("a".into(), "b c".into())]
        );
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(raw in "/[ -~]{0,40}") {
            if let Ok(path) = canonical_path(&raw) {
                prop_assert_eq!(canonical_path(&path).ok(), Some(path));
            }
        }
    }
}
