//! A model as a folder that the rest of the world can open.
//!
//! The layout is Hugging Face's for GPT-2, so `transformers` loads it as it is, and what
//! `transformers` saved loads here:
//!
//! | file | holds |
//! |---|---|
//! | `config.json` | the sizes: [`GptConfig`] |
//! | `model.safetensors` | the weights in f32, under GPT-2's names and orientations |
//! | `tokenizer.json`, `tokenizer_config.json` | the tokenizer, in the format of the `tokenizers` library |
//! | `trainer.safetensors` | weights, both moments and the iteration: what resuming needs |
//!
//! Every file is written whole or not at all. The trainer's file holds the weights a second
//! time, because two files cannot be replaced in one instant: a process that is killed between
//! them leaves a model that is newer or older than the trainer's state, never a mixture.
//!
//! A model without biases is saved with biases of zero, which compute the same: GPT-2 in
//! `transformers` always has them. The entry `bias` of `config.json`, which others ignore,
//! tells us to leave them out again.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use serde_json::{Value, json};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};
use stage02_attention::params::{Layout, Params, Tensor};

use crate::config::GptConfig;
use crate::gpt::Gpt;

/// The weights of a model folder.
pub const MODEL_FILE: &str = "model.safetensors";
/// The sizes of a model folder.
pub const CONFIG_FILE: &str = "config.json";
/// The tokenizer of a model folder.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// GPT-2's files put this before the names when the output layer is part of the model.
const PREFIX: &str = "transformer.";

/// A model that was read from a folder, ready for use.
#[derive(Debug)]
pub struct Model {
    /// Its plan.
    pub gpt: Gpt,
    /// Its weights.
    pub params: Params<f32>,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
}

impl Model {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`Error::File`] when a file is missing or unreadable; [`Error::Format`] when it is not
    /// what it should be, naming the tensor or the entry.
    pub fn load(folder: &Path) -> Result<Self> {
        let gpt = Gpt::new(read_config(folder)?)?;
        let params = read_model(folder, &gpt)?;
        let path = folder.join(TOKENIZER_FILE);
        let tokenizer = Tokenizer::load(&path)?;
        let (given, expected) = (tokenizer.vocab_size(), gpt.config().vocab_size);
        if given > expected {
            return Err(Error::format(
                path,
                format!("it has {given} tokens, the model only {expected}"),
                "use the tokenizer the model was trained with",
            ));
        }
        Ok(Model { gpt, params, tokenizer })
    }
}

/// Writes the sizes and the tokenizer: what stays the same while a model is trained.
///
/// # Errors
/// [`Error::File`] when they cannot be written.
pub fn save_description(folder: &Path, config: &GptConfig, tokenizer: &Tokenizer) -> Result<()> {
    let text = serde_json::to_string_pretty(&config_json(config, tokenizer)).expect("plain JSON");
    files::write_bytes(&folder.join(CONFIG_FILE), (text + "\n").as_bytes())?;
    // Without this `transformers` takes GPT-2's own tokenizer class, which drops the spaces of
    // a character tokenizer.
    let class = json!({ "tokenizer_class": "PreTrainedTokenizerFast" }).to_string() + "\n";
    files::write_bytes(&folder.join("tokenizer_config.json"), class.as_bytes())?;
    tokenizer.save(&folder.join(TOKENIZER_FILE))
}

/// `config.json` as `transformers` reads it.
// ANCHOR: config_json
fn config_json(config: &GptConfig, tokenizer: &Tokenizer) -> Value {
    let end_of_text = tokenizer.end_of_text();
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "vocab_size": config.vocab_size,
        "n_positions": config.block_size,
        "n_ctx": config.block_size,
        "n_layer": config.n_layer,
        "n_head": config.n_head,
        "n_embd": config.n_embd,
        "n_inner": null,
        "attn_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "tie_word_embeddings": true,
        "dtype": "float32",
        "bias": config.bias,
    })
}
// ANCHOR_END: config_json

/// Reads `config.json`.
///
/// # Errors
/// [`Error::File`] when it is missing; [`Error::Format`] when it describes a model that this
/// crate does not compute, naming the entry.
pub fn read_config(folder: &Path) -> Result<GptConfig> {
    let path = folder.join(CONFIG_FILE);
    let text = files::read_text(&path)?;
    let json: Value = serde_json::from_str(&text).map_err(|e| {
        Error::format(&path, format!("not JSON: {e}"), "restore it, or train the model again")
    })?;
    let wrong = |entry: &str, expected: &str| {
        let given = json.get(entry).map_or("missing".to_string(), Value::to_string);
        Error::format(&path, format!("{entry} is {given}"), format!("expected {expected}"))
    };
    let size = |entry: &str| {
        let n = json.get(entry).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        n.filter(|&n| n > 0).ok_or_else(|| wrong(entry, "a whole number above 0"))
    };
    // What GPT-2 leaves open and this crate fixes. An entry that is absent has the default.
    let fixed: [(&str, &[Value], &str); 6] = [
        ("model_type", &[json!("gpt2")], "\"gpt2\", the only architecture known here"),
        (
            "activation_function",
            &[json!("gelu_new"), json!("gelu_pytorch_tanh")],
            "\"gelu_new\", the tanh form of GELU",
        ),
        ("scale_attn_weights", &[json!(true)], "true: scores are divided by sqrt(head size)"),
        ("scale_attn_by_inverse_layer_idx", &[json!(false)], "false"),
        ("tie_word_embeddings", &[json!(true)], "true: the output shares the token embedding"),
        ("add_cross_attention", &[json!(false)], "false"),
    ];
    for (entry, allowed, expected) in fixed {
        if json.get(entry).is_some_and(|value| !allowed.contains(value)) {
            return Err(wrong(entry, expected));
        }
    }
    if json.get("layer_norm_epsilon").and_then(Value::as_f64).is_some_and(|eps| eps != 1e-5) {
        return Err(wrong("layer_norm_epsilon", "1e-5"));
    }
    let n_embd = size("n_embd")?;
    if json.get("n_inner").and_then(Value::as_u64).is_some_and(|n| n != 4 * n_embd as u64) {
        return Err(wrong("n_inner", "null, or four times n_embd"));
    }
    let config = GptConfig {
        vocab_size: size("vocab_size")?,
        block_size: size("n_positions")?,
        n_layer: size("n_layer")?,
        n_head: size("n_head")?,
        n_embd,
        dropout: json.get("resid_pdrop").and_then(Value::as_f64).unwrap_or(0.0),
        bias: json.get("bias").and_then(Value::as_bool).unwrap_or(true),
    };
    config
        .validate()
        .map_err(|e| Error::format(&path, e.to_string(), "restore it, or train the model again"))?;
    Ok(config)
}

/// Writes the weights under GPT-2's names.
///
/// # Errors
/// [`Error::File`] when the file cannot be written.
pub fn save_model(folder: &Path, gpt: &Gpt, params: &Params<f32>) -> Result<()> {
    let layout = gpt.layout();
    // The same model with biases; those that `layout` does not have are zero.
    let full = Gpt::new(GptConfig { bias: true, ..gpt.config().clone() })?;
    let zeros = vec![0.0; 4 * gpt.config().n_embd];
    let tensors = full.layout().tensors().iter().map(|tensor| {
        let own = layout.tensors().iter().find(|own| own.name == tensor.name);
        let values = match own {
            Some(own) => &params.values[own.range()],
            None => &zeros[..tensor.len()],
        };
        (format!("{PREFIX}{}", tensor.name), Entry { shape: tensor.shape.clone(), values })
    });
    write_tensors(&folder.join(MODEL_FILE), tensors, ("format", "pt"))
}

/// Reads the weights of a plan.
///
/// # Errors
/// [`Error::File`] when the file is missing; [`Error::Format`] when it is damaged or holds
/// other tensors than the plan, naming the first.
pub fn read_model(folder: &Path, gpt: &Gpt) -> Result<Params<f32>> {
    let path = folder.join(MODEL_FILE);
    let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
    let file = TensorFile::open(&path, &bytes)?;
    let prefix =
        if file.tensors.names().iter().any(|name| name.starts_with(PREFIX)) { PREFIX } else { "" };
    let params = file.read_params(gpt.layout(), prefix)?;

    // Whatever else is in the file must be something that changes no result.
    let config = GptConfig { bias: true, ..gpt.config().clone() };
    let full = Gpt::new(config)?;
    for name in file.tensors.names() {
        let plain = name.strip_prefix(prefix).unwrap_or(name);
        let known = |layout: &Layout| layout.tensors().iter().any(|t| t.name == plain);
        if known(gpt.layout()) || plain.ends_with(".attn.bias") || plain.ends_with(".masked_bias") {
            continue;
        }
        let harmless = if plain == "lm_head.weight" {
            // Some files repeat the shared table.
            file.read(name)? == params.values[gpt.layout().tensors()[0].range()]
        } else {
            known(full.layout()) && file.read(name)?.iter().all(|&bias| bias == 0.0)
        };
        if !harmless {
            return Err(Error::format(
                &path,
                format!("the tensor {name} does not belong to the model of {CONFIG_FILE}"),
                "both files must come from the same folder",
            ));
        }
    }
    Ok(params)
}

/// Writes the scores of a text, for other programs to compare with theirs.
///
/// The file holds `input_ids`, (1, tokens) of U32, and `logits`, (tokens, vocab_size) of F32.
///
/// # Errors
/// [`Error::File`] when it cannot be written.
pub fn save_logits(path: &Path, tokens: &[u32], logits: &Array2<f32>) -> Result<()> {
    let ids: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    let scores: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    let view = |dtype, shape, bytes| {
        TensorView::new(dtype, shape, bytes).expect("as many bytes as the shape says")
    };
    let tensors = [
        ("input_ids".to_string(), view(Dtype::U32, vec![1, tokens.len()], &ids)),
        ("logits".to_string(), view(Dtype::F32, logits.shape().to_vec(), &scores)),
    ];
    write_tensors(path, tensors.into_iter(), ("format", "pt"))
}

/// A list of numbers on its way into a file.
pub(crate) struct Entry<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: &'a [f32],
}

impl View for Entry<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            Cow::Borrowed(bytemuck::cast_slice(self.values))
        } else {
            Cow::Owned(self.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
    }
    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

/// Writes a safetensors file, whole or not at all, and the same bytes for the same numbers.
///
/// The format: the length of the head in eight bytes; the head, a JSON object that says of
/// every tensor its type, its shape and where it begins and ends; then the numbers, one tensor
/// after another. They are written as they stand in memory, without a second copy of them.
///
/// note: a name and a text, kept in the head.
pub(crate) fn write_tensors<V: View>(
    path: &Path,
    tensors: impl Iterator<Item = (String, V)>,
    (name, note): (&str, &str),
) -> Result<()> {
    let tensors: Vec<(String, V)> = tensors.collect();
    let mut head = json!({ "__metadata__": { name: note } });
    let mut end = 0;
    // ANCHOR: write_tensors
    for (name, tensor) in &tensors {
        let start = end;
        end += tensor.data_len();
        head[name] = json!({
            "dtype": tensor.dtype(), "shape": tensor.shape(), "data_offsets": [start, end],
        });
    }
    // Spaces after the head, so that the numbers begin where a processor likes them.
    let mut head = head.to_string();
    head.push_str(&" ".repeat(head.len().next_multiple_of(8) - head.len()));
    files::write_atomically(path, |file| {
        file.write_all(&(head.len() as u64).to_le_bytes())?;
        file.write_all(head.as_bytes())?;
        tensors.iter().try_for_each(|(_, tensor)| file.write_all(&tensor.data()))
    })
    // ANCHOR_END: write_tensors
}

/// A safetensors file in memory, and its name for messages.
pub(crate) struct TensorFile<'a> {
    path: PathBuf,
    pub(crate) tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    /// Reads the head of a file.
    pub(crate) fn open(path: &Path, bytes: &'a [u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| {
            Error::format(
                path,
                format!("damaged, or not a safetensors file ({e}); it has {} bytes", bytes.len()),
                "copy it again, or train the model again",
            )
        })?;
        Ok(TensorFile { path: path.to_path_buf(), tensors })
    }

    /// The text in the head of the file under a name.
    pub(crate) fn note(bytes: &[u8], name: &str) -> Option<String> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
        metadata.metadata().as_ref()?.get(name).cloned()
    }

    /// A tensor as it stands in the file.
    fn tensor(&self, name: &str) -> Result<TensorView<'a>> {
        self.tensors.tensor(name).map_err(|_| {
            let problem = format!("the tensor {name} is missing");
            let remedy = format!("it must come from the same model as {CONFIG_FILE}");
            Error::format(&self.path, problem, remedy)
        })
    }

    /// The numbers of a tensor.
    fn read(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.tensor(name)?;
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F32 => Ok(data.chunks_exact(4).map(|b| f32::from_le_bytes(four(b))).collect()),
            // The upper half of an f32.
            Dtype::BF16 => {
                Ok(data.chunks_exact(2).map(|b| f32::from_le_bytes([0, 0, b[0], b[1]])).collect())
            }
            other => Err(Error::format(
                &self.path,
                format!("the tensor {name} holds numbers of the type {other:?}"),
                "convert the model to float32 (`model.float().save_pretrained(…)`)",
            )),
        }
    }

    /// Whether a tensor of the plan is there, in its shape.
    fn check(&self, name: &str, tensor: &Tensor) -> Result<()> {
        // ANCHOR: shape
        let found = self.tensor(name)?;
        if found.shape() == tensor.shape {
            return Ok(());
        }
        Err(Error::format(
            &self.path,
            format!("the tensor {name} has the shape {:?}", found.shape()),
            format!("the model of {CONFIG_FILE} wants {:?}", tensor.shape),
        ))
        // ANCHOR_END: shape
    }

    /// All tensors of a plan as one parameter vector. Each must be there, in the right shape,
    /// and hold numbers only: neither NaN nor an infinity.
    pub(crate) fn read_params(&self, layout: &Layout, prefix: &str) -> Result<Params<f32>> {
        let named = || layout.tensors().iter().map(|t| (format!("{prefix}{}", t.name), t));
        // All shapes first: a plan that is not that of the file may be too large for memory.
        named().try_for_each(|(name, tensor)| self.check(&name, tensor))?;
        let mut params = Params::zeros(layout);
        for (name, tensor) in named() {
            let values = self.read(&name)?;
            if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::format(
                    &self.path,
                    format!("the tensor {name} holds {bad}"),
                    "the file is damaged; copy it again, or train the model again",
                ));
            }
            params.values[tensor.range()].copy_from_slice(&values);
        }
        Ok(params)
    }
}

fn four(bytes: &[u8]) -> [u8; 4] {
    bytes.try_into().expect("chunks of four")
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::random::{Purpose, generator};
    use stage01_bigram::tokenizer::TokenizerKind;

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
        };
        let gpt = Gpt::new(config).unwrap();
        let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
        (gpt, params, tokenizer)
    }

    fn saved(bias: bool) -> (tempfile::TempDir, Gpt, Params<f32>) {
        let (gpt, params, tokenizer) = model(bias);
        let folder = tempfile::tempdir().unwrap();
        save_description(folder.path(), gpt.config(), &tokenizer).unwrap();
        save_model(folder.path(), &gpt, &params).unwrap();
        (folder, gpt, params)
    }

    #[test]
    fn what_was_saved_is_loaded_to_the_bit() {
        for bias in [true, false] {
            let (folder, gpt, params) = saved(bias);
            let model = Model::load(folder.path()).unwrap();
            assert_eq!(model.gpt.config(), gpt.config());
            assert_eq!(model.params, params);
            assert_eq!(model.tokenizer.encode("fox").unwrap().len(), 3);
        }
    }

    #[test]
    fn a_damaged_file_is_named_at_every_length() {
        let (folder, ..) = saved(true);
        let path = folder.path().join(MODEL_FILE);
        let bytes = fs::read(&path).unwrap();
        for n in (0..bytes.len()).step_by(97) {
            fs::write(&path, &bytes[..n]).unwrap();
            let message = Model::load(folder.path()).unwrap_err().to_string();
            assert!(message.contains("model.safetensors: damaged"), "{n}: {message}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let broken = |file: &str, from: &str, to: &str| {
            let (folder, ..) = saved(true);
            let path = folder.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{text}");
            fs::write(&path, text.replace(from, to)).unwrap();
            Model::load(folder.path()).unwrap_err().to_string()
        };
        let cases = [
            ("\"n_embd\": 8", "\"n_embd\": 16", "the tensor transformer.wte.weight has the shape"),
            ("\"n_layer\": 2", "\"n_layer\": 3", "transformer.h.2.ln_1.weight is missing"),
            ("\"n_layer\": 2", "\"n_layer\": 1", "transformer.h.1"),
            ("\"n_head\": 2", "\"n_head\": 3", "multiple of --n-head"),
            ("\"gpt2\"", "\"llama\"", "model_type is \"llama\""),
            ("\"gelu_new\"", "\"relu\"", "activation_function is \"relu\""),
            ("\"n_positions\": 8", "\"n_positions\": \"8\"", "n_positions is \"8\""),
            ("{", "{{", "not JSON"),
        ];
        for (from, to, expected) in cases {
            let message = broken(CONFIG_FILE, from, to);
            assert!(message.contains(expected), "{message}");
        }
        // Biases that are not zero cannot be left out.
        let (folder, gpt, mut params) = saved(true);
        params.values.fill(0.5);
        save_model(folder.path(), &gpt, &params).unwrap();
        let path = folder.path().join(CONFIG_FILE);
        let text = fs::read_to_string(&path).unwrap().replace("\"bias\": true", "\"bias\": false");
        fs::write(&path, text).unwrap();
        let message = Model::load(folder.path()).unwrap_err().to_string();
        assert!(message.contains("bias does not belong to the model"), "{message}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let message = Model::load(Path::new("no/such/model")).unwrap_err().to_string();
        assert!(message.starts_with("cannot read no/such/model"), "{message}");
    }
}
