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

/// The answers that are printed: the question, the temperature and the penalty.
const SHOWN: [(usize, f64, f64); 4] = [(0, 0.0, 1.0), (0, 0.0, 1.1), (0, 0.0, 1.3), (3, 0.0, 1.1)];

/// Tokens of an answer at most.
const LIMIT: usize = 200;

/// Runs the experiment.
///
/// # Errors
/// When the file is missing or damaged.
pub fn run() -> Result<()> {
    let model = Model::load_quantised(&smollm2::path()?)?;
    println!("REPEATED 4-GRAMS: per cent of the runs of four tokens of an answer");
    let column = |name: String| format!("{name:>8}");
    let row = |name: &str, value: fn((f64, f64)) -> f64| {
        let values = SETTINGS.map(|setting| column(format!("{:.1}", value(setting))));
        println!("{name:<42}{}", values.concat());
    };
    row("temperature", |(temperature, _)| temperature);
    row("penalty", |(_, penalty)| penalty);
    let (mut sums, mut shown) = ([(0, 0); SETTINGS.len()], Vec::new());
    for (number, prompt) in PROMPTS.into_iter().enumerate() {
        let mut parts = String::new();
        for (sum, (temperature, penalty)) in sums.iter_mut().zip(SETTINGS) {
            let (text, tokens) = answer(&model, prompt, temperature, penalty)?;
            let (repeated, all) = repeated_4_grams(&tokens);
            *sum = (sum.0 + repeated, sum.1 + all);
            parts += &column(per_cent((repeated, all)));
            if SHOWN.contains(&(number, temperature, penalty)) {
                shown.push((prompt, penalty, text));
            }
        }
        println!("{prompt:<42}{parts}");
    }
    let all: Vec<String> = sums.into_iter().map(|sum| column(per_cent(sum))).collect();
    println!("{:<42}{}", "all six", all.concat());
    for (prompt, penalty, text) in shown {
        println!("\nPENALTY {penalty:.1}, temperature 0: {prompt}");
        println!("{}", wrap(&text.replace('\n', " "), 92, "  "));
    }
    Ok(())
}

fn per_cent((some, all): (usize, usize)) -> String {
    format!("{:.1}", 100.0 * some as f64 / all as f64)
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
/// How many runs of four tokens came before in the answer, and how many runs there are.
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
