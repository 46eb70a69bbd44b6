//! The repetition penalty: tokens that were written lately become less likely.
//!
//! A model that has written a sentence twice is sure that it comes a third time, and small models
//! soon run in a circle. Keskar et al. (2019, section 4.1) divide the logit x_i of each token i
//! that the text g has by a number θ above 1:
//!
//! ```text
//! p_i = exp(x_i / (T · I(i ∈ g))) / Σ_j exp(x_j / (T · I(j ∈ g))),    I(true) = θ, I(false) = 1
//! ```
//!
//! That lowers positive logits, and raises negative ones. So all programs in use, `transformers`
//! and llama.cpp among them, multiply negative ones by θ instead, and so does this one.
//!
//! The formula depends on where zero is, and softmax does not: adding a number to all logits
//! leaves the probabilities as they are, and changes what the penalty does. It is a rule of
//! thumb. It knows no grammar either: `the` and the full stop are repeated by right. So it is
//! small, 1.1, and looks at the last tokens only.
//!
//! ```
//! use stage01_bigram::sampling::repetition::RepetitionPenalty;
//! let mut logits = [3.0, 2.0, -1.0];
//! RepetitionPenalty::new(2.0, 64)?.apply(&[0, 2], &mut logits);
//! assert_eq!(logits, [1.5, 2.0, -2.0]);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use crate::{Error, Result};

/// A penalty, and how far it looks back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepetitionPenalty {
    /// θ: logits above 0 are divided by it, those below are multiplied.
    penalty: f64,
    /// How many of the last tokens it looks at.
    window: usize,
}

impl RepetitionPenalty {
    /// No penalty.
    pub const OFF: Self = Self { penalty: 1.0, window: 0 };
    /// The usual window, llama.cpp's.
    pub const WINDOW: usize = 64;

    /// A penalty for the tokens among the last `window` ones. 1 is none.
    ///
    /// # Errors
    /// [`Error::Setting`] unless the penalty is a positive number.
    pub fn new(penalty: f64, window: usize) -> Result<Self> {
        if !(penalty > 0.0 && penalty.is_finite()) {
            let expected = "expected a positive number: 1 is off, 1.1 is usual";
            return Err(Error::setting("--repetition-penalty", penalty, expected));
        }
        Ok(if penalty == 1.0 || window == 0 { Self::OFF } else { Self { penalty, window } })
    }

    /// Lowers the logits of the last tokens of a text. A token that is there several times counts
    /// once; one that has no logit is passed over.
    // ANCHOR: apply
    pub fn apply(&self, context: &[u32], logits: &mut [f64]) {
        let mut recent = context[context.len().saturating_sub(self.window)..].to_vec();
        recent.sort_unstable();
        recent.dedup();
        for token in recent {
            if let Some(logit) = logits.get_mut(token as usize) {
                let is_positive = *logit > 0.0;
                *logit = if is_positive { *logit / self.penalty } else { *logit * self.penalty };
            }
        }
    }
    // ANCHOR_END: apply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};
    use crate::sampling::Sampler;
    use proptest::prelude::*;

    /// Made by `golden.py`: penalty, tokens, and the logits after the penalty of `transformers`.
    #[rustfmt::skip]
    const GOLDEN: [(f64, &[u32], [f64; 6]); 5] = [
        (1.1, &[0, 1, 2], [2.2727272727272725, -1.375, 0.0, 0.75, -3.0, 6.0]),
        (1.3, &[5, 5, 5, 4], [2.5, -1.25, 0.0, 0.75, -3.9000000000000004, 4.615384615384615]),
        (2.0, &[3, 0, 3, 1, 4, 2, 5], [1.25, -2.5, 0.0, 0.375, -6.0, 3.0]),
        (0.8, &[1, 3], [2.5, -1.0, 0.0, 0.9375, -3.0, 6.0]),
        (1.2, &[], [2.5, -1.25, 0.0, 0.75, -3.0, 6.0]),
    ];

    #[test]
    fn it_is_that_of_transformers() {
        for (penalty, context, expected) in GOLDEN {
            let mut logits = [2.5, -1.25, 0.0, 0.75, -3.0, 6.0];
            RepetitionPenalty::new(penalty, 64).unwrap().apply(context, &mut logits);
            for (logit, expected) in logits.iter().zip(expected) {
                assert!((logit - expected).abs() < 1e-12, "{logit} {expected}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_lowers_the_last_tokens_and_no_others(
            before in prop::collection::vec(-9.0..9.0f64, 1..20),
            context in prop::collection::vec(0u32..25, 0..40),
            penalty in 1.01..3.0f64, window in 0usize..50,
        ) {
            let mut after = before.clone();
            RepetitionPenalty::new(penalty, window).unwrap().apply(&context, &mut after);
            let recent = &context[context.len().saturating_sub(window)..];
            for (token, (before, after)) in before.iter().zip(&after).enumerate() {
                match recent.contains(&(token as u32)) {
                    true => prop_assert!(after < before && after.is_sign_positive() == before.is_sign_positive()),
                    false => prop_assert_eq!(after, before),
                }
            }
        }

        /// Where it is off, the same numbers are drawn as without it.
        #[test]
        fn without_it_the_context_does_not_matter(
            logits in prop::collection::vec(-4.0..4.0f32, 2..20),
            context in prop::collection::vec(0u32..20, 0..20), seed: u64,
        ) {
            let off = RepetitionPenalty::new(1.0, 64).unwrap();
            let mut sampler = Sampler::default().with_repetition_penalty(off);
            let rng = || generator(seed, Purpose::Sampling, 0);
            let plain = Sampler::default().sample(&logits, &mut rng());
            prop_assert_eq!(sampler.sample_after(&context, &logits, &mut rng()), plain);
        }
    }

    #[test]
    fn a_sampler_turns_to_other_tokens() {
        let penalty = RepetitionPenalty::new(1.5, 2).unwrap();
        let mut sampler = Sampler::greedy().with_repetition_penalty(penalty);
        let mut rng = generator(1, Purpose::Sampling, 0);
        let mut after =
            |context: &[u32]| sampler.sample_after(context, &[2.0f32, 1.9, -1.0], &mut rng);
        assert_eq!([after(&[]), after(&[0]), after(&[0, 1]), after(&[0, 2, 2])], [0, 1, 0, 0]);
    }

    #[test]
    fn an_impossible_penalty_says_what_was_expected() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let message = RepetitionPenalty::new(bad, 64).unwrap_err().to_string();
            assert!(message.starts_with("--repetition-penalty = "), "{message}");
        }
        assert_eq!(RepetitionPenalty::new(1.0, 5).unwrap(), RepetitionPenalty::OFF);
    }
}
