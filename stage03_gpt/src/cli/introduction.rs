//! What both programs print before a run: its facts, and the losses to compare with.

use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::text::thousands;

use super::screen::Screen;
use crate::config::GptConfig;

/// The fact `tokens`. kind: the kind of the tokenizer, if it is known.
pub fn tokens(train: usize, validation: usize, vocab_size: usize, kind: Option<&str>) -> String {
    format!(
        "{} of them, a vocabulary of {}{}; {} for training, {} for validation",
        thousands(train + validation),
        thousands(vocab_size),
        kind.map_or(String::new(), |kind| format!(" ({kind})")),
        thousands(train),
        thousands(validation),
    )
}

/// The fact `model`.
pub fn model(config: &GptConfig) -> String {
    format!(
        "{} weights; layers: {}, heads: {}, embedding width: {}, context length: {}",
        thousands(config.n_params()),
        config.n_layer,
        config.n_head,
        config.n_embd,
        config.block_size,
    )
}

/// A horizontal line of the loss curve: its name and its loss in nats per token.
pub type Reference = (String, f64);

/// Prints the losses to compare the validation loss with: the uniform baseline, the bigram, and a
/// measured run. Returns them for the curve.
///
/// train, validation: the tokens of both sets; the bigram counts the pairs of the first. measured:
/// name, loss and meaning of the measured run.
pub fn references(
    screen: &Screen,
    vocab_size: usize,
    [train, validation]: [&[u32]; 2],
    measured: Option<(&str, f64, &str)>,
) -> Vec<Reference> {
    let mut lines = vec![(
        "uniform baseline",
        (vocab_size as f64).ln(),
        format!("at the start: ln({vocab_size}), every token equally likely"),
    )];
    let bigram = CountedBigram::count(train, vocab_size, 0.1)
        .and_then(|bigram| bigram.mean_loss(validation));
    if let Ok(loss) = bigram {
        let meaning = "what counting pairs of tokens reaches (the bigram)";
        lines.push(("bigram", loss, meaning.into()));
    }
    if let Some((name, loss, meaning)) = measured {
        lines.push((name, loss, meaning.into()));
    }
    screen.line("\nWhat to expect of the validation loss, in nats per token:");
    for (_, loss, meaning) in &lines {
        screen.line(format!("  {loss:5.2}  {meaning}"));
    }
    lines.into_iter().map(|(name, loss, _)| (format!("{name} {loss:.2}"), loss)).collect()
}
