//! An error with its causes, on one line.

use std::error::Error;
use std::fmt;

/// Prints an error and every cause below it, `: ` between them.
///
/// Our errors never print their own source, so nothing is said twice.
#[derive(Clone, Copy, Debug)]
pub struct ErrorChain<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::ErrorChain;

    #[derive(Debug, Error)]
    #[error("cannot append to the log")]
    struct Outer(#[source] io::Error);

    #[test]
    fn every_cause_is_told_once() {
        let error = Outer(io::Error::other("disk full"));
        assert_eq!(
            ErrorChain(&error).to_string(),
            "cannot append to the log: disk full"
        );
    }
}
