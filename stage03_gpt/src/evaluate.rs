//! How well a model predicts: the loss over a whole text, and the choice among several endings.
//!
//! A model reads `block_size` tokens at once, so a long text is read in windows. Where they do
//! not overlap, the first tokens of each have little context, and the model looks worse than it
//! is. Windows that overlap give every token more context and cost more: each moves on by
//! `stride` tokens, and only tokens that no window before it has predicted are counted.
//!
//! ```text
//! context 4, stride 2: which tokens predict which, of a text of 8
//!
//! 0 1 2 3 . . . .    predict 1 2 3 4
//! . . 2 3 4 5 . .    predict         5 6      (3 and 4 were predicted before)
//! . . . . 4 5 6 .    predict             7
//! ```
//!
//! These are the windows of the loop in Hugging Face's documentation, *Perplexity of fixed-length
//! models*, for a `max_length` of one more: there a window ends with a token that is only
//! predicted. Where windows do not overlap, that loop leaves out the first token of each.
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
//!
//! The files: [`scorer`] runs the model; this one has the windows; [`multiple_choice`] compares
//! endings of a text, [`hellaswag`] reads them from a file, and [`suite`] has some that are built in;
//! `workers` divides the work among threads.

pub mod hellaswag;
pub mod multiple_choice;
pub mod scorer;
pub mod suite;
mod workers;

use std::sync::Mutex;

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::weights::Weights;

use self::scorer::Scorer;
use crate::gpt::Gpt;

/// The negative log-likelihood of a text under a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NegativeLogLikelihood {
    /// The sum of -ln p over all predicted tokens, in nats.
    pub nats: f64,
    /// How many tokens were predicted: all but those that were given, the first or more.
    pub tokens: usize,
}

impl NegativeLogLikelihood {
    /// The mean over the tokens, in nats.
    pub fn per_token(&self) -> f64 {
        self.nats / self.tokens as f64
    }
}

/// A text that is to be evaluated, in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTokens {
    /// Its tokens, with the special tokens that the tokenizer puts before a text.
    pub tokens: Vec<u32>,
    /// How many of the first are given, not predicted: these, or else one.
    pub given: usize,
    /// How many bytes of the text are given with them.
    pub given_bytes: usize,
}

impl TextTokens {
    /// The tokens of a text.
    ///
    /// The special tokens that the tokenizer puts before a text, such as Llama's `<s>`, stand once
    /// at its beginning, as those of `tokenizer(text)` in `transformers`; a window in the middle
    /// does not begin with them. Without any, the first token of the text is given.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn new(tokenizer: &Tokenizer, text: &str) -> Result<Self> {
        let before = &tokenizer.template().before;
        let tokens = tokenizer.encode_with_special(text)?;
        // A text may spell them; they are not put there twice.
        if before.is_empty() || tokens.starts_with(before) {
            let given = before.len().max(1);
            let spelled = &tokens[..given.min(tokens.len())];
            let given_bytes = tokenizer.decode_bytes(spelled)?.len();
            return Ok(TextTokens { tokens, given, given_bytes });
        }
        let (tokens, given) = ([&before[..], &tokens].concat(), before.len());
        Ok(TextTokens { tokens, given, given_bytes: 0 })
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
    weights: &dyn Weights<T>,
    tokens: &[u32],
    stride: usize,
) -> Result<NegativeLogLikelihood> {
    let all = evaluate_with(gpt, weights, (tokens, 1), stride, &|_| true)?;
    Ok(all.expect("nobody stopped it"))
}

/// [`evaluate`] that tells its progress and can be stopped.
///
/// text: its tokens, and how many of the first are given: see [`TextTokens`]. progress: called
/// after each window, on any thread, with the number of tokens it has predicted; returns whether
/// to continue. Result: none if it was stopped.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with<T: Float>(
    gpt: &Gpt,
    weights: &dyn Weights<T>,
    (tokens, given): (&[u32], usize),
    stride: usize,
    progress: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Option<NegativeLogLikelihood>> {
    let block_size = gpt.config().block_size;
    if !(1..=block_size).contains(&stride) {
        let expected = format!("choose from 1 to the length of a window, {block_size}");
        return Err(Error::setting("--stride", stride, expected));
    }
    if given == 0 || tokens.len() <= given {
        let problem = format!("{} tokens are too few to predict one", tokens.len());
        return Err(Error::text("the text", problem, "give a longer one"));
    }
    gpt.check_vocabulary(tokens)?;

    // ANCHOR: windows
    let predicted = tokens.len() - 1;
    let last_start = predicted.saturating_sub(block_size).div_ceil(stride) * stride;
    let windows = (0..=last_start).step_by(stride).map(|start| {
        let end = (start + block_size).min(predicted);
        // What earlier windows have predicted already.
        let predicted_before = if start == 0 { 0 } else { block_size - stride };
        (start, (start + 1 + predicted_before).max(given), end)
    });
    // ANCHOR_END: windows
    // A text shorter than a window needs no larger buffers than it has tokens.
    let longest = predicted.min(block_size);
    let number = last_start / stride + 1;
    let scorers = Scorer::for_threads(gpt, weights, longest, number)?;
    // Added up in the order of the windows, whichever was finished first.
    let sums = Mutex::new(vec![0.0; number]);
    let done = workers::divide(scorers, windows.enumerate(), |scorer, (i, (start, from, end))| {
        let nats = match tokens[start..].get(..=end - start) {
            Some(window) if from <= end => {
                -scorer.log_probabilities(window, from - start)?.iter().sum::<f64>()
            }
            _ => 0.0, // all of it was given
        };
        sums.lock().expect("no panic under this lock")[i] = nats;
        Ok(progress((end + 1).saturating_sub(from)))
    })?;
    let nats = sums.into_inner().expect("no panic under this lock").iter().sum();
    Ok(done.then_some(NegativeLogLikelihood { nats, tokens: tokens.len() - given }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GptConfig;
    use crate::gpt::tests::random_weights;
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::random::{Purpose, generator};
    use stage01_bigram::tokenizer::BpeTokenizer;
    use stage02_attention::params::Params;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        fn every_token_but_the_given_is_predicted_once(
            n in 2usize..40, stride in 1usize..7, given in 1usize..4, threads in 1usize..4,
            seed: u64,
        ) {
            let (gpt, params) = model();
            let (tokens, given) = (random_tokens(n, seed), given.min(n - 1));
            let mut expected = 0.0;
            for target in given..n {
                // The first window that reaches this target.
                let start = (0..).map(|i| i * stride).find(|start| start + 6 >= target).unwrap();
                expected += surprise(&gpt, &params, &tokens[start..target + 1]);
            }
            let counted = AtomicUsize::new(0);
            let progress = |tokens| {
                counted.fetch_add(tokens, Ordering::Relaxed);
                true
            };
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let result = pool.install(|| {
                evaluate_with(&gpt, &params, (&tokens, given), stride, &progress).unwrap().unwrap()
            });
            prop_assert_eq!((result.tokens, counted.into_inner()), (n - given, n - given));
            prop_assert!((result.nats - expected).abs() < 1e-9, "{} {expected}", result.nats);
        }

        /// The two ends: windows that share nothing, and a window for each token.
        #[test]
        fn strides_of_a_window_and_of_one_token(n in 2usize..30, seed: u64) {
            let (gpt, params) = model();
            let tokens = random_tokens(n, seed);
            let (mut apart, mut one_by_one) = (0.0, 0.0);
            for target in 1..n {
                let window = (target - 1) / 6 * 6;
                apart += surprise(&gpt, &params, &tokens[window..target + 1]);
                let longest = target.saturating_sub(6);
                one_by_one += surprise(&gpt, &params, &tokens[longest..target + 1]);
            }
            for (stride, expected) in [(6, apart), (1, one_by_one)] {
                let found = evaluate(&gpt, &params, &tokens, stride).unwrap().nats;
                prop_assert!((found - expected).abs() < 1e-9, "{stride}: {found} {expected}");
            }
        }
    }

    /// The surprise at the last token of a text, from the logits of a full forward pass.
    fn surprise(gpt: &Gpt, params: &Params<f64>, text: &[u32]) -> f64 {
        let logits = gpt.logits(params, &text[..text.len() - 1]).unwrap();
        let last = logits.row(logits.nrows() - 1);
        let target = last[text[text.len() - 1] as usize];
        last.iter().map(|logit| logit.exp()).sum::<f64>().ln() - target
    }

    fn random_tokens(n: usize, seed: u64) -> Vec<u32> {
        let mut rng = generator(seed, Purpose::Other, 0);
        (0..n).map(|_| rng.random_range(0..9u32)).collect()
    }

    #[test]
    fn it_can_be_stopped() {
        let (gpt, params) = model();
        let windows = AtomicUsize::new(0);
        let progress = |_| windows.fetch_add(1, Ordering::Relaxed) < 3;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let tokens = random_tokens(100, 1);
        let run = || evaluate_with(&gpt, &params, (&tokens, 1), 1, &progress).unwrap();
        assert_eq!(pool.install(run), None);
        assert_eq!(windows.into_inner(), 4);
    }

    #[test]
    fn a_text_begins_with_what_its_tokenizer_puts_there_once() {
        let text = "low low lower";
        let plain = BpeTokenizer::train(&text.repeat(9), 270).unwrap().with_end_of_text();
        let plain = Tokenizer::Bpe(plain);
        let tokens = plain.encode(text).unwrap();
        let bytes = plain.decode(&tokens[..1]).unwrap().len();
        let expected = TextTokens { tokens: tokens.clone(), given: 1, given_bytes: bytes };
        assert_eq!(TextTokens::new(&plain, text).unwrap(), expected);

        let Tokenizer::Bpe(bpe) = &plain else { unreachable!() };
        let (mut parts, bos) = (bpe.parts().unwrap(), plain.end_of_text());
        parts.bos = bos;
        let with_bos = Tokenizer::Bpe(parts.tokenizer(Path::new("model.gguf")).unwrap());
        let tokens = [&[bos.unwrap()][..], &tokens].concat();
        let spelled = format!("<|endoftext|>{text}");
        for (text, given_bytes) in [(text, 0), (&spelled, "<|endoftext|>".len())] {
            let expected = TextTokens { tokens: tokens.clone(), given: 1, given_bytes };
            assert_eq!(TextTokens::new(&with_bos, text).unwrap(), expected);
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

    /// Twenty thousand layers with four million keys and values each.
    #[test]
    fn windows_that_fit_into_no_memory_are_refused_and_short_texts_are_not() {
        let (vocab_size, block_size, n_layer) = (2, 1 << 22, 20_000);
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
        let message = evaluate(&gpt, &params, &vec![1; 5_000_000], block_size).unwrap_err();
        assert!(message.to_string().contains("choose a shorter --context"), "{message}");
        let result = evaluate(&gpt, &params, &[1, 0, 1], block_size).unwrap();
        assert!((result.per_token() - 2f64.ln()).abs() < 1e-3);
    }
}
