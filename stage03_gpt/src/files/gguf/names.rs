//! The tensors of a model: llama.cpp's names and order of numbers, and ours.
//!
//! | GGUF | here |
//! |---|---|
//! | `token_embd.weight`, `position_embd.weight` | `wte.weight`, `wpe.weight` |
//! | `blk.N.attn_norm`, `blk.N.ffn_norm`, `output_norm` | `h.N.ln_1`, `h.N.ln_2`, `ln_f` |
//! | `blk.N.attn_qkv` (GPT-2) | `h.N.attn.c_attn` |
//! | `blk.N.attn_q`, `attn_k`, `attn_v` (Llama) | columns of `h.N.attn.c_attn`, side by side |
//! | `blk.N.attn_output` | `h.N.attn.c_proj` |
//! | `blk.N.ffn_up`, `ffn_down` (GPT-2) | `h.N.mlp.c_fc`, `c_proj` |
//! | `blk.N.ffn_gate`, `ffn_up`, `ffn_down` (Llama) | `h.N.mlp.gate_proj`, `up_proj`, `down_proj` |
//! | `output.weight`, where it is not the token embedding | `lm_head.weight` |
//!
//! Two things differ besides the names. A GGUF file stores a matrix with a row for each output, as
//! PyTorch's `Linear` does; here it has a row for each input: (n_in, n_out).
//!
//! And in files of the architecture `llama`, rotary positions turn the pairs (2j, 2j + 1) of a
//! head. Here, as in `transformers`, they turn (j, j + hs/2). Both compute the same if the columns
//! of queries and keys are ordered accordingly: number 2j + s of a head in the file, with s of 0
//! or 1, is number j + s hs/2 here.
//!
//! Source: `gguf-py/gguf/constants.py` and `convert_hf_to_gguf.py` in the repository of llama.cpp.

use rayon::prelude::*;

use super::sizes::is_llama_shaped;
use crate::architecture::{MlpKind, NormKind, Positions};
use crate::config::GptConfig;

/// A tensor of a GGUF file, and the place of its numbers here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mapping {
    /// Its name in the file.
    pub(super) name: String,
    /// Its dimensions in the file.
    pub(super) dims: Vec<usize>,
    /// The name of our tensor.
    pub(super) ours: String,
    place: Place,
}

/// Which numbers of our tensor, and in which order.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// All of them, in the same order.
    Same,
    /// Columns of our matrix are rows in the file; a vector is a matrix of one row.
    Columns {
        /// The number of columns of our matrix, and the first that is meant.
        columns: usize,
        first: usize,
        /// The size of a head, where the file pairs neighbours.
        paired: Option<usize>,
    },
}

impl Place {
    /// The column of our matrix that is a row of the file.
    fn column(&self, row: usize) -> usize {
        match *self {
            Place::Same => row,
            Place::Columns { first, paired: None, .. } => first + row,
            Place::Columns { first, paired: Some(size), .. } => {
                let (head, number) = (row / size, row % size);
                first + head * size + number % 2 * (size / 2) + number / 2
            }
        }
    }
}

/// How many rows or columns a thread takes at a time: as many numbers as a cache line has.
const TILE: usize = 16;

impl Mapping {
    /// How many numbers the tensor has.
    pub(super) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether it is one of the vectors, which stay f32 in every file.
    pub(super) fn is_vector(&self) -> bool {
        self.dims.len() == 1
    }

    /// Whether the numbers have the same order here.
    pub(super) fn is_same(&self) -> bool {
        self.place == Place::Same
    }

    /// Puts the numbers of the file to their places. ours: all of our tensor.
    pub(super) fn scatter(&self, file: &[f32], ours: &mut [f32]) {
        let Place::Columns { columns, .. } = self.place else { return ours.copy_from_slice(file) };
        let n_in = file.len() / self.rows();
        ours.par_chunks_mut(TILE * columns).enumerate().for_each(|(tile, ours)| {
            for (row, file) in file.chunks_exact(n_in).enumerate() {
                let column = self.place.column(row);
                for (ours, number) in ours.chunks_exact_mut(columns).zip(&file[tile * TILE..]) {
                    ours[column] = *number;
                }
            }
        });
    }

    /// The reverse: collects the numbers for the file.
    pub(super) fn gather(&self, ours: &[f32]) -> Vec<f32> {
        let Place::Columns { columns, .. } = self.place else { return ours.to_vec() };
        let mut file = vec![0.0; self.len()];
        let n_in = file.len() / self.rows();
        file.par_chunks_mut(TILE * n_in).enumerate().for_each(|(tile, file)| {
            for (i, ours) in ours.chunks_exact(columns).enumerate() {
                for (row, file) in file.chunks_exact_mut(n_in).enumerate() {
                    file[i] = ours[self.place.column(tile * TILE + row)];
                }
            }
        });
        file
    }

    /// The places of the rows of the file among the outputs of our matrix that the tensor holds: none
    /// where they have the same order.
    pub(super) fn output_order(&self) -> Option<Vec<usize>> {
        match self.place {
            Place::Columns { first, paired: Some(_), .. } => {
                Some((0..self.rows()).map(|row| self.place.column(row) - first).collect())
            }
            _ => None,
        }
    }

    /// The number of rows in the file: the last dimension.
    fn rows(&self) -> usize {
        self.dims[self.dims.len() - 1]
    }
}

/// The tensors outside the blocks, which show the sizes of a model.
pub(super) const TOKEN_EMBD: &str = "token_embd.weight";
pub(super) const POSITION_EMBD: &str = "position_embd.weight";
pub(super) const OUTPUT: &str = "output.weight";

/// The factors that divide the frequencies of rotary positions: no weights, but a setting.
pub(super) const ROPE_FREQS: &str = "rope_freqs.weight";

/// The tensors of a model in a GGUF file, in the usual order.
///
/// For a model of GPT-2's shape all biases are among them, even where the model has none: the file
/// has zeros there, because llama.cpp expects them.
pub(super) fn mappings(config: &GptConfig) -> Vec<Mapping> {
    let mut list = List { all: Vec::new(), config };
    list.embedding(TOKEN_EMBD, "wte.weight", config.vocab_size);
    if config.arch.positions == Positions::Learned {
        list.embedding(POSITION_EMBD, "wpe.weight", config.block_size);
    }
    for i in 0..config.n_layer {
        list.block(&format!("blk.{i}"), &format!("h.{i}"));
    }
    list.norm("output_norm", "ln_f");
    if !config.arch.tie_weights {
        list.embedding(OUTPUT, "lm_head.weight", config.vocab_size);
    }
    list.all
}

struct List<'a> {
    all: Vec<Mapping>,
    config: &'a GptConfig,
}

impl List<'_> {
    fn push(&mut self, name: String, dims: Vec<usize>, ours: String, place: Place) {
        self.all.push(Mapping { name, dims, ours, place });
    }

    fn embedding(&mut self, name: &str, ours: &str, rows: usize) {
        self.push(name.into(), vec![self.config.n_embd, rows], ours.into(), Place::Same);
    }

    fn norm(&mut self, name: &str, ours: &str) {
        let parts: &[&str] = match self.config.arch.norm {
            NormKind::LayerNorm => &["weight", "bias"],
            NormKind::RmsNorm { .. } => &["weight"],
        };
        for part in parts {
            let (name, ours) = (format!("{name}.{part}"), format!("{ours}.{part}"));
            self.push(name, vec![self.config.n_embd], ours, Place::Same);
        }
    }

    /// A linear layer, or a part of its columns.
    fn linear(&mut self, name: &str, ours: &str, shape: Linear) {
        let Linear { n_in, n_out, columns, first, paired, bias } = shape;
        let place = Place::Columns { columns, first, paired };
        let weight = (format!("{name}.weight"), format!("{ours}.weight"));
        self.push(weight.0, vec![n_in, n_out], weight.1, place.clone());
        if bias {
            self.push(format!("{name}.bias"), vec![n_out], format!("{ours}.bias"), place);
        }
    }

    fn block(&mut self, blk: &str, h: &str) {
        let &GptConfig { n_embd, n_head, bias, arch, .. } = self.config;
        let (inner, size) = (self.config.n_inner(), n_embd / n_head);
        let kv = size * self.config.n_kv_head();
        let llama = is_llama_shaped(self.config);
        // GPT-2's files always have biases.
        let bias = bias || !llama;
        let whole = |n_in, n_out| Linear::whole(n_in, n_out, bias);
        self.norm(&format!("{blk}.attn_norm"), &format!("{h}.ln_1"));
        let (c_attn, columns) = (format!("{h}.attn.c_attn"), n_embd + 2 * kv);
        if llama {
            let bias = bias || arch.qkv_bias;
            for (part, n_out, first, paired) in [
                ("attn_q", n_embd, 0, Some(size)),
                ("attn_k", kv, n_embd, Some(size)),
                ("attn_v", kv, n_embd + kv, None),
            ] {
                let shape = Linear { n_in: n_embd, n_out, columns, first, paired, bias };
                self.linear(&format!("{blk}.{part}"), &c_attn, shape);
            }
        } else {
            self.linear(&format!("{blk}.attn_qkv"), &c_attn, whole(n_embd, columns));
        }
        let c_proj = format!("{h}.attn.c_proj");
        self.linear(&format!("{blk}.attn_output"), &c_proj, whole(n_embd, n_embd));
        self.norm(&format!("{blk}.ffn_norm"), &format!("{h}.ln_2"));
        let layers: &[(&str, &str, usize, usize)] = match arch.mlp {
            MlpKind::Gelu => {
                &[("ffn_up", "c_fc", n_embd, inner), ("ffn_down", "c_proj", inner, n_embd)]
            }
            MlpKind::SwiGlu => &[
                ("ffn_gate", "gate_proj", n_embd, inner),
                ("ffn_up", "up_proj", n_embd, inner),
                ("ffn_down", "down_proj", inner, n_embd),
            ],
        };
        for &(name, ours, n_in, n_out) in layers {
            self.linear(&format!("{blk}.{name}"), &format!("{h}.mlp.{ours}"), whole(n_in, n_out));
        }
    }
}

/// The shape of a linear layer, or of a part of its columns.
#[derive(Clone, Copy)]
struct Linear {
    n_in: usize,
    n_out: usize,
    columns: usize,
    first: usize,
    paired: Option<usize>,
    bias: bool,
}

impl Linear {
    /// All columns.
    fn whole(n_in: usize, n_out: usize, bias: bool) -> Linear {
        Linear { n_in, n_out, columns: n_out, first: 0, paired: None, bias }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;
    use crate::gpt::Gpt;

    fn config(arch: Architecture) -> GptConfig {
        let (vocab_size, block_size, n_layer, n_head, n_embd) = (7, 5, 2, 4, 24);
        let (dropout, bias) = (0.0, true);
        GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias, arch }
    }

    fn llama() -> Architecture {
        Architecture { n_kv_head: Some(2), n_inner: Some(40), ..Architecture::LLAMA }
    }

    #[test]
    fn every_number_of_a_model_is_in_the_file_once() {
        let untied = Architecture { tie_weights: false, ..llama() };
        for arch in [Architecture::GPT2, llama(), untied] {
            let config = config(arch);
            let gpt = Gpt::new(config.clone()).unwrap();
            let numbers: Vec<f32> = (0..gpt.layout().len()).map(|i| i as f32 + 1.0).collect();
            let mut back = vec![0.0; numbers.len()];
            let mut count = 0;
            for mapping in mappings(&config) {
                let tensor = gpt.layout().tensors().iter().find(|t| t.name == mapping.ours);
                let range = tensor.unwrap_or_else(|| panic!("{mapping:?}")).range();
                let file = mapping.gather(&numbers[range.clone()]);
                assert_eq!(file.len(), mapping.len(), "{mapping:?}");
                count += file.len();
                mapping.scatter(&file, &mut back[range]);
            }
            assert_eq!((count, back), (numbers.len(), numbers));
        }
    }

    #[test]
    fn matrices_are_transposed_and_pairs_are_neighbours() {
        let config = config(llama());
        let all = mappings(&config);
        let find = |name: &str| all.iter().find(|mapping| mapping.name == name).unwrap();
        // Our c_attn: 24 inputs; 24 columns of queries, 12 of keys, 12 of values. Number 100 i + o
        // in row i and column o.
        let ours: Vec<f32> =
            (0..24).flat_map(|i| (0..48).map(move |o| (100 * i + o) as f32)).collect();
        let rows = |name: &str| {
            let file = find(name).gather(&ours);
            let rows: Vec<f32> = file.chunks(24).map(|row| row[0]).collect();
            assert!(file.chunks(24).all(|row| row[3] == row[0] + 300.0));
            rows
        };
        assert_eq!(find("blk.1.attn_k.weight").dims, [24, 12]);
        // Heads of 6: the pairs (0, 3), (1, 4), (2, 5).
        assert_eq!(rows("blk.0.attn_q.weight")[6..12], [6., 9., 7., 10., 8., 11.]);
        assert_eq!(rows("blk.0.attn_k.weight")[..6], [24., 27., 25., 28., 26., 29.]);
        assert_eq!(rows("blk.0.attn_v.weight")[..6], [36., 37., 38., 39., 40., 41.]);
        let bias = find("blk.0.attn_k.bias").gather(&ours[..48]);
        assert_eq!(bias, rows("blk.0.attn_k.weight"));
    }
}
