//! What commands print, and how.

use std::io::{self, IsTerminal as _, Write};

use anyhow::Result;
use serde::Serialize;

use crate::config::ConfigError;
use crate::telemetry::ErrorChain;

/// Where a command prints to. Commands print to nothing else, so that tests read what people see.
pub(super) struct Output<'w> {
    writer: Box<dyn Write + 'w>,
    colour: bool,
    stdout: bool,
}

/// How a word is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Bad,
    Good,
}

impl Output<'static> {
    pub(super) fn stdout() -> Self {
        // https://no-color.org
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            writer: Box::new(io::stdout()),
            colour,
            stdout: true,
        }
    }
}

#[cfg(test)]
impl<'w> Output<'w> {
    pub(super) fn plain(writer: &'w mut impl Write) -> Self {
        Self {
            writer: Box::new(writer),
            colour: false,
            stdout: false,
        }
    }
}

impl Output<'_> {
    pub(super) fn line(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(self.writer, "{text}")?)
    }

    /// Asks a question, the answer follows on the same line.
    pub(super) fn prompt(&mut self, text: &str) -> Result<()> {
        write!(self.writer, "{text}: ")?;
        Ok(self.writer.flush()?)
    }

    /// Prints the text as it is.
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        Ok(self.writer.write_all(text.as_bytes())?)
    }

    /// Prints many lines at once.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.writer.write_all(bytes)?)
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.writer.flush()?)
    }

    /// False where a test reads what people see.
    pub(super) const fn is_stdout(&self) -> bool {
        self.stdout
    }

    /// True if colours are wanted.
    pub(super) const fn has_colour(&self) -> bool {
        self.colour
    }

    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.line(&escape(&text))
    }

    /// Prints rows with their columns below each other.
    pub(super) fn table(&mut self, rows: &[Vec<String>]) -> Result<()> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        for row in rows {
            let mut line = String::new();
            for (cell, column_width) in row.iter().zip(&widths) {
                line.push_str(cell);
                let gap = column_width.saturating_sub(width(cell)).saturating_add(2);
                line.extend(std::iter::repeat_n(' ', gap));
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Colours a word, on a terminal only.
    pub(super) fn paint(&self, tone: Tone, word: &str) -> String {
        let code = match tone {
            Tone::Bad => 31,
            Tone::Good => 32,
        };
        if self.colour {
            format!("\x1b[{code}m{word}\x1b[0m")
        } else {
            word.to_owned()
        }
    }
}

/// Makes JSON safe to look at on a terminal and leaves its meaning: what JSON itself does not
/// escape but a terminal obeys is inside strings, where an escape means the same.
pub(super) fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unseen(character) && character != '\n' {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// One line of a text that an agent may have written: nothing in it steers the terminal or turns
/// the order of what is read.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    let text = text.trim().replace(['\n', '\t'], " ");
    several_lines(&text, chars_max)
}

/// The same with the lines as they are.
pub(super) fn several_lines(text: &str, chars_max: usize) -> String {
    let seen = |character| match character {
        '\n' | '\t' => character,
        character if is_unseen(character) => char::REPLACEMENT_CHARACTER,
        character => character,
    };
    let mut shown: String = text.chars().take(chars_max).map(seen).collect();
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

/// Control characters, and the invisible ones that join, split or turn what is around them. All of
/// them are below U+10000.
pub(super) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// How many columns a cell takes on a terminal: escape sequences take none.
fn width(cell: &str) -> usize {
    let mut hidden = false;
    cell.chars()
        .filter(|character| {
            let starts = *character == '\x1b';
            let shown = !hidden && !starts;
            hidden = starts || (hidden && *character != 'm');
            shown
        })
        .count()
}

/// Tells a person on standard error what is not for the file that the output goes to.
pub(super) fn remark(text: &str) {
    // Whoever closed it does not want to know.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Tells on standard error why a command failed.
pub(super) fn complain(error: &anyhow::Error) {
    // Nobody is left to tell if standard error is closed.
    drop(writeln!(io::stderr(), "{}", complaint(error)));
}

/// Findings about a file begin with their place, as editors expect; all else with our name.
fn complaint(error: &anyhow::Error) -> String {
    if let Some(ConfigError::Invalid(report)) = error.downcast_ref() {
        return report.to_string();
    }
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    format!("snowfence: {}", ErrorChain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_agent_wrote_steers_the_terminal() {
        let evil = "ok\u{1b}[2J\u{9b}31m\r\u{202e}drop\u{200b} x\ny";
        let replaced = "ok\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}drop\u{fffd} x";
        assert_eq!(one_line(evil, 99), format!("{replaced} y"));
        assert_eq!(several_lines(evil, 99), format!("{replaced}\ny"));
        assert_eq!(one_line("abcdef", 3), "abc…");
        let json = escape(&serde_json::to_string(evil).expect("written"));
        assert!(!json.chars().any(is_unseen), "{json}");
        let back: String = serde_json::from_str(&json).expect("still JSON");
        assert_eq!(back, evil);
    }

    #[test]
    fn columns_line_up_with_and_without_colour() {
        let check = |colour: bool| {
            let mut bytes = Vec::new();
            let mut output = Output {
                writer: Box::new(&mut bytes),
                colour,
                stdout: false,
            };
            let yes = output.paint(Tone::Good, "yes");
            let rows = [
                vec!["a".to_owned(), yes, "x".to_owned()],
                vec!["bcd".to_owned(), "no".to_owned(), "y".to_owned()],
            ];
            output.table(&rows).expect("written");
            drop(output);
            String::from_utf8(bytes).expect("text")
        };
        assert_eq!(check(false), "a    yes  x\nbcd  no   y\n");
        assert_eq!(check(true), "a    \x1b[32myes\x1b[0m  x\nbcd  no   y\n");
    }
}
