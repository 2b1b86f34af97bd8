//! What can go wrong with the index; none of it stops traffic.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::record::read::SourceError;
use crate::store::StoreError;

/// Why the index cannot be used.
#[derive(Debug, Error)]
pub enum IndexError {
    #[error("cannot open the index")]
    File {
        #[source]
        source: StoreError,
    },
    #[error("cannot replace the index `{}`", path.display())]
    Replace {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "`{}` is no index of this version: `snowfence index rebuild` makes one",
        path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "the index does not belong to this recording: `snowfence index rebuild` makes it again"
    )]
    Unfit,
    #[error("the index is damaged: `snowfence index rebuild` makes it again")]
    Damaged {
        #[source]
        source: sqlx::Error,
    },
    #[error("a statement on the index failed")]
    Failed {
        #[source]
        source: sqlx::Error,
    },
    #[error("cannot read the recording")]
    Record {
        #[source]
        source: SourceError,
    },
    #[error(
        "the index has no statements: set `record.index_text = true`, or name the recording with \
         `--record DIR` to search without the daemon's index"
    )]
    NoText,
    #[error(
        "`{query}` has nothing to search for: give words, \"a phrase\" or the beginning of a word*"
    )]
    EmptyQuery { query: String },
    #[error("a quotation mark in `{query}` is not closed")]
    OpenQuote { query: String },
    #[error("a query has at most {max} words")]
    LongQuery { max: usize },
    #[error("`{pattern}` is not a name of up to three parts, such as `DB.SCHEMA.*`")]
    TablePattern { pattern: String },
}

/// Primary result codes of SQLite; extended ones carry them in the low byte.
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

impl IndexError {
    pub(super) fn failed(source: sqlx::Error) -> Self {
        let code = source.as_database_error().and_then(|error| error.code());
        let code = code.and_then(|code| code.parse::<i32>().ok());
        match code.map(|code| code & 0xff) {
            Some(CORRUPT | NOT_A_DATABASE) => Self::Damaged { source },
            _ => Self::Failed { source },
        }
    }

    /// True if making the index again is what helps.
    #[must_use]
    pub const fn wants_rebuild(&self) -> bool {
        matches!(
            self,
            Self::Foreign { .. } | Self::Unfit | Self::Damaged { .. }
        )
    }

    /// True if a daemon keeps the index.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        matches!(
            self,
            Self::File {
                source: StoreError::InUse { .. }
            }
        )
    }
}
