//! The memory of a training run on a device of libtorch, and the batch size that fits.
//!
//! ```text
//! weights, gradient    4 bytes each for every weight
//! moments              8
//! rounded copy         2, in bf16
//! micro-batch gradient returned by libtorch before it is added: 4, or 2 in bf16
//! activations          kept by the forward pass for the backward pass, per token
//! logits               a block of rows at a time, see `backend/torch/head.rs`
//! ```
//!
//! Per token and block, with C = n_embd and H = n_head, the activations of a GPT-2 are: the residual
//! stream before each layer norm (2 C), the outputs of the norms (2 C), queries, keys and values
//! (3 C), the output of attention (C), the hidden units before and after the activation function
//! (8 C), and the log-sum-exp of each head (H). That is the 16 C + H of
//! [`GptConfig::activations_per_token`]. In f32 each takes 4 bytes; in bf16 each takes 2, except
//! the residual stream and the log-sum-exp, which stay in f32.
//!
//! Other parts change that. A SwiGLU has four vectors of n_inner hidden units, one more than in stage
//! 3: the gate before and after its activation function, the other factor, and the product. Where
//! heads share keys and values there are fewer of those in bf16; in f32 they are copied for every
//! head. Rotated queries and keys replace the unrotated ones. (Each norm keeps one or two numbers
//! for a row, too few to count here.)
//!
//! ```
//! use stage04_training::doctor::parse_bytes;
//!
//! assert_eq!(parse_bytes("1.5 GiB")?, 3 << 29);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the memory of CUDA itself, and fragmentation. [`USABLE`] and
//! [`CONTEXT`] allow for them.

use stage01_bigram::{Error, Result};
use stage03_gpt::architecture::{MlpKind, Positions};
use stage03_gpt::config::GptConfig;

use crate::backend::LOGITS;
use crate::backend::device::Precision;

/// The fraction of a device's memory that a run may fill.
pub const USABLE: f64 = 0.92;

/// The memory of CUDA and its libraries, in bytes.
pub const CONTEXT: f64 = 0.8e9;

/// A run whose memory is estimated.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Its name: a recipe, or a directory.
    pub name: String,
    /// The model.
    pub config: GptConfig,
    /// The precision of its matrix products.
    pub precision: Precision,
    /// The sequences of a micro-batch.
    pub batch_size: usize,
    /// The micro-batches of a step.
    pub gradient_accumulation_steps: usize,
}

/// The memory of a run, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// The weights.
    pub weights: f64,
    /// The sum of the gradients of a step.
    pub gradient: f64,
    /// Both moments of the optimiser.
    pub moments: f64,
    /// The weights in bf16.
    pub rounded: f64,
    /// The gradient of one micro-batch.
    pub micro_batch: f64,
    /// The activations of one sequence.
    pub sequence: f64,
    /// The sequences of a micro-batch.
    pub batch_size: usize,
    /// The logits, their log-probabilities, and the gradient of the output layer.
    pub logits: f64,
}

impl Need {
    /// The memory that stays allocated from step to step.
    pub fn fixed(&self) -> f64 {
        self.weights + self.gradient + self.moments + self.rounded
    }

    /// The activations of a micro-batch.
    pub fn activations(&self) -> f64 {
        self.sequence * self.batch_size as f64
    }

    /// The peak. The gradient of a micro-batch grows while the activations are freed.
    pub fn peak(&self) -> f64 {
        self.fixed() + (self.activations() + self.logits).max(self.micro_batch)
    }
}

impl Workload {
    /// The memory of this run.
    pub fn need(&self) -> Need {
        self.need_of(self.batch_size)
    }

    fn need_of(&self, batch_size: usize) -> Need {
        let GptConfig { vocab_size, block_size, n_layer, n_embd, .. } = self.config;
        let n = self.config.n_params() as f64;
        let half = self.precision == Precision::Bf16;
        let [v, t, l, c] = [vocab_size, block_size, n_layer, n_embd].map(|n| n as f64);
        let width = if half { 2.0 } else { 4.0 };
        // The gradient of the embeddings is always f32.
        let learned = self.config.arch.positions == Positions::Learned;
        let embeddings = (v + if learned { t } else { 0.0 }) * c;
        // An output layer of its own has its gradient before the others, see `logits`.
        let lm_head = if self.config.arch.tie_weights { 0.0 } else { v * c };
        // Outside the blocks: the embeddings, the last norm, and the gradient from the output
        // layer.
        let outside = 4.0 * 4.0 * c;
        let dropped = if self.config.dropout > 0.0 { (2.0 * l + 1.0) * c } else { 0.0 };
        let token = l * self.bytes_per_token_and_block() + outside + dropped;
        let rows = (batch_size * block_size).min((LOGITS / vocab_size.max(1)).max(1)) as f64;
        Need {
            weights: 4.0 * n,
            gradient: 4.0 * n,
            moments: 8.0 * n,
            rounded: if half { 2.0 * n } else { 0.0 },
            micro_batch: 4.0 * embeddings + width * (n - embeddings - lm_head),
            sequence: t * token,
            batch_size,
            // Logits and log-probabilities; and the gradient of the output layer.
            logits: rows * v * (4.0 + 4.0) + width * v * c,
        }
    }

    /// The activations per token and block, in bytes: see the top of this file.
    pub fn bytes_per_token_and_block(&self) -> f64 {
        let GptConfig { n_layer, n_head, n_embd, arch, .. } = self.config;
        let keys_and_values = self.config.kv_cache_per_token() / n_layer; // 2 C, if no head shares
        let hidden = match arch.mlp {
            MlpKind::Gelu => 2,
            MlpKind::SwiGlu => 4,
        };
        let [c, h, kv] = [n_embd, n_head, keys_and_values].map(|n| n as f64);
        let kv = match (arch.positions, self.precision) {
            (_, Precision::Bf16) => kv,
            _ if self.config.n_kv_head() == n_head => kv,
            (Positions::Rotary(_), _) => 2.0 * c,
            (Positions::Learned, _) => kv + 2.0 * c, // the queries are a view of all three
        };
        // Norms, queries, keys, values and the output of attention, hidden units: 14 C in GPT-2.
        let of_products = 4.0 * c + kv + (hidden * self.config.n_inner()) as f64;
        let width = if self.precision == Precision::Bf16 { 2.0 } else { 4.0 };
        4.0 * 2.0 * c + width * of_products + 4.0 * h
    }

    /// The largest batch size that fits into `bytes` of device memory, and the accumulation steps
    /// that give the same tokens per step. `None` if not even one sequence fits.
    pub fn fit(&self, bytes: u64) -> Option<(usize, usize)> {
        let sequences = self.batch_size * self.gradient_accumulation_steps;
        let usable = bytes as f64 * USABLE - CONTEXT;
        let fits = |&n: &usize| sequences.is_multiple_of(n) && self.need_of(n).peak() <= usable;
        let batch_size = (1..=sequences).rev().find(fits)?;
        Some((batch_size, sequences / batch_size))
    }
}

/// Reads a size: `24GB`, `512 MB`, `80GiB`, `1.5e9`.
///
/// # Errors
/// [`Error::Setting`] for anything else.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let units = [
        ("GiB", 1u64 << 30),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("G", 1_000_000_000),
        ("M", 1_000_000),
        ("", 1),
    ];
    let lower = text.trim().to_lowercase();
    let found = units.into_iter().find_map(|(unit, size)| {
        let number: f64 = lower.strip_suffix(&unit.to_lowercase())?.trim().parse().ok()?;
        let bytes = number * size as f64;
        (bytes.is_finite() && (1.0..1e18).contains(&bytes)).then_some(bytes as u64)
    });
    found.ok_or_else(|| Error::setting("--memory", text, "write a size such as 24GB or 80GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage03_gpt::architecture::Architecture;
    use stage03_gpt::gpt::Gpt;

    fn gpt2(precision: Precision) -> Workload {
        Workload {
            name: "gpt2-124m".into(),
            config: GptConfig {
                vocab_size: 50257,
                block_size: 1024,
                n_layer: 12,
                n_head: 12,
                n_embd: 768,
                dropout: 0.0,
                bias: true,
                ..GptConfig::default()
            },
            precision,
            batch_size: 12,
            gradient_accumulation_steps: 40,
        }
    }

    #[test]
    fn in_f32_the_activations_are_those_of_stage_3() {
        let workload = gpt2(Precision::F32);
        let GptConfig { vocab_size, n_layer, n_embd, .. } = workload.config;
        let of_blocks = workload.config.activations_per_token() - (2 * n_embd + vocab_size) as f64;
        assert_eq!(workload.bytes_per_token_and_block() * n_layer as f64, 4.0 * of_blocks);
    }

    #[test]
    fn worked_example() {
        // 12 blocks of 36 x 768 + 4 x 12 bytes per token, 1,024 tokens: 0.34 GB per sequence.
        let need = gpt2(Precision::Bf16).need();
        assert_eq!(gpt2(Precision::Bf16).bytes_per_token_and_block(), 27_696.0);
        assert!((need.sequence - (12.0 * 27_696.0 + 16.0 * 768.0) * 1024.0).abs() < 1.0);
        assert!((need.fixed() - 18.0 * 124_439_808.0).abs() < 1.0);
        assert_eq!(gpt2(Precision::F32).need().fixed(), 16.0 * 124_439_808.0);
    }

    /// A model of 1 block, 8 heads and 64 columns.
    fn one_block(precision: Precision, arch: Architecture) -> Workload {
        let (n_layer, n_head, n_embd, block_size, bias) = (1, 8, 64, 32, false);
        let config =
            GptConfig { n_layer, n_head, n_embd, block_size, bias, arch, ..GptConfig::default() };
        Workload { config, ..gpt2(precision) }
    }

    /// What libtorch keeps for the backward pass of one block, in bytes per token, as
    /// `benches/compare/activations.py` counts it. It counts what the norms keep for a row, too:
    /// 16 bytes for two layer norms, 8 for two RMSNorms.
    #[test]
    fn the_activations_are_those_that_libtorch_keeps() {
        let gpt2 = Architecture::GPT2;
        let rotary = Architecture { positions: Architecture::LLAMA.positions, ..gpt2 };
        let swiglu = Architecture { mlp: MlpKind::SwiGlu, ..gpt2 };
        let grouped = Architecture { n_kv_head: Some(2), ..gpt2 };
        let llama = Architecture { n_kv_head: Some(2), n_inner: Some(160), ..Architecture::LLAMA };
        let rows = [
            (gpt2, 16.0, [4144.0, 2352.0]),
            (rotary, 16.0, [4144.0, 2352.0]),
            (swiglu, 16.0, [4912.0, 2736.0]),
            (grouped, 16.0, [4272.0, 2160.0]),
            (llama, 8.0, [4648.0, 2408.0]),
        ];
        for (arch, norms, counted) in rows {
            for (precision, counted) in
                [(Precision::F32, counted[0]), (Precision::Bf16, counted[1])]
            {
                let bytes = one_block(precision, arch).bytes_per_token_and_block();
                assert_eq!(bytes + norms, counted, "{precision} {arch:?}");
            }
        }
    }

    /// Each weight belongs to one of the gradients that are alive at once.
    #[test]
    fn gradients_of_a_micro_batch() {
        for (arch, in_f32, elsewhere) in [
            (Architecture::GPT2, "wte.weight wpe.weight", ""),
            (Architecture::LLAMA, "wte.weight", ""),
            (
                Architecture { tie_weights: false, ..Architecture::LLAMA },
                "wte.weight",
                "lm_head.weight",
            ),
        ] {
            let workload = one_block(Precision::Bf16, arch);
            let gpt = Gpt::new(workload.config.clone()).unwrap();
            let bytes = gpt.layout().tensors().iter().map(|tensor| match tensor.name.as_str() {
                name if elsewhere.contains(name) => 0,
                name if in_f32.contains(name) => 4 * tensor.len(),
                _ => 2 * tensor.len(),
            });
            let need = workload.need();
            assert_eq!(need.micro_batch, bytes.sum::<usize>() as f64, "{arch:?}");
            assert_eq!(need.fixed(), 18.0 * gpt.layout().len() as f64);
        }
    }

    #[test]
    fn what_fits_makes_the_same_step() {
        let workload = gpt2(Precision::Bf16);
        assert_eq!(workload.fit(2_000_000_000), None);
        let (small, large) =
            (workload.fit(8_000_000_000).unwrap(), workload.fit(80_000_000_000).unwrap());
        assert!(small.0 < large.0);
        for (batch_size, steps) in [small, large] {
            assert_eq!(batch_size * steps, 480);
        }
    }

    proptest! {
        #[test]
        fn the_batch_that_fits_is_the_largest(gigabytes in 3u64..200, batch in 1usize..20, steps in 1usize..20) {
            let workload =
                Workload { batch_size: batch, gradient_accumulation_steps: steps, ..gpt2(Precision::Bf16) };
            let bytes = gigabytes * 1_000_000_000;
            let usable = bytes as f64 * USABLE - CONTEXT;
            let largest = workload.fit(bytes).map_or(0, |(n, _)| n);
            for n in (1..=batch * steps).filter(|n| (batch * steps).is_multiple_of(*n)) {
                prop_assert_eq!(workload.need_of(n).peak() <= usable, n <= largest);
            }
        }
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_bytes("24GB").unwrap(), 24_000_000_000);
        assert_eq!(parse_bytes(" 1.5 gib ").unwrap(), 3 << 29);
        assert_eq!(parse_bytes("512M").unwrap(), 512_000_000);
        assert_eq!(parse_bytes("1000").unwrap(), 1000);
        for wrong in ["", "GB", "-1GB", "much", "0", "inf", "nan", "1e300"] {
            let error = parse_bytes(wrong).unwrap_err().to_string();
            assert!(error.contains("write a size such as 24GB"), "{wrong}: {error}");
        }
    }
}
