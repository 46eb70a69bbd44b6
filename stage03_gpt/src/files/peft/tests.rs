//! Adapters written and read, on bases of every kind; and what is refused, in which words.

use std::fs;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::params::fill_normal;
use tempfile::TempDir;

use super::*;
use crate::architecture::Architecture;
use crate::config::GptConfig;
use crate::files::gguf::TensorType;
use crate::files::safetensors::{F32Tensor, write_tensors};
use crate::gpt::tests::heads_and_architecture;

fn random(n: usize, std: f64, seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; n];
    fill_normal(&mut values, std, &mut generator(seed, Purpose::Other, 0));
    values
}

/// A model of two blocks with random weights.
fn model((n_head, arch): (usize, Architecture)) -> Model {
    let tokenizer = TokenizerKind::Char.train("the quick brown fox").unwrap();
    let config = GptConfig {
        vocab_size: tokenizer.vocab_size(),
        block_size: 8,
        n_layer: 2,
        n_head,
        n_embd: 4 * n_head,
        dropout: 0.0,
        bias: false,
        arch,
    };
    let gpt = Gpt::new(config).unwrap();
    let values = random(gpt.layout().len(), 0.3, 1);
    let weights = ModelWeights::Full(Params { values });
    let special = SpecialTokens::default();
    Model { gpt, weights, tokenizer, special, text_settings: TextSettings::default() }
}

/// The same with random adapters.
fn adapted(base: Model, targets: &[&str]) -> Model {
    let targets = targets.iter().map(|name| name.to_string()).collect();
    let settings = LoraSettings { rank: 3, alpha: 7.0, dropout: 0.1, targets };
    let rng = &mut generator(2, Purpose::Initialisation, 0);
    let (gpt, mut params) = lora::adapt(&base.gpt, base.params().clone(), &settings, rng).unwrap();
    let n = gpt.trained();
    params.values[..n].copy_from_slice(&random(n, 0.5, 3));
    Model { gpt, weights: ModelWeights::Full(params), ..base }
}

/// A base in `base` and its adapters in `adapter`, beside each other.
fn saved(parts: (usize, Architecture), targets: &[&str]) -> (TempDir, Model) {
    let (place, base) = (tempfile::tempdir().unwrap(), model(parts));
    base.save(&place.path().join("base")).unwrap();
    let adapted = adapted(base, targets);
    save(&place.path().join("adapter"), &adapted, "../base").unwrap();
    (place, adapted)
}

fn llama(targets: &[&str]) -> (TempDir, Model) {
    saved((2, Architecture::LLAMA), targets)
}

/// The error of the adapters in `place`, after a change of the entries of their settings.
fn with_settings(place: &TempDir, change: impl FnOnce(&mut Map<String, Value>)) -> Result<Model> {
    let path = place.path().join("adapter").join(ADAPTER_CONFIG_FILE);
    let before = fs::read_to_string(&path).unwrap();
    let mut json: Map<String, Value> = serde_json::from_str(&before).unwrap();
    change(&mut json);
    fs::write(&path, Value::Object(json).to_string()).unwrap();
    let read = Model::load_adapted(&place.path().join("adapter"), None);
    fs::write(&path, before).unwrap();
    read
}

/// The same for one entry.
fn with_entry(place: &TempDir, entry: &str, value: Value) -> Result<Model> {
    with_settings(place, |settings| {
        settings.insert(entry.into(), value);
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Every mixture of parts, any of its layers: as they were written; and merged, the model that
    /// `lora::merge` gives.
    #[test]
    fn adapters_are_read_as_they_were_written(parts in heads_and_architecture(), some: u8) {
        let names = lora::target_names(model(parts).gpt.config());
        let chosen = names.iter().enumerate().filter(|(i, _)| some >> i & 1 == 1);
        let (place, adapted) = saved(parts, &chosen.map(|(_, name)| *name).collect::<Vec<_>>());
        let directory = place.path().join("adapter");
        let again = Model::load_adapted(&directory, None).unwrap();
        prop_assert_eq!(again.gpt.adapters(), adapted.gpt.adapters());
        prop_assert_eq!(again.gpt.layout(), adapted.gpt.layout());
        prop_assert_eq!(again.params(), adapted.params());
        let [ours, theirs] = [&again, &adapted].map(|model| model.gpt.lora().unwrap());
        prop_assert_eq!((ours.rank, ours.alpha, ours.dropout), (theirs.rank, theirs.alpha, theirs.dropout));

        let (gpt, params) = lora::merge(&adapted.gpt, adapted.params().clone()).unwrap();
        let merged = Model::load(&directory).unwrap();
        prop_assert_eq!(merged.gpt.layout(), gpt.layout());
        prop_assert_eq!(merged.params(), &params);
        let quantised = Model::load_quantised(&directory).unwrap();
        prop_assert_eq!(quantised.params(), &params);
    }

    /// Altered files are accepted or refused, in one line; nothing else happens.
    #[test]
    fn altered_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        of_weights: bool, cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let base = model((2, Architecture::LLAMA));
        let adapted = adapted(model((2, Architecture::LLAMA)), &["v_proj"]);
        let directory = tempfile::tempdir().unwrap();
        save(directory.path(), &adapted, "base").unwrap();
        let mut files =
            [ADAPTER_CONFIG_FILE, ADAPTER_FILE].map(|name| fs::read(directory.path().join(name)).unwrap());
        let file = &mut files[usize::from(of_weights)];
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(at) = cut {
            file.truncate(at.index(file.len()));
        }
        let read = AdapterDirectory::from_bytes(&files[0], &files[1])
            .and_then(|adapter| adapter.put_on_weights(&base.gpt, base.params().clone()));
        match read {
            Ok((gpt, params)) => {
                prop_assert_eq!(params.values.len(), gpt.layout().len());
                prop_assert!(params.values.iter().all(|weight| weight.is_finite()));
            }
            Err(error) => prop_assert!(!error.to_string().contains(char::is_control), "{}", error),
        }
    }

    /// The same where the settings are still JSON.
    #[test]
    fn altered_settings_never_panic(
        entry in any::<prop::sample::Index>(), value in any::<prop::sample::Index>(),
    ) {
        let base = model((1, Architecture::GPT2));
        let adapted = adapted(model((1, Architecture::GPT2)), &[]);
        let mut json = config::adapter_config(adapted.gpt.lora().unwrap(), base.gpt.config(), "");
        let entries: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
        let values = [
            json!(null), json!(true), json!(0), json!(-1), json!(1e308), json!(1e-320), json!(1u64 << 63),
            json!(""), json!("a\n\u{1b}"), json!("[("), json!([]), json!([0]), json!([""]), json!(["."]),
            json!(["c_proj"]), json!({}), json!({"c_proj": 4}), json!("all-linear"), json!(1025),
        ];
        json[entry.get(&entries)] = value.get(&values).clone();
        let directory = tempfile::tempdir().unwrap();
        save_weights(directory.path(), &adapted.gpt, adapted.params()).unwrap();
        let weights = fs::read(directory.path().join(ADAPTER_FILE)).unwrap();
        let read = AdapterDirectory::from_bytes(json.to_string().as_bytes(), &weights)
            .and_then(|adapter| adapter.put_on_weights(&base.gpt, base.params().clone()));
        if let Err(error) = read {
            prop_assert!(!error.to_string().contains(char::is_control), "{}", error);
        }
    }
}

#[test]
fn names_and_shapes_are_those_of_peft() {
    for (arch, expected) in [
        (
            Architecture::LLAMA,
            [
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [3, 8]",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [8, 3]",
                "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight [8, 3]",
            ],
        ),
        (
            Architecture::GPT2,
            [
                "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight [3, 8]",
                "base_model.model.transformer.h.0.attn.c_attn.lora_B.weight [24, 3]",
                "base_model.model.transformer.h.1.mlp.c_proj.lora_B.weight [8, 3]",
            ],
        ),
    ] {
        let (place, _) = saved((2, arch), &[]);
        let file = TensorFile::open_file(&place.path().join("adapter").join(ADAPTER_FILE)).unwrap();
        let all: Vec<_> =
            file.tensors().iter().map(|t| format!("{} {:?}", t.name, t.shape)).collect();
        assert_eq!([&all[0], &all[1], &all[all.len() - 1]], expected);
    }
}

#[test]
fn settings_that_ask_for_something_else_are_refused_by_name() {
    let (place, _) = llama(&["q_proj", "v_proj"]);
    for (entry, value, expected) in [
        ("peft_type", json!("IA3"), "expected \"LORA\""),
        ("peft_type", json!(null), "expected \"LORA\""),
        ("task_type", json!("SEQ_CLS"), "expected \"CAUSAL_LM\""),
        ("bias", json!("lora_only"), "biases of the base"),
        ("init_lora_weights", json!("pissa"), "weights of the base as well"),
        ("use_dora", json!(true), "DoRA"),
        ("modules_to_save", json!(["lm_head"]), "whole layers"),
        ("rank_pattern", json!({"q_proj": 4}), "one rank"),
        ("alpha_pattern", json!({"q_proj": 4}), "one alpha"),
        ("layers_to_transform", json!(0), "every block"),
        ("layers_to_transform", json!([1]), "every block"),
        ("use_of_tomorrow", json!(true), "not known here"),
        ("config_of_tomorrow", json!({"a": 1}), "not known here"),
        ("r", json!(0), "choose from 1 to 1024"),
        ("r", json!(1025), "choose from 1 to 1024"),
        ("r", json!(2.5), "a whole number"),
        ("r", json!(null), "a whole number"),
        ("r", json!(4), "has the shape [3, 8]"),
        ("lora_alpha", json!("16"), "expected a number"),
        ("lora_alpha", json!(-1), "a number above 0"),
        ("lora_alpha", json!(1e300), "lora_alpha"),
        ("lora_dropout", json!(1.0), "less than 1"),
        ("use_rslora", json!("yes"), "true or false"),
        ("target_modules", json!(null), "the names of layers"),
        ("target_modules", json!([1]), "the names of layers"),
        ("target_modules", json!(["c_attn"]), "k_proj"),
        ("target_modules", json!(["proj"]), "chooses no layer"),
        ("target_modules", json!(["q_proj"]), "v_proj.lora_A.weight is none of A and B"),
        (
            "target_modules",
            json!(["q_proj", "v_proj", "o_proj"]),
            "o_proj.lora_A.weight is missing",
        ),
        (
            "target_modules",
            json!(["q_proj", "layers.0.self_attn.v_proj"]),
            "other layers in block 1",
        ),
        ("target_modules", json!("all-linear"), "k_proj.lora_A.weight is missing"),
        ("base_model_name_or_path", json!(7), "a path or a name"),
        ("base_model_name_or_path", json!(null), "--base DIR"),
        ("base_model_name_or_path", json!("someone/model"), "no such directory or file here"),
        ("base_model_name_or_path", json!("."), "there is no"),
        ("base_model_name_or_path", json!("../adapter"), "cannot be a directory of adapters"),
    ] {
        let what = format!("{entry} {value}");
        let error = with_entry(&place, entry, value).map(drop).expect_err(&what).to_string();
        assert!(error.contains(expected), "{what}: {error}");
    }
}

#[test]
fn settings_without_effect_are_accepted_and_others_are_followed() {
    let (place, adapted) = llama(&["q_proj", "v_proj"]);
    let full =
        |i: usize| ["q_proj", "v_proj"].map(|name| format!("model.layers.{i}.self_attn.{name}"));
    for (entry, value) in [
        ("target_modules", json!(["self_attn.v_proj", "q_proj", "q_proj", "c_attn"])),
        ("target_modules", json!([full(0), full(1)].concat())),
        ("target_modules", json!("model\\.layers\\.\\d+\\.self_attn\\.[qv]_proj")),
        ("use_dora", json!(null)),
        ("modules_to_save", json!([])),
        ("layers_to_transform", json!([])),
        ("number_of_tomorrow", json!(3)),
        ("fan_in_fan_out", json!(true)),
        ("init_lora_weights", json!("gaussian")),
        ("auto_mapping", json!({"base_model_class": "LlamaForCausalLM"})),
        ("loftq_config", json!({"loftq_bits": 4})),
        ("task_type", json!(null)),
        ("lora_dropout", json!(null)),
    ] {
        let read = with_entry(&place, entry, value.clone());
        let read = read.unwrap_or_else(|e| panic!("{entry} {value}: {e}"));
        assert_eq!(read.gpt.adapters(), adapted.gpt.adapters(), "{entry} {value}");
        assert_eq!(read.params(), adapted.params());
        assert_eq!(read.gpt.lora().unwrap().alpha, 7.0);
    }
    let rslora = with_entry(&place, "use_rslora", json!(true)).unwrap();
    let LoraSettings { rank, alpha, .. } = *rslora.gpt.lora().unwrap();
    assert!((alpha / rank as f64 - 7.0 / 3f64.sqrt()).abs() < 1e-12);

    // GPT-2 has two layers of one name.
    let (place, adapted) = saved((2, Architecture::GPT2), &["attn.c_proj"]);
    let read = with_entry(&place, "target_modules", json!(["h.0.attn.c_proj", "h.1.attn.c_proj"]));
    assert_eq!(read.unwrap().params(), adapted.params());
    let error = with_entry(&place, "target_modules", json!(["c_proj"])).unwrap_err().to_string();
    assert!(error.contains("mlp.c_proj.lora_A.weight is missing"), "{error}");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let (place, adapted) = llama(&["q_proj"]);
    let directory = place.path().join("adapter");
    let with = |number: f32| {
        let mut params = adapted.params().clone();
        params.values[5] = number;
        save_weights(&directory, &adapted.gpt, &params).unwrap();
        Model::load(&directory).map(drop).unwrap_err().to_string()
    };
    assert!(with(f32::NAN).contains("q_proj.lora_A.weight holds NaN"));
    assert!(with(f32::INFINITY).contains("holds inf"));
    let mut params = adapted.params().clone();
    params.values[..adapted.gpt.trained()].fill(1e30);
    save_weights(&directory, &adapted.gpt, &params).unwrap();
    let error = Model::load(&directory).unwrap_err().to_string();
    assert!(error.contains("a weight of the merged model = inf"), "{error}");
}

#[test]
fn other_tensors_are_refused_by_name() {
    /// Names and shapes.
    type Tensors = Vec<(String, Vec<usize>)>;
    let (place, _) = llama(&["q_proj"]);
    let path = place.path().join("adapter").join(ADAPTER_FILE);
    let file = TensorFile::open_file(&path).unwrap();
    let values = vec![0.5; 64];
    let write = |change: &dyn Fn(&mut Tensors)| {
        let mut all: Tensors =
            file.tensors().iter().map(|t| (t.name.clone(), t.shape.clone())).collect();
        change(&mut all);
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let n = shape.iter().product();
            (name, F32Tensor { shape, values: &values[..n] })
        };
        write_tensors(&path, all.into_iter().map(tensor), ("format", "pt")).unwrap();
        Model::load(&place.path().join("adapter")).map_err(|error| error.to_string())
    };
    let whole = "base_model.model.lm_head.weight";
    let error = write(&|all| all.push((whole.into(), vec![2, 2]))).unwrap_err();
    assert!(error.contains(whole) && error.contains("trained as a whole"), "{error}");
    let error = write(&|all| drop(all.pop())).unwrap_err();
    assert!(error.contains("layers.1.self_attn.q_proj.lora_B.weight is missing"), "{error}");
    let error = write(&|all| all[1].1.reverse()).unwrap_err();
    assert!(error.contains("has the shape [3, 8]") && error.contains("need [8, 3]"), "{error}");
    let error = write(&|all| all[0].0.insert_str(0, "x\n")).unwrap_err();
    assert!(error.contains("lora_A.weight is missing"), "{error}");
    assert!(write(&|_| {}).is_ok());
}

#[test]
fn the_base_may_be_a_directory_or_a_gguf_file_given_or_named() {
    let (place, adapted) = llama(&["q_proj", "down_proj"]);
    let [base, adapter] = ["base", "adapter"].map(|name| place.path().join(name));
    let gguf = place.path().join("base.gguf");
    Model::load(&base).unwrap().save_gguf(&gguf, "base", TensorType::F32).unwrap();
    let read = |base| Model::load_adapted(&adapter, base).unwrap();
    assert_eq!(read(Some(&base)).params(), adapted.params());
    assert_eq!(read(None).params(), adapted.params());
    // A GGUF file of a character tokenizer has one token more.
    let named = with_entry(&place, "base_model_name_or_path", json!("../base.gguf")).unwrap();
    let n = adapted.gpt.trained();
    assert_eq!(named.params().values[..n], adapted.params().values[..n]);
    let absolute = base.to_str().unwrap();
    let named = with_entry(&place, "base_model_name_or_path", json!(absolute)).unwrap();
    assert_eq!(named.params(), adapted.params());
    let none = Model::load_adapted(&adapter, Some(&place.path().join("none")));
    assert!(none.unwrap_err().to_string().contains("there is no such directory"));
    let error = Model::load_adapted(&base, None).unwrap_err().to_string();
    assert!(error.contains("no directory of adapters"), "{error}");
    // Another base.
    let other = place.path().join("other");
    model((3, Architecture::LLAMA)).save(&other).unwrap();
    let error = Model::load_adapted(&adapter, Some(&other)).unwrap_err().to_string();
    assert!(error.contains("need [3, 12]") && error.contains("another base"), "{error}");
}

#[test]
fn a_directory_is_a_model_or_adapters_and_not_both() {
    let (place, adapted) = llama(&[]);
    let [base, adapter] = ["base", "adapter"].map(|name| place.path().join(name));
    for file in ADAPTER_FILES {
        fs::write(base.join(file), "").unwrap();
        let error = Model::load(&base).unwrap_err().to_string();
        assert!(error.contains("model.safetensors") && error.contains(file), "{error}");
        fs::remove_file(base.join(file)).unwrap();
    }
    fs::remove_file(adapter.join(ADAPTER_CONFIG_FILE)).unwrap();
    let error = Model::load(&adapter).unwrap_err().to_string();
    assert!(error.contains(ADAPTER_CONFIG_FILE), "{error}");
    // Adapters are not left out silently.
    let error = adapted.save(&place.path().join("new")).unwrap_err().to_string();
    assert!(error.contains("a model with adapters") && !place.path().join("new").exists());
    let gguf = place.path().join("new.gguf");
    assert!(adapted.save_gguf(&gguf, "new", TensorType::F32).is_err() && !gguf.exists());
}

/// A fine-tuned model may have a chat template, and another token that ends its texts.
#[test]
fn the_adapters_texts_go_before_those_of_the_base() {
    let (place, mut adapted) = llama(&[]);
    let directory = place.path().join("adapter");
    let base = Model::load(&place.path().join("base")).unwrap();
    adapted.special = SpecialTokens { bos: Some(1), eos: vec![2, 3] };
    adapted.text_settings.chat_template = Some("{{ messages }}".into());
    save(&directory, &adapted, "../base").unwrap();
    let read = Model::load(&directory).unwrap();
    assert_eq!(read.special, adapted.special);
    assert_eq!(read.text_settings.chat_template, adapted.text_settings.chat_template);
    let mut of_base = base.text_settings.clone();
    fs::remove_file(directory.join(crate::files::hugging_face::GENERATION_CONFIG_FILE)).unwrap();
    assert_eq!(Model::load(&directory).unwrap().special, base.special);
    fs::remove_file(directory.join(TOKENIZER_FILE)).unwrap();
    of_base.chat_template = None;
    assert_eq!(Model::load(&directory).unwrap().text_settings, of_base);

    // One with more tokens than the model.
    let tokenizer = TokenizerKind::Char.train("abcdefghijklmnopqrstuvwxyz ABC").unwrap();
    tokenizer.save(&directory.join(TOKENIZER_FILE)).unwrap();
    let error = Model::load(&directory).unwrap_err().to_string();
    assert!(error.contains("tokens, the model only"), "{error}");
}
