//! Sampling: choosing the next token from its probabilities.
//!
//! Always taking the likeliest token is safe and dull: the text soon repeats itself. Drawing by the
//! probabilities is lively, but with thousands of tokens the many unlikely ones are together likely
//! enough to derail the text now and then. The usual remedies, in the order in which they are
//! applied:
//!
//! - **repetition penalty**: the logits of tokens that were written lately are lowered (Keskar et al.
//!   2019; [`repetition`]). Off unless it is asked for.
//! - **temperature**: logits are divided by it. Below 1 sharpens the probabilities, above 1
//!   flattens them, 0 is the limit: always the likeliest (*greedy*).
//! - **top-k**: only the k likeliest tokens may be drawn (Fan et al. 2018).
//! - **top-p**: of those, only the smallest set of likeliest tokens whose probabilities reach p
//!   together (*nucleus sampling*, Holtzman et al. 2020). Where the model is certain the set is
//!   small, elsewhere it is large.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage01_bigram::sampling::Sampler;
//! let logits = [1.0, 3.0, 2.9, -1.0];
//! let rng = &mut generator(1, Purpose::Sampling, 0);
//! assert_eq!(Sampler::greedy().sample(&logits, rng), 1);
//! let mut sampler = Sampler::new(0.8, Some(2), None)?;
//! assert!((0..100).all(|_| [1, 2].contains(&sampler.sample(&logits, rng))));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: beam search; the formula of the repetition penalty.

pub mod repetition;

use std::cmp::Ordering;

use rand::RngExt;

use self::repetition::RepetitionPenalty;
use crate::random::Generator;
use crate::{Error, Float, Result};

/// A way of choosing the next token from logits.
///
/// Keeps its scratch memory, so that a long generation allocates only once.
#[derive(Clone, Debug)]
pub struct Sampler {
    temperature: f64,
    top_k: Option<usize>,
    top_p: Option<f64>,
    repetition: RepetitionPenalty,
    candidates: Vec<Candidate>,
    /// The logits after the repetition penalty.
    penalised: Vec<f64>,
}

/// A token that may be drawn.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    token: u32,
    /// Its probability times a number that is the same for all candidates.
    weight: f64,
}

impl Default for Sampler {
    /// Draws by the model's own probabilities.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: None,
            repetition: RepetitionPenalty::OFF,
            candidates: Vec::new(),
            penalised: Vec::new(),
        }
    }
}

impl Sampler {
    /// A sampler with these settings; `None` switches a filter off.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `temperature` is 0 or a positive number, `top_k` is at least 1,
    /// and `top_p` is above 0 and at most 1.
    pub fn new(temperature: f64, top_k: Option<usize>, top_p: Option<f64>) -> Result<Self> {
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return Err(Error::setting(
                "--temperature",
                temperature,
                "expected 0 (always the likeliest token) or a positive number; 1 keeps the \
                 model's own probabilities",
            ));
        }
        if top_k == Some(0) {
            return Err(Error::setting(
                "--top-k",
                0,
                "expected at least 1 token to choose from; leave it out to choose from all",
            ));
        }
        if let Some(p) = top_p
            && !(p > 0.0 && p <= 1.0)
        {
            return Err(Error::setting(
                "--top-p",
                p,
                "expected a probability above 0 and at most 1; leave it out to choose from all",
            ));
        }
        Ok(Self { temperature, top_k, top_p, ..Self::default() })
    }

    /// The same sampler with a repetition penalty, for [`Sampler::sample_after`].
    pub fn with_repetition_penalty(self, repetition: RepetitionPenalty) -> Self {
        Self { repetition, ..self }
    }

    /// Always the likeliest token.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// Chooses the token that follows a text: [`Sampler::sample`], with the repetition penalty.
    ///
    /// context: the tokens of the text, of which the penalty looks at the last ones.
    ///
    /// # Panics
    /// If there are no logits at all.
    pub fn sample_after<T: Float>(
        &mut self,
        context: &[u32],
        logits: &[T],
        rng: &mut Generator,
    ) -> u32 {
        if self.repetition == RepetitionPenalty::OFF {
            return self.sample(logits, rng);
        }
        let mut penalised = std::mem::take(&mut self.penalised);
        penalised.clear();
        penalised.extend(logits.iter().map(|logit| logit.f64()));
        self.repetition.apply(context, &mut penalised);
        let token = self.sample(&penalised, rng);
        self.penalised = penalised;
        token
    }

    /// Chooses one token.
    ///
    /// logits: (vocab_size); log-probabilities give the same. Of equal logits the smaller token
    /// number counts as the likelier one. A token whose logit is −∞ or NaN is never chosen; of
    /// several +∞ all are equally likely. Where no token may be chosen (a broken model) the result
    /// is token 0. One random number is drawn, none when greedy.
    ///
    /// # Panics
    /// If there are no logits at all.
    // ANCHOR: weights
    pub fn sample<T: Float>(&mut self, logits: &[T], rng: &mut Generator) -> u32 {
        assert!(!logits.is_empty(), "there is at least one logit");
        let likeliest = likeliest(logits);
        if self.temperature == 0.0 {
            return likeliest as u32;
        }
        let max = logits[likeliest].f64();
        self.candidates.clear();
        self.candidates.extend(logits.iter().enumerate().filter_map(|(token, logit)| {
            let logit = logit.f64();
            // exp(logit / T) divided by the largest one. The comparison covers +∞, for which the
            // difference is NaN.
            let weight = if logit == max { 1.0 } else { ((logit - max) / self.temperature).exp() };
            (weight > 0.0).then_some(Candidate { token: token as u32, weight })
        }));
        // ANCHOR_END: weights
        if max == f64::NEG_INFINITY || max.is_nan() {
            return 0;
        }
        // ANCHOR: choose
        if let Some(k) = self.top_k {
            keep_top_k(&mut self.candidates, k);
        }
        if let Some(p) = self.top_p {
            keep_top_p(&mut self.candidates, p);
        }
        draw(&self.candidates, rng)
        // ANCHOR_END: choose
    }
}

/// The index of the largest logit, the first of several; 0 when all are −∞ or NaN.
fn likeliest<T: Float>(logits: &[T]) -> usize {
    let (mut best, mut max) = (0, T::neg_infinity());
    for (token, &logit) in logits.iter().enumerate() {
        if logit > max {
            (best, max) = (token, logit);
        }
    }
    best
}

/// The likelier first; of equals the smaller token number.
fn likelier_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.weight.total_cmp(&a.weight).then(a.token.cmp(&b.token))
}

// ANCHOR: top_k
/// Leaves the `k` likeliest candidates. Finding them needs no sorting: time is linear.
fn keep_top_k(candidates: &mut Vec<Candidate>, k: usize) {
    if k < candidates.len() {
        candidates.select_nth_unstable_by(k - 1, likelier_first);
        candidates.truncate(k);
    }
    // The order after the selection is not specified; a seed must always give the same token.
    candidates.sort_unstable_by_key(|candidate| candidate.token);
}
// ANCHOR_END: top_k

// ANCHOR: top_p
/// Leaves the smallest set of likeliest candidates with at least the fraction `p` of the total.
fn keep_top_p(candidates: &mut Vec<Candidate>, p: f64) {
    if p == 1.0 {
        return;
    }
    let total = total(candidates);
    // Candidates that each have less than (1 − p) / n of the total have less than 1 − p
    // together: p is reached without them. Most are such, and need not be sorted.
    let least = total * (1.0 - p) / candidates.len() as f64;
    candidates.retain(|candidate| candidate.weight >= least);
    candidates.sort_unstable_by(likelier_first);
    let mut reached = 0.0;
    let enough = candidates.iter().position(|candidate| {
        reached += candidate.weight;
        reached >= p * total
    });
    if let Some(last) = enough {
        candidates.truncate(last + 1);
    }
}
// ANCHOR_END: top_p

// ANCHOR: draw
/// Draws one candidate by its weight: a random point on a line where each has its length.
fn draw(candidates: &[Candidate], rng: &mut Generator) -> u32 {
    let mut left = rng.random::<f64>() * total(candidates);
    for candidate in candidates {
        left -= candidate.weight;
        if left < 0.0 {
            return candidate.token;
        }
    }
    // Rounding may put the point just beyond the end.
    candidates.last().map_or(0, |candidate| candidate.token)
}
// ANCHOR_END: draw

fn total(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|candidate| candidate.weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::softmax;
    use crate::random::{Purpose, generator};
    use proptest::prelude::*;

    fn rng(seed: u64) -> Generator {
        generator(seed, Purpose::Sampling, 0)
    }

    fn draws(sampler: &mut Sampler, logits: &[f64], count: usize) -> Vec<u32> {
        let mut rng = rng(1);
        (0..count).map(|_| sampler.sample(logits, &mut rng)).collect()
    }

    /// Token numbers from the likeliest to the unlikeliest, by plain sorting.
    fn ranked(logits: &[f64]) -> Vec<u32> {
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
        order
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn top_k_draws_only_the_k_best(
            // Whole numbers, so that there are ties.
            logits in prop::collection::vec((-3..3i32).prop_map(f64::from), 1..12), k in 1..14usize,
        ) {
            let mut sampler = Sampler::new(2.0, Some(k), None).unwrap();
            let drawn = draws(&mut sampler, &logits, 300);
            let best = &ranked(&logits)[..k.min(logits.len())];
            prop_assert!(drawn.iter().all(|token| best.contains(token)));
            if k <= 2 {
                prop_assert!(best.iter().all(|token| drawn.contains(token)));
            }
        }

        #[test]
        fn top_p_keeps_the_smallest_set_that_reaches_p(
            logits in prop::collection::vec(-5.0..5.0f64, 1..30), p in 0.01..1.0f64,
        ) {
            let mut probabilities = vec![0.0; logits.len()];
            softmax(&logits, &mut probabilities);
            let mut candidates: Vec<_> = (0..).zip(&probabilities)
                .map(|(token, &weight)| Candidate { token, weight }).collect();
            keep_top_p(&mut candidates, p);
            let kept: Vec<u32> = candidates.iter().map(|c| c.token).collect();
            prop_assert_eq!(&kept, &ranked(&logits)[..kept.len()]);
            prop_assert!(total(&candidates) >= p - 1e-12);
            prop_assert!(total(&candidates[..kept.len() - 1]) < p + 1e-12);
        }

        #[test]
        fn greedy_takes_the_first_of_the_likeliest(
            logits in prop::collection::vec((-3..3i32).prop_map(f64::from), 1..12),
        ) {
            prop_assert_eq!(Sampler::greedy().sample(&logits, &mut rng(0)), ranked(&logits)[0]);
            // Nearly greedy, and greedy by filters.
            let max = logits[ranked(&logits)[0] as usize];
            let mut cold = Sampler::new(1e-300, None, None).unwrap();
            prop_assert_eq!(logits[cold.sample(&logits, &mut rng(0)) as usize], max);
            let mut one = Sampler::new(1.0, Some(1), None).unwrap();
            prop_assert_eq!(one.sample(&logits, &mut rng(0)), ranked(&logits)[0]);
            let mut tiny = Sampler::new(1.0, None, Some(1e-9)).unwrap();
            prop_assert_eq!(tiny.sample(&logits, &mut rng(0)), ranked(&logits)[0]);
        }

        #[test]
        fn the_impossible_never_comes(
            mut logits in prop::collection::vec(
                prop_oneof![Just(f64::NEG_INFINITY), Just(f64::NAN), -1e3..1e3f64], 1..12),
            place in any::<prop::sample::Index>(),
            top_k in prop::option::of(1..12usize), top_p in prop::option::of(0.01..=1.0f64),
        ) {
            let place = place.index(logits.len());
            logits[place] = 0.0;
            let mut sampler = Sampler::new(3.0, top_k, top_p).unwrap();
            for token in draws(&mut sampler, &logits, 50) {
                prop_assert!(logits[token as usize].is_finite());
            }
        }
    }

    #[test]
    fn tokens_come_as_often_as_their_probabilities_say() {
        let logits = [0.5, -1.0, 2.0, 0.0, 1.0, f64::NEG_INFINITY];
        let count = 40_000;
        for temperature in [0.5, 1.0, 3.0] {
            let mut sampler = Sampler::new(temperature, None, None).unwrap();
            let mut seen = [0.0; 6];
            for token in draws(&mut sampler, &logits, count) {
                seen[token as usize] += 1.0;
            }
            let mut probabilities = [0.0; 6];
            softmax(&logits.map(|x| x / temperature), &mut probabilities);
            // Pearson's test: with 4 degrees of freedom 18.5 is exceeded by chance once in a
            // thousand.
            let chi_squared: f64 = (0..5)
                .map(|i| (seen[i], probabilities[i] * count as f64))
                .map(|(seen, expected)| (seen - expected) * (seen - expected) / expected)
                .sum();
            assert!(chi_squared < 18.5, "{chi_squared} at {temperature}: {seen:?}");
        }
    }

    #[test]
    fn filters_work_together_in_their_order() {
        // Probabilities 0.4, 0.3, 0.2, 0.1. Of the two best, the first has 4/7 = 0.57 > 0.55.
        let logits = [0.1f64, 0.2, 0.3, 0.4].map(f64::ln);
        let only = |k, p| {
            let mut drawn = draws(&mut Sampler::new(1.0, k, p).unwrap(), &logits, 400);
            drawn.sort_unstable();
            drawn.dedup();
            drawn
        };
        assert_eq!(only(None, None), [0, 1, 2, 3]);
        assert_eq!(only(Some(2), None), [2, 3]);
        assert_eq!(only(None, Some(0.55)), [2, 3]);
        assert_eq!(only(Some(2), Some(0.55)), [3]);
        assert_eq!(only(Some(9), Some(1.0)), [0, 1, 2, 3]);
    }

    #[test]
    fn a_seed_always_gives_the_same_tokens() {
        let logits: Vec<f32> = (0..50).map(|i| (i as f32 * 0.7).sin() * 2.0).collect();
        let run = |seed| -> Vec<u32> {
            let (mut sampler, mut rng) =
                (Sampler::new(0.8, Some(20), Some(0.9)).unwrap(), rng(seed));
            (0..8).map(|_| sampler.sample(&logits, &mut rng)).collect()
        };
        assert_eq!(run(1), GOLDEN_DRAWS);
        assert_ne!(run(1), run(2));
    }
    /// Computed once by this code: there is no reference to compare with, but it may not change.
    const GOLDEN_DRAWS: [u32; 8] = [20, 3, 47, 38, 2, 46, 39, 46];

    #[test]
    fn a_broken_model_does_not_break_the_program() {
        for broken in [f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(Sampler::default().sample(&[broken; 3], &mut rng(0)), 0);
            assert_eq!(Sampler::greedy().sample(&[broken; 3], &mut rng(0)), 0);
        }
        let certain = [0.0, f64::INFINITY, 0.0, f64::INFINITY];
        let drawn = draws(&mut Sampler::default(), &certain, 100);
        assert!(drawn.contains(&1) && drawn.contains(&3));
        assert!(!drawn.contains(&0) && !drawn.contains(&2));
    }

    #[test]
    fn impossible_settings_say_what_was_expected() {
        for bad in [-0.1, f64::NAN, f64::INFINITY] {
            let message = Sampler::new(bad, None, None).unwrap_err().to_string();
            assert!(message.starts_with("--temperature = "), "{message}");
        }
        assert!(Sampler::new(1.0, Some(0), None).unwrap_err().to_string().contains("--top-k = 0"));
        for bad in [0.0, 1.01, f64::NAN] {
            assert!(Sampler::new(1.0, None, Some(bad)).is_err(), "{bad}");
        }
    }
}
