//! Sampling: four probabilities on paper, the same model with different settings, and a seed used
//! twice.

use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::loss::softmax;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};

/// Runs the experiment.
pub fn run() -> Result<()> {
    on_paper();
    drawn()?;
    let text = Corpus::built_in().text;
    let tokenizer = "bpe:2048".parse::<TokenizerKind>()?.train(&text)?;
    let model = CountedBigram::count(&tokenizer.encode(&text)?, tokenizer.vocab_size(), 0.01)?;
    settings(&model, &tokenizer)?;
    seeds(&model, &tokenizer)?;
    the_same_number_again(&model, &tokenizer)
}

/// The probabilities of the paper example; token 3 is the likeliest.
const P: [f64; 4] = [0.1, 0.2, 0.3, 0.4];

// ANCHOR: temperature
/// What a temperature makes of probabilities: logits divided by it, then softmax.
fn at_temperature(p: [f64; 4], temperature: f64) -> [f64; 4] {
    let mut cooled = [0.0; 4];
    softmax(&p.map(|p| p.ln() / temperature), &mut cooled);
    cooled
}
// ANCHOR_END: temperature

fn on_paper() {
    println!("TEMPERATURE, on paper");
    for temperature in [0.25, 0.5, 1.0, 2.0, 100.0] {
        let p: String = at_temperature(P, temperature).iter().map(|p| format!("{p:8.3}")).collect();
        println!("temperature {temperature:<5}{p}");
    }
}

fn drawn() -> Result<()> {
    println!("\nDRAWN 10,000 TIMES");
    for (name, mut sampler) in [
        ("as they are", Sampler::default()),
        ("temperature 0.5", Sampler::new(0.5, None, None)?),
        ("top-k 2", Sampler::new(1.0, Some(2), None)?),
        ("top-p 0.75", Sampler::new(1.0, None, Some(0.75))?),
        ("greedy", Sampler::greedy()),
    ] {
        let rng = &mut generator(1, Purpose::Sampling, 0);
        let mut seen = [0; 4];
        for _ in 0..10_000 {
            seen[sampler.sample(&P.map(f64::ln), rng) as usize] += 1;
        }
        let seen: String = seen.iter().map(|n| format!("{n:8}")).collect();
        println!("{name:17}{seen}");
    }
    Ok(())
}

/// Text with its line ends made visible.
fn shown(tokenizer: &Tokenizer, tokens: &[u32]) -> Result<String> {
    Ok(tokenizer.decode(tokens)?.replace('\n', "↵"))
}

fn settings(model: &CountedBigram, tokenizer: &Tokenizer) -> Result<()> {
    println!("\nONE MODEL, DIFFERENT SETTINGS");
    for (name, mut sampler) in [
        ("greedy", Sampler::greedy()),
        ("temperature 0.5", Sampler::new(0.5, None, None)?),
        ("temperature 1", Sampler::default()),
        ("temperature 2", Sampler::new(2.0, None, None)?),
        ("top-k 5", Sampler::new(1.0, Some(5), None)?),
        ("top-p 0.8", Sampler::new(1.0, None, Some(0.8))?),
    ] {
        // ANCHOR: write
        let first = tokenizer.encode("\n")?[0];
        let rng = &mut generator(1, Purpose::Sampling, 0);
        let written = model.generate(first, 40, &mut sampler, rng)?;
        // ANCHOR_END: write
        println!("{name}\n  {}", wrapped(&shown(tokenizer, &written)?));
    }
    Ok(())
}

fn wrapped(text: &str) -> String {
    stage01_bigram::text::wrap(text, 74, "  ").trim_start().to_string()
}

fn seeds(model: &CountedBigram, tokenizer: &Tokenizer) -> Result<()> {
    println!("\nSEEDS");
    let first = tokenizer.encode("\n")?[0];
    for seed in [1, 1, 2] {
        let rng = &mut generator(seed, Purpose::Sampling, 0);
        let written = model.generate(first, 16, &mut Sampler::default(), rng)?;
        println!("seed {seed}  {}", shown(tokenizer, &written)?);
    }
    Ok(())
}

fn the_same_number_again(model: &CountedBigram, tokenizer: &Tokenizer) -> Result<()> {
    println!("\nA BUG: the generator is made again for every token");
    let mut row = vec![0.0; tokenizer.vocab_size()];
    let mut sampler = Sampler::default();
    for seed in [1, 2, 3] {
        let mut written = tokenizer.encode("\n")?;
        for _ in 0..40 {
            // ANCHOR: bug
            let mut rng = generator(seed, Purpose::Sampling, 0); // the bug: inside the loop
            model.log_probabilities(written[written.len() - 1], &mut row)?;
            written.push(sampler.sample(&row, &mut rng));
            // ANCHOR_END: bug
        }
        println!("seed {seed}\n  {}", wrapped(&shown(tokenizer, &written[1..])?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_example_for_paper() {
        // At temperature 1/2 the probabilities are squared: 1, 4, 9 and 16 thirtieths.
        let by_hand = [1.0 / 30.0, 4.0 / 30.0, 9.0 / 30.0, 16.0 / 30.0];
        assert_relative_eq!(&at_temperature(P, 0.5)[..], &by_hand[..], epsilon = 1e-12);
        assert_relative_eq!(&at_temperature(P, 1.0)[..], &P[..], epsilon = 1e-12);
        assert!(at_temperature(P, 1e-3)[3] > 0.999);
        assert!(at_temperature(P, 1e3).iter().all(|p| (p - 0.25).abs() < 1e-3));
    }

    #[test]
    fn filters_keep_what_paper_keeps() {
        let kept = |k, p| {
            let (mut sampler, rng) =
                (Sampler::new(1.0, k, p).unwrap(), &mut generator(1, Purpose::Other, 0));
            let mut drawn: Vec<u32> =
                (0..500).map(|_| sampler.sample(&P.map(f64::ln), rng)).collect();
            drawn.sort_unstable();
            drawn.dedup();
            drawn
        };
        assert_eq!(kept(Some(2), None), [2, 3]);
        // 0.4 is less than 0.75, 0.4 + 0.3 as well; with 0.2 it is reached.
        assert_eq!(kept(None, Some(0.75)), [1, 2, 3]);
    }
}
