//! The choices of a model among endings, question by question: what a paired comparison needs.

use stage01_bigram::Result;
use stage02_attention::params::Params;
use stage03_gpt::evaluate::multiple_choice::{Ending, Question, Tally};
use stage03_gpt::evaluate::scorer::Scorer;
use stage03_gpt::gpt::Gpt;

/// What a model chose.
pub struct Choices {
    /// All questions together.
    pub tally: Tally,
    /// The scores of each question's endings, in nats.
    pub scores: Vec<Vec<f64>>,
}

/// Scores every ending. No question may be longer than the model reads; the oldest tokens of longer
/// contexts are left out.
///
/// # Errors
/// For an ending that is longer than the model reads, and when the weights are NaN.
pub fn choose(gpt: &Gpt, weights: &Params<f32>, questions: &[Question]) -> Result<Choices> {
    let length = |question: &Question| {
        let endings = question.endings.iter().map(|Ending { tokens, .. }| tokens.len());
        question.context.len() + endings.max().unwrap_or(0)
    };
    let longest = questions.iter().map(length).max().unwrap_or(1).min(gpt.config().block_size);
    let mut scorer = Scorer::new(gpt, weights, longest)?;
    let mut choices = Choices { tally: Tally::default(), scores: vec![] };
    for question in questions {
        let (scores, cut) = question.scores(&mut scorer, longest)?;
        choices.tally.add(question, (&scores, cut));
        choices.scores.push(scores);
    }
    Ok(choices)
}

impl Choices {
    /// The loss on the right endings, in nats per token.
    pub fn nats(&self) -> f64 {
        self.tally.nats / self.tally.tokens as f64
    }
}
