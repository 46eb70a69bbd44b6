//! What a model answers, and whether it keeps to the form that it was taught.
//!
//! A loss says how well a model predicts our answers. Whether it *answers* is another question: a base
//! model goes on with a further question, or never ends. [`follows_format`] counts what can be counted
//! without judging the content.

use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::Tokenizer;
use stage02_attention::params::Params;
use stage03_gpt::generate::Decoder;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::write_text;

use super::example::Example;

/// The most tokens of an answer.
pub const LONGEST: usize = 96;

/// The model with a context that holds any prompt of a row of `block_size` tokens and its answer: the
/// KV cache of the whole context would be larger than the model.
///
/// # Errors
/// [`Error::Setting`](stage01_bigram::Error::Setting) for an empty context.
pub fn for_answers(gpt: &Gpt, block_size: usize) -> Result<Gpt> {
    let mut gpt = gpt.clone();
    gpt.shorten_context((block_size + LONGEST).min(gpt.config().block_size))?;
    Ok(gpt)
}

/// What a model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// Whether the model ended it. Otherwise it was cut at 96 tokens.
    pub ended: bool,
}

/// The model's answer to the first question of an example: always the likeliest token.
///
/// ends: the tokens that end an answer.
///
/// # Errors
/// When the context does not fit into memory, and when the model computes NaN.
pub fn answer(
    (gpt, weights): (&Gpt, &Params<f32>),
    tokenizer: &Tokenizer,
    ends: &[u32],
    example: &Example,
) -> Result<Answer> {
    let prompt = example.answers.first().map_or(example.tokens.len(), |answer| answer.start);
    let mut decoder = Decoder::new(gpt, weights, None)?;
    decoder.prefill(&example.tokens[..prompt])?;
    let (mut sampler, mut rng) = (Sampler::greedy(), generator(0, Purpose::Sampling, 0));
    let mut text = String::new();
    let ended =
        write_text(&mut decoder, tokenizer, ends, &mut sampler, &mut rng, LONGEST, |more| {
            text += more;
            true
        })?;
    Ok(Answer { text: text.trim().to_string(), ended })
}

/// Whether an answer has the form of the course's answers: the model ended it, it is one paragraph of
/// one to three sentences, and the last one is complete.
///
/// ```
/// use stage04_training::finetune::{Answer, follows_format};
///
/// let follows = |text: &str, ended| follows_format(&Answer { text: text.into(), ended });
/// assert!(follows("It is a list of weights, e.g. 0.5 and 1.2. They add up to 1.", true));
/// assert!(!follows("It is a list of weights.", false)); // it would have gone on
/// assert!(!follows("It is a list of", true)); // half a sentence
/// assert!(!follows("A. B. C. D.", true)); // four
/// assert!(!follows("Weights.\n\nUser:\nAnd why?", true)); // it asks itself
/// ```
// ANCHOR: form
pub fn follows_format(answer: &Answer) -> bool {
    let text = answer.text.as_str();
    let complete = text.ends_with(['.', '!', '?']);
    let one_paragraph = !text.contains('\n');
    answer.ended && complete && one_paragraph && (1..=3).contains(&sentences(text))
}
// ANCHOR_END: form

/// How many sentences a text has: ends of a word that are a full stop, and behind which a sentence
/// can begin.
fn sentences(text: &str) -> usize {
    let ends = text.char_indices().filter(|(_, c)| matches!(c, '.' | '!' | '?'));
    ends.filter(|&(at, _)| {
        let rest = text[at + 1..].trim_start_matches(['.', '!', '?', '"', '\'', ')']);
        let mut rest = rest.chars();
        match rest.next() {
            None => true,
            Some(space) if space.is_whitespace() => {
                rest.next().is_some_and(|c| c.is_uppercase() || c.is_numeric() || c == '`')
            }
            Some(_) => false, // 0.5, e.g.
        }
    })
    .count()
    .max(usize::from(!text.is_empty()))
}
