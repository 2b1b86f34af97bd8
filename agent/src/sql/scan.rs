//! A strict scanner of Snowflake's lexical rules, as a second opinion on the parser's.
//!
//! It knows `'…'` with backslashes and doubled quotes, `"…"`, `$$…$$`, `--`, `//` and `/* */` that
//! does not nest. Whatever two readers could take for different things is refused, not guessed.

/// Analysis understands no longer text. It is far above what people and agents write, and keeps the
/// syntax tree, up to 690 bytes for each byte of text, within the memory of the daemon.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// The parser's tree is as deep as a chain of operators is long, and dropping it recurses: with
/// this many tokens it needs a fraction of [`super::parse::STACK_BYTES`].
const LEXEMES_MAX: usize = 50_000;

/// `UNION` and its kin cost 13 kB of tree each.
const SET_OPERATORS_MAX: usize = 500;

/// One piece of text that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lexeme<'a> {
    Word(&'a str),
    /// A quoted name, without its quotes, doubled quotes kept.
    Quoted(&'a str),
    /// A string literal, without its quotes, escapes kept.
    Text(&'a str),
    /// The body of `$$…$$`.
    Dollar(&'a str),
    /// `$name` or `$1`.
    Variable(&'a str),
    Number(&'a str),
    Symbol(char),
}

/// Why a text is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl Lexeme<'_> {
    /// True for the unquoted word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Lexeme::Word(text) if text.eq_ignore_ascii_case(word))
    }

    /// A name in the form in which Snowflake compares names.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Lexeme::Word(text) => Some(text.to_ascii_uppercase()),
            Lexeme::Quoted(text) => Some((*text).to_owned()),
            Lexeme::Text(_)
            | Lexeme::Dollar(_)
            | Lexeme::Variable(_)
            | Lexeme::Number(_)
            | Lexeme::Symbol(_) => None,
        }
    }
}

/// Takes a text apart; what was read before something ambiguous stays in `lexemes`.
pub(super) fn scan<'a>(text: &'a str, lexemes: &mut Vec<Lexeme<'a>>) -> Result<(), Ambiguous> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Ambiguous);
    }
    let mut set_operators = 0_usize;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let Some((lexeme, after)) = next(rest, first)? else {
            rest = skip(rest, first)?;
            continue;
        };
        let set_operator = ["UNION", "INTERSECT", "EXCEPT", "MINUS"]
            .iter()
            .any(|it| lexeme.is(it));
        set_operators += usize::from(set_operator);
        lexemes.push(lexeme);
        if lexemes.len() > LEXEMES_MAX || set_operators > SET_OPERATORS_MAX {
            return Err(Ambiguous);
        }
        rest = after;
    }
    Ok(())
}

/// Cuts at statement ends; empty pieces are dropped, as Snowflake's drivers do.
pub(super) fn statements<'s, 'a>(
    lexemes: &'s [Lexeme<'a>],
) -> impl Iterator<Item = &'s [Lexeme<'a>]> {
    lexemes
        .split(|it| *it == Lexeme::Symbol(';'))
        .filter(|piece| !piece.is_empty())
}

/// Skips white space or a comment.
fn skip(rest: &str, first: char) -> Result<&str, Ambiguous> {
    let (comment, after) = if rest.starts_with("--") || rest.starts_with("//") {
        rest.split_once('\n').unwrap_or((rest, ""))
    } else if let Some(body) = rest.strip_prefix("/*") {
        body.split_once("*/").ok_or(Ambiguous)?
    } else {
        match first {
            ' ' | '\t' | '\n' => return Ok(rest.strip_prefix(first).unwrap_or_default()),
            _ => return rest.strip_prefix("\r\n").ok_or(Ambiguous),
        }
    };
    // A character that another reader could take for the end of the line would end its comment.
    let before_newline = comment
        .strip_suffix('\r')
        .unwrap_or(comment)
        .replace("\r\n", "\n");
    let plain = |c: char| matches!(c, ' ' | '\t' | '\n') || !(c.is_control() || c.is_whitespace());
    if before_newline.chars().all(plain) {
        Ok(after)
    } else {
        Err(Ambiguous)
    }
}

/// Reads one lexeme; `None` before white space and comments.
fn next(rest: &str, first: char) -> Result<Option<(Lexeme<'_>, &str)>, Ambiguous> {
    let found = match first {
        _ if rest.starts_with("--") || rest.starts_with("//") || rest.starts_with("/*") => {
            return Ok(None);
        }
        ' ' | '\t' | '\n' | '\r' => return Ok(None),
        '\'' => quoted(rest, '\'', true).map(|(body, after)| (Lexeme::Text(body), after))?,
        '"' => quoted(rest, '"', false).map(|(body, after)| (Lexeme::Quoted(body), after))?,
        '$' => return dollar(rest).map(Some),
        // Not a comment in Snowflake's documentation, but one to the parser.
        '#' => return Err(Ambiguous),
        '0'..='9' => {
            let (number, after) = number(rest);
            (Lexeme::Number(number), after)
        }
        c if is_word_start(c) => {
            let (word, after) =
                take_while(rest, |c| is_word_start(c) || c.is_numeric() || c == '$');
            // Where does the name end and the string begin?
            if word.contains("$$") {
                return Err(Ambiguous);
            }
            (Lexeme::Word(word), after)
        }
        // The steps of a flow can be anything, and the parser does not know the operator.
        '-' if rest.starts_with("->>") => return Err(Ambiguous),
        c if c.is_ascii_graphic() => (Lexeme::Symbol(c), rest.strip_prefix(c).unwrap_or_default()),
        // White space and control characters that readers disagree about, look-alikes, marks.
        _ => return Err(Ambiguous),
    };
    Ok(Some(found))
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn take_while(rest: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    rest.split_at_checked(end).unwrap_or((rest, ""))
}

/// Digits, a fraction and an exponent.
fn number(rest: &str) -> (&str, &str) {
    let digits = |text| take_while(text, |c| c.is_ascii_digit()).1;
    let mut after = digits(rest);
    if let Some(fraction) = after.strip_prefix('.') {
        after = digits(fraction);
    }
    if let Some(exponent) = after.strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            after = digits(unsigned);
        }
    }
    rest.split_at_checked(rest.len() - after.len())
        .unwrap_or((rest, ""))
}

/// Reads from an opening quote to its closing one.
fn quoted(rest: &str, quote: char, backslashes: bool) -> Result<(&str, &str), Ambiguous> {
    let body = rest.strip_prefix(quote).ok_or(Ambiguous)?;
    let mut chars = body.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslashes {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            let (inside, after) = body.split_at_checked(at).ok_or(Ambiguous)?;
            return Ok((inside, after.strip_prefix(quote).unwrap_or_default()));
        }
    }
    Err(Ambiguous)
}

/// `$$…$$` or a variable. `$a$` opens a string for the parser and is two names for Snowflake.
fn dollar(rest: &str) -> Result<(Lexeme<'_>, &str), Ambiguous> {
    if let Some(body) = rest.strip_prefix("$$") {
        let (inside, after) = body.split_once("$$").ok_or(Ambiguous)?;
        return Ok((Lexeme::Dollar(inside), after));
    }
    let body = rest.strip_prefix('$').ok_or(Ambiguous)?;
    let (name, after) = take_while(body, |c| is_word_start(c) || c.is_numeric());
    if name.is_empty() || after.starts_with('$') {
        return Err(Ambiguous);
    }
    Ok((Lexeme::Variable(name), after))
}
