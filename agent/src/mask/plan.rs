//! What is done to each column of a result, and why.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::content::Content;
use super::detect::Hint;
use super::method::Masking;
use crate::snowflake::rowtype::Field;

/// What is done to a result. The columns are those of its row type, in order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub columns: Vec<Column>,
    /// The detectors for the columns that are scanned; without the labels that stay clear.
    pub content: Arc<Content>,
}

/// One column of a result.
#[derive(Clone, Debug)]
pub struct Column {
    pub field: Field,
    pub treatment: Treatment,
    pub labels: BTreeSet<Arc<str>>,
    pub reason: Option<Reason>,
}

/// What is done to the values of a column.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// Nobody looks at them: bytes are passed on as they came.
    Clear,
    /// Detectors look at each.
    Scan(Hint),
    /// All of them are masked.
    Mask(Arc<Masking>),
}

/// Why a column is masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its values come from labelled columns.
    Lineage,
    /// It is called like one.
    Name,
    /// Where its values come from is not known, and the statement touches labelled columns.
    Unknown(String),
}

impl Plan {
    /// True if nothing has to be read: the result is passed on as it came.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let clear = |column: &Column| matches!(column.treatment, Treatment::Clear);
        self.columns.iter().all(clear)
    }
}
