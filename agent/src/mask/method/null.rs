//! `null`: nothing is left but that there was a row.
//!
//! Fits every type. What it does not hide: a filter or a join on the column still sees the value in
//! Snowflake, and a NULL that was there before cannot be told from one of ours.

use super::Replaced;

pub(super) const fn written() -> Replaced {
    Replaced::Null
}
