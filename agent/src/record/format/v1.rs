//! The bytes of a segment of version 1, which was written before hosts had keys.
//!
//! ```text
//! header
//!   0        8   magic "SNOWFREC"
//!   8        2   version, 1
//!  10        2   H, length of the host name, at most 255
//!  12        8   segment number
//!  20        8   next entry number: every entry opened later has this number or a higher one
//!  28       32   digest of the previous segment's last frame (of its header when it has no frame);
//!                zero in segment 1
//!  60        H   host name, UTF-8
//!  60+H     32   link(previous segment's digest, bytes 0 .. 60+H)
//! ```
//!
//! Frames are those of version 2, of the kinds 1 and 2 only. Nothing in it is signed: what the chain
//! alone shows is that it is whole, not who wrote it. A recording may begin with segments of version 1
//! and go on in version 2; the first signature then also covers, through the chain, what came before.

/// The version.
pub const VERSION: u16 = 1;
/// Header bytes before the host name.
pub const HEADER_FIXED_BYTES: usize = 60;
