//! Looking back: what the trained model gains with every character that it may see.
//!
//! `--plot FILE` draws the loss at every place of a window.

use std::path::Path;

use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::dataset::Dataset;
use stage01_bigram::loss::{log_softmax, softmax};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use stage02_attention::model::{AttentionModel, Config};
use stage02_attention::params::Params;
use stage02_attention::training::{Settings, train};

use crate::setup::CharData;

const BLOCK_SIZE: usize = 64;

// ANCHOR: by_place
/// The mean loss at each place of a window: at place 0 one character is seen, at place 1 two.
fn loss_by_place(model: &AttentionModel, params: &Params<f32>, data: &Dataset) -> Vec<f64> {
    let mut acts = model.activations(1, BLOCK_SIZE);
    let mut log_p = vec![0.0; model.config().vocab_size];
    let (mut sums, mut windows) = (vec![0.0; BLOCK_SIZE], 0.0);
    for (tokens, targets) in data.windows(BLOCK_SIZE).filter(|(x, _)| x.len() == BLOCK_SIZE) {
        model.forward(params, tokens, &mut acts);
        for (i, logits) in acts.logits.rows().into_iter().enumerate() {
            log_softmax(logits.as_slice().expect("rows are contiguous"), &mut log_p);
            sums[i] -= f64::from(log_p[targets[i] as usize]);
        }
        windows += 1.0;
    }
    sums.iter().map(|sum| sum / windows).collect()
}
// ANCHOR_END: by_place

/// The three likeliest characters, with their probabilities in percent.
fn likeliest(tokenizer: &Tokenizer, p: &[f64]) -> Result<String> {
    let mut tokens: Vec<usize> = (0..p.len()).collect();
    tokens.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    tokens[..3]
        .iter()
        .map(|&t| Ok(format!("{} {:>2.0}%   ", tokenizer.token_text(t as u32)?, 100.0 * p[t])))
        .collect()
}

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    let CharData { tokenizer, train: train_set, validation: val_set } =
        CharData::king_james(BLOCK_SIZE)?;
    let vocab_size = tokenizer.vocab_size();
    let bigram = CountedBigram::count(train_set.tokens(), vocab_size, 0.01)?;
    let floor = bigram.mean_loss(val_set.tokens())?;
    let config = Config { vocab_size, block_size: BLOCK_SIZE, n_embd: 64, n_head: 4 };
    let model = AttentionModel::new(config)?;
    let settings = Settings { eval_interval: 3000, ..Settings::default() };
    let (params, _) = train(&model, (&train_set, &val_set), settings, |_| Ok::<_, Error>(()))?;

    println!("LOSS BY PLACE, nats per character; the counted bigram has {floor:.4}");
    println!("{:>18}{:>10}", "characters seen", "loss");
    let losses = loss_by_place(&model, &params, &val_set);
    for seen in [1, 2, 3, 4, 6, 8, 16, 32, 64] {
        println!("{seen:>18}{:>10.4}", losses[seen - 1]);
    }

    println!("\nWHAT COMES NEXT? the three likeliest");
    println!("  {:<18}{:<28}attention", "after", "bigram, sees the last one");
    for prompt in ["unto the LOR", "And God s", "the children of Isr", "And it came to pas", "th"] {
        let tokens = tokenizer.encode(prompt)?;
        let last = *tokens.last().expect("a prompt");
        let counted = (0..vocab_size as u32)
            .map(|next| bigram.probability(last, next))
            .collect::<Result<Vec<f64>>>()?;
        let mut acts = model.activations(1, tokens.len());
        model.forward(&params, &tokens, &mut acts);
        let logits = acts.logits.row(tokens.len() - 1).mapv(f64::from);
        let mut learned = vec![0.0; vocab_size];
        softmax(logits.as_slice().expect("rows are contiguous"), &mut learned);
        let [counted, learned] = [counted, learned].map(|p| likeliest(&tokenizer, &p));
        println!("  {prompt:<20}{:<28}{}", counted?, learned?.trim_end());
    }

    if let Some(file) = plot {
        let points = losses.iter().enumerate().map(|(i, &loss)| (i as f64 + 1.0, loss)).collect();
        let chart = LineChart {
            title: "Most is gained from the first four characters".into(),
            x_label: "characters seen".into(),
            y_label: "validation loss (nats per character)".into(),
            series: vec![Series { name: "one layer of attention".into(), points }],
            references: vec![(format!("counted bigram: {floor:.2}"), floor)],
        };
        chart.save(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_a_window_together_are_its_loss() {
        let tokens: Vec<u32> = (0..200).map(|i| i * 7 % 5).collect();
        let data = Dataset::new(tokens, BLOCK_SIZE).unwrap();
        let config = Config { vocab_size: 5, block_size: BLOCK_SIZE, n_embd: 4, n_head: 1 };
        let model = AttentionModel::new(config).unwrap();
        let mut rng = stage01_bigram::random::generator(
            1,
            stage01_bigram::random::Purpose::Initialisation,
            0,
        );
        let params = Params::initialise(model.layout(), &mut rng);
        let by_place: f64 = loss_by_place(&model, &params, &data).iter().sum();
        let mut acts = model.activations(1, BLOCK_SIZE);
        let whole: Vec<f64> = data
            .windows(BLOCK_SIZE)
            .filter(|(x, _)| x.len() == BLOCK_SIZE)
            .map(|window| model.loss(&params, window, &mut acts))
            .collect();
        assert!((by_place - whole.iter().sum::<f64>() / whole.len() as f64).abs() < 1e-4);
    }
}
