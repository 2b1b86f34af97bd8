//! Words that are part of queries, and no names of objects or functions.

/// Words that name no object unless they are quoted, or that stand where none does.
pub(super) const KEYWORDS: [&str; 98] = [
    "ALL", "AND", "ANY", "AS", "ASC", "ASOF", "AT", "BEFORE", "BETWEEN", "BY", "CASE", "CAST",
    "CHANGES", "CONNECT", "CROSS", "CUBE", "CURRENT", "CURRENT_DATE", "CURRENT_TIME",
    "CURRENT_TIMESTAMP", "CURRENT_USER", "DEFAULT", "DELETE", "DESC", "DIRECTED", "DISTINCT",
    "ELSE", "END", "ESCAPE", "EXCEPT", "EXCLUDE", "EXISTS", "FALSE", "FETCH", "FIRST",
    "FOLLOWING", "FOR", "FROM", "FULL", "GROUP", "GROUPING", "HAVING", "ILIKE", "IN", "INNER",
    "INSERT", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN", "LAST", "LATERAL", "LEFT", "LIKE",
    "LIMIT", "LOCALTIME", "LOCALTIMESTAMP", "MATCHED", "MATCH_CONDITION", "MATCH_RECOGNIZE",
    "MEASURES", "MERGE", "MINUS", "NATURAL", "NOT", "NULL", "NULLS", "OFFSET", "ON", "OR",
    "ORDER", "OUTER", "OVER", "PARTITION", "PIVOT", "PRECEDING", "PRIOR", "QUALIFY", "RECURSIVE",
    "REGEXP", "RENAME", "RIGHT", "RLIKE", "ROWS", "SELECT", "SET", "THEN", "TO", "TRUE",
    "UNBOUNDED", "UNION", "UNPIVOT", "UPDATE", "USING", "VALUES", "WHEN", "WHERE",
];

/// Words that can stand before a bracket and call nothing.
pub(super) const BRACKET_WORDS: [&str; 83] = [
    "ADD", "ALL", "AND", "ANY", "AS", "AT", "BEFORE", "BETWEEN", "BY", "CASE", "CHANGES",
    "CHECK", "CLONE", "COLUMNS", "CUBE", "DEFINE", "DISTINCT", "ELSE", "ELSEIF", "EXCEPT",
    "EXCLUDE", "EXISTS", "FOR", "FORMAT", "FROM", "FILTER", "GROUP", "HAVING", "IDENTIFIER",
    "IF", "ILIKE", "IN", "INSERT", "INTERSECT", "INTO", "JOIN", "KEY", "LATERAL", "LIKE", "LIMIT",
    "MATCH_CONDITION", "MATCH_RECOGNIZE", "MEASURES", "MINUS", "NOT", "ON", "OR", "ORDER", "OVER",
    "PARTITION", "PATTERN", "PIVOT", "QUALIFY", "RECURSIVE", "REFERENCES", "RENAME", "REPEATABLE",
    "REPLACE", "RETURN", "RETURNS", "ROLLUP", "SAMPLE", "SEED", "SELECT", "SET", "SETS", "TABLE",
    "TABLESAMPLE", "TAG", "THEN", "UNION", "UNIQUE", "UNPIVOT", "UNTIL", "USING", "VALUES",
    "WHEN", "WHERE", "WHILE", "WITH", "WITHIN", "WITHOUT", "XMLGET",
];

/// Names of types, which have brackets for their sizes.
pub(super) const TYPES: [&str; 36] = [
    "ARRAY", "BIGINT", "BINARY", "BOOLEAN", "BYTEINT", "CHAR", "CHARACTER", "DATE", "DATETIME",
    "DECFLOAT", "DECIMAL", "DOUBLE", "FLOAT", "GEOGRAPHY", "GEOMETRY", "INT", "INTEGER", "MAP",
    "NCHAR", "NUMBER", "NUMERIC", "NVARCHAR", "OBJECT", "REAL", "SMALLINT", "STRING", "TEXT",
    "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ", "TINYINT", "VARCHAR",
    "VARIANT", "VECTOR",
];
