//! The first model that looks back: one layer of attention between an embedding and an output
//! layer.
//!
//! ```text
//! x       =  wte[token] + wpe[position]     which token stands here, and where
//! x       =  x + attention(x)               what the tokens before contribute
//! logits  =  x W                            a score for every possible next token
//! ```
//!
//! Attention is *added* to x: it need not repeat what x holds already, and in the backward pass the
//! gradient reaches the embeddings through the sum unchanged, whatever attention adds to it. Such a
//! sum is called a residual connection (He and others 2015).
//!
//! Take the middle line away and what remains is the learned bigram of stage 1, up to the
//! positions: x W is then a matrix of logits with one row for each token. Everything this model
//! does better than a bigram, attention does.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage02_attention::model::{AttentionModel, Config};
//! use stage02_attention::params::Params;
//!
//! let config = Config { vocab_size: 65, block_size: 8, n_embd: 16, n_head: 2 };
//! let model = AttentionModel::new(config)?;
//! let rng = &mut generator(1, Purpose::Initialisation, 0);
//! let params = Params::<f32>::initialise(model.layout(), rng);
//!
//! // An untrained model is near the uniform baseline of ln 65 nats per token.
//! let (tokens, targets) = ([1, 2, 3, 4], [2, 3, 4, 5]);
//! let loss = model.loss(&params, (&tokens, &targets), &mut model.activations(1, 4));
//! assert!((loss / 4.0 - 65f64.ln()).abs() < 0.2);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: training ([`crate::training`]), and the other parts of a GPT
//! block, layer norm and feed-forward layer (`stage03_gpt`).

use ndarray::Array2;
use stage01_bigram::loss::{cross_entropy, cross_entropy_backward};
use stage01_bigram::random::Generator;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::{Error, Float, Result};

use crate::attention::Mask;
use crate::attention::multi_head::{self, MultiHeadAttention};
use crate::backward::Backward;
use crate::dropout::Dropout;
use crate::embedding::Embedding;
use crate::linear::Linear;
use crate::params::{Init, Layout, Params};

/// The sizes of a model, which determine the shapes of its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Number of different tokens.
    pub vocab_size: usize,
    /// Context length: the most tokens that the model can see at once.
    pub block_size: usize,
    /// Embedding width.
    pub n_embd: usize,
    /// Number of attention heads.
    pub n_head: usize,
}

/// The most numbers that a model may need for training: 4 GiB in `f32`.
const LARGEST: f64 = (1u64 << 30) as f64;

impl Config {
    /// About how many numbers are needed to train a model of these sizes on `batch_size` windows at
    /// a time. A floating-point number, because a user may ask for any sizes.
    fn numbers(&self, batch_size: usize) -> f64 {
        let [v, t, c, h, b] =
            [self.vocab_size, self.block_size, self.n_embd, self.n_head, batch_size]
                .map(|n| n as f64);
        // Weights, gradient and velocity; then, for every token, a row in each activation.
        3.0 * (2.0 * v * c + t * c + 4.0 * c * c) + b * t * (13.0 * c + v + h * t)
    }

    /// Refuses sizes that need too much memory.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of zero, or sizes that are too large together.
    pub fn check(&self, batch_size: usize) -> Result<()> {
        let settings = [
            ("--n-embd", self.n_embd, 64.0),
            ("--n-head", self.n_head, 4.0),
            ("--block-size", self.block_size, 64.0),
            ("--batch-size", batch_size, 16.0),
        ];
        if let Some((setting, given, _)) = settings.iter().find(|(_, given, _)| *given == 0) {
            return Err(Error::setting(*setting, given, "expected at least 1"));
        }
        let numbers = self.numbers(batch_size);
        if numbers <= LARGEST {
            return Ok(());
        }
        // The error names the size that is farthest above its default.
        let excess = |(_, given, default): &(&str, usize, f64)| *given as f64 / default;
        let (setting, given, _) =
            settings.iter().max_by(|a, b| excess(a).total_cmp(&excess(b))).expect("four of them");
        let gib = 4.0 * numbers / (1u64 << 30) as f64;
        let expected = format!(
            "training would need {gib:.0} GiB of memory, more than the 4 that are allowed here; \
             choose less"
        );
        Err(Error::setting(*setting, given, expected))
    }
}

/// The one-block attention language model.
#[derive(Clone, Debug)]
pub struct AttentionModel {
    config: Config,
    layout: Layout,
    wte: Embedding,
    wpe: Embedding,
    attn: MultiHeadAttention,
    lm_head: Linear,
}

/// All activations and scratch of a forward and a backward pass. Built once for a batch and a
/// length.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    length: usize,
    /// Token plus position embedding. Shape: (batch * length, n_embd).
    x: Array2<T>,
    /// The activations of the attention layer.
    pub attn: multi_head::Activations<T>,
    /// x + attention(x). The same shape.
    sum: Array2<T>,
    /// A score for every possible next token. Shape: (batch * length, vocab_size). The backward
    /// pass overwrites them with their gradient.
    pub logits: Array2<T>,
    dsum: Array2<T>,
    dx: Array2<T>,
    scratch: multi_head::Scratch<T>,
}

impl AttentionModel {
    /// Declares the tensors.
    ///
    /// Standard deviations of the initial weights: with 1 / sqrt(inputs) the outputs of a linear
    /// layer are about as large as its inputs. `lm_head` begins near zero: an untrained model
    /// should give all tokens nearly the same probability, not be certain and wrong.
    ///
    /// # Errors
    /// [`Error::Setting`] when a size is zero, the sizes are too large, or `n_embd` cannot be
    /// cut into `n_head` equal parts.
    pub fn new(config: Config) -> Result<Self> {
        config.check(1)?;
        let Config { vocab_size, block_size, n_embd, n_head } = config;
        let mut layout = Layout::new();
        let init = Init::Normal(1.0 / (n_embd as f64).sqrt());
        let wte = Embedding::declare(layout.scope("wte"), vocab_size, n_embd, Init::Normal(0.5));
        let wpe = Embedding::declare(layout.scope("wpe"), block_size, n_embd, Init::Normal(0.5));
        let dropout = Dropout::new(0.0)?;
        let attn = MultiHeadAttention::declare(
            layout.scope("attn"),
            (n_embd, n_head),
            Mask::Causal,
            dropout,
            false,
            (init, init),
        )?;
        let lm_head =
            Linear::declare(layout.scope("lm_head"), n_embd, vocab_size, false, Init::Normal(0.02));
        Ok(AttentionModel { config, layout, wte, wpe, attn, lm_head })
    }

    /// Its sizes.
    pub fn config(&self) -> Config {
        self.config
    }

    /// The layout of its parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Allocates for `batch` windows of `length` tokens.
    ///
    /// # Panics
    /// When `length` is more than the block size.
    pub fn activations<T: Float>(&self, batch: usize, length: usize) -> Activations<T> {
        assert!(length <= self.config.block_size, "there is no position {length}");
        let zeros = |cols| Array2::zeros((batch * length, cols));
        let n_embd = self.config.n_embd;
        Activations {
            length,
            x: zeros(n_embd),
            attn: self.attn.activations(batch, length),
            sum: zeros(n_embd),
            logits: zeros(self.config.vocab_size),
            dsum: zeros(n_embd),
            dx: zeros(n_embd),
            scratch: self.attn.scratch(batch, length),
        }
    }

    // ANCHOR: forward
    /// Fills `acts.logits`: row i holds the logits of the token after token i, given the tokens up
    /// to i.
    ///
    /// tokens: (batch * length), window after window, all below `vocab_size`.
    pub fn forward<T: Float>(&self, params: &Params<T>, tokens: &[u32], acts: &mut Activations<T>) {
        let Activations { length, x, attn, sum, logits, .. } = acts;
        self.wte.forward(params, tokens.iter().map(|&t| t as usize), x.view_mut());
        self.wpe.forward_add(params, (0..tokens.len()).map(|i| i % *length), x.view_mut());
        self.attn.forward(params, x.view(), attn, sum.view_mut(), None);
        *sum += &*x;
        self.lm_head.forward(params, sum.view(), logits.view_mut());
    }
    // ANCHOR_END: forward

    /// Adds the gradient of `scale` times the loss of the last forward pass to `grads`, and returns
    /// the loss: the sum over all positions, in nats, not scaled.
    ///
    /// tokens: as in the forward pass; targets: the same number, what really came next.
    ///
    /// The gradient of a sum goes to both of its terms, so `dsum` is the gradient of attention's
    /// output and a part of that of x; the other part comes back through attention.
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        (tokens, targets): (&[u32], &[u32]),
        scale: T,
        acts: &mut Activations<T>,
        grads: &mut Params<T>,
    ) -> f64 {
        let Activations { length, x, attn, sum, logits, dsum, dx, scratch } = acts;
        // ANCHOR: backward_lines
        let loss = cross_entropy_backward(logits.view_mut(), targets, scale);
        self.lm_head.backward(params, sum.view(), logits.view(), dsum.view_mut(), grads);
        let pass = Backward { params, grads, scratch };
        self.attn.backward(x.view(), attn, dsum.view(), dx.view_mut(), pass);
        *dx += &*dsum;
        self.wpe.backward((0..tokens.len()).map(|i| i % *length), dx.view(), grads);
        self.wte.backward(tokens.iter().map(|&t| t as usize), dx.view(), grads);
        // ANCHOR_END: backward_lines
        loss
    }

    /// The loss of a window, summed over its positions, in nats.
    pub fn loss<T: Float>(
        &self,
        params: &Params<T>,
        (tokens, targets): (&[u32], &[u32]),
        acts: &mut Activations<T>,
    ) -> f64 {
        self.forward(params, tokens, acts);
        cross_entropy(acts.logits.view(), targets)
    }

    /// The attention weights of head `h` in the first window of the last forward pass. Row i holds
    /// those of token i. Shape: (length, length).
    pub fn attention_weights<T: Float>(&self, acts: &Activations<T>, h: usize) -> Array2<T> {
        self.attn.attention_weights(&acts.attn, 0, h)
    }

    /// Continues a prompt: `count` tokens, each drawn given the `block_size` tokens before it.
    ///
    /// # Errors
    /// [`Error::Setting`] for an empty prompt, [`Error::UnknownToken`] for a token that does not exist.
    pub fn generate<T: Float>(
        &self,
        params: &Params<T>,
        prompt: &[u32],
        count: usize,
        sampler: &mut Sampler,
        rng: &mut Generator,
    ) -> Result<Vec<u32>> {
        let Config { vocab_size, block_size, .. } = self.config;
        if prompt.is_empty() {
            return Err(Error::setting("--prompt", "nothing", "give at least one character"));
        }
        if let Some(&token) = prompt.iter().find(|&&token| token as usize >= vocab_size) {
            return Err(Error::UnknownToken { token, vocab_size });
        }
        let mut acts = self.activations(1, block_size);
        let mut window = vec![0; block_size];
        let mut text = prompt.to_vec();
        for _ in 0..count {
            // The window always has block_size tokens. Where the text is shorter the rest is
            // arbitrary: the causal mask hides it.
            let seen = &text[text.len().saturating_sub(block_size)..];
            window[..seen.len()].copy_from_slice(seen);
            self.forward(params, &window, &mut acts);
            let logits = acts.logits.row(seen.len() - 1);
            text.push(sampler.sample(logits.as_slice().expect("rows are contiguous"), rng));
        }
        Ok(text.split_off(prompt.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::fill_normal;
    use ndarray::s;
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::gradcheck::check_gradient;
    use stage01_bigram::random::{Purpose, generator};

    const VOCAB: usize = 5;

    /// A small model with random weights, none of them zero.
    fn model(
        block_size: usize,
        n_head: usize,
        head: usize,
        seed: u64,
    ) -> (AttentionModel, Params<f64>) {
        let config = Config { vocab_size: VOCAB, block_size, n_embd: n_head * head, n_head };
        let model = AttentionModel::new(config).unwrap();
        let mut params = Params::zeros(model.layout());
        fill_normal(&mut params.values, 0.7, &mut generator(seed, Purpose::Initialisation, 0));
        (model, params)
    }

    fn tokens(count: usize, seed: u64) -> Vec<u32> {
        let mut rng = generator(seed, Purpose::Other, 1);
        (0..count).map(|_| rng.random_range(0..VOCAB as u32)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// From the loss back to every parameter.
        #[test]
        fn gradient(
            batch in 1usize..3, length in 1usize..5, spare in 0usize..2,
            n_head in 1usize..3, head in 1usize..4, seed: u64,
        ) {
            let (model, params) = model(length + spare, n_head, head, seed);
            let (x, y) = (tokens(batch * length, seed), tokens(batch * length, seed ^ 1));
            let mut acts = model.activations(batch, length);
            // The gradient begins at one, to see that it is added to.
            let mut grads = Params { values: vec![1.0; params.values.len()] };
            model.forward(&params, &x, &mut acts);
            let scale = 0.3;
            let loss = model.backward(&params, (&x, &y), scale, &mut acts, &mut grads);
            let gradient: Vec<f64> = grads.values.iter().map(|g| g - 1.0).collect();
            prop_assert!((loss - model.loss(&params, (&x, &y), &mut acts)).abs() < 1e-12);
            check_gradient(&mut params.values.clone(), &gradient, 1e-6, |values| {
                let params = Params { values: values.to_vec() };
                scale * model.loss(&params, (&x, &y), &mut acts)
            })
            .unwrap();
        }

        /// A later token changes nothing; the token itself does.
        #[test]
        fn no_row_of_logits_depends_on_a_later_token(
            length in 2usize..70, at in any::<prop::sample::Index>(), seed: u64,
        ) {
            let at = at.index(length);
            let (model, params) = model(length, 2, 3, seed);
            let mut acts = model.activations(1, length);
            let mut text = tokens(length, seed);
            model.forward(&params, &text, &mut acts);
            let before = acts.logits.clone();
            text[at] = (text[at] + 1) % VOCAB as u32;
            model.forward(&params, &text, &mut acts);
            for i in 0..length {
                prop_assert_eq!(before.row(i) != acts.logits.row(i), i >= at, "row {}", i);
            }
        }

        /// Windows of one batch do not see each other either.
        #[test]
        fn a_batch_is_its_windows_one_by_one(batch in 1usize..5, length in 1usize..9, seed: u64) {
            let (model, params) = model(length, 2, 2, seed);
            let text = tokens(batch * length, seed);
            let (mut together, mut alone) = (model.activations(batch, length), model.activations(1, length));
            model.forward(&params, &text, &mut together);
            for (b, window) in text.chunks(length).enumerate() {
                model.forward(&params, window, &mut alone);
                let rows = together.logits.slice(s![b * length..(b + 1) * length, ..]);
                let difference = (&rows - &alone.logits).iter().fold(0.0f64, |d, x| d.max(x.abs()));
                prop_assert!(difference < 1e-12);
            }
        }
    }

    #[test]
    fn at_first_all_tokens_are_nearly_alike() {
        let config = Config { vocab_size: 65, block_size: 32, n_embd: 64, n_head: 4 };
        let model = AttentionModel::new(config).unwrap();
        let mut rng = generator(1, Purpose::Initialisation, 0);
        let params = Params::<f32>::initialise(model.layout(), &mut rng);
        let (x, y): (Vec<u32>, Vec<u32>) = (0..32).map(|i| (i * 7 % 65, i * 11 % 65)).unzip();
        let loss = model.loss(&params, (&x, &y), &mut model.activations(1, 32)) / 32.0;
        assert!((loss - 65f64.ln()).abs() < 0.1, "{loss} is not ln 65 = {}", 65f64.ln());
    }

    #[test]
    fn generation_sees_the_last_block_and_nothing_else() {
        let (model, params) = model(4, 1, 3, 7);
        let run = |prompt: &[u32]| {
            let mut rng = generator(3, Purpose::Sampling, 0);
            model.generate(&params, prompt, 9, &mut Sampler::default(), &mut rng).unwrap()
        };
        assert_eq!(run(&[0, 1, 2, 3, 4]), run(&[4, 1, 2, 3, 4]));
        // A short prompt: the first drawn token follows the row of logits of its last token.
        let greedy = |prompt: &[u32]| {
            let mut rng = generator(3, Purpose::Sampling, 0);
            model.generate(&params, prompt, 1, &mut Sampler::greedy(), &mut rng).unwrap()[0]
        };
        for prompt in [&[0u32][..], &[2, 1], &[3, 3, 1], &[4, 1, 0, 2]] {
            let mut acts = model.activations(1, prompt.len());
            model.forward(&params, prompt, &mut acts);
            let last = acts.logits.row(prompt.len() - 1);
            let best = (0..VOCAB).max_by(|&a, &b| last[a].total_cmp(&last[b])).unwrap();
            assert_eq!(greedy(prompt), best as u32);
        }
        let message = |prompt: &[u32]| {
            let mut rng = generator(3, Purpose::Sampling, 0);
            let result = model.generate(&params, prompt, 1, &mut Sampler::greedy(), &mut rng);
            result.unwrap_err().to_string()
        };
        assert!(message(&[]).starts_with("--prompt = nothing"));
        assert!(message(&[5]).starts_with("token 5 does not exist"));
    }

    #[test]
    fn sizes_that_cannot_be_used_are_refused() {
        let usual = Config { vocab_size: 73, block_size: 64, n_embd: 64, n_head: 4 };
        let message = |config: Config| AttentionModel::new(config).unwrap_err().to_string();
        assert_eq!(
            message(Config { block_size: 0, ..usual }),
            "--block-size = 0: expected at least 1"
        );
        assert!(message(Config { n_head: 0, ..usual }).starts_with("--n-head = 0"));
        assert!(message(Config { n_head: 5, ..usual }).contains("multiple of --n-head = 5"));
        let large = message(Config { n_embd: usize::MAX / 4 * 4, ..usual });
        assert!(large.starts_with("--n-embd = ") && large.contains("GiB"), "{large}");
        assert!(message(Config { block_size: usize::MAX, ..usual }).starts_with("--block-size"));
        assert!(usual.check(usize::MAX).unwrap_err().to_string().starts_with("--batch-size"));
        assert!(usual.check(0).is_err() && usual.check(512).is_ok());
    }
}
