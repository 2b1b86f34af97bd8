//! What a frame has room for: text is measured as JSON writes it.
//!
//! A statement of [`super::STATEMENT_BYTES_MAX`] may take 6 MiB of the 8 that a frame has
//! ([`FRAME_LENGTH_MAX`](crate::record::format::FRAME_LENGTH_MAX)); everything else beside it has a
//! room of its own, and 300 KiB are for paths and ids, which the kernel and the protocol bound.

/// Names in the facts: of objects, functions and columns.
pub(super) const FACTS_BYTES: usize = 768 << 10;
/// Policies beside the accesses, and the accesses that the facts do not name.
pub(super) const DECISIONS_BYTES: usize = 192 << 10;
/// Bound values with their names.
pub(super) const BINDINGS_BYTES: usize = 384 << 10;
/// The policies of the verdict, once for the verdict and once for what a scope only observes.
pub(super) const POLICIES_BYTES: usize = 64 << 10;
/// A message of ours to the client: names of objects and of policies.
pub(super) const MESSAGE_BYTES: usize = 32 << 10;

/// What is left of a room.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// True, and the room smaller, if a text with as much around it fits.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let Some(left) = self.0.checked_sub(written(text) + AROUND_BYTES) else {
            // What comes later must not be taken for what comes next.
            self.0 = 0;
            return false;
        };
        self.0 = left;
        true
    }
}

/// Quotes, a comma, and the keys of an object around it.
const AROUND_BYTES: usize = 64;

/// The bytes of a text as JSON writes it.
pub(super) fn written(text: &str) -> usize {
    text.bytes().map(escaped).sum()
}

const fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0x00..=0x1f => 6,
        0x20..=0xff => 1,
    }
}

/// Cuts a text so that JSON writes no more than so many bytes of it; whole characters stay.
pub(in crate::record) fn cut(text: &mut String, bytes_max: usize) {
    let mut bytes = 0;
    let end = text.bytes().position(|byte| {
        bytes += escaped(byte);
        bytes > bytes_max
    });
    if let Some(end) = end {
        text.truncate(text.floor_char_boundary(end));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_room_that_was_too_small_once_takes_nothing_more() {
        let mut room = Room::new(200);
        assert!(room.take("a"));
        assert!(!room.take(&"b".repeat(200)));
        assert!(!room.take("c"));
    }

    proptest! {
        #[test]
        fn a_text_is_measured_as_it_is_written(text in "\\PC{0,20}[\\x00-\\x7f]{0,20}", max in 0..60_usize) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(written(&text), json.len() - 2);
            let mut short = text.clone();
            cut(&mut short, max);
            prop_assert!(written(&short) <= max && text.starts_with(&short));
            // No character more would have fit.
            if let Some(next) = text.strip_prefix(&short).unwrap().chars().next() {
                prop_assert!(written(&short) + written(&next.to_string()) > max);
            }
        }
    }
}
