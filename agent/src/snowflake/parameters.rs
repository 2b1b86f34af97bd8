//! Session parameters that a client may set with its login or with a statement.
//!
//! An allow-list: a parameter can change how names resolve (`SEARCH_PATH`,
//! `QUOTED_IDENTIFIERS_IGNORE_CASE`) or what errors reveal, and then a statement would not mean what
//! was judged. What is not listed is dropped.

use serde_json::value::RawValue;

use super::json::{JsonError, Object};

/// Reads the allowed parameters of an object; names come out in upper case.
pub(super) fn allowed(object: &Object<'_>) -> Result<Vec<(String, Box<RawValue>)>, JsonError> {
    let mut allowed: Vec<(String, Box<RawValue>)> = Vec::new();
    for (name, value) in object.entries() {
        let name = name.to_ascii_uppercase();
        let listed = ALLOWED.binary_search(&name.as_str()).is_ok()
            || name.ends_with("_QUERY_RESULT_FORMAT")
            || name.ends_with("_QUERY_RESULT_FORMAT_FORCE");
        if !listed || value.get() == "null" {
            continue;
        }
        let text = value.get();
        if text.starts_with(['{', '[']) || text.len() > VALUE_BYTES_MAX {
            return Err(JsonError::Field("parameters"));
        }
        // The service folds names, so two spellings are one key that comes twice.
        if allowed.iter().any(|(other, _)| *other == name) {
            return Err(JsonError::DuplicateKey);
        }
        allowed.push((name, (*value).to_owned()));
    }
    Ok(allowed)
}

/// A `QUERY_TAG` is the longest: 2000 characters, each at most six bytes as JSON.
const VALUE_BYTES_MAX: usize = 12_002;

/// Formats, limits and client behaviour; sorted.
const ALLOWED: [&str; 54] = [
    "ABORT_DETACHED_QUERY",
    "AUTOCOMMIT",
    "BINARY_INPUT_FORMAT",
    "BINARY_OUTPUT_FORMAT",
    "CLIENT_MEMORY_LIMIT",
    "CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX",
    "CLIENT_METADATA_USE_SESSION_DATABASE",
    "CLIENT_PREFETCH_THREADS",
    "CLIENT_RESULT_CHUNK_SIZE",
    "CLIENT_RESULT_COLUMN_CASE_INSENSITIVE",
    "CLIENT_RESULT_PREFETCH_SLOTS",
    "CLIENT_RESULT_PREFETCH_THREADS",
    "CLIENT_SESSION_CLONE",
    "CLIENT_SESSION_KEEP_ALIVE",
    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY",
    "CLIENT_TIMESTAMP_TYPE_MAPPING",
    "CLIENT_VALIDATE_DEFAULT_PARAMETERS",
    "DATE_INPUT_FORMAT",
    "DATE_OUTPUT_FORMAT",
    "ENABLE_STRUCTURED_TYPES_IN_CLIENT_RESPONSE",
    "ERROR_ON_NONDETERMINISTIC_MERGE",
    "ERROR_ON_NONDETERMINISTIC_UPDATE",
    "FORCE_ENABLE_STRUCTURED_TYPES_NATIVE_ARROW_FORMAT",
    "GEOGRAPHY_OUTPUT_FORMAT",
    "GEOMETRY_OUTPUT_FORMAT",
    "IGNORE_CLIENT_VESRION_IN_STRUCTURED_TYPES_RESPONSE",
    "JDBC_TREAT_DECIMAL_AS_INT",
    "JDBC_TREAT_TIMESTAMP_NTZ_AS_UTC",
    "JDBC_USE_SESSION_TIMEZONE",
    "JSON_INDENT",
    "LOCK_TIMEOUT",
    "MULTI_STATEMENT_COUNT",
    "QUERY_CONTEXT_CACHE_SIZE",
    "QUERY_TAG",
    "ROWS_PER_RESULTSET",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
    "STATEMENT_TIMEOUT_IN_SECONDS",
    "STRICT_JSON_OUTPUT",
    "TIMESTAMP_DAY_IS_ALWAYS_24H",
    "TIMESTAMP_INPUT_FORMAT",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT",
    "TIMESTAMP_OUTPUT_FORMAT",
    "TIMESTAMP_TYPE_MAPPING",
    "TIMESTAMP_TZ_OUTPUT_FORMAT",
    "TIMEZONE",
    "TIME_INPUT_FORMAT",
    "TIME_OUTPUT_FORMAT",
    "TRANSACTION_ABORT_ON_ERROR",
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL",
    "TWO_DIGIT_CENTURY_START",
    "USE_CACHED_RESULT",
    "WEEK_OF_YEAR_POLICY",
    "WEEK_START",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, JsonError> {
        let allowed = allowed(&Object::from_text(text)?)?;
        Ok(allowed
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.get()))
            .collect())
    }

    #[test]
    fn the_list_is_sorted_because_it_is_searched() {
        assert!(ALLOWED.is_sorted());
    }

    #[test]
    fn listed_parameters_pass_and_others_are_dropped() {
        let text = r#"{"timezone":"UTC","SEARCH_PATH":"x","AUTOCOMMIT":false,
            "QUOTED_IDENTIFIERS_IGNORE_CASE":true,"GO_QUERY_RESULT_FORMAT":"JSON","JSON_INDENT":null}"#;
        let expected = [
            r#"TIMEZONE="UTC""#,
            "AUTOCOMMIT=false",
            r#"GO_QUERY_RESULT_FORMAT="JSON""#,
        ];
        assert_eq!(names(text).unwrap(), expected);
    }

    #[test]
    fn two_spellings_of_a_name_are_refused() {
        let text = r#"{"MULTI_STATEMENT_COUNT":1,"multi_statement_count":0}"#;
        assert_eq!(names(text), Err(JsonError::DuplicateKey));
    }

    #[test]
    fn a_value_that_is_no_scalar_is_refused() {
        for value in [r#"{"a":1}"#, "[1]"] {
            let text = format!(r#"{{"TIMEZONE":{value}}}"#);
            assert_eq!(names(&text), Err(JsonError::Field("parameters")));
        }
    }
}
