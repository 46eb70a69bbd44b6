//! Models that are written as GGUF files and read again.

use std::path::Path;

use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer, Tokenizer};
use stage02_attention::attention::rotary::{Rope, Scaling};
use stage02_attention::params::fill_normal;

use super::super::{GgufFile, TensorType, Value, read_model};
use super::open;
use crate::architecture::{Architecture, MlpKind, NormKind, Positions};
use crate::config::GptConfig;
use crate::files::hugging_face::TextSettings;
use crate::gpt::Gpt;
use crate::model::{GenerateSettings, Model, ModelWeights, SpecialTokens};

const TEXT: &str = "In the beginning was the word, and the word was with a café.\n";

pub(super) fn bpe() -> Tokenizer {
    Tokenizer::Bpe(BpeTokenizer::train(TEXT, 262).unwrap().with_end_of_text())
}

fn characters() -> Tokenizer {
    Tokenizer::Char(CharTokenizer::train(TEXT).unwrap())
}

/// Llama with everything that can differ from the usual.
pub(super) fn llama() -> Architecture {
    let rope = Rope::new(50_000.0);
    Architecture {
        norm: NormKind::RmsNorm { eps: 1e-6 },
        positions: Positions::Rotary(rope),
        n_kv_head: Some(2),
        n_inner: Some(40),
        ..Architecture::LLAMA
    }
}

/// A model of random weights, biases and norms included.
pub(super) fn model(arch: Architecture, bias: bool, tokenizer: Tokenizer) -> Model {
    let config = GptConfig {
        vocab_size: tokenizer.vocab_size(),
        block_size: 32,
        n_layer: 2,
        n_head: 4,
        n_embd: 32,
        dropout: 0.0,
        bias,
        arch,
    };
    let gpt = Gpt::new(config).unwrap();
    let rng = &mut generator(1, Purpose::Initialisation, 0);
    let mut params = gpt.initialise::<f32>(rng);
    let mut noise = vec![0.0; params.values.len()];
    fill_normal(&mut noise, 0.3, rng);
    params.values.iter_mut().zip(&noise).for_each(|(value, noise)| *value += noise);
    let end = tokenizer.end_of_text();
    let special = SpecialTokens { bos: end, eos: end.into_iter().collect() };
    let mut text_settings = TextSettings::default();
    text_settings.chat_template = Some("{{ messages }}".into());
    Model { gpt, weights: ModelWeights::Full(params), tokenizer, special, text_settings }
}

/// The model as a file in memory.
pub(super) fn saved(model: &Model, kind: TensorType) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.gguf");
    model.save_gguf(&path, "a test", kind).unwrap();
    std::fs::read(&path).unwrap()
}

/// The model after it was written to the disk and read.
pub(super) fn again(model: &Model, kind: TensorType) -> Model {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.gguf");
    model.save_gguf(&path, "a test", kind).unwrap();
    Model::load(&path).unwrap()
}

#[test]
fn a_model_comes_back_to_the_bit() {
    let untied = Architecture { tie_weights: false, ..llama() };
    let qkv_bias = Architecture { qkv_bias: true, ..llama() };
    let linear = Scaling::Linear { factor: 2.0 };
    let llama3 = Scaling::Llama3 {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_context: 8192.0,
    };
    let scaled = |scaling| Architecture {
        positions: Positions::Rotary(Rope { theta: 500_000.0, scaling }),
        ..llama()
    };
    for (arch, bias) in [
        (Architecture::GPT2, true),
        (Architecture::GPT2, false),
        (Architecture { n_inner: Some(24), tie_weights: false, ..Architecture::GPT2 }, true),
        (Architecture::LLAMA, false),
        (llama(), false),
        (llama(), true),
        (untied, false),
        (qkv_bias, false),
        (scaled(linear), false),
        (scaled(llama3), false),
    ] {
        let model = model(arch, bias, bpe());
        let back = again(&model, TensorType::F32);
        assert_eq!(back.gpt.config(), model.gpt.config());
        assert!(back.params() == model.params(), "{arch:?}");
        assert_eq!(back.text_settings, model.text_settings);
        assert_eq!(back.tokenizer, model.tokenizer);
        assert_eq!(back.special, model.special);
    }
}

/// The types of a file, and how far the weights that are read again are from those that were written.
#[test]
fn a_quantised_model_keeps_vectors_and_comes_back_near() {
    // The hidden units of the second are no whole number of blocks: `ffn_down` has rows of 40.
    let even = Architecture { n_inner: Some(64), ..llama() };
    for (arch, down) in [(even, None), (llama(), Some(TensorType::F16))] {
        let model = model(arch, false, bpe());
        for (kind, output, largest) in [
            (TensorType::Q8_0, TensorType::Q8_0, 0.01),
            (TensorType::Q4_1, TensorType::Q8_0, 0.1),
            (TensorType::Q4_0, TensorType::Q8_0, 0.1),
        ] {
            let bytes = saved(&model, kind);
            let file = open(&bytes).unwrap();
            for (name, expected) in [
                ("blk.0.attn_q.weight", kind),
                ("blk.0.ffn_down.weight", down.unwrap_or(kind)),
                ("blk.0.attn_norm.weight", TensorType::F32),
                ("token_embd.weight", output),
            ] {
                assert_eq!(file.tensor(name).unwrap().kind, expected, "{name} beside {kind}");
            }
            let back = again(&model, kind);
            for tensor in model.gpt.layout().tensors() {
                let (ours, theirs) =
                    (&model.params().values[tensor.range()], &back.params().values[tensor.range()]);
                let size = |w: &mut dyn Iterator<Item = f32>| w.map(|w| w * w).sum::<f32>().sqrt();
                let error = size(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
                let relative = error / size(&mut ours.iter().copied());
                if tensor.shape.len() == 1 {
                    assert_eq!(ours, theirs, "{}", tensor.name);
                } else {
                    assert!(relative > 0.0 && relative < largest, "{}: {relative}", tensor.name);
                }
            }
            // The second writing finds the numbers of the first.
            let twice = again(&back, kind);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 2e-3 * a.abs() + 2e-4;
            let equal =
                back.params().values.iter().zip(&twice.params().values).filter(|pair| near(*pair));
            let part = equal.count() as f64 / back.params().values.len() as f64;
            assert!(part > 0.99, "{kind}: {part}");
        }
    }
    // GPT-2's table of positions stays f32.
    let bytes = saved(&model(Architecture::GPT2, true, bpe()), TensorType::Q4_0);
    let file = open(&bytes).unwrap();
    assert_eq!(file.tensor("position_embd.weight").unwrap().kind, TensorType::F32);
    assert_eq!(file.tensor("token_embd.weight").unwrap().kind, TensorType::Q8_0);
    assert_eq!(file.metadata().required::<u32>("general.file_type").unwrap(), 2);
}

#[test]
fn float16_rounds_matrices_alone() {
    let model = model(llama(), true, bpe());
    let back = again(&model, TensorType::F16);
    for tensor in model.gpt.layout().tensors() {
        let (ours, theirs) =
            (&model.params().values[tensor.range()], &back.params().values[tensor.range()]);
        if tensor.shape.len() == 1 {
            assert_eq!(ours, theirs, "{}", tensor.name);
        } else {
            assert_ne!(ours, theirs, "{}", tensor.name);
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= a.abs() / 2048.0 + 6e-8;
            assert!(ours.iter().zip(theirs).all(near), "{}", tensor.name);
        }
    }
}

#[test]
fn a_character_tokenizer_comes_back_with_a_token_that_ends_a_text() {
    let model = model(Architecture::GPT2, true, characters());
    let vocab_size = model.tokenizer.vocab_size();
    let bytes = saved(&model, TensorType::F32);
    let file = open(&bytes).unwrap();
    let tokens: &[String] = file.metadata().required("tokenizer.ggml.tokens").unwrap();
    assert_eq!((tokens[0].as_str(), tokens[1].as_str()), ("Ċ", "Ġ"));
    assert_eq!(tokens[vocab_size - 1..], ["Ã©", "<|endoftext|>"]);
    let merges: &[String] = file.metadata().required("tokenizer.ggml.merges").unwrap();
    assert_eq!(merges, ["Ã ©"]);

    let back = again(&model, TensorType::F32);
    assert_eq!(back.tokenizer, model.tokenizer);
    assert_eq!(back.gpt.config().vocab_size, vocab_size + 1);
    let tokens = model.tokenizer.encode("a café").unwrap();
    let (ours, theirs) = (
        model.gpt.logits(model.params(), &tokens).unwrap(),
        back.gpt.logits(back.params(), &tokens).unwrap(),
    );
    for (ours, theirs) in ours.rows().into_iter().zip(theirs.rows()) {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5 * (1.0 + a.abs());
        assert!(ours.iter().zip(theirs).all(near));
        assert_eq!(theirs[vocab_size], 0.0);
    }
    let settings = GenerateSettings { max_new_tokens: 8, temperature: 0.0, ..Default::default() };
    let text = model.generate("a", &settings).unwrap();
    assert_eq!(text, back.generate("a", &settings).unwrap());
    assert_eq!(back.special, SpecialTokens::default());
}

/// The logits of the file are those of the model, and llama.cpp finds a token that never comes.
#[test]
fn a_model_that_never_ends_a_text_keeps_its_vocabulary() {
    let tokenizer = Tokenizer::Bpe(BpeTokenizer::train(TEXT, 262).unwrap());
    let model = model(llama(), false, tokenizer);
    assert_eq!(model.special, SpecialTokens::default());
    let bytes = saved(&model, TensorType::F32);
    let file = open(&bytes).unwrap();
    let end: u32 = file.metadata().required("tokenizer.ggml.eos_token_id").unwrap();
    assert_eq!(model.tokenizer.decode_bytes(&[end]).unwrap(), [0xff]);
    let back = again(&model, TensorType::F32);
    assert_eq!(back.gpt.config(), model.gpt.config());
    assert_eq!(back.special, model.special);
    assert!(back.params() == model.params() && back.tokenizer == model.tokenizer);
}

#[test]
fn places_for_tokens_that_the_tokenizer_does_not_have_are_filled() {
    let mut model = model(llama(), false, bpe());
    let config = GptConfig { vocab_size: 270, ..model.gpt.config().clone() };
    model.gpt = Gpt::new(config).unwrap();
    *model.params_mut() = model.gpt.initialise(&mut generator(2, Purpose::Initialisation, 0));
    let bytes = saved(&model, TensorType::F32);
    let file = open(&bytes).unwrap();
    let tokens: &[String] = file.metadata().required("tokenizer.ggml.tokens").unwrap();
    assert_eq!((tokens.len(), tokens[269].as_str()), (270, "[PAD269]"));
    assert_eq!(file.metadata().required::<u32>("tokenizer.ggml.eos_token_id").unwrap(), 262);
    assert_eq!(*again(&model, TensorType::F32).params(), *model.params());
}

#[test]
fn a_mixture_of_parts_has_no_place_in_a_file() {
    let arch = Architecture { mlp: MlpKind::SwiGlu, ..Architecture::GPT2 };
    let model = model(arch, true, bpe());
    let path = Path::new("never.gguf");
    let error = model.save_gguf(path, "", TensorType::F32).unwrap_err().to_string();
    assert!(error.contains("all parts of GPT-2") && !path.exists(), "{error}");
    let error = model.save_gguf(path, "", TensorType::Q6_K).unwrap_err().to_string();
    assert!(error.contains("one of F32, F16, Q8_0, Q4_0, Q4_1"), "{error}");
}

/// A saved model after a change of its metadata, and the error that follows.
fn refused(model: &Model, change: impl Fn(&mut Vec<(String, Value)>)) -> String {
    let bytes = saved(model, TensorType::F32);
    let file = open(&bytes).unwrap();
    let mut metadata = file.metadata().entries().to_vec();
    change(&mut metadata);
    let tensors: Vec<_> = file
        .tensors()
        .iter()
        .map(|tensor| {
            let (name, dims) = (tensor.name.clone(), tensor.dims.clone());
            (super::NewTensor { name, dims, kind: tensor.kind }, file.read(tensor).unwrap())
        })
        .collect();
    let bytes = super::written(&metadata, &tensors);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.gguf");
    std::fs::write(&path, &bytes).unwrap();
    Model::load(&path).err().map_or("loaded".into(), |error| error.to_string())
}

#[test]
fn entries_that_do_not_fit_are_named() {
    let llama = model(llama(), false, bpe());
    let set = |key: &'static str, new: Value| {
        move |metadata: &mut Vec<(String, Value)>| {
            metadata.retain(|(found, _)| found != key);
            metadata.push((key.into(), new.clone()));
        }
    };
    let u32 = Value::U32;
    let text = |text: &str| Value::String(text.into());
    for (key, new, expected) in [
        ("general.architecture", text("mamba"), "is \"mamba\" (string); expected the architecture"),
        ("general.architecture", u32(1), "expected a string"),
        ("llama.block_count", u32(3), "blk.2.attn_norm.weight is missing"),
        ("llama.block_count", u32(1), "blk.1.attn_norm.weight, for which there is no place"),
        ("llama.block_count", u32(u32::MAX), "less than"),
        ("llama.embedding_length", u32(64), "the length of the rows of token_embd.weight"),
        ("llama.attention.head_count", u32(5), "a divisor of 32"),
        ("llama.attention.head_count", u32(0), "a divisor of 32"),
        ("llama.attention.head_count", u32(2), "expected 16"),
        ("llama.attention.head_count_kv", u32(3), "llama.attention.head_count_kv = 3"),
        (
            "llama.attention.head_count_kv",
            u32(4),
            "blk.0.attn_k.weight has the dimensions [32, 16]",
        ),
        ("llama.attention.key_length", u32(4), "expected 8"),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(f32::NAN), "a finite number"),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(-1.0), "it must be from 1e-30 to 1"),
        ("llama.feed_forward_length", u32(41), "ffn_gate.weight has the dimensions [32, 40]"),
        ("llama.expert_count", u32(8), "without experts"),
        ("llama.vocab_size", u32(5), "expected 263"),
        ("llama.rope.scaling.type", text("yarn"), "none or linear"),
        ("llama.rope.freq_base", Value::F32(-1.0), "llama.rope.freq_base = -1"),
        ("tokenizer.ggml.model", text("llama"), "a byte-level vocabulary"),
        ("tokenizer.ggml.pre", text("viking"), "\"viking\""),
        ("tokenizer.ggml.eos_token_id", u32(263), "a number below that of the tokens"),
        ("tokenizer.ggml.tokens", Value::Bool(true), "a list of strings"),
    ] {
        let error = refused(&llama, set(key, new));
        assert!(error.contains(expected), "{key}: {error}");
    }
    let gpt2 = model(Architecture::GPT2, true, bpe());
    for (key, new, expected) in [
        ("gpt2.context_length", u32(64), "expected 32, the rows of position_embd.weight"),
        ("gpt2.attention.layer_norm_epsilon", Value::F32(1e-3), "expected 1e-5"),
    ] {
        let error = refused(&gpt2, set(key, new));
        assert!(error.contains(expected), "{key}: {error}");
    }
    for key in ["general.architecture", "llama.context_length", "tokenizer.ggml.merges"] {
        let error = refused(&llama, |metadata| metadata.retain(|(found, _)| found != key));
        assert!(error.contains(&format!("{key} of its metadata is missing")), "{error}");
    }
    assert_eq!(refused(&llama, |_| ()), "loaded");
}

#[test]
fn an_output_layer_that_repeats_the_embedding_is_tied() {
    let untied = Architecture { tie_weights: false, ..llama() };
    let mut model = model(untied, false, bpe());
    let find = |name: &str| {
        model.gpt.layout().tensors().iter().find(|tensor| tensor.name == name).unwrap().range()
    };
    let (embedding, output) = (find("wte.weight"), find("lm_head.weight"));
    model.params_mut().values.copy_within(embedding, output.start);
    let back = again(&model, TensorType::F16);
    assert!(back.gpt.config().arch.tie_weights);
    assert_eq!(back.params().values.len(), model.params().values.len() - output.len());
}

#[test]
fn a_damaged_model_is_refused_or_loaded() {
    let bytes = saved(&model(llama(), false, bpe()), TensorType::F16);
    let end = bytes.len() - 1;
    for at in (0..2_000).chain((2_000..end).step_by(101)) {
        let mut altered = bytes.clone();
        altered[at] ^= 0x55;
        if let Ok(file) = open(&altered) {
            let _ = read_model(&file);
        }
    }
    let file = GgufFile::from_bytes(Path::new("x.gguf"), &bytes).unwrap();
    read_model(&file).unwrap();
}
