//! How deep policies may be: Cedar's parser and validator recurse, and a stack that overflows
//! aborts the daemon.

use super::problem::Problem;

/// Signs and words of one policy that can make its tree deeper. The largest policy that people
/// write has some dozens; a tree of three times this depth fits the stack below.
const LINKS_MAX: usize = 1000;

/// Address space, not memory: only what a deep tree touches becomes resident.
pub(super) const STACK_BYTES: usize = 64 << 20;

/// The policies of a file that are too deep, by where they end.
pub(super) fn check(file: (&str, &str)) -> Vec<Problem> {
    let (_, text) = file;
    let mut problems = Vec::new();
    let (mut links, mut told) = (0_usize, false);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = take(rest, next);
        match next {
            ';' => (links, told) = (0, false),
            '"' => {}
            '/' if taken > 1 => {}
            // What only stands beside: lists are wide, not deep.
            ',' | ':' | '@' | ')' | ']' | '}' => {}
            _ if next.is_whitespace() => {}
            _ if is_word(next) => {
                let (word, _) = rest.split_at(taken);
                links += usize::from(word == "if");
            }
            _ => links += 1,
        }
        if links > LINKS_MAX && !told {
            told = true;
            let message = format!("the policy has more than {LINKS_MAX} operators: divide it");
            problems.push(Problem::at(file, text.len() - rest.len(), message));
        }
        rest = rest.split_at(taken).1;
    }
    problems
}

/// The length of what begins here: a string, a comment, a word or one character.
fn take(rest: &str, next: char) -> usize {
    let end = match next {
        '"' => {
            let mut escaped = false;
            let mut inside = rest.char_indices().skip(1);
            let end = inside.find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            end.map(|(at, _)| at + 1)
        }
        '/' if rest.starts_with("//") => rest.find('\n'),
        _ if is_word(next) => rest.find(|c| !is_word(c)),
        _ => Some(next.len_utf8()),
    };
    end.unwrap_or(rest.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
