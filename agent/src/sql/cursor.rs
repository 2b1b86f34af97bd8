//! Reading tokens from left to right: words, names, stages.

use super::context::{Context, SessionState};
use super::facts::ObjectKind;
use super::lexer::{Lexeme, Token};
use super::limits::TEXTS_NESTED_MAX;
use super::name::{ObjectName, fold};
use super::opaque::Obscurity;
use super::written::{Place, identifier, read_name, read_stage};

/// One statement, or a part of one: its tokens, and the text that they were read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'s> {
    pub(super) text: &'s str,
    pub(super) tokens: &'s [Token<'s>],
}

impl<'s> Piece<'s> {
    /// The text of these tokens, with what stands between them.
    pub(super) fn source(&self) -> &'s str {
        let (Some(first), Some(last)) = (self.tokens.first(), self.tokens.last()) else {
            return "";
        };
        self.text.get(first.start..last.end).unwrap_or_default()
    }

    pub(super) const fn with(&self, tokens: &'s [Token<'s>]) -> Self {
        Self {
            text: self.text,
            tokens,
        }
    }

    /// The tokens from `at` on.
    pub(super) fn from(&self, at: usize) -> Self {
        self.with(self.tokens.get(at..).unwrap_or_default())
    }

    /// The tokens before `at`.
    pub(super) fn until(&self, at: usize) -> Self {
        self.with(self.tokens.get(..at).unwrap_or(self.tokens))
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.is(word))
    }

    /// True if these words stand together somewhere.
    pub(super) fn has_all(&self, words: &[&str]) -> bool {
        self.tokens.windows(words.len()).any(|window| {
            let mut pairs = window.iter().zip(words);
            pairs.all(|(token, word)| token.is(word))
        })
    }

    /// Where the first token outside of brackets is that fits.
    pub(super) fn find(&self, fits: impl Fn(&Token<'s>) -> bool) -> Option<usize> {
        let mut depth = 0_usize;
        self.tokens.iter().position(|token| {
            let found = depth == 0 && fits(token);
            if token.is_symbol('(') {
                depth += 1;
            } else if token.is_symbol(')') {
                depth = depth.saturating_sub(1);
            }
            found
        })
    }
}

/// What the names of a statement are resolved with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'c> {
    pub(super) context: &'c Context,
    /// The context's: as it is when the statement begins, earlier ones may have changed it.
    pub(super) session: &'c SessionState,
    /// Statements around this one.
    depth: usize,
    /// Inside a block, where `SELECT … INTO` fills variables.
    in_block: bool,
}

impl<'c> Scope<'c> {
    pub(super) fn new(context: &'c Context) -> Self {
        Self {
            context,
            session: &context.session,
            depth: 0,
            in_block: false,
        }
    }

    /// The scope of a statement inside this one.
    pub(super) const fn deeper(self) -> Result<Self, Obscurity> {
        if self.depth >= TEXTS_NESTED_MAX {
            return Err(Obscurity::TooDeep);
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    /// The same place with another session around it.
    pub(super) fn in_context<'d>(self, context: &'d Context) -> Scope<'d> {
        Scope {
            context,
            session: &context.session,
            depth: self.depth,
            in_block: self.in_block,
        }
    }

    pub(super) const fn inside_block(self) -> Self {
        Self {
            in_block: true,
            ..self
        }
    }

    pub(super) const fn is_in_block(self) -> bool {
        self.in_block
    }

    pub(super) fn resolve(self, kind: ObjectKind, name: &ObjectName) -> ObjectName {
        name.resolve(kind.depth(), self.session)
    }

    /// Resolves a name of at most `depth` parts; one of more is not the name of such an object.
    pub(super) fn resolve_whole(
        self,
        depth: usize,
        name: &ObjectName,
    ) -> Result<ObjectName, Obscurity> {
        if name.parts().len() > depth {
            let parts = name.parts().len();
            return Err(Obscurity::Form(format!("a name of {parts} parts")));
        }
        Ok(name.resolve(depth, self.session))
    }

    /// Everything that a name in a query can mean.
    pub(super) fn candidates(self, kind: ObjectKind, name: &ObjectName) -> Vec<ObjectName> {
        if kind.depth() == 3 {
            name.candidates(self.session)
        } else {
            vec![self.resolve(kind, name)]
        }
    }

    /// The value of a session variable, where it is known.
    pub(super) fn variable(self, name: &str) -> Option<&'c str> {
        let name = name.to_ascii_uppercase();
        self.session.variables.get(&name)?.as_deref()
    }
}

/// Reads a piece from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'s> {
    piece: Piece<'s>,
    at: usize,
}

impl<'s> Cursor<'s> {
    pub(super) const fn new(piece: Piece<'s>) -> Self {
        Self { piece, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<&'s Token<'s>> {
        self.piece.tokens.get(self.at)
    }

    pub(super) fn peek_at(&self, offset: usize) -> Option<&'s Token<'s>> {
        self.piece.tokens.get(self.at + offset)
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> Piece<'s> {
        self.piece.from(self.at)
    }

    pub(super) fn is_done(&self) -> bool {
        self.peek().is_none()
    }

    pub(super) const fn skip(&mut self, count: usize) {
        self.at += count;
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is(word))
    }

    /// Reads these words if they are next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let fits = words
            .iter()
            .enumerate()
            .all(|(offset, word)| self.peek_at(offset).is_some_and(|token| token.is(word)));
        if fits {
            self.at += words.len();
        }
        fits
    }

    pub(super) fn take_symbol(&mut self, symbol: char) -> bool {
        let fits = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(fits);
        fits
    }

    /// Reads one word and gives it in upper case.
    pub(super) fn any_word(&mut self) -> Option<String> {
        let word = self.peek()?.word()?;
        self.at += 1;
        Some(word.to_ascii_uppercase())
    }

    pub(super) fn if_exists(&mut self) {
        if !self.take(&["IF", "NOT", "EXISTS"]) {
            self.take(&["IF", "EXISTS"]);
        }
    }

    /// Skips a bracket that is next, with all that is in it; gives what is in it.
    pub(super) fn brackets(&mut self) -> Option<Piece<'s>> {
        if !self.peek()?.is_symbol('(') {
            return None;
        }
        let inside = self.piece.from(self.at + 1);
        let length = inside.find(|token| token.is_symbol(')'))?;
        self.at += length + 2;
        Some(inside.until(length))
    }

    /// Reads a name and resolves it as the name of such an object.
    pub(super) fn name(
        &mut self,
        kind: ObjectKind,
        scope: Scope<'_>,
    ) -> Result<ObjectName, Obscurity> {
        let name = self.raw_name(scope)?;
        scope.resolve_whole(kind.depth(), &name)
    }

    /// Reads a name as it is written: `a.b.c`, `db..t`, `IDENTIFIER('a.b')`, `IDENTIFIER($v)`.
    pub(super) fn raw_name(&mut self, scope: Scope<'_>) -> Result<ObjectName, Obscurity> {
        let is_call = self.peek_at(1).is_some_and(|token| token.is_symbol('('));
        if self.is("IDENTIFIER") && is_call {
            self.skip(1);
            let argument = self.brackets().ok_or(Obscurity::DynamicName)?;
            return identifier(argument.tokens, scope).ok_or(Obscurity::DynamicName);
        }
        // Sessions of the Snowflake web interface name objects by a bare variable, too.
        if let Some(Lexeme::Variable(variable)) = self.peek().map(|token| token.lexeme) {
            self.skip(1);
            let value = scope.variable(variable).ok_or(Obscurity::DynamicName)?;
            return read_name(value, scope).ok_or(Obscurity::DynamicName);
        }
        let mut cursor = *self;
        let missing = || Obscurity::NoName(self.piece_words());
        let mut parts = vec![cursor.part(scope).ok_or_else(missing)?];
        while cursor.take_symbol('.') {
            // `db..t` is in the schema PUBLIC.
            if parts.len() == 1 && cursor.take_symbol('.') {
                parts.push("PUBLIC".to_owned());
            }
            parts.push(cursor.part(scope).ok_or_else(missing)?);
        }
        let name = ObjectName::new(parts).ok_or_else(missing)?;
        self.at = cursor.at;
        Ok(name)
    }

    fn part(&mut self, scope: Scope<'_>) -> Option<String> {
        let part = match self.peek()?.lexeme {
            Lexeme::Word(word) => fold(word, false, scope.session),
            Lexeme::Quoted(quoted) => fold(quoted, true, scope.session),
            Lexeme::Text(_)
            | Lexeme::Dollar(_)
            | Lexeme::Variable(_)
            | Lexeme::Number(_)
            | Lexeme::Url(_)
            | Lexeme::Flow
            | Lexeme::Symbol(_) => return None,
        };
        self.at += 1;
        Some(part)
    }

    /// The first words of what is read, for a message.
    fn piece_words(&self) -> String {
        let words = self.piece.tokens.iter().map_while(Token::word).take(3);
        let words: Vec<String> = words.map(super::opaque::clip).collect();
        format!("`{}`", words.join(" "))
    }

    /// Reads `@stage/path`, `@%table`, `@~` or a string with one of these or with a URL in it.
    pub(super) fn stage(&mut self, scope: Scope<'_>) -> Result<Place, Obscurity> {
        let missing = || Obscurity::NoName(self.piece_words());
        if let Some(Lexeme::Text(text)) = self.peek().map(|token| token.lexeme) {
            let place = read_stage(text, scope).ok_or_else(missing)?;
            self.at += 1;
            return Ok(place);
        }
        if let Some(Lexeme::Variable(variable)) = self.peek().map(|token| token.lexeme) {
            let value = scope.variable(variable).ok_or(Obscurity::DynamicName)?;
            let place = read_stage(value, scope).ok_or_else(missing)?;
            self.at += 1;
            return Ok(place);
        }
        let start = self.peek().filter(|token| token.is_symbol('@'));
        let start = start.ok_or_else(missing)?;
        // Up to white space, or a symbol that no path has.
        let mut end = start.end;
        let tokens = self.rest().tokens.iter().skip(1);
        let path: Vec<&Token<'_>> = tokens
            .take_while(|token| {
                let ends = ['(', ')', ',', ';'].iter().any(|it| token.is_symbol(*it));
                let glued = token.start == end && !ends;
                end = token.end;
                glued
            })
            .collect();
        let end = path.last().map_or(start.end, |token| token.end);
        let written = self.piece.text.get(start.start..end).unwrap_or_default();
        self.at += 1 + path.len();
        read_stage(written, scope).ok_or_else(|| Obscurity::NoName(self.piece_words()))
    }
}
