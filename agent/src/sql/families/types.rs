//! Every type of object that Snowflake's statements name, and what it is to policy.

use crate::sql::cursor::Cursor;
use crate::sql::facts::ObjectKind;

/// One type of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// In the singular, as `CREATE` writes it.
    pub(super) words: &'static str,
    pub(super) kind: ObjectKind,
    /// It belongs to the account or governs others: to change it is `admin` besides.
    pub(super) governs: bool,
}

const fn plain(words: &'static str, kind: ObjectKind) -> Type {
    Type {
        words,
        kind,
        governs: false,
    }
}

const fn governing(words: &'static str, kind: ObjectKind) -> Type {
    Type {
        words,
        kind,
        governs: true,
    }
}

/// Where two types begin alike, the longer one is read.
const TYPES: [Type; 103] = [
    plain("AGENT", ObjectKind::Object),
    plain("AGGREGATE FUNCTION", ObjectKind::Function),
    governing("AGGREGATION POLICY", ObjectKind::Object),
    plain("ALERT", ObjectKind::Object),
    governing("API INTEGRATION", ObjectKind::Integration),
    governing("APPLICATION", ObjectKind::Account),
    governing("APPLICATION PACKAGE", ObjectKind::Account),
    governing("APPLICATION ROLE", ObjectKind::Role),
    plain("ARTIFACT REPOSITORY", ObjectKind::Object),
    governing("AUTHENTICATION POLICY", ObjectKind::Object),
    governing("BACKUP POLICY", ObjectKind::Object),
    governing("BACKUP SET", ObjectKind::Object),
    governing("BUDGET", ObjectKind::Object),
    governing("CATALOG", ObjectKind::Integration),
    governing("CATALOG INTEGRATION", ObjectKind::Integration),
    governing("COMPUTE POOL", ObjectKind::Account),
    governing("CONNECTION", ObjectKind::Account),
    governing("CONTACT", ObjectKind::Object),
    plain("CORTEX AGENT", ObjectKind::Object),
    plain("CORTEX SEARCH SERVICE", ObjectKind::Object),
    plain("DATA METRIC FUNCTION", ObjectKind::Function),
    plain("DATABASE", ObjectKind::Database),
    governing("DATABASE ROLE", ObjectKind::Role),
    plain("DATASET", ObjectKind::Object),
    plain("DBT PROJECT", ObjectKind::Object),
    plain("DYNAMIC ICEBERG TABLE", ObjectKind::Table),
    plain("DYNAMIC TABLE", ObjectKind::Table),
    plain("EVENT TABLE", ObjectKind::Table),
    governing("EXTERNAL ACCESS INTEGRATION", ObjectKind::Integration),
    governing("EXTERNAL AGENT", ObjectKind::Object),
    plain("EXTERNAL FUNCTION", ObjectKind::Function),
    plain("EXTERNAL TABLE", ObjectKind::Table),
    governing("EXTERNAL VOLUME", ObjectKind::Integration),
    governing("FAILOVER GROUP", ObjectKind::Account),
    governing("FEATURE POLICY", ObjectKind::Object),
    plain("FILE FORMAT", ObjectKind::Object),
    plain("FUNCTION", ObjectKind::Function),
    plain("GATEWAY", ObjectKind::Object),
    plain("GIT REPOSITORY", ObjectKind::Stage),
    plain("HYBRID TABLE", ObjectKind::Table),
    plain("ICEBERG TABLE", ObjectKind::Table),
    plain("IMAGE REPOSITORY", ObjectKind::Object),
    plain("INDEX", ObjectKind::Object),
    governing("INTEGRATION", ObjectKind::Integration),
    plain("INTERACTIVE TABLE", ObjectKind::Table),
    governing("INTERACTIVE WAREHOUSE", ObjectKind::Warehouse),
    governing("JOIN POLICY", ObjectKind::Object),
    governing("LISTING", ObjectKind::Integration),
    governing("MAINTENANCE POLICY", ObjectKind::Object),
    governing("MANAGED ACCOUNT", ObjectKind::Account),
    governing("MASKING POLICY", ObjectKind::Object),
    plain("MATERIALIZED VIEW", ObjectKind::Table),
    plain("MCP SERVER", ObjectKind::Object),
    plain("MODEL", ObjectKind::Object),
    plain("MODEL MONITOR", ObjectKind::Object),
    governing("NETWORK POLICY", ObjectKind::Account),
    governing("NETWORK RULE", ObjectKind::Object),
    plain("NOTEBOOK", ObjectKind::Object),
    plain("NOTEBOOK PROJECT", ObjectKind::Object),
    governing("NOTIFICATION INTEGRATION", ObjectKind::Integration),
    plain("ONLINE FEATURE TABLE", ObjectKind::Table),
    governing("ORGANIZATION ACCOUNT", ObjectKind::Account),
    governing("ORGANIZATION LISTING", ObjectKind::Integration),
    governing("ORGANIZATION PROFILE", ObjectKind::Account),
    governing("ORGANIZATION USER", ObjectKind::User),
    governing("ORGANIZATION USER GROUP", ObjectKind::Account),
    governing("PACKAGES POLICY", ObjectKind::Object),
    governing("PASSWORD POLICY", ObjectKind::Object),
    plain("PIPE", ObjectKind::Object),
    governing("PRIVACY POLICY", ObjectKind::Object),
    plain("PROCEDURE", ObjectKind::Procedure),
    governing("PROJECTION POLICY", ObjectKind::Object),
    governing("PROVISIONED THROUGHPUT", ObjectKind::Account),
    governing("REPLICATION GROUP", ObjectKind::Account),
    governing("RESOURCE MONITOR", ObjectKind::Account),
    governing("ROLE", ObjectKind::Role),
    governing("ROW ACCESS POLICY", ObjectKind::Object),
    plain("SCHEMA", ObjectKind::Schema),
    governing("SECRET", ObjectKind::Object),
    governing("SECURITY INTEGRATION", ObjectKind::Integration),
    plain("SEMANTIC VIEW", ObjectKind::Table),
    plain("SEQUENCE", ObjectKind::Object),
    plain("SERVICE", ObjectKind::Object),
    governing("SESSION POLICY", ObjectKind::Object),
    governing("SHARE", ObjectKind::Integration),
    governing("SNAPSHOT", ObjectKind::Object),
    governing("SNAPSHOT POLICY", ObjectKind::Object),
    governing("SNAPSHOT SET", ObjectKind::Object),
    plain("STAGE", ObjectKind::Stage),
    governing("STORAGE INTEGRATION", ObjectKind::Integration),
    governing("STORAGE LIFECYCLE POLICY", ObjectKind::Object),
    plain("STREAM", ObjectKind::Table),
    plain("STREAMLIT", ObjectKind::Object),
    plain("TABLE", ObjectKind::Table),
    governing("TAG", ObjectKind::Object),
    plain("TASK", ObjectKind::Object),
    plain("TYPE", ObjectKind::Object),
    governing("USER", ObjectKind::User),
    plain("VIEW", ObjectKind::Table),
    governing("WAREHOUSE", ObjectKind::Warehouse),
    plain("WORKSPACE", ObjectKind::Object),
    governing("ACCOUNT", ObjectKind::Account),
    governing("ORGANIZATION", ObjectKind::Account),
];

/// Words between a verb and the type that change neither.
const MODIFIERS: [&str; 14] = [
    "AGGREGATE",
    "GLOBAL",
    "HYBRID",
    "INTERACTIVE",
    "LOCAL",
    "MANAGED",
    "PRIMARY",
    "READ",
    "RECURSIVE",
    "SECURE",
    "TEMP",
    "TEMPORARY",
    "TRANSIENT",
    "VOLATILE",
];

/// Reads a type, after the words that only modify it.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Type> {
    for _ in 0..MODIFIERS.len() {
        if let Some(found) = exact(cursor, false) {
            return Some(found);
        }
        if !MODIFIERS.iter().any(|modifier| cursor.take(&[modifier])) {
            return None;
        }
    }
    None
}

/// Reads a type in the plural, as `SHOW` and `GRANT … ON ALL` write it.
pub(super) fn read_plural(cursor: &mut Cursor<'_>) -> Option<Type> {
    exact(cursor, true)
}

fn exact(cursor: &mut Cursor<'_>, plural: bool) -> Option<Type> {
    let length = |it: &Type| it.words.split(' ').count();
    let fits = |it: &&Type| {
        let last = length(it) - 1;
        it.words.split(' ').enumerate().all(|(at, word)| {
            cursor.peek_at(at).is_some_and(|token| {
                if plural && at == last {
                    token.word().is_some_and(|it| is_plural(it, word))
                } else {
                    token.is(word)
                }
            })
        })
    };
    let found = TYPES.iter().filter(fits).max_by_key(|it| length(it))?;
    cursor.skip(length(found));
    Some(*found)
}

/// True for `TABLES`, `POLICIES`, `INDEXES`.
fn is_plural(written: &str, singular: &str) -> bool {
    let stem = singular
        .strip_suffix('Y')
        .filter(|_| !singular.ends_with("WAY"));
    let plural = match stem {
        Some(stem) => format!("{stem}IES"),
        None if singular.ends_with('X') => format!("{singular}ES"),
        None => format!("{singular}S"),
    };
    // `PACKAGES POLICY` and `CATALOG` keep their form in the middle; here only the last word is.
    written.eq_ignore_ascii_case(&plural)
}

/// The type of this name, for statements that do not write it.
pub(super) const TABLE: Type = plain("TABLE", ObjectKind::Table);
