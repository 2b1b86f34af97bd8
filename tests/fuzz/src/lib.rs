//! What must hold for any input: one function for each fuzz target.
//!
//! `cargo xtask fuzz` looks for inputs for which it does not. The committed corpus runs as a test.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "what does not hold ends the process: it is what a fuzzer looks for"
)]

mod arrow_rows;
mod facts;
mod json_rows;
mod lexer;
mod masks;
mod policy;
mod segments;

pub use arrow_rows::arrow_rows;
pub use facts::facts;
pub use json_rows::json_rows;
pub use lexer::lexer;
pub use policy::policy;
pub use segments::segments;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[track_caller]
    fn check(target: &str, holds: impl Fn(&[u8])) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target);
        let files: Vec<_> = fs::read_dir(dir).unwrap().collect();
        assert!(!files.is_empty());
        for file in files {
            holds(&fs::read(file.unwrap().path()).unwrap());
        }
    }

    #[test]
    fn the_corpus_holds() {
        check("lexer", super::lexer);
        check("facts", super::facts);
        check("policy", super::policy);
        check("json_rows", super::json_rows);
        check("arrow_rows", super::arrow_rows);
        check("segments", super::segments);
    }
}
