//! A GPT in ten lines: a text, a tokenizer, a tiny model, training, a sample.

use stage01_bigram::{corpus::Corpus, tokenizer::TokenizerKind};
use stage03_gpt::{config::GptConfig, text_data::TextData, text_training::TextTraining};
use stage03_gpt::{trainer::Settings, training};

fn main() -> stage01_bigram::Result<()> {
    let corpus = Corpus::built_in();
    let tokenizer = TokenizerKind::Char.train(&corpus.text)?;
    let vocab_size = tokenizer.vocab_size();
    let config = GptConfig { vocab_size, n_layer: 1, n_embd: 32, ..GptConfig::default() };
    let data = TextData::new(&corpus, &tokenizer, config.block_size)?;
    let mut run = TextTraining::new(config, data, Settings::default())?;
    training::train(&mut run, &training::LoopConfig::steps(200), &(), &mut ())?;
    let model = run.into_model(tokenizer);
    println!("{}", model.generate("In the beginning", &Default::default())?);
    Ok(())
}
