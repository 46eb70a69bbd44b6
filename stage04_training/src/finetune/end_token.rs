//! A token that ends an answer, for a model that has none.
//!
//! A model that was trained on one long text, such as the built-in one, never saw the end of a text.
//! Its tokenizer has no token for it, and an answer without an end goes on for ever. So the vocabulary
//! gets one token more, `<|endoftext|>`, and the embedding one row more: the mean of all others, which
//! is close to none of them. The row is trained with all other weights; adapters would leave it as it is.

use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::{Model, ModelWeights, SpecialTokens};

/// Whether a model has no token that ends a text.
pub fn is_missing(model: &Model) -> bool {
    model.special.eos.is_empty() && model.tokenizer.end_of_text().is_none()
}

/// Gives a model the token `<|endoftext|>`.
///
/// # Errors
/// [`Error::Setting`] for a vocabulary of characters, which has only characters.
pub fn add(model: Model) -> Result<Model> {
    let Model { gpt, weights, tokenizer, text_settings, .. } = model;
    let (tokenizer, ModelWeights::Full(params)) = (with_end(tokenizer)?, weights) else {
        unreachable!("read in full");
    };
    // A model may have more places for tokens than its tokenizer had tokens.
    let vocab_size = tokenizer.vocab_size().max(gpt.config().vocab_size);
    let (gpt, params) = widened(gpt, params, vocab_size)?;
    let special = SpecialTokens::of(&tokenizer);
    Ok(Model { gpt, weights: ModelWeights::Full(params), tokenizer, special, text_settings })
}

fn with_end(tokenizer: Tokenizer) -> Result<Tokenizer> {
    match tokenizer {
        Tokenizer::Bpe(bpe) => Ok(Tokenizer::Bpe(BpeTokenizer::with_end_of_text(bpe))),
        Tokenizer::Char(_) => {
            let expected = "its tokens are characters, and none of them can end an answer; train a \
                            model with --tokenizer bpe first";
            Err(Error::setting("--init-from", "a model of characters", expected))
        }
    }
}

/// The model with rows for so many tokens; each new one is the mean of the others.
fn widened(gpt: Gpt, params: Params<f32>, vocab_size: usize) -> Result<(Gpt, Params<f32>)> {
    let old = gpt.config().clone();
    if vocab_size == old.vocab_size {
        return Ok((gpt, params));
    }
    let new = Gpt::new(GptConfig { vocab_size, ..old.clone() })?;
    let mut values = Vec::with_capacity(new.layout().len());
    for tensor in gpt.layout().tensors() {
        let rows = &params.values[tensor.range()];
        values.extend_from_slice(rows);
        if tensor.name == "wte.weight" || tensor.name == "lm_head.weight" {
            let mut mean = vec![0.0f64; old.n_embd];
            for row in rows.chunks_exact(old.n_embd) {
                mean.iter_mut().zip(row).for_each(|(mean, w)| *mean += f64::from(*w));
            }
            let mean = mean.iter().map(|sum| (sum / old.vocab_size as f64) as f32);
            for _ in old.vocab_size..vocab_size {
                values.extend(mean.clone());
            }
        }
    }
    Ok((new, Params { values }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::random::{Purpose, generator};
    use stage03_gpt::files::hugging_face::TextSettings;

    #[test]
    fn the_model_computes_what_it_did_and_knows_one_token_more() {
        let tokenizer = BpeTokenizer::train("one two one two one", 260).unwrap();
        let (n_embd, vocab_size, block_size) = (8, 260, 8);
        let config =
            GptConfig { vocab_size, n_embd, n_head: 2, block_size, ..GptConfig::default() };
        let gpt = Gpt::new(config).unwrap();
        let params = gpt.initialise::<f32>(&mut generator(1, Purpose::Initialisation, 0));
        let before = gpt.logits(&params, &[1, 2, 3]).unwrap();
        let model = Model {
            gpt,
            weights: ModelWeights::Full(params),
            tokenizer: Tokenizer::Bpe(tokenizer),
            special: SpecialTokens::default(),
            text_settings: TextSettings::default(),
        };
        assert!(is_missing(&model));
        let model = add(model).unwrap();
        assert!(!is_missing(&model));
        assert_eq!((model.gpt.config().vocab_size, &model.special.eos[..]), (261, &[260][..]));
        let after = model.gpt.logits(model.params(), &[1, 2, 3]).unwrap();
        for (before, after) in before.rows().into_iter().zip(after.rows()) {
            assert_eq!(before.to_vec(), after.to_vec()[..260]);
        }
    }
}
