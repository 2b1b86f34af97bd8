//! What analysis takes on: limits that keep its time, its memory and its stack bounded.
//!
//! The parser's tree is as deep as a chain of operators is long, built by a loop that its own limit
//! of recursion does not see; dropping it recurses, and a stack that overflows aborts the process.
//! So every limit is checked on the tokens, before a tree exists.

use super::lexer::Token;
use super::opaque::Obscurity;

/// Far above what people and agents write; keeps the syntax tree, up to 690 bytes for each byte of
/// text, within the memory of the daemon.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// Keeps the slowest text that is taken on under a second.
pub(super) const TOKENS_MAX: usize = 50_000;

/// `UNION` and its kin cost 13 kB of tree each, and recurse where a chain of operators does.
pub(super) const SET_OPERATORS_MAX: usize = 500;

/// Tokens between two commas or brackets. Every link of a chain of operators has two: 10,000 links
/// need a fraction of [`super::analyst::STACK_BYTES`].
pub(super) const CHAIN_TOKENS_MAX: usize = 20_000;

/// Open brackets. The parser gives up at 50; what it gives up on is judged by its tokens.
pub(super) const NESTING_MAX: usize = 500;

/// Text within text: `EXECUTE IMMEDIATE` of a block that explains a flow that …
pub(super) const TEXTS_NESTED_MAX: usize = 8;

/// Counts what the limits are about, one token at a time.
#[derive(Debug)]
pub(super) struct Gauge {
    tokens: usize,
    set_operators: usize,
    /// The length of the chain at each level of brackets.
    chains: Vec<usize>,
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            tokens: 0,
            set_operators: 0,
            chains: vec![0],
        }
    }
}

impl Gauge {
    pub(super) fn count(&mut self, token: &Token<'_>) -> Result<(), Obscurity> {
        self.tokens += 1;
        let is_set_operator = token.is_any(&["UNION", "INTERSECT", "EXCEPT", "MINUS"]);
        self.set_operators += usize::from(is_set_operator);
        if let Some(chain) = self.chains.last_mut() {
            let ends = token.is_symbol(',') || token.is_symbol(';');
            *chain = if ends { 0 } else { *chain + 1 };
            if *chain > CHAIN_TOKENS_MAX {
                return Err(Obscurity::TooChained);
            }
        }
        if ['(', '[', '{'].iter().any(|it| token.is_symbol(*it)) {
            self.chains.push(0);
        } else if [')', ']', '}'].iter().any(|it| token.is_symbol(*it)) {
            // One more than were opened is for the parser to refuse.
            if self.chains.len() > 1 {
                self.chains.pop();
                // A link of a chain of brackets, `a[0][0]`, has two outside of them, too.
                if let Some(chain) = self.chains.last_mut() {
                    *chain += 1;
                }
            }
        }
        if self.tokens > TOKENS_MAX {
            Err(Obscurity::TooManyTokens)
        } else if self.set_operators > SET_OPERATORS_MAX {
            Err(Obscurity::TooManySetOperators)
        } else if self.chains.len() > NESTING_MAX {
            Err(Obscurity::TooNested)
        } else {
            Ok(())
        }
    }
}
