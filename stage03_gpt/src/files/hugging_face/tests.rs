//! Model directories of other programs: sound, in other formats, damaged, and malicious.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::params::fill_normal;

use super::*;
use crate::model::SpecialTokens;

fn model(bias: bool) -> (Gpt, Params<f32>, Tokenizer) {
    let tokenizer = TokenizerKind::Char.train("the quick brown fox").unwrap();
    let config = GptConfig {
        vocab_size: tokenizer.vocab_size(),
        block_size: 8,
        n_layer: 2,
        n_head: 2,
        n_embd: 8,
        dropout: 0.1,
        bias,
        ..GptConfig::default()
    };
    let gpt = Gpt::new(config).unwrap();
    let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    (gpt, params, tokenizer)
}

fn saved(bias: bool) -> (tempfile::TempDir, Gpt, Params<f32>) {
    let (gpt, params, tokenizer) = model(bias);
    let directory = tempfile::tempdir().unwrap();
    save_description(directory.path(), gpt.config(), &tokenizer).unwrap();
    save_model(directory.path(), &gpt, &params).unwrap();
    (directory, gpt, params)
}

fn refusal(directory: &Path) -> String {
    Model::load(directory).unwrap_err().to_string()
}

/// A model as other programs write it: tensors that a test may alter, then bytes.
#[derive(Clone)]
struct Parts {
    config: Value,
    /// Name, type, shape, bytes.
    tensors: Vec<(String, &'static str, Vec<usize>, Vec<u8>)>,
}

impl Parts {
    fn new(bias: bool) -> (Parts, Gpt, Params<f32>) {
        let (gpt, mut params, tokenizer) = model(bias);
        // No bias is zero by chance, because zero means that the model has none.
        fill_normal(&mut params.values, 0.3, &mut generator(2, Purpose::Initialisation, 0));
        let tensors = gpt.layout().tensors().iter().map(|tensor| {
            let values = &params.values[tensor.range()];
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (format!("transformer.{}", tensor.name), "F32", tensor.shape.clone(), bytes)
        });
        let tensors = tensors.collect();
        (Parts { config: config_json(gpt.config(), &tokenizer), tensors }, gpt, params)
    }

    fn rename(&mut self, rename: impl Fn(&str) -> String) {
        self.tensors.iter_mut().for_each(|(name, ..)| *name = rename(name));
    }

    fn add(&mut self, name: &str, shape: &[usize], numbers: &[f32]) {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.tensors.push((name.into(), "F32", shape.to_vec(), bytes));
    }

    fn bytes(&self) -> Vec<u8> {
        let (mut head, mut data) = (String::new(), Vec::new());
        for (name, dtype, shape, bytes) in &self.tensors {
            let end = data.len() + bytes.len();
            let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [data.len(), end]});
            // Written by hand, so that a name may occur twice.
            head += &format!(",{}:{entry}", json!(name));
            data.extend(bytes);
        }
        file(&format!("{{{}}}", &head[1..]), &data)
    }

    fn build(&self) -> Result<(Gpt, Params<f32>)> {
        from_bytes(self.config.to_string().as_bytes(), &self.bytes())
    }

    fn refusal(&self) -> String {
        self.build().unwrap_err().to_string()
    }
}

/// A safetensors file from its header and its data.
fn file(head: &str, data: &[u8]) -> Vec<u8> {
    [&(head.len() as u64).to_le_bytes(), head.as_bytes(), data].concat()
}

#[test]
fn what_was_saved_is_loaded_to_the_bit() {
    for bias in [true, false] {
        let (directory, gpt, params) = saved(bias);
        let model = Model::load(directory.path()).unwrap();
        assert_eq!(model.gpt.config(), gpt.config());
        assert_eq!(*model.params(), params);
        assert_eq!(model.tokenizer.encode("fox").unwrap().len(), 3);
        assert_eq!(model.special, SpecialTokens::default());
        assert_eq!(read_model(directory.path(), &gpt).unwrap(), params);
    }
}

#[test]
fn a_damaged_file_is_named_at_every_length() {
    let (directory, ..) = saved(true);
    let path = directory.path().join(MODEL_FILE);
    let bytes = fs::read(&path).unwrap();
    for n in (0..bytes.len()).step_by(97) {
        fs::write(&path, &bytes[..n]).unwrap();
        let message = refusal(directory.path());
        assert!(message.contains("model.safetensors: damaged"), "{n}: {message}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let broken = |from: &str, to: &str| {
        let (directory, ..) = saved(true);
        let path = directory.path().join(CONFIG_FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        refusal(directory.path())
    };
    let cases = [
        (
            "\"n_embd\": 8",
            "\"n_embd\": 16",
            "n_embd is 16, but the tensor transformer.wte.weight has the shape",
        ),
        ("\"n_layer\": 2", "\"n_layer\": 3", "n_layer is 3, but"),
        ("\"n_layer\": 2", "\"n_layer\": 1", "has 2 layers"),
        ("\"n_head\": 2", "\"n_head\": 3", "n_embd = 8: it must be a multiple of n_head = 3"),
        ("\"gpt2\"", "\"gpt_neox\"", "model_type is \"gpt_neox\""),
        ("\"gpt2\"", "\"llama\"", "expected [\"LlamaForCausalLM\"]"),
        ("\"gelu_new\"", "\"relu\"", "activation_function is \"relu\""),
        ("\"n_positions\": 8", "\"n_positions\": \"8\"", "n_positions is \"8\""),
        ("{", "{{", "not JSON"),
    ];
    for (from, to, expected) in cases {
        let message = broken(from, to);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_missing_directory_is_named() {
    let message = refusal(Path::new("no/such/model"));
    assert!(message.starts_with("no/such/model: there is no such directory"), "{message}");
    let (directory, ..) = saved(true);
    let message = refusal(&directory.path().join(MODEL_FILE));
    assert!(message.contains("it is a file"), "{message}");
    let empty = tempfile::tempdir().unwrap();
    let message = refusal(empty.path());
    assert!(message.contains("there is no model.safetensors in it; train a model"), "{message}");
}

// What the weights decide.

/// Other programs train the biases that this one left out, and copy its entry `bias`.
#[test]
fn the_weights_decide_whether_there_are_biases() {
    for entry in [json!(true), json!(false), Value::Null] {
        let (mut parts, gpt, params) = Parts::new(true);
        parts.config["bias"] = entry;
        let (read, weights) = parts.build().unwrap();
        assert!(read.config().bias);
        assert_eq!((read.config(), weights), (gpt.config(), params));
        // And a model without biases.
        let (mut without, gpt, params) = Parts::new(false);
        without.config["bias"] = parts.config["bias"].clone();
        let (read, weights) = without.build().unwrap();
        assert_eq!((read.config(), weights), (gpt.config(), params));
    }
    // Some of them only.
    let (mut parts, ..) = Parts::new(true);
    parts.tensors.retain(|(name, ..)| name != "transformer.h.1.mlp.c_fc.bias");
    assert!(parts.refusal().contains("h.1.mlp.c_fc.bias is missing"), "{}", parts.refusal());
}

#[test]
fn an_architecture_without_biases_does_not_read_weights_that_have_them() {
    let (directory, gpt, mut params) = saved(true);
    params.values.fill(0.5);
    save_model(directory.path(), &gpt, &params).unwrap();
    let without = Gpt::new(GptConfig { bias: false, ..gpt.config().clone() }).unwrap();
    let message = read_model(directory.path(), &without).unwrap_err().to_string();
    assert!(message.contains("it has biases that are not zero"), "{message}");
}

#[test]
fn names_behind_the_prefixes_of_wrappers() {
    let (parts, _, params) = Parts::new(true);
    for prefix in ["", "_orig_mod.", "module.", "module._orig_mod.transformer.", "transformer."] {
        let mut parts = parts.clone();
        parts.rename(|name| name.replace("transformer.", prefix));
        assert_eq!(parts.build().unwrap().1, params, "{prefix}");
    }
    let mut twice = parts.clone();
    twice.add("module.ln_f.bias", &[8], &[0.0; 8]);
    assert!(twice.refusal().contains("is there twice"), "{}", twice.refusal());
}

#[test]
fn output_layers_and_masks() {
    let (parts, _, params) = Parts::new(true);
    let wte = parts.tensors[0].clone();
    // Beside the token embedding, in its place, and another one.
    let mut beside = parts.clone();
    beside.tensors.push(("lm_head.weight".into(), wte.1, wte.2.clone(), wte.3.clone()));
    beside.add("transformer.h.0.attn.bias", &[1, 1, 2, 2], &[1.0, 0.0, 1.0, 1.0]);
    beside.tensors.push(("h.1.attn.masked_bias".into(), "BOOL", vec![], vec![1]));
    assert_eq!(beside.build().unwrap().1, params);
    let mut instead = parts.clone();
    instead.tensors[0].0 = "lm_head.weight".into();
    assert_eq!(instead.build().unwrap().1, params);
    let mut other = beside.clone();
    let last = other.tensors.len() - 3;
    other.tensors[last].3[0] ^= 1;
    assert!(other.refusal().contains("lm_head.weight does not belong"), "{}", other.refusal());
    let mut shorter = parts.clone();
    shorter.add("lm_head.weight", &[1], &[1.0]);
    assert!(shorter.refusal().contains("lm_head.weight does not belong"), "{}", shorter.refusal());
    // Tensors that a GPT-2 for text does not have.
    for name in
        ["score.weight", "h.0.crossattention.c_attn.weight", "h.0.attn.c_attn.lora_A.weight"]
    {
        let mut more = parts.clone();
        more.add(name, &[1], &[0.0]);
        assert!(more.refusal().contains(&format!("{name} does not belong")), "{}", more.refusal());
    }
    // A name with control characters for the terminal.
    let mut evil = parts.clone();
    evil.add("evil\nname\u{1b}[31m", &[1], &[0.0]);
    let message = evil.refusal();
    assert!(message.contains(r"evil\nname\u{1b}[31m"), "{message}");
    assert!(!message.contains(char::is_control), "{message}");
}

#[test]
fn weights_stored_transposed_are_named() {
    let (mut parts, ..) = Parts::new(true);
    for (name, _, shape, _) in &mut parts.tensors {
        if name.contains(".c_") {
            shape.reverse();
        }
    }
    let message = parts.refusal();
    assert!(message.contains("h.0.attn.c_attn.weight is transposed: [24, 8]"), "{message}");
}

// Types of numbers.

#[test]
fn other_types_of_numbers_are_converted() {
    let (parts, _, params) = Parts::new(true);
    type Convert = fn(f32) -> Vec<u8>;
    let types: [(&str, Convert, f32); 3] = [
        ("F64", |x| f64::from(x).to_le_bytes().to_vec(), 0.0),
        ("BF16", |x| x.to_le_bytes()[2..].to_vec(), 1.0 / 128.0),
        ("F16", |x| to_f16(x).to_le_bytes().to_vec(), 1.0 / 1024.0),
    ];
    for (name, convert, allowed) in types {
        let mut parts = parts.clone();
        for (_, dtype, _, bytes) in &mut parts.tensors {
            let numbers = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            (*dtype, *bytes) = (name, numbers.flat_map(convert).collect());
        }
        let (_, read) = parts.build().unwrap();
        for (a, b) in read.values.iter().zip(&params.values) {
            assert!((a - b).abs() <= allowed * b.abs() + 1e-7, "{name}: {a} {b}");
        }
    }
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        let mut parts = parts.clone();
        let (_, dtype, _, bytes) = &mut parts.tensors[0];
        (*dtype, *bytes) = ("F64", bytes.chunks_exact(4).flat_map(|_| bad.to_le_bytes()).collect());
        assert!(parts.refusal().contains("wte.weight holds"), "{}", parts.refusal());
    }
    let mut parts = parts.clone();
    let (_, dtype, _, bytes) = &mut parts.tensors[0];
    (*dtype, *bytes) = ("I8", bytes.chunks_exact(4).map(|_| 1).collect());
    assert!(parts.refusal().contains("numbers of the type I8"), "{}", parts.refusal());
}

/// A float16, truncated instead of rounded, for numbers of ordinary size.
fn to_f16(x: f32) -> u16 {
    let bits = x.to_bits();
    let exponent = (bits >> 23 & 255) as i32 - 127 + 15;
    if exponent <= 0 {
        return 0;
    }
    (bits >> 16 & 0x8000) as u16 | (exponent as u16) << 10 | (bits >> 13 & 1023) as u16
}

// Several files.

/// A directory with the model in shards of `each` tensors, and its index.
fn sharded(parts: &Parts, each: usize) -> (tempfile::TempDir, Value) {
    let (directory, ..) = saved(true);
    fs::remove_file(directory.path().join(MODEL_FILE)).unwrap();
    fs::write(directory.path().join(CONFIG_FILE), parts.config.to_string()).unwrap();
    let mut map = serde_json::Map::new();
    for (i, tensors) in parts.tensors.chunks(each).enumerate() {
        let name = format!("model-{i:05}.safetensors");
        let shard = Parts { config: Value::Null, tensors: tensors.to_vec() };
        fs::write(directory.path().join(&name), shard.bytes()).unwrap();
        map.extend(tensors.iter().map(|(tensor, ..)| (tensor.clone(), json!(name))));
    }
    let index = json!({ "metadata": { "total_size": 1e300 }, "weight_map": map });
    fs::write(directory.path().join(INDEX_FILE), index.to_string()).unwrap();
    (directory, index)
}

#[test]
fn shards_are_read_as_one_file() {
    let (parts, gpt, params) = Parts::new(true);
    for each in [1, 5, 100] {
        let (directory, _) = sharded(&parts, each);
        let model = Model::load(directory.path()).unwrap();
        assert_eq!((model.gpt.config(), model.params()), (gpt.config(), &params));
    }
}

#[test]
fn shards_that_disagree_with_their_list() {
    let (parts, ..) = Parts::new(true);
    let (directory, index) = sharded(&parts, 10);
    let with = |alter: &dyn Fn(&mut Value)| {
        let mut altered = index.clone();
        alter(&mut altered);
        fs::write(directory.path().join(INDEX_FILE), altered.to_string()).unwrap();
        refusal(directory.path())
    };
    let wte = "transformer.wte.weight";
    let outside = ["", ".", "..", "/etc/passwd", "../model.safetensors", "a/b", "a/", "./a"];
    for name in outside {
        let message = with(&|index| index["weight_map"][wte] = json!(name));
        assert!(message.contains("not the name of a file beside it"), "{name}: {message}");
    }
    let message = with(&|index| index["weight_map"][wte] = json!("model-00001.safetensors"));
    assert!(message.contains("transformer.wte.weight is not in model-00001"), "{message}");
    let message = with(&|index| index["weight_map"]["more"] = json!("model-00001.safetensors"));
    assert!(message.contains("more is not in model-00001"), "{message}");
    let message = with(&|index| _ = index["weight_map"].as_object_mut().unwrap().remove(wte));
    assert!(message.contains("lists 27 tensors, the files hold 28"), "{message}");
    let message = with(&|index| index["weight_map"] = json!([1]));
    assert!(message.contains("it lists no shards"), "{message}");
    let message = with(&|index| index["weight_map"][wte] = json!("missing.safetensors"));
    assert!(message.contains("missing.safetensors"), "{message}");
    let twice = r#"{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}"#;
    let message = shards_from_bytes(twice.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("lists the tensor a twice"), "{message}");
    // The same tensor in two files.
    let both = Parts { config: Value::Null, tensors: parts.tensors[..11].to_vec() };
    fs::write(directory.path().join("model-00000.safetensors"), both.bytes()).unwrap();
    assert!(with(&|_| {}).contains("is there twice"), "{}", with(&|_| {}));
    // One of them cut short.
    fs::write(directory.path().join("model-00000.safetensors"), &both.bytes()[..99]).unwrap();
    assert!(with(&|_| {}).contains("model-00000.safetensors: damaged"), "{}", with(&|_| {}));
}

#[test]
fn weights_in_another_form_are_named_with_what_converts_them() {
    for (file, expected) in [
        ("pytorch_model.bin", "AutoModelForCausalLM.from_pretrained("),
        ("pytorch_model.bin.index.json", "AutoModelForCausalLM.from_pretrained("),
        ("tf_model.h5", "from_tf=True"),
        ("flax_model.msgpack", "from_flax=True"),
        ("adapter_model.safetensors", "adapter_config.json"),
        ("adapter_model.bin", "save_pretrained"),
        ("some-Q4_K_M.gguf", "llama.cpp"),
        ("model.fp16.safetensors", "rename it to model.safetensors"),
    ] {
        let (directory, ..) = saved(true);
        fs::remove_file(directory.path().join(MODEL_FILE)).unwrap();
        let message = refusal(directory.path());
        assert!(message.contains("there is no model.safetensors in it"), "{message}");
        // An adapter has no config.json of its own.
        fs::remove_file(directory.path().join(CONFIG_FILE)).unwrap();
        fs::write(directory.path().join(file), "").unwrap();
        let message = refusal(directory.path());
        assert!(message.contains(file) && message.contains(expected), "{message}");
    }
    let (directory, ..) = saved(true);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    fs::write(directory.path().join(MODEL_FILE), pointer).unwrap();
    assert!(refusal(directory.path()).contains("git lfs pull"), "{}", refusal(directory.path()));
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_directory_is_refused_without_waiting() {
    for file in [CONFIG_FILE, TOKENIZER_FILE, GENERATION_CONFIG_FILE, MODEL_FILE] {
        let (directory, ..) = saved(true);
        let path = directory.path().join(file);
        let _ = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let message = refusal(directory.path());
        assert!(message.contains(file) && message.contains("regular file"), "{message}");
    }
}

// Headers that are wrong.

#[test]
fn wrong_headers_are_refused() {
    let head = |head: &str, data: &[u8]| {
        let config = Parts::new(true).0.config.to_string();
        from_bytes(config.as_bytes(), &file(head, data)).unwrap_err().to_string()
    };
    let one = |entry: &str| head(&format!("{{\"wte.weight\":{entry}}}"), &[0; 8]);
    for (entry, expected) in [
        (r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, "has the shape [2]"),
        (r#"{"dtype":"F32","shape":[],"data_offsets":[0,8]}"#, "of the shape [] has 8 bytes"),
        (r#"{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#, "of the shape [3] has 8 bytes"),
        (r#"{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#, "tensors have 0 bytes, and 8"),
        (r#"{"dtype":"F32","shape":[4],"data_offsets":[0,16]}"#, "ends at byte 16 of 8"),
        (r#"{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#, "should begin at byte 0, not 4"),
        (r#"{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#, "should begin at byte 0"),
        (
            r#"{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}"#,
            "of the shape [4611686018427387904, 4] has 8 bytes",
        ),
        (
            r#"{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8]}"#,
            "its header is damaged",
        ),
        (r#"{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}"#, "its header is damaged"),
        (r#"{"dtype":"F32","shape":[2],"data_offsets":[0]}"#, "its header is damaged"),
        ("[]", "its header is damaged"),
    ] {
        let message = one(entry);
        assert!(message.contains(expected), "{entry}: {message}");
    }
    let entry = |from: u32, to: u32| {
        format!("{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[{from},{to}]}}")
    };
    let two = |a: &str, b: &str, from| {
        head(&format!("{{\"{a}\":{},\"{b}\":{}}}", entry(0, 4), entry(from, from + 4)), &[0; 8])
    };
    assert!(two("a", "b", 0).contains("should begin at byte 4, not 0"), "{}", two("a", "b", 0));
    assert!(two("a", "a", 4).contains("two tensors are called a"), "{}", two("a", "a", 4));
    for length in [u64::MAX, u64::MAX - 8, 9, 200_000_000] {
        let mut bytes = file("{}", b"");
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        let message = from_bytes(b"{}", &bytes).unwrap_err().to_string();
        assert!(message.contains(&format!("its header would have {length} bytes")), "{message}");
    }
}

#[test]
fn sizes_are_checked_before_anything_is_allocated() {
    let (parts, ..) = Parts::new(true);
    for (entry, tensor) in [
        ("vocab_size", "transformer.wte.weight"),
        ("n_embd", "transformer.wte.weight"),
        ("n_positions", "transformer.wpe.weight"),
        ("n_layer", "has 2 layers"),
    ] {
        for size in [9u64, 1_000_000_000, 1_000_000_000_000, u64::MAX / 2] {
            let mut parts = parts.clone();
            parts.config[entry] = json!(size);
            let message = parts.refusal();
            let expected = format!("{entry} is {size}, but");
            assert!(message.contains(&expected) && message.contains(tensor), "{message}");
        }
    }
    // A wide token embedding does not make the layers wide: their tensors are looked at too.
    let mut wide = parts.clone();
    for (name, _, shape, bytes) in &mut wide.tensors {
        if name.contains("wte") || name.contains("wpe") {
            *shape = vec![1, 100_000];
            *bytes = vec![0; 400_000];
        }
    }
    for (entry, size) in [("n_embd", 100_000), ("vocab_size", 1), ("n_positions", 1)] {
        wide.config[entry] = json!(size);
    }
    let message = wide.refusal();
    assert!(message.contains("h.0.ln_1.weight has the shape [8]"), "{message}");
    // A high number in a name does not make many layers.
    let mut far = parts.clone();
    far.config["n_layer"] = json!(10_000_000);
    far.rename(|name| name.replace("h.1.", "h.9999999."));
    assert!(far.refusal().contains("has 2 layers"), "{}", far.refusal());
}

// Settings.

#[test]
fn every_entry_of_the_sizes_is_followed_or_refused() {
    let (parts, gpt, params) = Parts::new(true);
    let with = |entry: &str, value: Value| {
        let mut parts = parts.clone();
        parts.config[entry] = value;
        parts.build()
    };
    let refused = [
        ("bias", json!("no")),
        ("bias", json!(1)),
        ("layer_norm_epsilon", json!("x")),
        ("layer_norm_epsilon", json!(null)),
        ("layer_norm_epsilon", json!(1e-6)),
        ("resid_pdrop", json!("0.1")),
        ("resid_pdrop", json!(1.0)),
        ("embd_pdrop", json!(-0.1)),
        ("attn_pdrop", json!([0.1])),
        ("activation_function", json!("gelu")),
        ("activation_function", json!(null)),
        ("scale_attn_weights", json!(false)),
        ("scale_attn_weights", json!("true")),
        ("scale_attn_by_inverse_layer_idx", json!(true)),
        ("reorder_and_upcast_attn", json!("x")),
        ("tie_word_embeddings", json!(1)),
        ("add_cross_attention", json!(true)),
        ("is_encoder_decoder", json!(true)),
        ("quantization_config", json!({"bits": 4})),
        ("auto_map", json!({"AutoModelForCausalLM": "m.M"})),
        ("pruned_heads", json!({"0": [1]})),
        ("architectures", json!(["GPT2ForSequenceClassification"])),
        ("architectures", json!(["GPT2DoubleHeadsModel"])),
        ("architectures", json!("GPT2LMHeadModel")),
        ("model_type", json!("gpt_neo")),
        ("n_inner", json!("32")),
        ("n_inner", json!(32.5)),
        ("n_ctx", json!("8")),
        ("dtype", json!(32)),
        ("torch_dtype", json!([])),
        ("initializer_range", json!("x")),
        ("hidden_size", json!(9)),
        ("num_hidden_layers", json!("2")),
        ("n_head", json!(0)),
        ("n_layer", json!(2.0)),
        ("use_cache", json!("x")),
    ];
    for (entry, value) in refused {
        let message = with(entry, value.clone()).unwrap_err().to_string();
        assert!(message.contains(&format!("config.json: {entry} is {value}")), "{message}");
    }
    let missing = [
        ("tie_word_embeddings", json!(false), "lm_head.weight is missing"),
        ("n_inner", json!(31), "h.0.mlp.c_fc.weight has the shape [8, 32]"),
    ];
    for (entry, value, expected) in missing {
        let message = with(entry, value.clone()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    let harmless = [
        ("n_inner", json!(32)),
        ("n_ctx", json!(1024)),
        ("activation_function", json!("gelu_pytorch_tanh")),
        ("reorder_and_upcast_attn", json!(true)),
        ("architectures", json!(["GPT2Model"])),
        ("architectures", json!(null)),
        ("summary_type", json!("cls_index")),
        ("summary_first_dropout", json!(0.1)),
        ("torch_dtype", json!("float16")),
        ("quantization_config", json!(null)),
        ("task_specific_params", json!({"text-generation": {"do_sample": true}})),
        ("hidden_size", json!(8)),
        ("attn_pdrop", json!(0)),
        ("bias", json!(null)),
        ("pad_token_id", json!(-1)),
    ];
    for (entry, value) in harmless {
        let (read, weights) = with(entry, value).unwrap();
        assert_eq!((read.config(), &weights), (gpt.config(), &params), "{entry}");
    }
    // Under the names that all models share.
    let mut general = parts.clone();
    let config = general.config.as_object_mut().unwrap();
    for (own, name) in [
        ("n_embd", "hidden_size"),
        ("n_layer", "num_hidden_layers"),
        ("n_head", "num_attention_heads"),
        ("n_positions", "max_position_embeddings"),
    ] {
        let size = config.remove(own).unwrap();
        config.insert(name.into(), size);
    }
    assert_eq!(general.build().unwrap().1, params);
}

#[test]
fn special_tokens_are_those_of_the_files() {
    let (directory, gpt, _) = saved(true);
    let tokenizer = TokenizerKind::Bpe { vocab_size: 260 }
        .train("a text of some words, of some words")
        .unwrap();
    let Tokenizer::Bpe(bpe) = tokenizer else { panic!("the other kind") };
    let tokenizer = Tokenizer::Bpe(bpe.with_end_of_text());
    let end = tokenizer.end_of_text().unwrap();
    let config = GptConfig { vocab_size: tokenizer.vocab_size(), ..gpt.config().clone() };
    let gpt = Gpt::new(config).unwrap();
    let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    save_description(directory.path(), gpt.config(), &tokenizer).unwrap();
    save_model(directory.path(), &gpt, &params).unwrap();
    let special = || Model::load(directory.path()).unwrap().special;
    assert_eq!(special(), SpecialTokens { bos: Some(end), eos: vec![end] });
    let read = |file: &str| -> Value {
        serde_json::from_slice(&fs::read(directory.path().join(file)).unwrap()).unwrap()
    };
    let write = |file: &str, json: &Value| {
        fs::write(directory.path().join(file), json.to_string()).unwrap();
    };
    let described = read(TOKENIZER_CONFIG_FILE);
    assert_eq!(described["eos_token"], "<|endoftext|>");
    assert_eq!(described["model_max_length"], 8);

    // Generation's own file goes first; several tokens may end a text.
    write(GENERATION_CONFIG_FILE, &json!({"eos_token_id": [3, 5, 99999, -1]}));
    assert_eq!(special(), SpecialTokens { bos: Some(end), eos: vec![3, 5] });
    fs::remove_file(directory.path().join(GENERATION_CONFIG_FILE)).unwrap();
    let mut config = read(CONFIG_FILE);
    config["eos_token_id"] = json!(7);
    config["bos_token_id"] = json!(null);
    write(CONFIG_FILE, &config);
    assert_eq!(special(), SpecialTokens { bos: None, eos: vec![7] });
    for entry in ["bos_token_id", "eos_token_id"] {
        config.as_object_mut().unwrap().remove(entry);
    }
    write(CONFIG_FILE, &config);
    assert_eq!(special(), SpecialTokens { bos: Some(end), eos: vec![end] });
    config["eos_token_id"] = json!("<|endoftext|>");
    write(CONFIG_FILE, &config);
    assert!(refusal(directory.path()).contains("eos_token_id is"), "{}", refusal(directory.path()));
}

// Arbitrary alterations.

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Bytes of the weights replaced, removed or inserted: refused in one line, or the weights are
    /// finite and as many as the architecture has.
    #[test]
    fn altered_weights_are_refused_or_are_numbers(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, any::<u8>()), 1..4),
        in_the_head: bool,
    ) {
        let (parts, ..) = Parts::new(true);
        let mut bytes = parts.bytes();
        let head = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (at, what, byte) in changes {
            let at = at.index(if in_the_head { head.min(bytes.len()) } else { bytes.len() });
            match what {
                0 => bytes[at] = byte,
                1 => _ = bytes.remove(at),
                _ => bytes.insert(at, byte),
            }
        }
        match from_bytes(parts.config.to_string().as_bytes(), &bytes) {
            Ok((gpt, params)) => {
                prop_assert_eq!(params.values.len(), gpt.layout().len());
                prop_assert!(params.values.iter().all(|value| value.is_finite()));
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(!message.contains(char::is_control), "{}", message);
                prop_assert!(message.len() < 1000, "{}", message);
            }
        }
    }

    /// Values in `config.json` replaced by arbitrary ones: refused, or the same sizes.
    #[test]
    fn altered_sizes_are_refused_or_change_nothing(
        entry in any::<prop::sample::Index>(),
        value in prop_oneof![
            any::<u64>().prop_map(Value::from),
            (0u64..40).prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            ".{0,8}".prop_map(Value::from),
            Just(json!([])),
            Just(json!({})),
        ],
    ) {
        let (mut parts, gpt, _) = Parts::new(true);
        let entries: Vec<String> = parts.config.as_object().unwrap().keys().cloned().collect();
        parts.config[entry.get(&entries)] = value;
        match parts.build() {
            Ok((read, _)) => {
                let GptConfig { vocab_size, block_size, n_layer, n_embd, .. } = *read.config();
                let own = gpt.config();
                prop_assert_eq!(
                    (vocab_size, block_size, n_layer, n_embd),
                    (own.vocab_size, own.block_size, own.n_layer, own.n_embd)
                );
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(!message.contains(char::is_control), "{}", message);
            }
        }
    }

    /// Arbitrary texts, and altered ones, as `config.json` and as the list of shards.
    #[test]
    fn altered_texts_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        anything in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let (parts, ..) = Parts::new(true);
        let map: serde_json::Map<String, Value> =
            parts.tensors.iter().map(|(name, ..)| (name.clone(), json!("a.safetensors"))).collect();
        let (weights, index) = (parts.bytes(), json!({ "weight_map": map }).to_string());
        let mut texts = [parts.config.to_string().into_bytes(), index.into_bytes(), anything];
        for (at, byte) in changes {
            for text in &mut texts[..2] {
                let at = at.index(text.len());
                text[at] = byte;
            }
        }
        for text in &texts {
            if let Err(error) = from_bytes(text, &weights) {
                prop_assert!(!error.to_string().contains(char::is_control), "{}", error);
            }
            if let Err(error) = shards_from_bytes(text) {
                prop_assert!(!error.to_string().contains(char::is_control), "{}", error);
            }
            _ = from_bytes(&parts.config.to_string().into_bytes(), text);
        }
    }
}
