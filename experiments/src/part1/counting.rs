//! Counting: the bigram table on paper, what it knows of English, and a count of zero.

use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer, TokenizerKind};

/// Runs the experiment.
pub fn run() -> Result<()> {
    on_paper()?;
    other_rows();
    let text = Corpus::built_in().text;
    let (train, validation) = split(&text, 0.9)?;
    what_follows(train)?;
    what_it_writes(&text, train)?;
    never_seen(&text, train, validation)
}

fn on_paper() -> Result<()> {
    println!("ON PAPER: abracadabra");
    let tokenizer = CharTokenizer::train("abracadabra")?;
    let tokens = tokenizer.encode("abracadabra")?;
    for smoothing in [0.0, 1.0] {
        println!("k = {smoothing}:  after \\ next   a      b      c      d      r     sum");
        let model = CountedBigram::count(&tokens, 5, smoothing)?;
        for (a, name) in (0..).zip(tokenizer.characters()) {
            let row: Result<Vec<f64>> = (0..5).map(|b| model.probability(a, b)).collect();
            let row = row?;
            let shown: String = row.iter().map(|p| format!("{p:7.3}")).collect();
            println!("{name:>16} {shown}{:8.3}", row.iter().sum::<f64>());
        }
    }
    Ok(())
}

// ANCHOR: likelihood
/// How likely a row of probabilities makes what came: the product over all that came.
fn likelihood(row: &[f64], counts: &[i32]) -> f64 {
    row.iter().zip(counts).map(|(p, &count)| p.powi(count)).product()
}
// ANCHOR_END: likelihood

fn other_rows() {
    println!("\nWHICH ROW FITS b, c, d, b BEST?    p(b)   p(c)   p(d)");
    let rows = [[0.5, 0.25, 0.25], [1.0 / 3.0; 3], [0.6, 0.2, 0.2], [0.4, 0.3, 0.3]];
    for row in rows {
        let shown: String = row.iter().map(|p| format!("{p:7.3}")).collect();
        println!("{:32}{shown}   product {:.5}", "", likelihood(&row, &[2, 1, 1]));
    }
}

fn what_follows(train: &str) -> Result<()> {
    println!("\nWHAT FOLLOWS, in the King James text");
    let tokenizer = Tokenizer::Char(CharTokenizer::train(train)?);
    let model = CountedBigram::count(&tokenizer.encode(train)?, tokenizer.vocab_size(), 1.0)?;
    for previous in ["q", "t", "J", " "] {
        let a = tokenizer.encode(previous)?[0];
        let mut row: Vec<(f64, u32)> = (0..tokenizer.vocab_size() as u32)
            .map(|b| Ok((model.probability(a, b)?, b)))
            .collect::<Result<_>>()?;
        row.sort_by(|x, y| y.0.total_cmp(&x.0));
        let likeliest: Result<Vec<String>> = row[..5]
            .iter()
            .map(|&(p, b)| Ok(format!("{} {p:.3}", tokenizer.token_text(b)?)))
            .collect();
        println!("after {}:  {}", tokenizer.token_text(a)?, likeliest?.join("   "));
    }
    Ok(())
}

fn what_it_writes(text: &str, train: &str) -> Result<()> {
    println!("\nWHAT IT WRITES");
    for kind in ["char", "bpe:512", "bpe:4096"] {
        let tokenizer = kind.parse::<TokenizerKind>()?.train(text)?;
        let model = CountedBigram::count(&tokenizer.encode(train)?, tokenizer.vocab_size(), 0.0)?;
        // ANCHOR: write
        let first = tokenizer.encode("\n")?[0];
        let rng = &mut generator(1, Purpose::Sampling, 0);
        let written = model.generate(first, 60, &mut Sampler::default(), rng)?;
        // ANCHOR_END: write
        let written: String =
            tokenizer.decode(&written)?.replace('\n', "↵").chars().take(62).collect();
        println!("{kind:10}{written}");
    }
    Ok(())
}

fn never_seen(text: &str, train: &str, validation: &str) -> Result<()> {
    println!("\nA BUG: no smoothing");
    let tokenizer = Tokenizer::Char(CharTokenizer::train(text)?);
    let tokens = tokenizer.encode(validation)?;
    for smoothing in [0.0, 1.0] {
        let vocab_size = tokenizer.vocab_size();
        let model = CountedBigram::count(&tokenizer.encode(train)?, vocab_size, smoothing)?;
        println!("k = {smoothing}: the validation text's loss is {:.4}", model.mean_loss(&tokens)?);
        let pairs = || tokens.windows(2).enumerate();
        let never = |pair: &[u32]| model.probability(pair[0], pair[1]).is_ok_and(|p| p == 0.0);
        let count = pairs().filter(|(_, pair)| never(pair)).count();
        println!("       {count} of its {} pairs have probability 0", tokens.len() - 1);
        if let Some((at, pair)) = pairs().find(|(_, pair)| never(pair)) {
            let around = tokenizer.decode(&tokens[at.saturating_sub(24)..at + 10])?;
            println!("       the first is {:?} in {around:?}", tokenizer.decode(pair)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::ABRACADABRA;

    #[test]
    fn the_example_for_paper() {
        let bare = CountedBigram::count(&ABRACADABRA, 5, 0.0).unwrap();
        let smooth = CountedBigram::count(&ABRACADABRA, 5, 1.0).unwrap();
        for (next, by_hand, smoothed) in [
            (0, 0.0, 1.0 / 9.0),
            (1, 0.5, 3.0 / 9.0),
            (2, 0.25, 2.0 / 9.0),
            (3, 0.25, 2.0 / 9.0),
            (4, 0.0, 1.0 / 9.0),
        ] {
            assert_eq!(bare.probability(0, next).unwrap(), by_hand);
            assert!((smooth.probability(0, next).unwrap() - smoothed).abs() < 1e-15);
        }
        // What comes after b, c, d and r is certain.
        for (a, b) in [(1, 4), (2, 0), (3, 0), (4, 0)] {
            assert_eq!(bare.probability(a, b).unwrap(), 1.0);
        }
    }

    #[test]
    fn no_other_row_of_the_example_is_likelier() {
        let best = likelihood(&[0.5, 0.25, 0.25], &[2, 1, 1]);
        assert_eq!(best, 1.0 / 64.0);
        for i in 1..50 {
            for j in 1..50 {
                let (b, c) = (i as f64 / 50.0, j as f64 / 50.0);
                if i + j < 50 {
                    assert!(likelihood(&[b, c, 1.0 - b - c], &[2, 1, 1]) <= best);
                }
            }
        }
    }
}
