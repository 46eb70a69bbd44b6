//! Models of other families than GPT-2's: written and read, and what is refused.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::attention::rotary::{Rope, Scaling};
use stage02_attention::params::fill_normal;

use super::*;
use crate::architecture::{Architecture, MlpKind, NormKind, Positions};
use crate::files::safetensors::{F32Tensor, TensorFile, write_tensors};
use crate::gpt::tests::heads_and_architecture;

/// A model of these parts with random weights, biases too.
fn model(arch: Architecture, n_head: usize, bias: bool) -> (Gpt, Params<f32>, Tokenizer) {
    let tokenizer = TokenizerKind::Char.train("the quick brown fox").unwrap();
    let (n_embd, dropout) = (4 * n_head, 0.1);
    let sizes = GptConfig {
        block_size: 8,
        n_layer: 2,
        n_head,
        n_embd,
        dropout,
        bias,
        arch,
        ..GptConfig::default()
    };
    let gpt = Gpt::new(GptConfig { vocab_size: tokenizer.vocab_size(), ..sizes }).unwrap();
    let mut params = Params::zeros(gpt.layout());
    fill_normal(&mut params.values, 0.3, &mut generator(2, Purpose::Initialisation, 0));
    (gpt, params, tokenizer)
}

fn saved(arch: Architecture, n_head: usize, bias: bool) -> (tempfile::TempDir, Gpt, Params<f32>) {
    let (gpt, params, tokenizer) = model(arch, n_head, bias);
    let directory = tempfile::tempdir().unwrap();
    Model {
        gpt: gpt.clone(),
        weights: ModelWeights::Full(params.clone()),
        tokenizer,
        special: Default::default(),
        text_settings: Default::default(),
    }
    .save(directory.path())
    .unwrap();
    (directory, gpt, params)
}

fn json_of(directory: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join(CONFIG_FILE)).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_mixture_of_parts_is_read_as_it_was_written(
        (n_head, arch) in heads_and_architecture(), bias: bool,
    ) {
        let (directory, gpt, params) = saved(arch, n_head, bias);
        let model = Model::load(directory.path()).unwrap();
        let expected = gpt.config().clone().with_defaults_unsaid();
        prop_assert_eq!(model.gpt.config(), &expected);
        prop_assert_eq!(model.params(), &params);
        prop_assert_eq!(read_model(directory.path(), &model.gpt).unwrap(), params);
    }
}

#[test]
fn each_family_is_written_under_its_own_name() {
    let llama = Architecture::LLAMA;
    let untied = Architecture { tie_weights: false, n_kv_head: Some(1), ..llama };
    let cases = [
        (Architecture::GPT2, false, "gpt2", "transformer.h.1.attn.c_attn.weight", vec![8, 24]),
        (
            Architecture { tie_weights: false, ..Architecture::GPT2 },
            true,
            "gpt2",
            "lm_head.weight",
            vec![16, 8],
        ),
        (llama, false, "llama", "model.layers.1.self_attn.q_proj.weight", vec![8, 8]),
        (untied, false, "llama", "model.layers.0.self_attn.k_proj.weight", vec![4, 8]),
        (untied, false, "llama", "lm_head.weight", vec![16, 8]),
        (llama, false, "llama", "model.layers.0.mlp.gate_proj.weight", vec![16, 8]),
        (
            Architecture { qkv_bias: true, ..llama },
            false,
            "qwen2",
            "model.layers.0.self_attn.v_proj.bias",
            vec![8],
        ),
        (
            Architecture { norm: NormKind::LayerNorm, ..llama },
            false,
            "stage03_gpt",
            "transformer.h.0.mlp.up_proj.weight",
            vec![8, 16],
        ),
        (llama, true, "stage03_gpt", "transformer.h.0.mlp.up_proj.bias", vec![16]),
    ];
    for (arch, bias, model_type, name, shape) in cases {
        let (directory, ..) = saved(arch, 2, bias);
        assert_eq!(json_of(directory.path())["model_type"], model_type);
        let file = TensorFile::open_file(&directory.path().join(MODEL_FILE)).unwrap();
        let names: Vec<_> = file.tensors().iter().map(|tensor| &tensor.name).collect();
        assert_eq!(
            file.tensor(name).unwrap_or_else(|e| panic!("{e}: {names:?}")).shape,
            shape,
            "{name}"
        );
    }
}

/// The rows of Llama's matrices are the columns of ours.
#[test]
fn queries_keys_and_values_lie_apart_and_turned_in_the_file() {
    let arch = Architecture { n_kv_head: Some(1), ..Architecture::LLAMA };
    let (directory, gpt, params) = saved(arch, 2, false);
    let file = TensorFile::open_file(&directory.path().join(MODEL_FILE)).unwrap();
    let c_attn = params.matrix(gpt.blocks[0].attn.c_attn.weight); // (8, 8 + 4 + 4)
    for (name, first) in [("q_proj", 0), ("k_proj", 8), ("v_proj", 12)] {
        let info = file.tensor(&format!("model.layers.0.self_attn.{name}.weight")).unwrap();
        let mut numbers = vec![0.0; info.len().unwrap()];
        file.read(info, &mut numbers).unwrap();
        for (i, &number) in numbers.iter().enumerate() {
            assert_eq!(number, c_attn[[i % 8, first + i / 8]], "{name} {i}");
        }
    }
}

#[test]
fn every_entry_of_a_llama_is_followed_or_refused() {
    let (directory, gpt, params) = saved(Architecture::LLAMA, 2, false);
    let (config, bytes) =
        (json_of(directory.path()), fs::read(directory.path().join(MODEL_FILE)).unwrap());
    let with = |entry: &str, value: Value| {
        let mut config = config.clone();
        config[entry] = value;
        from_bytes(config.to_string().as_bytes(), &bytes)
    };
    let refused = [
        ("hidden_act", json!("gelu")),
        ("rms_norm_eps", json!("x")),
        ("attention_bias", json!(true)),
        ("mlp_bias", json!(true)),
        ("sliding_window", json!(4096)),
        ("use_sliding_window", json!(true)),
        ("layer_types", json!(["full_attention", "sliding_attention"])),
        ("layer_types", json!("full_attention")),
        ("partial_rotary_factor", json!(0.5)),
        ("rope_interleaved", json!(true)),
        ("pretraining_tp", json!(2)),
        ("head_dim", json!(8)),
        ("rope_theta", json!("x")),
        ("rope_scaling", json!(2)),
        ("rope_scaling", json!({"factor": 2.0})),
        ("rope_scaling", json!({"rope_type": "yarn", "factor": 2.0})),
        ("rope_scaling", json!({"type": "dynamic", "factor": 2.0})),
        ("rope_scaling", json!({"rope_type": "linear"})),
        ("rope_scaling", json!({"rope_type": "llama3", "factor": 8.0})),
        ("rope_parameters", json!({"rope_type": "longrope"})),
        ("rope_parameters", json!({"rope_theta": null})),
        ("tie_word_embeddings", json!("yes")),
        ("attention_dropout", json!(2)),
        ("architectures", json!(["LlamaForSequenceClassification"])),
        ("num_key_value_heads", json!(0)),
        ("intermediate_size", json!(null)),
        ("max_position_embeddings", json!(-1)),
        ("quantization_config", json!({"bits": 4})),
        ("auto_map", json!({"AutoModelForCausalLM": "m.M"})),
    ];
    for (entry, value) in refused {
        let message = with(entry, value.clone()).unwrap_err().to_string();
        assert!(
            message.contains(&format!("config.json: {entry} is {value}")),
            "{entry}: {message}"
        );
    }
    let harmless = [
        ("hidden_act", json!("swish")),
        ("attention_bias", json!(false)),
        ("mlp_bias", json!(null)),
        ("sliding_window", json!(null)),
        ("layer_types", json!(["full_attention", "full_attention"])),
        ("head_dim", json!(4)),
        ("head_dim", json!(null)),
        ("rope_scaling", json!({"rope_type": "default"})),
        ("rope_parameters", json!({"rope_type": "default", "rope_theta": 10000.0})),
        ("num_key_value_heads", json!(null)),
        ("is_llama_config", json!(true)),
        ("pretraining_tp", json!(1)),
        ("architectures", json!(["MistralForCausalLM"])),
        ("model_type", json!("mistral")),
    ];
    for (entry, value) in harmless {
        let (read, weights) = with(entry, value).unwrap();
        assert_eq!((read.config(), &weights), (gpt.config(), &params), "{entry}");
    }
    let followed = |entry: &str, value: Value| with(entry, value).unwrap().0.config().arch;
    assert_eq!(followed("rms_norm_eps", json!(1e-6)).norm, NormKind::RmsNorm { eps: 1e-6 });
    assert_eq!(followed("rope_theta", json!(5e5)).positions, Positions::Rotary(Rope::new(5e5)));
    let scaling = Scaling::Linear { factor: 4.0 };
    let linear = json!({"type": "linear", "factor": 4});
    assert_eq!(
        followed("rope_scaling", linear).rope(),
        Some(Rope { scaling, ..Rope::new(10_000.0) })
    );
    assert_eq!(
        followed("rope_parameters", json!({"rope_theta": 7.0})).rope(),
        Some(Rope::new(7.0))
    );
    // What does not fit the weights.
    for (entry, value, expected) in [
        ("tie_word_embeddings", json!(false), "lm_head.weight is missing"),
        ("intermediate_size", json!(15), "gate_proj.weight has the shape [16, 8]"),
        ("num_key_value_heads", json!(1), "k_proj.weight has the shape [8, 8]"),
        ("hidden_size", json!(16), "hidden_size is 16, but"),
        ("num_hidden_layers", json!(3), "num_hidden_layers is 3, but"),
        ("vocab_size", json!(99), "vocab_size is 99, but"),
        ("num_attention_heads", json!(8), "pairs"),
        ("model_type", json!("qwen2"), "q_proj.bias is missing"),
    ] {
        let message = with(entry, value).unwrap_err().to_string();
        assert!(message.contains(expected), "{entry}: {message}");
    }
}

/// Names without prefix, a superfluous buffer, a tied output layer saved a second time; and tensors
/// that do not belong to the model.
#[test]
fn the_files_of_other_programs() {
    let (directory, gpt, params) = saved(Architecture::LLAMA, 2, false);
    let path = directory.path().join(MODEL_FILE);
    let file = TensorFile::open_file(&path).unwrap();
    let tensors: Vec<(String, Vec<usize>, Vec<f32>)> = file
        .tensors()
        .iter()
        .map(|info| {
            let mut numbers = vec![0.0; info.len().unwrap()];
            file.read(info, &mut numbers).unwrap();
            (info.name.clone(), info.shape.clone(), numbers)
        })
        .collect();
    let build = |tensors: &[(String, Vec<usize>, Vec<f32>)]| {
        let written = tensors.iter().map(|(name, shape, values)| {
            (name.clone(), F32Tensor { shape: shape.clone(), values })
        });
        let path = directory.path().join("other.safetensors");
        write_tensors(&path, written, ("format", "pt")).unwrap();
        let config = json_of(directory.path()).to_string();
        from_bytes(config.as_bytes(), &fs::read(path).unwrap())
    };
    let (_, weights) = build(&tensors).unwrap();
    assert_eq!(weights, params);

    let mut bare = tensors.clone();
    bare.iter_mut().for_each(|(name, ..)| *name = name.replace("model.", ""));
    let embedding = bare.iter().find(|(name, ..)| name == "embed_tokens.weight").unwrap().clone();
    bare.push(("lm_head.weight".into(), embedding.1, embedding.2));
    bare.push(("layers.0.self_attn.rotary_emb.inv_freq".into(), vec![2], vec![1.0, 0.1]));
    assert_eq!(build(&bare).unwrap().1, params);

    let mut other_head = bare.clone();
    let head = other_head.iter_mut().find(|(name, ..)| name == "lm_head.weight").unwrap();
    head.2[3] += 1.0;
    let message = build(&other_head).unwrap_err().to_string();
    assert!(message.contains("set that entry to false"), "{message}");

    let mut adapter = tensors.clone();
    adapter.push(("model.layers.0.self_attn.q_proj.lora_A.weight".into(), vec![1], vec![0.0]));
    let message = build(&adapter).unwrap_err().to_string();
    assert!(message.contains("LoRA"), "{message}");
    let mut biased = tensors.clone();
    biased.push(("model.layers.0.self_attn.q_proj.bias".into(), vec![8], vec![0.0; 8]));
    let message = build(&biased).unwrap_err().to_string();
    assert!(message.contains("does not belong to the model"), "{message}");
    assert_eq!(gpt.config().arch.mlp, MlpKind::SwiGlu);
}
