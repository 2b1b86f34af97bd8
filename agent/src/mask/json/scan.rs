//! Where the cells of a row are: one pass over its bytes, nothing decoded and nothing copied.
//!
//! RFC 8259 decides what is JSON; of that a row holds strings and nulls only, as drivers read
//! nothing else there. What no JSON parser takes is refused even where nobody looks at the value:
//! two parsers that repair it differently disagree about where a cell ends, and so about which column
//! is masked. Lone surrogates in escapes are taken: parsers agree about where they end.

use crate::mask::rows::RowsError;

/// Where a cell is in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Of a string without its quotes; of a null the word.
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    /// A string whose bytes are its text.
    Plain,
    /// A string with escapes.
    Escaped,
}

/// Finds the cells of the row with which `bytes` begin; tells its length, or `None` when it goes on
/// behind `bytes`.
///
/// # Errors
/// It is no row, or one of another number of columns.
pub(super) fn row(
    bytes: &[u8],
    columns: usize,
    cells: &mut Vec<Cell>,
) -> Result<Option<usize>, RowsError> {
    cells.clear();
    match bytes.first() {
        None => return Ok(None),
        Some(b'[') => {}
        Some(_) => return Err(RowsError::Malformed("a row is not an array")),
    }
    let mut at = skip_space(bytes, 1);
    if bytes.get(at) == Some(&b']') && columns == 0 {
        return Ok(Some(at + 1));
    }
    loop {
        let start = at + 1;
        let cell = match bytes.get(at) {
            Some(b'"') => {
                let end = start + plain(bytes.get(start..).unwrap_or_default());
                if bytes.get(end) == Some(&b'"') {
                    let kind = Kind::Plain;
                    Some(Cell { start, end, kind })
                } else {
                    string(bytes, start, end)?
                }
            }
            Some(b' ' | b'\n' | b'\r' | b'\t') => {
                at = skip_space(bytes, at);
                continue;
            }
            Some(b']') => return Err(RowsError::Shape),
            Some(_) | None => null(bytes, at)?,
        };
        let Some(cell) = cell else {
            return Ok(None);
        };
        if cells.len() == columns {
            return Err(RowsError::Shape);
        }
        cells.push(cell);
        at = match cell.kind {
            Kind::Null => cell.end,
            Kind::Plain | Kind::Escaped => cell.end + 1,
        };
        if let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
            at = skip_space(bytes, at);
        }
        match bytes.get(at) {
            None => return Ok(None),
            Some(b',') => at += 1,
            Some(b']') if cells.len() == columns => return Ok(Some(at + 1)),
            Some(b']') => return Err(RowsError::Shape),
            Some(_) => {
                return Err(RowsError::Malformed(
                    "a cell is followed by neither , nor ]",
                ));
            }
        }
    }
}

fn null(bytes: &[u8], at: usize) -> Result<Option<Cell>, RowsError> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.starts_with(b"null") {
        return Ok(Some(Cell {
            start: at,
            end: at + 4,
            kind: Kind::Null,
        }));
    }
    if b"null".starts_with(rest) {
        return Ok(None);
    }
    Err(RowsError::Malformed("a cell is neither a string nor null"))
}

/// The string whose first byte behind the quote is at `start`, and whose first byte that means
/// something is at `at`.
fn string(bytes: &[u8], start: usize, mut at: usize) -> Result<Option<Cell>, RowsError> {
    let mut kind = Kind::Plain;
    loop {
        match bytes.get(at) {
            None => return Ok(None),
            Some(b'"') => {
                return Ok(Some(Cell {
                    start,
                    end: at,
                    kind,
                }));
            }
            Some(b'\\') => {
                kind = Kind::Escaped;
                match escape(bytes.get(at + 1..).unwrap_or_default())? {
                    None => return Ok(None),
                    Some(length) => at += 1 + length,
                }
            }
            Some(_) => return Err(RowsError::Malformed("a control character in a string")),
        }
        at += plain(bytes.get(at..).unwrap_or_default());
    }
}

/// The length of what follows a backslash; `None` when it goes on behind `bytes`.
fn escape(bytes: &[u8]) -> Result<Option<usize>, RowsError> {
    match bytes.split_first() {
        None => Ok(None),
        Some((b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', _)) => Ok(Some(1)),
        Some((b'u', rest)) => {
            let digits = rest.get(..4).unwrap_or(rest);
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return Err(RowsError::Malformed(BAD_ESCAPE));
            }
            Ok((digits.len() == 4).then_some(5))
        }
        Some(_) => Err(RowsError::Malformed(BAD_ESCAPE)),
    }
}

/// How many bytes there are before the first that means something in a string: a quote, a backslash
/// or a control character.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut before = 0;
    for word in words {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            // One of the eight bytes of a word.
            return before + (found.trailing_zeros() / 8) as usize;
        }
        before += 8;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    before + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The high bit of every byte that is a quote, a backslash or below 0x20. Bytes above the lowest that
/// is may be flagged as well, because a borrow reaches them; the lowest is right.
const fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let found = (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    found & HIGHS
}

/// The first place from `at` that is no white space.
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Looks for the end of a row that comes in pieces, so that each byte is read once more and not once
/// for each piece.
#[derive(Debug, Default)]
pub(super) struct Seeker {
    in_string: bool,
    in_escape: bool,
}

impl Seeker {
    /// The place behind the row's end, if it is in these bytes.
    pub(super) fn seek(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.is_empty() {
            return None;
        }
        let mut at = usize::from(std::mem::take(&mut self.in_escape));
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if self.in_string {
                at += memchr::memchr2(b'"', b'\\', rest)? + 1;
                if bytes.get(at - 1) == Some(&b'"') {
                    self.in_string = false;
                } else if at < bytes.len() {
                    // What an escape is made of behind its second byte ends no string.
                    at += 1;
                } else {
                    self.in_escape = true;
                    return None;
                }
            } else {
                at += memchr::memchr2(b'"', b']', rest)? + 1;
                if bytes.get(at - 1) != Some(&b'"') {
                    return Some(at);
                }
                self.in_string = true;
            }
        }
    }
}

const BAD_ESCAPE: &str = "an escape that is none";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8], columns: usize) -> Result<Option<usize>, RowsError> {
        row(bytes, columns, &mut Vec::new())
    }

    #[test]
    fn a_row_is_found_whole_and_its_cells_with_it() {
        let text = br#"[ "a\"" ,null,"", "b]," ] ,["x"]"#;
        let mut cells = Vec::new();
        let length = row(text, 4, &mut cells);
        assert_eq!(length, Ok(Some(25)));
        let cells: Vec<_> = cells
            .iter()
            .map(|cell| (&text[cell.start..cell.end], cell.kind))
            .collect();
        assert_eq!(
            cells,
            [
                (&b"a\\\""[..], Kind::Escaped),
                (b"null", Kind::Null),
                (b"", Kind::Plain),
                (b"b],", Kind::Plain),
            ]
        );
    }

    #[test]
    fn what_is_cut_is_not_refused_yet() {
        let text = br#"["\u00e9\n", null ]"#;
        for end in 0..text.len() {
            assert_eq!(found(&text[..end], 2), Ok(None), "{end}");
        }
        assert_eq!(found(text, 2), Ok(Some(text.len())));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let bad: [&[u8]; 16] = [
            b"{}",
            b"[1]",
            b"[true]",
            b"[nul]",
            b"[nullx]",
            b"[[\"a\"]]",
            b"[{}]",
            b"['a']",
            b"[\"a\" \"b\"]",
            b"[\"a\":",
            b"[\"\\x\"]",
            b"[\"\\u12g4\"]",
            b"[\"\\u+123\"]",
            b"[\"\n\"]",
            b"[\"\x00\"]",
            b"[,\"a\"]",
        ];
        for bad in bad {
            let shown = String::from_utf8_lossy(bad);
            assert!(
                matches!(found(bad, 1), Err(RowsError::Malformed(_))),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_row_has_as_many_cells_as_there_are_columns() {
        for bad in [&b"[]"[..], b"[\"a\"]", b"[\"a\",]", b"[null,null,null]"] {
            assert_eq!(found(bad, 2), Err(RowsError::Shape));
        }
        assert_eq!(found(b"[ ]", 0), Ok(Some(3)));
        assert_eq!(found(b"[null]", 0), Err(RowsError::Shape));
    }

    #[test]
    fn every_special_byte_is_found_wherever_it_stands() {
        for special in (0..=u8::MAX).filter(|it| matches!(it, b'"' | b'\\' | 0..0x20)) {
            for around in [b' ', b'!', b'#', b'[', b']', b'a', 0x7f, 0x80, 0xa2, 0xff] {
                for at in 0..40 {
                    let mut bytes = [around; 40];
                    bytes[at] = special;
                    assert_eq!(plain(&bytes), at, "{special} {around}");
                }
                assert_eq!(plain(&[around; 40]), 40);
            }
        }
    }

    #[test]
    fn the_end_of_a_row_is_found_in_any_pieces() {
        let text = br#"["a]\"]\\","\u005d", null]"#;
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut seeker = Seeker::default();
                assert_eq!(seeker.seek(&text[..first]), None);
                assert_eq!(seeker.seek(&text[first..second]), None);
                assert_eq!(seeker.seek(&text[second..]), Some(text.len() - second));
            }
        }
    }
}
