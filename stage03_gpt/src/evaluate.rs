//! The loss of a model over a whole text.
//!
//! A model reads `block_size` tokens at once, so a long text is read in windows. Where they do
//! not overlap, the first tokens of each have little context, and the model looks worse than it
//! is. Windows that overlap give every token more context and cost more: each moves on by
//! `stride` tokens, and only tokens that no window before it has predicted are counted.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::{config::GptConfig, evaluate::evaluate, gpt::Gpt};
//!
//! let config = GptConfig { vocab_size: 65, block_size: 8, ..GptConfig::default() };
//! let gpt = Gpt::new(config)?;
//! let params = gpt.initialise::<f32>(&mut generator(1, Purpose::Initialisation, 0));
//! let text: Vec<u32> = (0..100).map(|i| i % 65).collect();
//! let loss = evaluate(&gpt, &params, &text, 8)?.per_token();
//! assert!((loss - 65f64.ln()).abs() < 0.5); // before training: every token equally likely
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use rayon::prelude::*;
use stage01_bigram::loss::cross_entropy;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::params::Params;

use crate::generate::BROKEN;
use crate::gpt::Gpt;
use crate::memory;

/// The negative log-likelihood of a text under a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NegativeLogLikelihood {
    /// The sum of -ln p over all predicted tokens, in nats.
    pub nats: f64,
    /// How many tokens were predicted: all but the first.
    pub tokens: usize,
}

impl NegativeLogLikelihood {
    /// The mean over the tokens, in nats.
    pub fn per_token(&self) -> f64 {
        self.nats / self.tokens as f64
    }
}

/// Reads a text in windows and predicts every token but the first, exactly once.
///
/// stride: how far a window moves on: `block_size` for windows that do not overlap. The windows
/// are distributed over the threads of the current pool.
///
/// # Errors
/// [`Error::Text`] for a text of less than two tokens, [`Error::Setting`] for a stride that is
/// 0 or larger than a window, when the windows do not fit into memory, and for a model whose
/// logits are NaN or infinite; [`Error::UnknownToken`] for a token the model does not have.
pub fn evaluate<T: Float>(
    gpt: &Gpt,
    params: &Params<T>,
    tokens: &[u32],
    stride: usize,
) -> Result<NegativeLogLikelihood> {
    let block_size = gpt.config().block_size;
    if !(1..=block_size).contains(&stride) {
        let expected = format!("choose from 1 to the block size, {block_size}");
        return Err(Error::setting("--stride", stride, expected));
    }
    if tokens.len() < 2 {
        let problem = format!("{} tokens are too few to predict one", tokens.len());
        return Err(Error::text("the text", problem, "give a longer one"));
    }
    gpt.check_vocabulary(tokens)?;

    let predicted = tokens.len() - 1;
    let last_start = predicted.saturating_sub(block_size).div_ceil(stride) * stride;
    let starts: Vec<usize> = (0..=last_start).step_by(stride).collect();
    // A text shorter than a window needs no larger buffers than it has tokens.
    let longest = predicted.min(block_size);
    let threads = rayon::current_num_threads();
    memory::require(
        starts.len().min(threads) as f64 * gpt.config().forward_bytes::<T>(longest, threads),
        "the memory for reading a window on each thread",
        "choose fewer --threads, or a shorter text",
    )?;
    let sums: Vec<f64> = starts
        .par_iter()
        .map_init(
            || gpt.activations(1, longest),
            |acts, &start| {
                let end = (start + block_size).min(predicted);
                // What earlier windows have predicted already.
                let predicted_before = if start == 0 { 0 } else { block_size - stride };
                let targets = &tokens[start + 1 + predicted_before..end + 1];
                if end - start == longest {
                    gpt.forward(params, &tokens[start..end], acts, None);
                    let rows = ndarray::s![predicted_before.., ..];
                    return cross_entropy(acts.logits.slice(rows), targets);
                }
                let acts = &mut gpt.activations(1, end - start);
                gpt.forward(params, &tokens[start..end], acts, None);
                cross_entropy(acts.logits.slice(ndarray::s![predicted_before.., ..]), targets)
            },
        )
        .collect();
    let nats: f64 = sums.iter().sum();
    if !nats.is_finite() {
        return Err(Error::setting("the loss of the model", nats, BROKEN));
    }
    Ok(NegativeLogLikelihood { nats, tokens: predicted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GptConfig;
    use crate::gpt::tests::random_weights;
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::random::{Purpose, generator};

    fn model() -> (Gpt, Params<f64>) {
        let (vocab_size, block_size, n_layer) = (9, 6, 1);
        let (n_head, n_embd, dropout, bias) = (2, 8, 0.5, true);
        let config = GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        };
        let gpt = Gpt::new(config).unwrap();
        let params = random_weights(&gpt, 0.5, 1);
        (gpt, params)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Against the definition: for each token, the one window that has to predict it.
        #[test]
        fn every_token_but_the_first_is_predicted_once(n in 2usize..40, stride in 1usize..7, seed: u64) {
            let (gpt, params) = model();
            let mut rng = generator(seed, Purpose::Other, 0);
            let tokens: Vec<u32> = (0..n).map(|_| rng.random_range(0..9u32)).collect();
            let mut expected = 0.0;
            for target in 1..n {
                // The first window that reaches this target.
                let start = (0..).map(|i| i * stride).find(|start| start + 6 >= target).unwrap();
                let logits = gpt.logits(&params, &tokens[start..target]).unwrap();
                let last = logits.slice(ndarray::s![target - start - 1.., ..]);
                expected += cross_entropy(last, &tokens[target..target + 1]);
            }
            let result = evaluate(&gpt, &params, &tokens, stride).unwrap();
            prop_assert_eq!(result.tokens, n - 1);
            prop_assert!((result.nats - expected).abs() < 1e-9, "{} {expected}", result.nats);
        }
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let (gpt, params) = model();
        assert!(evaluate(&gpt, &params, &[1], 6).is_err());
        assert!(evaluate(&gpt, &params, &[1, 2], 0).is_err());
        assert!(evaluate(&gpt, &params, &[1, 2], 7).is_err());
        assert!(evaluate(&gpt, &params, &[1, 9], 6).is_err());
    }

    #[test]
    fn a_model_whose_logits_are_nan_is_refused() {
        let (gpt, mut params) = model();
        params.values.fill(1e200);
        let message = evaluate(&gpt, &params, &[1, 2, 3], 6).unwrap_err().to_string();
        assert!(message.contains("the model is broken"), "{message}");
    }

    /// A window of a million tokens with a million logits each.
    #[test]
    fn windows_that_fit_into_no_memory_are_refused_and_short_texts_are_not() {
        let (vocab_size, block_size, n_layer) = (1_000_000, 1_000_000, 1);
        let (n_head, n_embd, dropout, bias) = (1, 1, 0.0, false);
        let config = GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        };
        let gpt = Gpt::new(config).unwrap();
        let params = Params::<f32>::zeros(gpt.layout());
        let message = evaluate(&gpt, &params, &vec![1; 2_000_000], block_size).unwrap_err();
        assert!(message.to_string().contains("choose fewer --threads"), "{message}");
        let result = evaluate(&gpt, &params, &[1, 2, 3], block_size).unwrap();
        assert!((result.per_token() - 1e6f64.ln()).abs() < 1e-3);
    }
}
