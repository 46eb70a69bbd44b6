//! Surprise: the loss on paper, with more and more smoothing, and with larger vocabularies.
//!
//! `--plot FILE` draws what smoothing does to the training and the validation loss.

use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::loss::{bits, bits_per_byte, perplexity};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer};

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    on_paper()?;
    let text = Corpus::built_in().text;
    let (train, validation) = split(&text, 0.9)?;
    let curves = smoothing(train, validation)?;
    if let Some(file) = plot {
        chart(curves).save(file)?;
    }
    vocabularies(train, validation)
}

fn on_paper() -> Result<()> {
    println!("ON PAPER: abracadabra");
    let tokenizer = CharTokenizer::train("abracadabra")?;
    let tokens = tokenizer.encode("abracadabra")?;
    let model = CountedBigram::count(&tokens, 5, 0.0)?;
    println!("pair     p     nats   bits");
    for pair in tokens.windows(2) {
        // ANCHOR: surprise
        let p = model.probability(pair[0], pair[1])?;
        let surprise = -p.ln();
        // ANCHOR_END: surprise
        let surprise = surprise.abs(); // a zero without its sign
        println!("  {}   {p:.2}   {surprise:.4}   {}", tokenizer.decode(pair)?, bits(surprise));
    }
    let (sum, mean) = (model.sum_loss(&tokens)?, model.mean_loss(&tokens)?);
    println!("sum         {sum:.4} nats, {:.1} bits", bits(sum));
    println!("mean        {mean:.4} nats, {:.1} bits", bits(mean));
    println!("perplexity  {:.4}", perplexity(mean));
    println!(
        "uniform baseline: ln 5 = {:.4} nats, perplexity {:.1}",
        5f64.ln(),
        perplexity(5f64.ln())
    );
    Ok(())
}

/// (log10 of k, loss) on the training and on the validation text.
type Curves = [Vec<(f64, f64)>; 2];

fn smoothing(train: &str, validation: &str) -> Result<Curves> {
    println!("\nSMOOTHING: a vocabulary of 1,024, nats per token");
    println!("{:>8}{:>10}{:>12}", "k", "train", "validation");
    let tokenizer = BpeTokenizer::train(train, 1024)?;
    let texts = [tokenizer.encode(train)?, tokenizer.encode(validation)?];
    let mut curves = Curves::default();
    for k in [0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0f64] {
        let model = CountedBigram::count(&texts[0], tokenizer.vocab_size(), k)?;
        let losses = [model.mean_loss(&texts[0])?, model.mean_loss(&texts[1])?];
        println!("{k:>8}{:>10.4}{:>12.4}", losses[0], losses[1]);
        for (curve, loss) in curves.iter_mut().zip(losses) {
            curve.push((k.log10(), loss));
        }
    }
    Ok(curves)
}

fn chart([train, validation]: Curves) -> LineChart {
    LineChart {
        title: "Smoothing only harms the training loss; the validation loss has a best k".into(),
        x_label: "log10 of k".into(),
        y_label: "loss (nats per token)".into(),
        series: vec![
            Series { name: "train".into(), points: train },
            Series { name: "validation".into(), points: validation },
        ],
        references: vec![("uniform baseline: ln 1024".into(), 1024f64.ln())],
    }
}

fn vocabularies(train: &str, validation: &str) -> Result<()> {
    println!("\nLARGER VOCABULARIES: k = 0.001");
    println!("{:>26}{:>26}", "nats per token", "bits per byte");
    println!("{:>8}{:>10}{:>12}{:>12}{:>12}", "V", "train", "validation", "train", "validation");
    for vocab_size in [256, 512, 1024, 2048, 4096, 8192, 16384] {
        let tokenizer = BpeTokenizer::train(train, vocab_size)?;
        let texts = [tokenizer.encode(train)?, tokenizer.encode(validation)?];
        let model = CountedBigram::count(&texts[0], tokenizer.vocab_size(), 0.001)?;
        let means = [model.mean_loss(&texts[0])?, model.mean_loss(&texts[1])?];
        let per_byte = [
            bits_per_byte(model.sum_loss(&texts[0])?, train.len()),
            bits_per_byte(model.sum_loss(&texts[1])?, validation.len()),
        ];
        println!(
            "{vocab_size:>8}{:>10.3}{:>12.3}{:>12.3}{:>12.3}",
            means[0], means[1], per_byte[0], per_byte[1]
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::ABRACADABRA;
    use approx::assert_relative_eq;

    #[test]
    fn the_example_for_paper() {
        let model = CountedBigram::count(&ABRACADABRA, 5, 0.0).unwrap();
        // Twice p = 1/2, twice p = 1/4, six times p = 1: 1 + 1 + 2 + 2 bits.
        assert_relative_eq!(bits(model.sum_loss(&ABRACADABRA).unwrap()), 6.0, epsilon = 1e-12);
        let mean = model.mean_loss(&ABRACADABRA).unwrap();
        assert_relative_eq!(mean, 0.6 * 2f64.ln(), epsilon = 1e-12);
        assert_relative_eq!(perplexity(mean), 2f64.powf(0.6), epsilon = 1e-12);
        // One token is one byte here, but the first is predicted by nothing.
        assert_relative_eq!(bits_per_byte(mean * 10.0, 10), 0.6, epsilon = 1e-12);
    }
}
