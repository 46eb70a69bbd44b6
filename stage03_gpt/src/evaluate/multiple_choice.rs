//! Which of several endings a model finds likeliest, and how often that is the right one.
//!
//! ```text
//! score of an ending = sum over its tokens of ln p(token | context, tokens of the ending so far)
//! ```
//!
//! A longer ending has more factors below 1, so its score is lower for no fault of its own. So
//! there are four ways to choose, and an accuracy for each. The names are those of EleutherAI's
//! evaluation harness, which has all but the last:
//!
//! | name | the ending with the highest |
//! |---|---|
//! | `acc` | score |
//! | `acc_norm` | score / number of characters |
//! | `acc_bytes` | score / number of bytes: the same for an ending in ASCII |
//! | `acc_tokens` | score / number of tokens: the lowest loss per token |
//!
//! Of equal ones the first is chosen, as there.
//!
//! ```
//! use stage03_gpt::evaluate::multiple_choice::{Ending, Length, Question};
//!
//! let ending = |characters, tokens| Ending { tokens, characters, bytes: characters };
//! let endings = vec![ending(5, vec![7]), ending(20, vec![7, 8, 9])];
//! let question = Question { context: vec![1, 2], endings, label: 1 };
//! let scores = [-2.0, -5.0];
//! assert_eq!(question.choice(&scores, Length::One), 0);
//! assert_eq!(question.choice(&scores, Length::Characters), 1); // -0.4 and -0.25
//! ```
//!
//! What this file leaves out: where the questions come from ([`hellaswag`](super::hellaswag)).

use stage01_bigram::{Error, Float, Result};
use stage02_attention::weights::Weights;

use super::scorer::Scorer;
use super::workers::divide;
use crate::gpt::Gpt;

/// A context, some endings, and which of them is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The tokens of the context: one or more.
    pub context: Vec<u32>,
    /// The endings: two or more.
    pub endings: Vec<Ending>,
    /// The index of the right one.
    pub label: usize,
}

/// A possible ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its tokens: one or more.
    pub tokens: Vec<u32>,
    /// Its length in characters: Unicode scalar values.
    pub characters: usize,
    /// Its length in bytes, as UTF-8.
    pub bytes: usize,
}

/// What the score of an ending is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Nothing.
    One,
    /// Its number of characters.
    Characters,
    /// Its number of bytes.
    Bytes,
    /// Its number of tokens.
    Tokens,
}

/// The ways to choose, with their names.
pub const LENGTHS: [(&str, Length); 4] = [
    ("acc", Length::One),
    ("acc_norm", Length::Characters),
    ("acc_bytes", Length::Bytes),
    ("acc_tokens", Length::Tokens),
];

impl Question {
    /// The score of each ending, in nats, and how many of them have lost tokens of their context.
    ///
    /// Where context and ending are longer than the model reads, the oldest tokens are left out.
    ///
    /// longest: the number of tokens that the scorer reads at once.
    ///
    /// # Errors
    /// [`Error::Setting`] for an ending that is longer than that, and for a model that computes
    /// NaN; [`Error::UnknownToken`] for a token the model does not have.
    pub fn scores<T: Float>(
        &self,
        scorer: &mut Scorer<'_, T>,
        longest: usize,
    ) -> Result<(Vec<f64>, usize)> {
        let (mut scores, mut cut) = (Vec::with_capacity(self.endings.len()), 0);
        for (i, Ending { tokens, .. }) in self.endings.iter().enumerate() {
            if tokens.len() > longest {
                let (ending, given) = (format!("ending {i}"), format!("{} tokens", tokens.len()));
                let expected = format!("the model reads at most {longest} at once");
                return Err(Error::setting(ending, given, expected));
            }
            let all = [&self.context[..], tokens].concat();
            let excess = all.len().saturating_sub(longest + 1);
            cut += usize::from(excess > 0);
            let from = self.context.len() - excess;
            let log_p = scorer.log_probabilities(&all[excess..], from)?;
            scores.push(log_p.iter().sum());
        }
        Ok((scores, cut))
    }

    // ANCHOR: choice
    /// The index of the ending with the highest score, divided by its length; of equal ones, the
    /// first.
    pub fn choice(&self, scores: &[f64], by: Length) -> usize {
        let normalised = |(ending, score): (&Ending, &f64)| match by {
            Length::One => *score,
            Length::Characters => score / ending.characters as f64,
            Length::Bytes => score / ending.bytes as f64,
            Length::Tokens => score / ending.tokens.len() as f64,
        };
        let each = self.endings.iter().zip(scores).map(normalised).enumerate();
        let better =
            |best: (usize, f64), next| if next_is_higher(best, next) { next } else { best };
        each.reduce(better).map_or(0, |(i, _)| i)
    }
    // ANCHOR_END: choice
}

fn next_is_higher(best: (usize, f64), next: (usize, f64)) -> bool {
    next.1 > best.1
}

/// Answers questions on the threads of the current pool, without having all of them in memory.
///
/// longest: the most tokens that the model reads at once. questions: what a question is made of,
/// in order, or an error of reading it. read: makes the question. answered: called with each
/// question, its scores and how many of its endings were cut ([`Question::scores`]), on any thread;
/// returns whether to continue. Result: whether all were answered.
///
/// # Errors
/// As [`Question::scores`] and [`Scorer::new`], and those of `questions` and `read`.
pub fn answer_all<T: Float, Q: Send>(
    gpt: &Gpt,
    weights: &dyn Weights<T>,
    longest: usize,
    questions: impl Iterator<Item = Result<Q>> + Send,
    read: impl Fn(Q) -> Result<Question> + Sync,
    answered: &(dyn Fn(&Question, &[f64], usize) -> bool + Sync),
) -> Result<bool> {
    let scorers = Scorer::for_threads(gpt, weights, longest, usize::MAX)?;
    divide(scorers, questions, |scorer, question| {
        let question = read(question?)?;
        let (scores, cut) = question.scores(scorer, longest)?;
        Ok(answered(&question, &scores, cut))
    })
}

/// How many questions were answered, and how many of these right, by each of [`LENGTHS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Questions.
    pub questions: usize,
    /// Right answers, in the order of [`LENGTHS`].
    pub right: [usize; 4],
    /// The sum over the questions of 1 / number of endings: how many are right by chance.
    pub by_chance: f64,
    /// Questions of which the model did not read the whole context.
    pub cut: usize,
    /// The negative log-likelihood of the right endings, in nats, and the number of their tokens.
    pub nats: f64,
    /// See `nats`.
    pub tokens: usize,
}

impl Tally {
    /// Counts a question with the result of [`Question::scores`].
    pub fn add(&mut self, question: &Question, (scores, cut): (&[f64], usize)) {
        self.questions += 1;
        for (right, (_, by)) in self.right.iter_mut().zip(LENGTHS) {
            *right += usize::from(question.choice(scores, by) == question.label);
        }
        self.by_chance += 1.0 / question.endings.len() as f64;
        self.cut += usize::from(cut > 0);
        self.nats -= scores[question.label];
        self.tokens += question.endings[question.label].tokens.len();
    }

    /// The part of the questions that was answered right, and its standard error: how far it would
    /// typically be from the accuracy over endlessly many questions like these.
    ///
    ///   p = right / n,    standard error = sqrt(p (1 − p) / (n − 1))
    ///
    /// It is the sample standard deviation of n numbers that are 0 or 1, over sqrt(n), as in
    /// EleutherAI's harness. None for a single question.
    ///
    /// by: an index of [`LENGTHS`].
    ///
    /// # Panics
    /// When there is no such way to choose.
    pub fn accuracy(&self, by: usize) -> (f64, Option<f64>) {
        let n = self.questions as f64;
        let p = self.right[by] as f64 / n;
        (p, (self.questions > 1).then(|| (p * (1.0 - p) / (n - 1.0)).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GptConfig;
    use crate::gpt::tests::random_weights;
    use proptest::prelude::*;
    use stage02_attention::params::Params;

    fn model() -> (Gpt, Params<f64>) {
        let (vocab_size, block_size, n_layer, n_head, n_embd) = (9, 12, 2, 2, 8);
        let (dropout, bias) = (0.0, true);
        let gpt = Gpt::new(GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        });
        let gpt = gpt.unwrap();
        let params = random_weights(&gpt, 0.5, 1);
        (gpt, params)
    }

    fn question(context: Vec<u32>, endings: Vec<Vec<u32>>) -> Question {
        let ending = |tokens| Ending { tokens, characters: 1, bytes: 1 };
        Question { context, endings: endings.into_iter().map(ending).collect(), label: 0 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Each ending by itself, from the logits of the whole text, also where it is cut.
        #[test]
        fn a_score_is_the_sum_of_the_log_softmax(
            context in prop::collection::vec(0u32..9, 1..10),
            endings in prop::collection::vec(prop::collection::vec(0u32..9, 1..8), 2..5),
        ) {
            let (gpt, params) = model();
            let mut scorer = Scorer::new(&gpt, &params, 12).unwrap();
            let question = question(context.clone(), endings.clone());
            let (scores, cut) = question.scores(&mut scorer, 12).unwrap();
            let mut expected_cut = 0;
            for (score, ending) in scores.iter().zip(&endings) {
                let text: Vec<u32> = context.iter().chain(ending).copied().collect();
                let text = &text[text.len().saturating_sub(13)..];
                expected_cut += usize::from(text.len() < context.len() + ending.len());
                let logits = gpt.logits(&params, &text[..text.len() - 1]).unwrap();
                let expected: f64 = (text.len() - ending.len()..text.len()).map(|i| {
                    let row = logits.row(i - 1);
                    row[text[i] as usize] - row.iter().map(|logit| logit.exp()).sum::<f64>().ln()
                }).sum();
                prop_assert!((score - expected).abs() < 1e-9, "{score} {expected}");
            }
            prop_assert_eq!(cut, expected_cut);
        }
    }

    #[test]
    fn an_ending_longer_than_the_context_is_refused() {
        let (gpt, params) = model();
        let mut scorer = Scorer::new(&gpt, &params, 12).unwrap();
        let question = question(vec![1, 2], vec![vec![1; 12], vec![1; 13]]);
        let message = question.scores(&mut scorer, 12).unwrap_err().to_string();
        assert_eq!(message, "ending 1 = 13 tokens: the model reads at most 12 at once");
    }

    #[test]
    fn of_equal_endings_the_first_is_chosen() {
        let question = question(vec![1], vec![vec![1], vec![2], vec![3]]);
        assert_eq!(question.choice(&[-2.0, -1.0, -1.0], Length::One), 1);
    }

    #[test]
    fn each_length_can_decide() {
        // Scores -6, -7, -8, -9; per character -3, -1.75, -4, -3; per byte -3, -1.75, -0.8, -3; …
        let lengths = [(2, 2, 1), (4, 4, 1), (2, 10, 1), (3, 3, 9)];
        let ending =
            |(characters, bytes, tokens)| Ending { tokens: vec![0; tokens], characters, bytes };
        let endings = lengths.map(ending).to_vec();
        let question = Question { context: vec![1], endings, label: 2 };
        let scores = [-6.0, -7.0, -8.0, -9.0];
        let choices = LENGTHS.map(|(_, by)| question.choice(&scores, by));
        assert_eq!(choices, [0, 1, 2, 3]);

        let mut tally = Tally::default();
        tally.add(&question, (&scores, 0));
        assert_eq!((tally.right, tally.questions), ([0, 0, 1, 0], 1));
        assert_eq!(tally.accuracy(2), (1.0, None));
        tally.add(&Question { label: 3, ..question }, (&scores, 2));
        assert_eq!((tally.right, tally.cut, tally.nats, tally.tokens), ([0, 0, 1, 1], 1, 17.0, 10));
        // Two numbers, 0 and 1: their standard deviation is sqrt(1/2).
        let (p, error) = tally.accuracy(3);
        assert!(p == 0.5 && (error.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(tally.by_chance, 0.5);
    }
}
