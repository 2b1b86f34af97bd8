//! An IPC stream cut into its messages, from bytes in any pieces.
//!
//! ```text
//! stream  = message* end
//! message = [FF FF FF FF] size:u32 metadata[size] body[as the metadata says]
//! end     = [FF FF FF FF] 00 00 00 00
//! ```
//!
//! The marker is missing in what writers before Arrow 0.15 wrote. Both lengths are held against a limit
//! before anything is allocated for them. A stream without its end was cut, and is refused as one;
//! nothing may follow the end: a reader that goes on there would see rows that nobody masked.

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::convert::MessageBuffer;

use crate::mask::rows::RowsError;

/// A message with its body.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) message: MessageBuffer,
    pub(super) body: Buffer,
}

/// Bytes to be cut.
#[derive(Debug)]
pub(super) enum Input<'a> {
    /// Of a piece of a stream: they are copied.
    Piece(&'a [u8]),
    /// Of a whole stream: bodies share it.
    Whole(Buffer),
}

/// Cuts a stream.
#[derive(Debug)]
pub(super) struct Frames {
    bytes_max: usize,
    state: State,
    /// What came of a metadata or body that is not whole yet.
    part: Option<MutableBuffer>,
}

#[derive(Debug)]
enum State {
    Size {
        bytes: [u8; 4],
        read: usize,
        /// After the marker.
        marked: bool,
    },
    Metadata {
        size: usize,
    },
    Body {
        message: MessageBuffer,
        size: usize,
    },
    Ended,
}

const MARKER: [u8; 4] = [0xFF; 4];

const START: State = State::Size {
    bytes: [0; 4],
    read: 0,
    marked: false,
};

impl Input<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Piece(bytes) => bytes,
            Self::Whole(buffer) => buffer.as_slice(),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Piece(bytes) => *bytes = bytes.get(count..).unwrap_or_default(),
            Self::Whole(buffer) => buffer.advance(count.min(buffer.len())),
        }
    }

    /// The next bytes without a copy, where that can be.
    fn share(&mut self, count: usize) -> Option<Buffer> {
        match self {
            Self::Whole(buffer) if count <= buffer.len() => {
                let shared = buffer.slice_with_length(0, count);
                buffer.advance(count);
                Some(shared)
            }
            Self::Whole(_) | Self::Piece(_) => None,
        }
    }
}

impl Frames {
    pub(super) const fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: START,
            part: None,
        }
    }

    /// True if the stream ended as it should.
    pub(super) const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The next message, if the input completes one. Else all of the input is taken.
    pub(super) fn next(&mut self, input: &mut Input<'_>) -> Result<Option<Frame>, RowsError> {
        loop {
            match &mut self.state {
                State::Size {
                    bytes,
                    read,
                    marked,
                } => {
                    let from = input.as_slice();
                    let missing = bytes.iter_mut().skip(*read);
                    let took = missing.zip(from).map(|(to, from)| *to = *from).count();
                    *read += took;
                    input.advance(took);
                    if *read < bytes.len() {
                        return Ok(None);
                    }
                    if *bytes == MARKER && !*marked {
                        *marked = true;
                        *read = 0;
                        continue;
                    }
                    let size = usize::try_from(u32::from_le_bytes(*bytes)).unwrap_or(usize::MAX);
                    self.state = if size == 0 {
                        State::Ended
                    } else {
                        State::Metadata {
                            size: self.limited(size)?,
                        }
                    };
                }
                State::Metadata { size } => {
                    let size = *size;
                    let Some(metadata) = self.fill(size, input)? else {
                        return Ok(None);
                    };
                    let message = MessageBuffer::try_new(metadata);
                    let message = message.map_err(|_error| malformed("a message is broken"))?;
                    let size = usize::try_from(message.as_ref().bodyLength());
                    let size = size.map_err(|_error| malformed("a body of less than nothing"))?;
                    let size = self.limited(size)?;
                    self.state = State::Body { message, size };
                }
                State::Body { message, size } => {
                    let (message, size) = (message.clone(), *size);
                    let Some(body) = self.fill(size, input)? else {
                        return Ok(None);
                    };
                    self.state = START;
                    return Ok(Some(Frame { message, body }));
                }
                State::Ended if input.as_slice().is_empty() => return Ok(None),
                State::Ended => return Err(malformed("something follows the end of the stream")),
            }
        }
    }

    const fn limited(&self, size: usize) -> Result<usize, RowsError> {
        if size <= self.bytes_max {
            Ok(size)
        } else {
            Err(RowsError::TooLarge(self.bytes_max))
        }
    }

    /// So many bytes, when they are there.
    fn fill(&mut self, size: usize, input: &mut Input<'_>) -> Result<Option<Buffer>, RowsError> {
        if self.part.is_none() {
            if let Some(shared) = input.share(size) {
                return Ok(Some(shared));
            }
            // At once: growing would hold the largest batch twice.
            let part = MutableBuffer::try_with_capacity(size);
            let part = part.map_err(|_error| RowsError::TooLarge(self.bytes_max))?;
            self.part = Some(part);
        }
        let part = self.part.get_or_insert_default();
        let missing = size.saturating_sub(part.len());
        let from = input.as_slice();
        let from = from.get(..missing).unwrap_or(from);
        part.extend_from_slice(from);
        let took = from.len();
        input.advance(took);
        if took < missing {
            return Ok(None);
        }
        Ok(self.part.take().map(Buffer::from))
    }
}

pub(super) const fn malformed(what: &'static str) -> RowsError {
    RowsError::Malformed(what)
}
