//! Gzip (RFC 1952), unpacked as it comes, in steps of bounded size.
//!
//! Every member's checksum and length are compared. What follows the last member is refused: some
//! readers stop before it and others do not, and only one of them would see what we saw.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::rows::RowsError;

/// The two bytes with which every member begins.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A gzip file on its way.
#[derive(Debug)]
pub(super) struct Gunzip {
    part: Part,
    deflate: Decompress,
    crc: Crc,
    /// What one step unpacks.
    unpacked: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Part {
    /// The ten bytes that every member has; so many of them were read, and these are the flags.
    Fixed {
        read: u8,
        flags: u8,
    },
    /// What the flags promise, from the lowest bit on.
    Optional {
        flags: u8,
        field: Field,
    },
    Deflate,
    Trailer {
        read: u8,
        bytes: [u8; 8],
    },
}

/// An optional part of the header.
#[derive(Clone, Copy, Debug)]
enum Field {
    ExtraLengthLow,
    ExtraLengthHigh {
        low: u8,
    },
    /// So many bytes are left of it.
    Skip(u16),
    /// Up to a NUL.
    Text,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            part: Part::START,
            deflate: Decompress::new(false),
            crc: Crc::new(),
            unpacked: vec![0; STEP_BYTES],
        }
    }

    /// Unpacks the next bytes; `take` gets them piece by piece.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<(), RowsError>,
    ) -> Result<(), RowsError> {
        while let Some((byte, rest)) = bytes.split_first() {
            if matches!(self.part, Part::Deflate) {
                bytes = self.inflate(bytes, take)?;
            } else {
                self.header_or_trailer(*byte)?;
                bytes = rest;
            }
        }
        Ok(())
    }

    /// # Errors
    /// The file was cut.
    pub(super) const fn finish(&self) -> Result<(), RowsError> {
        // At least one member has been, or there would be no `Gunzip`.
        match self.part {
            Part::Fixed { read: 0, .. } => Ok(()),
            Part::Fixed { .. } | Part::Optional { .. } | Part::Deflate | Part::Trailer { .. } => {
                Err(RowsError::Gzip)
            }
        }
    }

    /// Unpacks until the input or the member ends; gives what is left of the input.
    fn inflate<'b>(
        &mut self,
        mut bytes: &'b [u8],
        take: &mut dyn FnMut(&[u8]) -> Result<(), RowsError>,
    ) -> Result<&'b [u8], RowsError> {
        loop {
            let (read, written) = (self.deflate.total_in(), self.deflate.total_out());
            let status = self
                .deflate
                .decompress(bytes, &mut self.unpacked, FlushDecompress::None);
            let Ok(status) = status else {
                return Err(RowsError::Gzip);
            };
            let read = between(read, self.deflate.total_in());
            let written = between(written, self.deflate.total_out());
            let unpacked = self.unpacked.get(..written).unwrap_or_default();
            self.crc.update(unpacked);
            if !unpacked.is_empty() {
                take(unpacked)?;
            }
            bytes = bytes.get(read..).unwrap_or_default();
            match status {
                Status::StreamEnd => {
                    self.part = Part::Trailer {
                        read: 0,
                        bytes: [0; 8],
                    };
                    return Ok(bytes);
                }
                // All that can come of this input has come when the output had room left.
                Status::Ok | Status::BufError if written < self.unpacked.len() => {
                    if bytes.is_empty() {
                        return Ok(bytes);
                    }
                    if read == 0 && written == 0 {
                        return Err(RowsError::Gzip);
                    }
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    fn header_or_trailer(&mut self, byte: u8) -> Result<(), RowsError> {
        match &mut self.part {
            Part::Fixed { read, flags } => {
                let fits = match *read {
                    0 => byte == MAGIC[0],
                    1 => byte == MAGIC[1],
                    // Deflate is the only method there is.
                    2 => byte == 8,
                    3 => {
                        *flags = byte;
                        byte & RESERVED == 0
                    }
                    _ => true,
                };
                if !fits {
                    return Err(RowsError::Gzip);
                }
                *read += 1;
                if *read == 10 {
                    self.part = Part::after_header_field(*flags);
                }
            }
            Part::Optional { flags, field } => {
                let is_last = match field {
                    Field::ExtraLengthLow => {
                        *field = Field::ExtraLengthHigh { low: byte };
                        false
                    }
                    Field::ExtraLengthHigh { low } => {
                        let length = u16::from_le_bytes([*low, byte]);
                        *field = Field::Skip(length);
                        length == 0
                    }
                    Field::Skip(left) => {
                        *left = left.saturating_sub(1);
                        *left == 0
                    }
                    Field::Text => byte == 0,
                };
                if is_last {
                    self.part = Part::after_header_field(*flags);
                }
            }
            // It is read whole by `inflate`.
            Part::Deflate => {}
            Part::Trailer { read, bytes } => {
                if let Some(place) = bytes.get_mut(usize::from(*read)) {
                    *place = byte;
                }
                *read += 1;
                if *read == 8 {
                    let bytes = *bytes;
                    self.end_member(bytes)?;
                }
            }
        }
        Ok(())
    }

    fn end_member(&mut self, trailer: [u8; 8]) -> Result<(), RowsError> {
        let found = u64::from(self.crc.sum()) | u64::from(self.crc.amount()) << 32;
        if found != u64::from_le_bytes(trailer) {
            return Err(RowsError::Gzip);
        }
        self.crc.reset();
        self.deflate.reset(false);
        self.part = Part::START;
        Ok(())
    }
}

impl Part {
    const START: Self = Self::Fixed { read: 0, flags: 0 };

    /// What follows when these optional fields are still to come.
    const fn after_header_field(flags: u8) -> Self {
        let (flag, field) = if flags & EXTRA != 0 {
            (EXTRA, Field::ExtraLengthLow)
        } else if flags & NAME != 0 {
            (NAME, Field::Text)
        } else if flags & COMMENT != 0 {
            (COMMENT, Field::Text)
        } else if flags & HEADER_CRC != 0 {
            (HEADER_CRC, Field::Skip(2))
        } else {
            return Self::Deflate;
        };
        Self::Optional {
            flags: flags & !flag,
            field,
        }
    }
}

/// Bytes between two totals; a step moves them by no more than its buffers hold.
fn between(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// Large enough to make the cost of a step small, small enough to stay in a core's own cache.
const STEP_BYTES: usize = 64 << 10;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
/// A field that these promise would not be understood (RFC 1952 section 2.3.1.2).
const RESERVED: u8 = 0xe0;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn gunzip(file: &[u8], step: usize) -> Result<Vec<u8>, RowsError> {
        let mut output = Vec::new();
        let mut gunzip = Gunzip::new();
        for piece in file.chunks(step) {
            gunzip.push(piece, &mut |bytes| {
                assert!(bytes.len() <= STEP_BYTES && !bytes.is_empty());
                output.extend_from_slice(bytes);
                Ok(())
            })?;
        }
        gunzip.finish()?;
        Ok(output)
    }

    fn noise(length: u32) -> Vec<u8> {
        let mixed = (0..length).map(|it| it.wrapping_mul(2_654_435_761).to_be_bytes()[1]);
        mixed.collect()
    }

    #[test]
    fn any_pieces_give_what_was_packed() {
        let zeros = vec![0; 300_000];
        for data in [&b""[..], b"x", &noise(200_000), &zeros] {
            let file = gzip(data);
            for step in [1, 7, 4096, usize::MAX] {
                assert_eq!(gunzip(&file, step).as_deref(), Ok(data));
            }
        }
    }

    #[test]
    fn members_follow_each_other() {
        let file = [gzip(b"one,"), gzip(b""), gzip(b"two")].concat();
        for step in 1..file.len() {
            assert_eq!(gunzip(&file, step).unwrap(), b"one,two");
        }
    }

    #[test]
    fn every_part_of_a_header_is_known() {
        let plain = gzip(b"data");
        for flags in 0..32 {
            let mut file = plain[..10].to_vec();
            file[3] = flags;
            if flags & EXTRA != 0 {
                file.extend_from_slice(b"\x03\x00abc");
            }
            if flags & NAME != 0 {
                file.extend_from_slice(b"name\0");
            }
            if flags & COMMENT != 0 {
                file.extend_from_slice(b"\0");
            }
            if flags & HEADER_CRC != 0 {
                file.extend_from_slice(b"\x12\x34");
            }
            file.extend_from_slice(&plain[10..]);
            for step in [1, usize::MAX] {
                assert_eq!(gunzip(&file, step).as_deref(), Ok(&b"data"[..]), "{flags}");
            }
        }
        let mut reserved = plain;
        reserved[3] = 0x20;
        assert_eq!(gunzip(&reserved, 9), Err(RowsError::Gzip));
    }

    #[test]
    fn what_is_cut_or_broken_is_refused() {
        let file = gzip(&noise(500));
        for end in 1..file.len() {
            assert_eq!(gunzip(&file[..end], 64), Err(RowsError::Gzip), "{end}");
        }
        // The checksum, and the length.
        for at in file.len() - 8..file.len() {
            let mut broken = file.clone();
            broken[at] ^= 1;
            assert_eq!(gunzip(&broken, usize::MAX), Err(RowsError::Gzip));
        }
        let mut broken = file.clone();
        // A block of the type that there is not.
        broken[10] = 0x07;
        assert_eq!(gunzip(&broken, usize::MAX), Err(RowsError::Gzip));
        for garbage in [&b"\0"[..], b"\x1f", b"[]"] {
            let file = [file.as_slice(), garbage].concat();
            assert_eq!(gunzip(&file, 50), Err(RowsError::Gzip));
        }
    }

    #[test]
    fn an_error_of_the_rows_ends_it() {
        let refused = Gunzip::new().push(&gzip(b"data"), &mut |_| Err(RowsError::Shape));
        assert_eq!(refused, Err(RowsError::Shape));
    }
}
