//! A second reader of statements that shares no code with the one that it checks.
//!
//! It knows strings, comments and words, and nothing else: a verb that writes, exports or runs code
//! at the start of a statement, or after `AS`, `->>`, `BEGIN`, `THEN` or `DO`, is an act.

/// What can begin a statement of Snowflake.
const BEGINS: [&str; 42] = [
    "ALTER", "BEGIN", "CALL", "COMMENT", "COMMIT", "COPY", "CREATE", "DECLARE", "DELETE", "DESC",
    "DESCRIBE", "DROP", "EXECUTE", "EXPLAIN", "GET", "GRANT", "IF", "FOR", "INSERT", "LET", "LIST",
    "LS", "MERGE", "PUT", "REMOVE", "RETURN", "REVOKE", "RM", "ROLLBACK", "SELECT", "SET", "SHOW",
    "START", "TRUNCATE", "UNDROP", "UNSET", "UPDATE", "USE", "VALUES", "WHILE", "WITH", "(",
];

/// What does more than read or describe.
const ACTS: [&str; 18] = [
    "ALTER", "CALL", "COPY", "CREATE", "DELETE", "DROP", "EXECUTE", "GET", "GRANT", "INSERT",
    "MERGE", "PUT", "REMOVE", "REVOKE", "RM", "TRUNCATE", "UNDROP", "UPDATE",
];

/// Stands for a string without an end.
const OPEN: &str = "'";

/// After these an act may begin. `SELECT get FROM …` begins none.
const BEFORE_ACTS: [&str; 7] = [";", "AS", "->>", "BEGIN", "THEN", "DO", "ELSE"];

/// After these something must follow: programs that put statements together leave such pieces.
const NOT_LAST: [&str; 22] = [
    "@",
    "%",
    "(",
    ",",
    ".",
    "=",
    "AGENT",
    "DATABASE",
    "EXISTS",
    "FROM",
    "INTO",
    "PARALLEL",
    "PROCEDURE",
    "SCHEMA",
    "STAGE",
    "TABLE",
    "TASK",
    "VIEW",
    "WAREHOUSE",
    "BY",
    "WHERE",
    "DEFAULT",
];

/// True for a text that is a whole statement and not a template: its first word begins one, its
/// last does not ask for more, and it has no `...`, `<name>` or `{name}` in it.
pub(super) fn is_statement(sql: &str) -> bool {
    let words = words(sql);
    let is = |at: usize, word: &str| words.get(at).is_some_and(|it| it == word);
    let first = words.iter().find(|word| *word != ";");
    let (Some(first), Some(last)) = (first, words.last()) else {
        return false;
    };
    // `GET(a, b)` and `INSERT(a, 1, 2, b)` are calls.
    let is_call = is(1, "(") && ["GET", "INSERT", "LIST", "TRUNCATE"].contains(&first.as_str());
    let is_template = (0..words.len()).any(|at| {
        let is_dots = is(at, ".") && is(at + 1, ".") && is(at + 2, ".");
        let is_hole = is(at, "<") && is(at + 2, ">") || is(at, "{") && is(at + 2, "}");
        is_dots || (is_hole && !is(at.wrapping_sub(1), ")"))
    });
    // A program's test puts a name where it will put code.
    let code = words
        .iter()
        .rposition(|word| ["AS", "THEN", "ACTION"].contains(&word.as_str()));
    let body = code.map(|at| words.iter().skip(at + 1));
    let is_name = |mut body: std::iter::Skip<std::slice::Iter<'_, String>>| {
        body.len() > 1 && body.all(|word| word == "''" || word == ".")
    };
    let is_template = is_template || body.is_some_and(is_name) || is(1, "''") && first == "ALTER";
    // Declarations are a part of a block.
    let is_part = first == "DECLARE" && !words.iter().any(|word| word == "BEGIN");
    BEGINS.contains(&first.as_str())
        && !NOT_LAST.contains(&last.as_str())
        && last != OPEN
        && !(is_call || is_template || is_part)
}

/// True for what is to be refused as not understood: a name that is computed or in `$$`, and `#`, which is no
/// comment in Snowflake and one elsewhere.
pub(super) fn is_obscure(sql: &str) -> bool {
    let words = words(sql);
    words.windows(3).any(|window| {
        matches!(window, [name, open, value]
            if (name == "IDENTIFIER" || name == "TABLE") && open == "(" && ["?", "$", ":"].contains(&value.as_str()))
    }) || words.iter().any(|word| word == "#")
}

/// The first verb that writes, exports or runs code.
pub(super) fn acts(sql: &str) -> Option<String> {
    let words = words(sql);
    // What is explained is not run.
    if words.first().is_some_and(|first| first == "EXPLAIN") {
        return None;
    }
    words
        .iter()
        .enumerate()
        .find(|(at, word)| {
            let begins = match at.checked_sub(1).and_then(|before| words.get(before)) {
                None => true,
                Some(before) => BEFORE_ACTS.contains(&before.as_str()),
            };
            let next = words.get(at + 1).map(String::as_str);
            let goes_on = next.is_some_and(|next| !matches!(next, "(" | ")" | "," | "." | "="));
            begins && goes_on && ACTS.contains(&word.as_str())
        })
        .map(|(_, word)| word.clone())
}

/// Words in upper case, `->>` and single characters; strings and comments are gone.
fn words(sql: &str) -> Vec<String> {
    let chars: Vec<char> = sql.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    let char_at = |at: usize| chars.get(at).copied().unwrap_or('\0');
    while at < chars.len() {
        let here = (char_at(at), char_at(at + 1));
        match here {
            ('-', '-') | ('/', '/') => {
                while at < chars.len() && char_at(at) != '\n' {
                    at += 1;
                }
            }
            ('/', '*') => {
                at += 2;
                while at < chars.len() && (char_at(at), char_at(at + 1)) != ('*', '/') {
                    at += 1;
                }
                at += 2;
            }
            ('$', '$') => {
                at += 2;
                while at < chars.len() && (char_at(at), char_at(at + 1)) != ('$', '$') {
                    at += 1;
                }
                at += 2;
                words.push("''".to_owned());
            }
            (quote @ ('\'' | '"'), _) => {
                at += 1;
                while at < chars.len() && char_at(at) != quote {
                    at += if char_at(at) == '\\' && quote == '\'' {
                        2
                    } else {
                        1
                    };
                }
                let closed = at < chars.len();
                at += 1;
                words.push(if closed { "''" } else { OPEN }.to_owned());
            }
            ('-', '>') if char_at(at + 2) == '>' => {
                at += 3;
                words.push("->>".to_owned());
            }
            (c, _) if c.is_alphanumeric() || c == '_' => {
                let start = at;
                while char_at(at).is_alphanumeric() || char_at(at) == '_' {
                    at += 1;
                }
                let word: String = chars.iter().skip(start).take(at - start).collect();
                words.push(word.to_uppercase());
            }
            (c, _) => {
                at += 1;
                if !c.is_whitespace() {
                    words.push(c.to_string());
                }
            }
        }
    }
    words
}
