//! The weights of a model, in one file or in several.
//!
//! `transformers` splits large models into *shards*, `model-00001-of-00003.safetensors` and so on,
//! with a list beside them, `model.safetensors.index.json`, that says which tensor is where.
//!
//! Which tensors the files hold depends on the program that saved them. Accepted are:
//!
//! - names with or without `transformer.` or `model.`, and behind the prefixes that PyTorch's wrappers
//!   leave: `module.` and `_orig_mod.`;
//! - an output layer `lm_head.weight` that repeats the token embedding, or stands in its place;
//! - the causal masks and frequencies that older versions saved (`attn.bias`, `attn.masked_bias`,
//!   `rotary_emb.inv_freq`): they are computed here;
//! - of GPT-2, biases or none: the tensors decide, because other programs train biases although the
//!   entry `bias` of `config.json` is false.
//!
//! Sizes are checked against the headers of the files, before anything is allocated by them. Under
//! which names and in which orientation the tensors of a family stand there, [`names`](super::names) says.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use safetensors::tensor::{Dtype, View};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use stage01_bigram::{Error, Result};
use stage02_attention::params::{Init, Layout, Params, Tensor};

use super::super::TRAINER_FILE;
use super::super::safetensors::{HEAD_LIMIT, Info, TensorFile, dims, write_tensors};
use super::family::Family;
use super::names::{FileTensor, all_names, file_tensors, in_file_layer, prefix};
use super::transpose::{from_columns, into_columns};
use super::{CONFIG_FILE, MODEL_FILE, config_json, read_json, shown, without_adapters};
use crate::architecture::Positions;
use crate::block::Block;
use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::norm::Norm;

/// The list of shards, where there are several.
pub const INDEX_FILE: &str = "model.safetensors.index.json";

/// The prefixes that the name of a tensor may have, in any order.
const PREFIXES: [&str; 4] = ["transformer.", "model.", "module.", "_orig_mod."];

/// The output layer, whose weights GPT-2 ties to the token embedding.
const LM_HEAD: &str = "lm_head.weight";

/// Writes the weights under the names of the model's family.
///
/// # Errors
/// [`Error::File`] when the file cannot be written; [`Error::Setting`] for a model with adapters.
pub fn save_model(directory: &Path, gpt: &Gpt, params: &Params<f32>) -> Result<()> {
    without_adapters(gpt)?;
    let family = Family::of(gpt.config());
    let own: HashMap<&str, &[f32]> = gpt
        .layout()
        .tensors()
        .iter()
        .map(|tensor| (tensor.name.as_str(), &params.values[tensor.range()]))
        .collect();
    // GPT-2 always has biases; those that the model does not have are zero.
    let bias = gpt.config().bias || family == Family::Gpt2;
    let full = Gpt::new(GptConfig { bias, ..gpt.config().clone() })?;
    let zeros = vec![0.0; 4 * gpt.config().n_embd.max(gpt.config().n_inner())];
    let tensors = full.layout().tensors().iter().flat_map(|tensor| {
        let values =
            own.get(tensor.name.as_str()).copied().unwrap_or_else(|| &zeros[..tensor.len()]);
        let width = *tensor.shape.last().expect("a tensor has a shape");
        file_tensors(family, gpt.config(), tensor).into_iter().map(move |file| {
            let name = format!("{}{}", prefix(family, &file.name), file.name);
            (name, Part { file, values, width })
        })
    });
    write_tensors(&directory.join(MODEL_FILE), tensors, ("format", "pt"))
}

/// The part of a tensor that one tensor of a file holds. It is turned when it is written.
struct Part<'a> {
    file: FileTensor,
    values: &'a [f32],
    /// The columns of the tensor.
    width: usize,
}

impl View for Part<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.file.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let FileTensor { shape, columns, transposed, .. } = &self.file;
        if !transposed {
            let values = if shape.len() == 1 { &self.values[columns.clone()] } else { self.values };
            return Cow::Borrowed(bytemuck::cast_slice(values));
        }
        let turned = from_columns(self.values, self.width, columns.start, columns.len());
        Cow::Owned(bytemuck::cast_slice(&turned).to_vec())
    }

    fn data_len(&self) -> usize {
        self.file.shape.iter().product::<usize>() * size_of::<f32>()
    }
}

/// Reads the weights of a model.
///
/// # Errors
/// [`Error::File`] when the file is missing; [`Error::Format`] when it is damaged or holds
/// other tensors than the model, naming the first.
pub fn read_model(directory: &Path, gpt: &Gpt) -> Result<Params<f32>> {
    let weights = Weights::open(directory)?;
    let found = weights.check_sizes(gpt.config(), &directory.join(CONFIG_FILE))?;
    if found.bias && !gpt.config().bias {
        return Err(Error::format(
            &weights.path,
            "it has biases that are not zero",
            format!("the model of {CONFIG_FILE} has none; both must come from the same directory"),
        ));
    }
    weights.read(gpt)
}

/// The weights of a directory: their headers, parsed and checked, and where the data is.
pub(super) struct Weights<'a> {
    /// The file that stands for all of them in messages.
    path: PathBuf,
    files: Vec<TensorFile<'a>>,
    /// For GPT-2's name without prefix: the index of the file, and of the tensor in it.
    places: HashMap<String, (usize, usize)>,
}

impl<'a> Weights<'a> {
    /// Finds the weights in a directory and reads their headers.
    pub(super) fn open(directory: &Path) -> Result<Weights<'static>> {
        let path = directory.join(MODEL_FILE);
        if path.exists() {
            return Weights::gather(&path, vec![TensorFile::open_file(&path)?]);
        }
        let path = directory.join(INDEX_FILE);
        if path.exists() {
            return Weights::open_shards(directory, &path);
        }
        Err(other_forms(directory))
    }

    /// Weights in memory: the content of one file.
    pub(super) fn in_memory(path: &Path, bytes: &'a [u8]) -> Result<Self> {
        Weights::gather(path, vec![TensorFile::open(path, bytes)?])
    }

    fn open_shards(directory: &Path, path: &Path) -> Result<Weights<'static>> {
        let listed = parse_index(path, &read_json(path, HEAD_LIMIT)?)?;
        let mut names: Vec<&str> = Vec::new();
        let mut seen = HashSet::new();
        for (_, file) in &listed {
            if seen.insert(file.as_str()) {
                names.push(file);
            }
        }
        let files = names.iter().map(|name| TensorFile::open_file(&directory.join(name)));
        let weights = Weights::gather(path, files.collect::<Result<_>>()?)?;
        // The list and the files must agree.
        let held: usize = weights.files.iter().map(|file| file.tensors().len()).sum();
        let wrong = |problem| {
            let remedy = "all files must come from the same model; copy them again";
            Err(Error::format(path, problem, remedy))
        };
        for (name, file) in &listed {
            let place = weights.places.get(without_prefix(name));
            let found = place.is_some_and(|&(i, j)| {
                names[i] == file && weights.files[i].tensors()[j].name == *name
            });
            if !found {
                return wrong(format!("the tensor {} is not in {file}", shown(name)));
            }
        }
        if held != listed.len() {
            return wrong(format!("it lists {} tensors, the files hold {held}", listed.len()));
        }
        Ok(weights)
    }

    /// All tensors of some files under their plain names. Each must be there once.
    fn gather(path: &Path, files: Vec<TensorFile<'a>>) -> Result<Weights<'a>> {
        let mut places: HashMap<String, (usize, usize)> = HashMap::new();
        for (i, file) in files.iter().enumerate() {
            for (j, tensor) in file.tensors().iter().enumerate() {
                if let Some((first, other)) =
                    places.insert(without_prefix(&tensor.name).into(), (i, j))
                {
                    let other = shown(&files[first].tensors()[other].name);
                    return Err(Error::format(
                        file.path(),
                        format!(
                            "the tensor {} is there twice: {other} in {}",
                            shown(&tensor.name),
                            files[first].path().display()
                        ),
                        "all files must come from the same model; copy them again",
                    ));
                }
            }
        }
        Ok(Weights { path: path.to_path_buf(), files, places })
    }

    fn get(&self, name: &str) -> Option<(&TensorFile<'a>, &Info)> {
        let &(i, j) = self.places.get(name)?;
        Some((&self.files[i], &self.files[i].tensors()[j]))
    }

    /// A required tensor. A token embedding that is the output layer too may be saved as that.
    fn tensor(&self, family: Family, name: &str, tied: bool) -> Result<(&TensorFile<'a>, &Info)> {
        let embedding = matches!(name, "wte.weight" | "embed_tokens.weight");
        let head = || (tied && embedding).then(|| self.get(LM_HEAD)).flatten();
        self.get(name).or_else(head).ok_or_else(|| {
            let problem = format!("the tensor {}{name} is missing", prefix(family, name));
            let remedy = format!("it must come from the same model as {CONFIG_FILE}");
            Error::format(&self.path, problem, remedy)
        })
    }

    /// Compares the sizes of a model with the headers, without reading a matrix. Returns the sizes,
    /// with `bias` as the weights have it.
    ///
    /// path: the file that the sizes came from.
    pub(super) fn check_sizes(&self, config: &GptConfig, path: &Path) -> Result<GptConfig> {
        let differs = |entry: &str, size: usize, found: String| {
            let remedy = "both files must come from the same directory";
            Error::format(path, format!("{entry} is {size}, but {found}"), remedy)
        };
        let (family, tied) = (Family::of(config), config.arch.tie_weights);
        let &GptConfig { vocab_size, block_size, n_layer, n_embd, .. } = config;
        let llama = matches!(family, Family::Llama | Family::Qwen2);
        let wte = if llama { "embed_tokens.weight" } else { "wte.weight" };
        let learned = config.arch.positions == Positions::Learned;
        let wpe = learned.then_some(("wpe.weight", block_size, "n_positions"));
        for (name, rows, entry) in [(wte, vocab_size, "vocab_size")].into_iter().chain(wpe) {
            let (file, tensor) = self.tensor(family, name, tied)?;
            let found = || {
                let (name, shape) = (shown(&tensor.name), dims(&tensor.shape));
                format!("the tensor {name} has the shape {shape} in {}", file.path().display())
            };
            let [height, width] = tensor.shape[..] else {
                return Err(differs(entry, rows, found()));
            };
            if width != n_embd {
                let entry = if llama { "hidden_size" } else { "n_embd" };
                return Err(differs(entry, n_embd, found()));
            }
            if height != rows {
                return Err(differs(entry, rows, found()));
            }
        }
        let numbers = self.places.keys().filter_map(|name| in_file_layer(family, name));
        let layers: HashSet<usize> = numbers.map(|(layer, _)| layer).collect();
        let held = layers.iter().max().map_or(0, |last| last + 1);
        if (layers.len(), held) != (n_layer, n_layer) {
            let found = format!("{} has {} layers", self.path.display(), layers.len());
            let entry = if llama { "num_hidden_layers" } else { "n_layer" };
            return Err(differs(entry, n_layer, found));
        }
        // Now `n_embd` and `n_layer` are no larger than the files.
        let all_biases = config.bias || family == Family::Gpt2;
        let small = GptConfig { n_layer: 1, bias: all_biases, ..config.clone() };
        config_json::check(&small, path)?;
        let mut model = Layout::new();
        Block::declare(model.scope("h.0"), &small)?;
        let block = model.tensors().len();
        Norm::declare(model.scope("ln_f"), n_embd, config.arch.norm, all_biases);
        if !tied {
            model.scope("lm_head").matrix("weight", vocab_size, n_embd, Init::Zeros);
        }
        let mut biases = Vec::new();
        let mut expected = |tensor: &Tensor| -> Result<()> {
            for FileTensor { name, shape, .. } in file_tensors(family, config, tensor) {
                if family == Family::Gpt2 && name.ends_with(".bias") {
                    if let Some((file, tensor)) = self.get(&name) {
                        file.check(tensor, &shape)?;
                        biases.push((file, tensor));
                    }
                    continue;
                }
                let (file, tensor) = self.tensor(family, &name, tied)?;
                let transposed: Vec<usize> = shape.iter().rev().copied().collect();
                if family == Family::Gpt2 && tensor.shape == transposed && tensor.shape != shape {
                    return Err(Error::format(
                        file.path(),
                        format!("the tensor {} is transposed: {transposed:?}", shown(&tensor.name)),
                        format!(
                            "GPT-2 stores {shape:?}; transpose the weights of c_attn, c_fc and of \
                             both c_proj in every layer"
                        ),
                    ));
                }
                file.check(tensor, &shape)?;
            }
            Ok(())
        };
        for layer in 0..n_layer {
            for tensor in &model.tensors()[..block] {
                let name = tensor.name.strip_prefix("h.0").expect("its scope");
                expected(&Tensor { name: format!("h.{layer}{name}"), ..tensor.clone() })?;
            }
        }
        model.tensors()[block..].iter().try_for_each(&mut expected)?;
        if family != Family::Gpt2 {
            return Ok(config.clone());
        }
        // A model without biases is saved with zeros.
        let mut bias = !biases.is_empty() && config.bias;
        for (file, tensor) in biases {
            if bias {
                break;
            }
            file.pieces(tensor, |numbers| {
                bias |= numbers.iter().any(|&number| number != 0.0);
                Ok(())
            })?;
        }
        Ok(GptConfig { bias, ..config.clone() })
    }

    /// Reads the weights of an architecture whose sizes [`Weights::check_sizes`] has compared.
    pub(super) fn read(&self, gpt: &Gpt) -> Result<Params<f32>> {
        let (config, tensors) = (gpt.config(), gpt.layout().tensors());
        let (family, tied) = (Family::of(config), config.arch.tie_weights);
        for tensor in tensors {
            for FileTensor { name, shape, .. } in file_tensors(family, config, tensor) {
                let (file, found) = self.tensor(family, &name, tied)?;
                file.check(found, &shape)?;
            }
        }
        let mut params = Params::zeros(gpt.layout());
        for tensor in tensors {
            let values = &mut params.values[tensor.range()];
            let width = *tensor.shape.last().expect("a tensor has a shape");
            for FileTensor { name, shape, columns, transposed } in
                file_tensors(family, config, tensor)
            {
                let (file, found) = self.tensor(family, &name, tied)?;
                match (transposed, shape.len()) {
                    (false, 1) => file.read(found, &mut values[columns])?,
                    (false, _) => file.read(found, values)?,
                    (true, _) => {
                        let mut turned = vec![0.0; shape.iter().product()];
                        file.read(found, &mut turned)?;
                        into_columns(&turned, shape[1], values, width, columns.start);
                    }
                }
            }
        }
        self.check_rest(gpt, &params)?;
        Ok(params)
    }

    /// Checks that all other tensors in the files change no result.
    fn check_rest(&self, gpt: &Gpt, params: &Params<f32>) -> Result<()> {
        let family = Family::of(gpt.config());
        let known: HashSet<String> =
            all_names(family, gpt.config(), gpt.layout()).into_iter().collect();
        let wte = &params.values[gpt.layout().tensors()[0].range()];
        let refuse = |file: &TensorFile, tensor: &Info, remedy: &str| {
            let problem = format!(
                "the tensor {} does not belong to the model of {CONFIG_FILE}",
                shown(&tensor.name)
            );
            Err(Error::format(file.path(), problem, remedy))
        };
        for (file, tensor) in
            self.files.iter().flat_map(|file| file.tensors().iter().map(move |t| (file, t)))
        {
            let name = without_prefix(&tensor.name);
            if known.contains(name) || is_computed(family, name) || is_bias(family, name) {
                continue;
            }
            if name == LM_HEAD {
                if tensor.len() != Some(wte.len()) || !equals(file, tensor, wte)? {
                    return refuse(
                        file,
                        tensor,
                        "its output layer differs from its token embedding, although \
                         tie_word_embeddings says that they are one; set that entry to false",
                    );
                }
                continue;
            }
            let remedy = if name.contains("lora_") {
                "it is of a LoRA adapter, whose file is adapter_model.safetensors, beside an \
                 adapter_config.json"
            } else {
                "both files must come from the same directory"
            };
            return refuse(file, tensor, remedy);
        }
        Ok(())
    }
}

/// Whether a tensor holds these numbers.
fn equals(file: &TensorFile, tensor: &Info, numbers: &[f32]) -> Result<bool> {
    let (mut done, mut equal) = (0, true);
    file.pieces(tensor, |piece| {
        equal &= numbers[done..done + piece.len()] == *piece;
        done += piece.len();
        Ok(())
    })?;
    Ok(equal)
}

/// A name without the prefixes of PyTorch's wrappers.
fn without_prefix(mut name: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

/// Whether a name is that of a buffer which older versions of `transformers` saved and which is
/// computed here: a causal mask, or the frequencies of the rotation.
fn is_computed(family: Family, name: &str) -> bool {
    match in_file_layer(family, name) {
        Some((_, name)) if family == Family::Gpt2 => {
            matches!(name, "attn.bias" | "attn.masked_bias")
        }
        Some((_, name)) => name == "self_attn.rotary_emb.inv_freq",
        None => name == "rotary_emb.inv_freq",
    }
}

/// Whether a name is that of a bias of GPT-2: one that a model without biases leaves out.
fn is_bias(family: Family, name: &str) -> bool {
    const IN_A_LAYER: [&str; 6] = [
        "ln_1.bias",
        "attn.c_attn.bias",
        "attn.c_proj.bias",
        "ln_2.bias",
        "mlp.c_fc.bias",
        "mlp.c_proj.bias",
    ];
    let in_layer = || in_file_layer(family, name);
    family == Family::Gpt2
        && (name == "ln_f.bias" || in_layer().is_some_and(|(_, name)| IN_A_LAYER.contains(&name)))
}

/// The list of shards: each tensor, and the file it is in.
///
/// Its other entries, such as `total_size`, are not read.
pub(super) fn parse_index(path: &Path, text: &str) -> Result<Vec<(String, String)>> {
    let wrong = |problem: String| {
        Error::format(path, problem, "copy the model again, with all of its files")
    };
    let index: Index = serde_json::from_str(text)
        .map_err(|e| wrong(format!("it lists no shards: {}", shown(&e.to_string()))))?;
    let mut seen = HashSet::new();
    for (tensor, file) in &index.weight_map.0 {
        let mut parts = Path::new(file).components();
        let normal = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == file.as_str());
        if !normal {
            return Err(wrong(format!(
                "it names the file {}, which is not the name of a file beside it",
                shown(file)
            )));
        }
        if !seen.insert(tensor) {
            return Err(wrong(format!("it lists the tensor {} twice", shown(tensor))));
        }
    }
    Ok(index.weight_map.0)
}

#[derive(Deserialize)]
struct Index {
    weight_map: Pairs,
}

/// A JSON object with all its pairs, even two of one name.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object that names a file for each tensor")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// The error for a directory without `model.safetensors`: it names another format of the weights,
/// and how to convert them.
fn other_forms(directory: &Path) -> Error {
    // Rust's quotes and escapes are valid in Python, too.
    let quoted = format!("{:?}", directory.display().to_string());
    let resave = |class: &str, how: &str| {
        format!(
            "convert them in Python: from transformers import AutoModelForCausalLM; \
             {class}.from_pretrained({quoted}{how}).save_pretrained({quoted})"
        )
    };
    let model = "AutoModelForCausalLM";
    let forms = [
        (
            "pytorch_model.bin",
            "a Python pickle, which can run any program when it is opened",
            resave(model, ""),
        ),
        (
            "pytorch_model.bin.index.json",
            "Python pickles, which can run any program when they are opened",
            resave(model, ""),
        ),
        (
            "tf_model.h5",
            "a file of TensorFlow",
            resave(model, ", from_tf=True") + " (transformers 4)",
        ),
        (
            "flax_model.msgpack",
            "a file of Flax",
            resave(model, ", from_flax=True") + " (transformers 4)",
        ),
    ];
    for (file, what, remedy) in forms {
        if directory.join(file).exists() {
            let problem = format!("the weights are in {file}, {what}");
            return Error::format(directory, problem, remedy);
        }
    }
    let ending = |end: &str| {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let ends = |path: &PathBuf| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(end));
        entries.map(|entry| entry.path()).filter(ends).collect::<Vec<_>>()
    };
    // `trainer.safetensors` is not the model, and one of several files need not be.
    let mut others = ending("safetensors");
    others.retain(|path| !path.ends_with(TRAINER_FILE));
    if let [other] = &others[..] {
        let name = other.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Error::format(
            directory,
            format!("there is no {MODEL_FILE}, but {}", shown(&name)),
            format!("if the weights of the model are in it, rename it to {MODEL_FILE}"),
        );
    }
    if let Some(file) = ending("gguf").into_iter().min() {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Error::format(
            directory,
            format!("the weights are in {}, in llama.cpp's format", shown(&name)),
            format!("name the file itself: {}", file.display()),
        );
    }
    let path = directory.join(MODEL_FILE);
    match fs::metadata(&path) {
        Err(missing) if missing.kind() == ErrorKind::NotFound => Error::format(
            directory,
            format!("there is no {MODEL_FILE} in it"),
            "train a model first, or name the directory of one",
        ),
        Err(missing) => Error::file("read", path)(missing),
        Ok(_) => Error::format(path, "it appeared just now", "try again"),
    }
}
