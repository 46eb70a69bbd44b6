//! Text as numbers: on paper, for real, and done wrong.
//!
//! First the word `abracadabra`: its vocabulary, its tokens, its windows. Then a batch of the
//! King James text. At the end a bug: targets that are the inputs themselves.

use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, LearnedBigram};
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};

use crate::setup::CharData;

/// Runs the experiment.
pub fn run() -> Result<()> {
    on_paper()?;
    bytes_and_characters();
    a_batch()?;
    targets_one_ahead_or_not()
}

fn on_paper() -> Result<()> {
    println!("ON PAPER");
    // ANCHOR: paper
    let text = "abracadabra";
    let tokenizer = CharTokenizer::train(text)?;
    let tokens = tokenizer.encode(text)?;
    println!("vocabulary  {:?}", tokenizer.characters());
    println!("tokens      {tokens:?}");
    println!("text again  {}", tokenizer.decode(&tokens)?);

    let (train, validation) = split(text, 0.9)?;
    println!("train       {train}\nvalidation  {validation}");

    for (inputs, targets) in Dataset::new(tokens, 4)?.windows(4) {
        println!("window      inputs {inputs:?}  targets {targets:?}");
    }
    // ANCHOR_END: paper
    let unknown = tokenizer.encode("abraxas").unwrap_err();
    println!("abraxas     {unknown}");
    Ok(())
}

fn bytes_and_characters() {
    println!("\nBYTES AND CHARACTERS");
    for text in ["God", "é", "日", "😀"] {
        println!("{text}: {} characters, the bytes {:?}", text.chars().count(), text.as_bytes());
    }
}

/// The King James text in characters: the tokenizer, and the training set.
fn king_james() -> Result<(Tokenizer, Dataset)> {
    let data = CharData::king_james(32)?;
    Ok((data.tokenizer, data.train))
}

fn a_batch() -> Result<()> {
    let (tokenizer, data) = king_james()?;
    println!("\nTHE VOCABULARY OF THE KING JAMES TEXT");
    let all: Vec<u32> = (0..tokenizer.vocab_size() as u32).collect();
    println!("{:?}", tokenizer.decode(&all)?);
    println!("\nA BATCH: 3 windows of 8 tokens");
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    let rng = &mut generator(1, Purpose::Batch, 0);
    data.sample_batch(3, 8, rng, &mut inputs, &mut targets);
    let row = |name, tokens: &[u32]| -> Result<()> {
        let text: Result<String> =
            tokens.iter().map(|&token| tokenizer.token_text(token)).collect();
        let numbers: String = tokens.iter().map(|token| format!("{token:4}")).collect();
        println!("{name}  {:12}{numbers}", text?);
        Ok(())
    };
    for (inputs, targets) in inputs.chunks(8).zip(targets.chunks(8)) {
        row("inputs ", inputs)?;
        row("targets", targets)?;
    }
    Ok(())
}

fn targets_one_ahead_or_not() -> Result<()> {
    println!("\nA BUG: the targets are not one ahead");
    let (tokenizer, data) = king_james()?;
    for shifted in [true, false] {
        let mut model = LearnedBigram::<f32>::new(tokenizer.vocab_size())?;
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        let mut loss = 0.0;
        for step in 0..300 {
            // ANCHOR: bug
            let rng = &mut generator(1, Purpose::Batch, step);
            data.sample_batch(64, 32, rng, &mut inputs, &mut targets);
            if !shifted {
                targets.copy_from_slice(&inputs); // the bug
            }
            // ANCHOR_END: bug
            loss = model.step(&inputs, &targets, 30.0)?;
        }
        let first = tokenizer.encode("t")?[0];
        let rng = &mut generator(1, Purpose::Sampling, 0);
        let written = model.generate(first, 60, &mut Sampler::default(), rng)?;
        let name = if shifted { "one ahead" } else { "the same " };
        println!(
            "targets {name}: loss {loss:.3}\n  t{}",
            tokenizer.decode(&written)?.replace('\n', "↵")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let tokenizer = CharTokenizer::train("abracadabra").unwrap();
        assert_eq!(tokenizer.characters(), ['a', 'b', 'c', 'd', 'r']);
        let tokens = tokenizer.encode("abracadabra").unwrap();
        assert_eq!(tokens, crate::setup::ABRACADABRA);
        assert_eq!(tokenizer.decode(&tokens).unwrap(), "abracadabra");
        assert_eq!(split("abracadabra", 0.9).unwrap(), ("abracadab", "ra"));

        let data = Dataset::new(tokens, 4).unwrap();
        let windows: Vec<_> = data.windows(4).collect();
        assert_eq!(windows[0], (&[0, 1, 4, 0][..], &[1, 4, 0, 2][..]));
        assert_eq!(windows[1], (&[2, 0, 3, 0][..], &[0, 3, 0, 1][..]));
        assert_eq!(windows[2], (&[1, 4][..], &[4, 0][..]));
    }
}
