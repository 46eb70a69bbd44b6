//! Writing with a KV cache: one token at a time through the model.

use ndarray::{Array2, s};
use rand::Rng;

use super::layers::MlpActivations;
use super::model::Model;

/// The keys and values of what was read: for every block and every key/value head. Rotated keys are
/// stored as they are.
pub struct Cache {
    heads: Vec<Vec<[Array2<f64>; 2]>>,
    tokens: usize,
}

/// How a token is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// Below 1: the likely become more likely.
    pub temperature: f64,
    /// Of how many of the best tokens one is drawn.
    pub top_k: usize,
}

impl Model<'_> {
    /// A cache in which nothing was read.
    pub fn cache(&self) -> Cache {
        let config = self.gpt.config();
        let size = config.n_embd / config.n_head;
        let empty = || [Array2::zeros((0, size)), Array2::zeros((0, size))];
        let block = || (0..config.n_kv_head()).map(|_| empty()).collect();
        Cache { heads: (0..config.n_layer).map(|_| block()).collect(), tokens: 0 }
    }

    /// Reads one token. Returns the logits of the next.
    pub fn decode_step(&self, weights: &[f64], cache: &mut Cache, token: u32) -> Vec<f64> {
        let wte = self.matrix(weights, "wte.weight");
        let start = cache.tokens;
        let position = self.positions(weights).slice(s![start.., ..]).to_owned();
        let mut x = (self.parts.embed)(&wte, &position, &[token], 1); // (1, C)
        for (l, cached) in cache.heads.iter_mut().enumerate() {
            let name = |layer: &str| format!("h.{l}.{layer}");
            x = (self.parts.block)(
                &x,
                &mut |x| self.norm(weights, &name("ln_1"), x),
                &mut |x| {
                    let qkv = self.linear(weights, &name("attn.c_attn"), x);
                    let mut results = Vec::new();
                    for (h, [q, k, v]) in self.heads(&qkv, start).iter().enumerate() {
                        let [keys, values] = &mut cached[self.reads(h)];
                        // The first of the heads that share keys appends them for all.
                        results.push(if h == 0 || self.reads(h) != self.reads(h - 1) {
                            (self.parts.append_and_attend)(keys, values, q, k, v)
                        } else {
                            (self.parts.attention)(q, keys, values).1
                        });
                    }
                    self.linear(weights, &name("attn.c_proj"), &(self.parts.join)(&results))
                },
                &mut |x| self.norm(weights, &name("ln_2"), x),
                &mut |x| self.mlp(weights, l, x, &mut MlpActivations::default()),
            );
        }
        cache.tokens += 1;
        self.norm(weights, "ln_f", &x).dot(&wte.t()).row(0).to_vec()
    }

    /// Writes `n` tokens after the prompt, and shows each as it comes.
    pub fn generate(
        &self,
        weights: &[f64],
        prompt: &[u32],
        n: usize,
        sampling: Sampling,
        rng: &mut impl Rng,
        mut show: impl FnMut(u32),
    ) -> Vec<u32> {
        let block_size = self.gpt.config().block_size;
        let mut text = prompt.to_vec();
        let (mut start, mut read, mut cache) = (0, 0, self.cache());
        let mut logits = Vec::new();
        for _ in 0..n {
            let shifted = (self.parts.shifted)(start, text.len(), block_size);
            if shifted != start {
                (start, read, cache) = (shifted, shifted, self.cache());
            }
            for &token in &text[read..] {
                logits = self.decode_step(weights, &mut cache, token);
            }
            read = text.len();
            let scaled = (self.parts.scaled)(&logits, sampling.temperature);
            let kept = (self.parts.top_k)(&scaled, sampling.top_k);
            let u = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let token = (self.parts.draw)(&(self.parts.softmax)(&kept), u);
            show(token);
            text.push(token);
        }
        text.split_off(prompt.len())
    }
}
