//! An example as readable text, in which one sees what is learned.
//!
//! ```text
//!   | User:\n
//!   | What is gravity?\n
//!   | \n
//!   | Assistant:\n
//!   > Masses attract each other.<|endoftext|>
//! ```
//!
//! What stands behind `>` is learned, what stands behind `|` is only read. Line breaks and other
//! characters that are not visible are written as escapes.

use stage01_bigram::Result;
use stage01_bigram::text::printable;
use stage01_bigram::tokenizer::Tokenizer;

use super::example::Example;

/// The most columns of a line, with what stands before it.
const COLUMNS: usize = 60;

/// The lines of an example, of at most 60 columns.
///
/// # Errors
/// Those of the tokenizer, for tokens that it does not have.
pub fn show(example: &Example, tokenizer: &Tokenizer) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut at = 0;
    let (first, length) = (usize::from(!example.tokens.is_empty()), example.tokens.len());
    let answers = example.answers.iter().map(|answer| (answer.start.max(first), answer.end));
    for (start, end) in answers.chain([(length, length)]) {
        part(&tokenizer.decode_bytes(&example.tokens[at..start])?, "  | ", &mut lines);
        part(&tokenizer.decode_bytes(&example.tokens[start..end])?, "  > ", &mut lines);
        at = end;
    }
    Ok(lines)
}

/// The lines of a text, each behind a mark.
fn part(bytes: &[u8], mark: &str, lines: &mut Vec<String>) {
    let most = COLUMNS - mark.len();
    for line in String::from_utf8_lossy(bytes).split_inclusive('\n') {
        let line: Vec<char> = printable(line).chars().collect();
        let mut rest = &line[..];
        while !rest.is_empty() {
            // Behind the last space that fits; inside of a long word where there is none.
            let end = match rest.len() > most {
                true => rest[..most].iter().rposition(|&c| c == ' ').map_or(most, |at| at + 1),
                false => rest.len(),
            };
            lines.push(mark.chars().chain(rest[..end].iter().copied()).collect());
            rest = &rest[end..];
        }
    }
}
