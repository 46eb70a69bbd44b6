//! The token that ends a turn.

use stage01_bigram::Result;
use stage01_bigram::tokenizer::Tokenizer;

use super::Message;

/// The token with which a turn of the model ends, where a template writes one: the added token behind
/// the words of an answer.
///
/// render: writes messages as one text.
pub fn end_of_turn(
    tokenizer: &Tokenizer,
    render: impl Fn(&[Message]) -> Result<String>,
) -> Option<u32> {
    const ANSWER: &str = "stage03-answer";
    let text = render(&[Message::user("stage03-question"), Message::assistant(ANSWER)]).ok()?;
    let rest = text.split(ANSWER).nth(1)?.trim_start();
    let added = tokenizer.added_tokens().iter();
    let fits = added.filter(|token| rest.starts_with(&token.content));
    Some(fits.max_by_key(|token| token.content.len())?.id)
}
