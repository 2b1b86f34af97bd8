//! Rewrites the values of a JSON text and nothing else of it.
//!
//! One pass without recursion or a value tree: bytes that do not change are copied as they are, so
//! numbers keep their digits and objects their order and their white space. What Snowflake writes in
//! place of JSON is read too: `undefined` in arrays, and numbers that are none.
//!
//! The reader is laxer than RFC 8259 in one point, control characters inside strings, because a
//! value that is not read is lost to the caller as a whole. Where a string begins and ends does not
//! depend on it.

mod string;

use memchr::memchr2;

pub use self::string::unescaped;
use self::string::{escape, unescape};

/// A value that is neither object nor array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leaf<'a> {
    /// Unescaped; half a surrogate pair is U+FFFD.
    Text(&'a str),
    /// As it is written.
    Number(&'a str),
    Boolean(bool),
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Same,
    Null,
    /// A string: what was appended to the output, which is escaped by the caller.
    Text,
    /// A number: what was appended to the output, which is written as it is.
    Number,
}

/// The text is not JSON as Snowflake writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON")]
pub struct NotJson;

/// Copies a JSON text to `output` with every leaf as `each` wants it; keys, order and white space
/// stay. `null` and Snowflake's `undefined` stay without being asked about. Returns whether anything
/// changed.
///
/// # Errors
/// The text is not JSON; what `output` holds is then of no use.
pub fn rewrite(
    json: &str,
    output: &mut String,
    each: &mut dyn FnMut(Leaf<'_>, &mut String) -> Change,
) -> Result<bool, NotJson> {
    rewrite_keyed(json, output, &mut |_, leaf, output| each(leaf, output))
}

/// The same, where `each` is told the nearest key above each leaf too: an array's is that of what it
/// stands in. It is the key as it is written ([`unescaped`] undoes that), empty where there is none.
///
/// # Errors
/// As [`rewrite`].
pub fn rewrite_keyed<'j>(
    json: &'j str,
    output: &mut String,
    each: &mut dyn FnMut(&'j str, Leaf<'_>, &mut String) -> Change,
) -> Result<bool, NotJson> {
    let mut walk = Walk {
        json,
        at: 0,
        copied: 0,
        key: "",
        output,
        each,
        unescaped: String::new(),
        fresh: String::new(),
        changed: false,
    };
    walk.document()?;
    let Walk {
        copied, changed, ..
    } = walk;
    output.push_str(json.get(copied..).ok_or(NotJson)?);
    Ok(changed)
}

/// What may stand at a place between two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After a comma of an object.
    Key,
    /// After `{`.
    KeyOrEnd,
    /// After a value in a container.
    CommaOrEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// A container that is not closed yet, and the key that it stands under.
#[derive(Clone, Copy, Debug)]
struct Open<'j> {
    container: Container,
    key: &'j str,
}

struct Walk<'j, 'o> {
    json: &'j str,
    at: usize,
    /// Up to here the text is in the output, as it is or changed.
    copied: usize,
    /// The nearest above the next value.
    key: &'j str,
    output: &'o mut String,
    each: &'o mut dyn FnMut(&'j str, Leaf<'_>, &mut String) -> Change,
    unescaped: String,
    fresh: String,
    changed: bool,
}

impl<'j> Walk<'j, '_> {
    fn document(&mut self) -> Result<(), NotJson> {
        let mut open = Vec::new();
        let mut expected = Expected::Value;
        loop {
            self.skip_space();
            let Some(byte) = self.peek() else {
                break;
            };
            expected = match (expected, byte) {
                (Expected::Value | Expected::ValueOrEnd, b'[') => {
                    self.enter(&mut open, Container::Array)?;
                    Expected::ValueOrEnd
                }
                (Expected::Value | Expected::ValueOrEnd, b'{') => {
                    self.enter(&mut open, Container::Object)?;
                    Expected::KeyOrEnd
                }
                (Expected::ValueOrEnd, b']') | (Expected::KeyOrEnd, b'}') => {
                    self.leave(&mut open);
                    Expected::CommaOrEnd
                }
                (Expected::Value | Expected::ValueOrEnd, _) => {
                    self.leaf(byte)?;
                    Expected::CommaOrEnd
                }
                (Expected::Key | Expected::KeyOrEnd, b'"') => {
                    self.key()?;
                    Expected::Value
                }
                (Expected::CommaOrEnd, _) => match (open.last().map(|it| it.container), byte) {
                    (Some(Container::Array), b',') => {
                        self.at += 1;
                        Expected::Value
                    }
                    (Some(Container::Object), b',') => {
                        self.at += 1;
                        Expected::Key
                    }
                    (Some(Container::Array), b']') | (Some(Container::Object), b'}') => {
                        self.leave(&mut open);
                        Expected::CommaOrEnd
                    }
                    (Some(Container::Array | Container::Object) | None, _) => {
                        return Err(NotJson);
                    }
                },
                (Expected::Key | Expected::KeyOrEnd, _) => return Err(NotJson),
            };
        }
        let is_whole = expected == Expected::CommaOrEnd && open.is_empty();
        is_whole.then_some(()).ok_or(NotJson)
    }

    fn enter(&mut self, open: &mut Vec<Open<'j>>, container: Container) -> Result<(), NotJson> {
        if open.len() == DEPTH_MAX {
            return Err(NotJson);
        }
        self.at += 1;
        open.push(Open {
            container,
            key: self.key,
        });
        Ok(())
    }

    fn leave(&mut self, open: &mut Vec<Open<'j>>) {
        self.at += 1;
        if let Some(closed) = open.pop() {
            self.key = closed.key;
        }
    }

    fn key(&mut self) -> Result<(), NotJson> {
        (self.key, _) = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(NotJson);
        }
        self.at += 1;
        Ok(())
    }

    fn leaf(&mut self, first: u8) -> Result<(), NotJson> {
        let start = self.at;
        self.fresh.clear();
        let change = if first == b'"' {
            let (body, escaped) = self.string()?;
            if escaped {
                self.unescaped.clear();
                unescape(body, &mut self.unescaped)?;
                (self.each)(self.key, Leaf::Text(&self.unescaped), &mut self.fresh)
            } else {
                (self.each)(self.key, Leaf::Text(body), &mut self.fresh)
            }
        } else {
            match self.word()? {
                "true" => (self.each)(self.key, Leaf::Boolean(true), &mut self.fresh),
                "false" => (self.each)(self.key, Leaf::Boolean(false), &mut self.fresh),
                "null" | "undefined" => Change::Same,
                number if NO_NUMBERS.contains(&number) || is_number(number.as_bytes()) => {
                    (self.each)(self.key, Leaf::Number(number), &mut self.fresh)
                }
                _ => return Err(NotJson),
            }
        };
        self.put(start, change)
    }

    /// Writes what became of the value that began at `start` and has just been read.
    fn put(&mut self, start: usize, change: Change) -> Result<(), NotJson> {
        if change == Change::Same {
            return Ok(());
        }
        let before = self.json.get(self.copied..start).ok_or(NotJson)?;
        self.output.push_str(before);
        match change {
            Change::Same => {}
            Change::Null => self.output.push_str("null"),
            Change::Number => self.output.push_str(&self.fresh),
            Change::Text => {
                self.output.push('"');
                escape(&self.fresh, self.output);
                self.output.push('"');
            }
        }
        self.copied = self.at;
        self.changed = true;
        Ok(())
    }

    /// Reads a string: what stands between its quotes, and whether there are escapes in it.
    fn string(&mut self) -> Result<(&'j str, bool), NotJson> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let rest = self.json.as_bytes().get(at..).ok_or(NotJson)?;
            let found = at + memchr2(b'"', b'\\', rest).ok_or(NotJson)?;
            if self.json.as_bytes().get(found) == Some(&b'"') {
                self.at = found + 1;
                return Ok((self.json.get(start..found).ok_or(NotJson)?, escaped));
            }
            escaped = true;
            at = found + 2;
        }
    }

    /// Reads what is no string and no container: to the next character that cannot be part of it.
    fn word(&mut self) -> Result<&'j str, NotJson> {
        let rest = self.json.get(self.at..).ok_or(NotJson)?;
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).ok_or(NotJson)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }
}

/// The grammar of RFC 8259, section 6.
fn is_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let rest = match unsigned {
        [b'0', rest @ ..] => rest,
        [b'1'..=b'9', rest @ ..] => digits(rest),
        [..] => return false,
    };
    let rest = match rest {
        [b'.', b'0'..=b'9', rest @ ..] => digits(rest),
        [..] => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            !exponent.is_empty() && digits(exponent).is_empty()
        }
        [..] => false,
    }
}

fn digits(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.get(length..).unwrap_or_default()
}

/// Values of the type FLOAT that JSON cannot write, in the spellings that drivers meet.
const NO_NUMBERS: [&str; 6] = ["NaN", "Infinity", "-Infinity", "inf", "-inf", "-NaN"];

/// Some bytes of memory for each level. Snowflake's own reader gives up long before.
const DEPTH_MAX: usize = 4096;

#[cfg(test)]
mod tests;
