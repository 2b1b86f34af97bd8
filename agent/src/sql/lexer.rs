//! A strict lexer of Snowflake's lexical rules, as a second opinion on the parser's.
//!
//! It knows `'…'` with backslashes and doubled quotes, `"…"`, `$$…$$`, `--`, `//` and `/* */` that
//! does not nest. Whatever two readers could take for different things is refused, not guessed.

use std::ops::Range;

use super::limits::{self, TEXT_BYTES_MAX};
use super::opaque::Obscurity;

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
    /// `file://…` in a `PUT` or `GET`, which is no comment there.
    Url(&'a str),
    /// `->>`, between the steps of a flow.
    Flow,
    Symbol(char),
}

/// A lexeme and the bytes of the text that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) lexeme: Lexeme<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> Token<'a> {
    /// True for the unquoted word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self.lexeme, Lexeme::Word(text) if text.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub(super) fn is_symbol(&self, symbol: char) -> bool {
        self.lexeme == Lexeme::Symbol(symbol)
    }

    /// The unquoted word.
    pub(super) const fn word(&self) -> Option<&'a str> {
        match self.lexeme {
            Lexeme::Word(word) => Some(word),
            Lexeme::Quoted(_)
            | Lexeme::Text(_)
            | Lexeme::Dollar(_)
            | Lexeme::Variable(_)
            | Lexeme::Number(_)
            | Lexeme::Url(_)
            | Lexeme::Flow
            | Lexeme::Symbol(_) => None,
        }
    }

    /// A name in the form in which Snowflake compares names, whatever the session says of quotes.
    pub(super) fn name(&self) -> Option<String> {
        match self.lexeme {
            Lexeme::Word(text) => Some(text.to_ascii_uppercase()),
            Lexeme::Quoted(text) => Some(text.to_owned()),
            Lexeme::Text(_)
            | Lexeme::Dollar(_)
            | Lexeme::Variable(_)
            | Lexeme::Number(_)
            | Lexeme::Url(_)
            | Lexeme::Flow
            | Lexeme::Symbol(_) => None,
        }
    }
}

/// Takes a text apart; what was read before something ambiguous stays in `tokens`.
pub(super) fn lex<'a>(text: &'a str, tokens: &mut Vec<Token<'a>>) -> Result<(), Obscurity> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Obscurity::TooLong);
    }
    let mut lexer = Lexer {
        text,
        rest: text,
        in_path: false,
        in_transfer: false,
    };
    let mut gauge = limits::Gauge::default();
    while let Some(first) = lexer.rest.chars().next() {
        let start = lexer.position();
        let found = lexer
            .next(first)
            .map_err(|ambiguity| ambiguity.at(text, start))?;
        let Some(lexeme) = found else { continue };
        let token = Token {
            lexeme,
            start,
            end: lexer.position(),
        };
        lexer.note(&token, tokens.last());
        tokens.push(token);
        gauge.count(&token)?;
    }
    Ok(())
}

/// Something that two readers could take for different things.
#[derive(Clone, Copy, Debug)]
struct Ambiguity(&'static str);

impl Ambiguity {
    fn at(self, text: &str, position: usize) -> Obscurity {
        let before = text.get(..position).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Obscurity::Ambiguous {
            what: self.0,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    rest: &'a str,
    /// Inside `@stage/path`, where `//` may be a path and may be a comment.
    in_path: bool,
    /// Inside a `PUT` or `GET`, where `file://` is no comment.
    in_transfer: bool,
}

impl<'a> Lexer<'a> {
    const fn position(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Keeps what the meaning of the following characters depends on.
    fn note(&mut self, token: &Token<'a>, before: Option<&Token<'a>>) {
        if token.is_symbol('@') {
            self.in_path = true;
        } else if ['(', ')', ',', ';'].iter().any(|it| token.is_symbol(*it)) {
            self.in_path = false;
        }
        if before.is_none_or(|before| before.is_symbol(';')) {
            self.in_transfer = token.is_any(&["PUT", "GET"]);
        }
    }

    /// Reads one lexeme, or skips white space or a comment.
    fn next(&mut self, first: char) -> Result<Option<Lexeme<'a>>, Ambiguity> {
        let rest = self.rest;
        let is_comment = ["--", "//", "/*"].iter().any(|it| rest.starts_with(it));
        if is_comment && self.in_path {
            return Err(Ambiguity(
                "a comment inside a stage path; put white space before it",
            ));
        }
        if is_comment || matches!(first, ' ' | '\t' | '\n' | '\r') {
            self.rest = skip(rest, first)?;
            self.in_path = false;
            return Ok(None);
        }
        let (lexeme, after) = self.lexeme(rest, first)?;
        self.rest = after;
        Ok(Some(lexeme))
    }

    fn lexeme(&self, rest: &'a str, first: char) -> Result<(Lexeme<'a>, &'a str), Ambiguity> {
        Ok(match first {
            '\'' => {
                let unclosed = Ambiguity("a string that is not closed; close it with '");
                let (body, after) = quoted(rest, '\'', true).ok_or(unclosed)?;
                (Lexeme::Text(body), after)
            }
            '"' => {
                let unclosed = Ambiguity("a quoted name that is not closed; close it with \"");
                let (body, after) = quoted(rest, '"', false).ok_or(unclosed)?;
                (Lexeme::Quoted(body), after)
            }
            '$' => dollar(rest)?,
            // Not a comment in Snowflake's documentation, but one to the parser.
            '#' => return Err(Ambiguity("`#`, which is no comment in Snowflake; write --")),
            '0'..='9' => {
                let (number, after) = number(rest);
                (Lexeme::Number(number), after)
            }
            c if c.is_ascii_alphabetic() || c == '_' => self.word(rest)?,
            '-' if rest.starts_with("->>") => {
                (Lexeme::Flow, rest.strip_prefix("->>").unwrap_or_default())
            }
            c if c.is_ascii_graphic() => {
                (Lexeme::Symbol(c), rest.strip_prefix(c).unwrap_or_default())
            }
            '\0' => return Err(Ambiguity("a NUL character; take it out")),
            c if c.is_alphanumeric() => {
                return Err(Ambiguity(
                    "a letter outside ASCII, which can look like another; write the name in \
                     double quotes",
                ));
            }
            // White space and control characters that readers disagree about, marks.
            _ => {
                return Err(Ambiguity(
                    "a character that is no plain ASCII; use plain spaces and quotes",
                ));
            }
        })
    }

    fn word(&self, rest: &'a str) -> Result<(Lexeme<'a>, &'a str), Ambiguity> {
        let (word, after) = take_while(rest, |c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
        });
        // Where does the name end and the string begin?
        if word.contains("$$") {
            return Err(Ambiguity("`$$` inside a word; put white space before it"));
        }
        // Other databases have strings with such a prefix, in which escapes mean other things.
        let prefix = word.len() == 1 && !word.eq_ignore_ascii_case("x");
        if prefix && after.starts_with('\'') {
            return Err(Ambiguity("a letter right before a string; take it away"));
        }
        if word.eq_ignore_ascii_case("file") && after.starts_with("://") {
            let (url, after) = take_while(rest, |c| !c.is_ascii_whitespace());
            let is_plain = !url.contains(['\'', '"', ';', '#', '\0', '*'])
                || (url.contains('*') && !url.contains("/*"));
            return match self.in_transfer && is_plain {
                true => Ok((Lexeme::Url(url), after)),
                false => Err(Ambiguity(
                    "`file://` without quotes; put the path in quotes",
                )),
            };
        }
        Ok((Lexeme::Word(word), after))
    }
}

/// Skips white space or a comment.
fn skip(rest: &str, first: char) -> Result<&str, Ambiguity> {
    let (comment, after) = if rest.starts_with("--") || rest.starts_with("//") {
        rest.split_once('\n').unwrap_or((rest, ""))
    } else if let Some(body) = rest.strip_prefix("/*") {
        let unclosed = Ambiguity("a comment that is not closed; close it with */");
        let (inside, after) = body.split_once("*/").ok_or(unclosed)?;
        // Snowflake's do not nest, others' do: is what follows the first end code?
        if inside.contains("/*") {
            return Err(Ambiguity("a comment inside a comment; take one out"));
        }
        (inside, after)
    } else {
        let lone = Ambiguity("a carriage return without a line feed; end lines with a line feed");
        return match first {
            ' ' | '\t' | '\n' => Ok(rest.strip_prefix(first).unwrap_or_default()),
            _ => rest.strip_prefix("\r\n").ok_or(lone),
        };
    };
    // A character that another reader could take for the end of the line would end its comment.
    let before_newline = comment.strip_suffix('\r').unwrap_or(comment);
    let before_newline = before_newline.replace("\r\n", "\n");
    let plain = |c: char| matches!(c, ' ' | '\t' | '\n') || !(c.is_control() || c.is_whitespace());
    if before_newline.chars().all(plain) {
        Ok(after)
    } else {
        Err(Ambiguity(
            "a comment with a control character or unusual white space, which may end it; take \
             the comment out",
        ))
    }
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
fn quoted(rest: &str, quote: char, backslashes: bool) -> Option<(&str, &str)> {
    let body = rest.strip_prefix(quote)?;
    let mut chars = body.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\0' {
            return None;
        } else if c == '\\' && backslashes {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            let (inside, after) = body.split_at_checked(at)?;
            return Some((inside, after.strip_prefix(quote).unwrap_or_default()));
        }
    }
    None
}

/// `$$…$$` or a variable. `$a$` opens a string for the parser and is two names for Snowflake.
fn dollar(rest: &str) -> Result<(Lexeme<'_>, &str), Ambiguity> {
    if let Some(body) = rest.strip_prefix("$$") {
        let unclosed = Ambiguity("a `$$` string that is not closed; close it with $$");
        let (inside, after) = body.split_once("$$").ok_or(unclosed)?;
        return Ok((Lexeme::Dollar(inside), after));
    }
    let body = rest.strip_prefix('$').unwrap_or_default();
    let (name, after) = take_while(body, |c| c.is_ascii_alphanumeric() || c == '_');
    // The end of the rows, in the `PATTERN` of a `MATCH_RECOGNIZE`.
    if name.is_empty() && after.starts_with([' ', '\n', ')']) {
        return Ok((Lexeme::Symbol('$'), after));
    }
    if name.is_empty() {
        return Err(Ambiguity("a lone `$`; write $name or $1"));
    }
    if after.starts_with('$') {
        return Err(Ambiguity(
            "`$name$`, which opens a string for some readers; write $$",
        ));
    }
    Ok((Lexeme::Variable(name), after))
}

/// The byte ranges of everything in a text that means something, in order: what lies between them is
/// white space or comment. `None` when two readers could take the text for different things.
#[must_use]
pub fn spans(text: &str) -> Option<Vec<Range<usize>>> {
    let mut tokens = Vec::new();
    lex(text, &mut tokens).ok()?;
    Some(tokens.iter().map(|token| token.start..token.end).collect())
}
