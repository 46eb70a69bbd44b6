//! Adapters for `check_peft.py`: small models of random weights, with their adapters as directories
//! for peft, and our logits.
//!
//! ```text
//! cargo run -p parity --example adapters -- DIRECTORY
//! ```
//!
//! `NAME` is a base, `NAME-adapter` its adapters, `NAME-merged` the model that has both, and
//! `NAME.safetensors` holds tokens and the logits of the adapted model (see
//! [`logits`](stage03_gpt::files::logits)).

use std::path::PathBuf;

use ndarray::Array2;
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::params::{Params, fill_normal};
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::hugging_face::TextSettings;
use stage03_gpt::files::{logits::save_logits, peft};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora::{self, LoraSettings};
use stage03_gpt::model::{Model, ModelWeights, SpecialTokens};

const TEXT: &str = "the quick brown fox jumps over the lazy dog";

fn main() -> Result<()> {
    let directory = PathBuf::from(std::env::args_os().nth(1).expect("the name of a directory"));
    let llama = Architecture { n_kv_head: Some(2), ..Architecture::LLAMA };
    let untied = Architecture { tie_weights: false, qkv_bias: true, ..llama };
    for (name, arch, bias, targets) in [
        ("gpt2", Architecture::GPT2, true, &[][..]),
        ("gpt2-attention", Architecture::GPT2, false, &["c_attn", "attn.c_proj"]),
        ("llama", llama, false, &[]),
        ("llama-q-v", llama, false, &["q_proj", "v_proj"]),
        ("qwen2", untied, false, &["k_proj", "o_proj", "down_proj"]),
    ] {
        let tokenizer = TokenizerKind::Char.train(TEXT)?;
        let config = GptConfig {
            vocab_size: tokenizer.vocab_size(),
            block_size: 64,
            n_layer: 2,
            n_head: 4,
            n_embd: 32,
            dropout: 0.0,
            bias,
            arch,
        };
        let rng = &mut generator(1, Purpose::Initialisation, 0);
        let gpt = Gpt::new(config)?;
        let mut params = Params::<f32>::zeros(gpt.layout());
        fill_normal(&mut params.values, 0.2, rng);
        let tokens = tokenizer.encode(TEXT)?;
        let (special, text_settings) = (SpecialTokens::default(), TextSettings::default());
        let weights = ModelWeights::Full(params.clone());
        let base = Model { gpt, weights, tokenizer, special, text_settings };
        let path = directory.join(name);
        base.save(&path)?;

        let targets = targets.iter().map(|target| target.to_string()).collect();
        let settings = LoraSettings { rank: 4, alpha: 6.0, dropout: 0.1, targets };
        let (gpt, mut params) = lora::adapt(&base.gpt, params, &settings, rng)?;
        fill_normal(&mut params.values[..gpt.trained()], 0.2, rng);
        let logits: Array2<f32> = gpt.logits(&params, &tokens)?;
        save_logits(&directory.join(format!("{name}.safetensors")), &tokens, &logits)?;
        let adapted = Model { gpt, weights: ModelWeights::Full(params), ..base };
        let path = path.display().to_string();
        peft::save(&directory.join(format!("{name}-adapter")), &adapted, &path)?;
        adapted.merge()?.save(&directory.join(format!("{name}-merged")))?;
    }
    Ok(())
}
