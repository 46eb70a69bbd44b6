//! How often SmolLM2-135M-Instruct repeats itself in six answers, with and without a repetition
//! penalty, and what the penalty does to answers that were right.

use std::collections::HashSet;

use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::sampling::repetition::RepetitionPenalty;
use stage01_bigram::text::wrap;
use stage03_gpt::chat::message::Message;
use stage03_gpt::chat::session::Session;
use stage03_gpt::model::Model;

use super::smollm2;

/// What is asked.
const PROMPTS: [&str; 6] = [
    "What are the capitals of France and Italy?",
    "Write a short story about a dragon.",
    "Why is the sky blue?",
    "List ten animals.",
    "How do I make pancakes?",
    "Write a poem about the sea.",
];

/// Temperatures and penalties.
const SETTINGS: [(f64, f64); 6] =
    [(0.0, 1.0), (0.0, 1.1), (0.0, 1.3), (0.8, 1.0), (0.8, 1.1), (0.8, 1.3)];

/// Tokens of an answer at most.
const LIMIT: usize = 300;

/// Runs the experiment.
///
/// # Errors
/// When the file is missing or damaged.
pub fn run() -> Result<()> {
    let model = Model::load_quantised(&smollm2::path()?)?;
    println!("REPEATED 4-GRAMS of the answers to {} questions", PROMPTS.len());
    println!("{:>11}{:>10}{:>10}{:>12}", "temperature", "penalty", "tokens", "repeated");
    let mut first = Vec::new();
    for (temperature, penalty) in SETTINGS {
        let (mut repeated, mut all, mut tokens) = (0, 0, 0);
        for (at, prompt) in PROMPTS.into_iter().enumerate() {
            let (text, answer) = answer(&model, prompt, temperature, penalty)?;
            let (some, of) = repeated_4_grams(&answer);
            (repeated, all, tokens) = (repeated + some, all + of, tokens + answer.len());
            if at < 2 && temperature == 0.0 {
                first.push((prompt, penalty, text));
            }
        }
        let part = 100.0 * repeated as f64 / all as f64;
        println!("{temperature:>11.1}{penalty:>10.1}{tokens:>10}{part:>10.1} %");
    }
    for (prompt, penalty, text) in first {
        println!("\nPENALTY {penalty:.1}, temperature 0: {prompt}");
        let text: String = text.chars().take(400).collect();
        println!("{}", wrap(&text.replace('\n', " "), 92, "  "));
    }
    Ok(())
}

/// The text of an answer, and its tokens.
fn answer(
    model: &Model,
    prompt: &str,
    temperature: f64,
    penalty: f64,
) -> Result<(String, Vec<u32>)> {
    let penalty = RepetitionPenalty::new(penalty, RepetitionPenalty::WINDOW)?;
    let mut sampler = Sampler::new(temperature, None, None)?.with_repetition_penalty(penalty);
    let (mut session, mut rng) = (Session::new(model)?, generator(1, Purpose::Sampling, 0));
    let messages = [Message::user(prompt)];
    let answer = session.answer(&messages, &mut sampler, &mut rng, LIMIT, |_| true)?;
    Ok((answer.text, session.tokens()[answer.prompt_tokens..].to_vec()))
}

// ANCHOR: repeated
/// How many runs of four tokens have been there before in the answer, and how many runs there are.
fn repeated_4_grams(tokens: &[u32]) -> (usize, usize) {
    let mut seen = HashSet::new();
    let repeated = tokens.windows(4).filter(|&run| !seen.insert(run)).count();
    (repeated, tokens.windows(4).count())
}
// ANCHOR_END: repeated

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_comes_again_is_counted() {
        assert_eq!(repeated_4_grams(&[1, 2, 3, 4, 1, 2, 3, 4, 1]), (2, 6));
        assert_eq!(repeated_4_grams(&[1, 2, 3]), (0, 0));
        assert_eq!(repeated_4_grams(&[7; 6]), (2, 3));
    }
}
