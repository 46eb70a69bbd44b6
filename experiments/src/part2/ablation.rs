//! What is each part good for? The model of this stage, trained with a part and without it.
//!
//! The parts are the position embedding, the division of the scores and the mask, each an experiment
//! of its own. `--plot FILE` draws both loss curves.
//!
//! The model is that of `stage02_attention::model`, put together again from the same layers so
//! that a part can be left out. What is left out here: speed, and good messages.

use std::path::Path;

use ndarray::{Array2, s};
use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::dataset::Dataset;
use stage01_bigram::loss::{cross_entropy, cross_entropy_backward};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::text::wrap;
use stage02_attention::attention::Mask;
use stage02_attention::attention::multi_head::{self, MultiHeadAttention};
use stage02_attention::backward::Backward;
use stage02_attention::dropout::Dropout;
use stage02_attention::embedding::Embedding;
use stage02_attention::linear::Linear;
use stage02_attention::params::{Init, Layout, Params};

use crate::setup::CharData;

const BLOCK_SIZE: usize = 64;
const N_EMBD: usize = 64;
const BATCH_SIZE: usize = 16;
const STEPS: usize = 1000;
const LEARNING_RATE: f32 = 0.5;

/// The part that is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Without {
    Nothing,
    Places,
    Division,
    Mask,
}

/// Token plus position, one layer of attention added to it, and a logit for every token.
struct Model {
    layout: Layout,
    wte: Embedding,
    wpe: Embedding,
    attn: MultiHeadAttention,
    lm_head: Linear,
    n_head: usize,
    without: Without,
    learning_rate: f32,
    /// A factor on the first queries.
    first_queries: f32,
}

/// The activations of a forward pass. Rows are tokens, window after window.
struct Forward {
    /// Token and place.
    x: Array2<f32>,
    /// x + attention(x).
    sum: Array2<f32>,
    logits: Array2<f32>,
    acts: multi_head::Activations<f32>,
}

/// The result of a training.
struct Run {
    params: Params<f32>,
    /// (step, validation loss), every hundred steps.
    losses: Vec<(f64, f64)>,
    /// The largest attention weight of a query, on average, every hundred steps.
    largest: Vec<f32>,
}

impl Model {
    fn new(vocab_size: usize, n_head: usize, without: Without) -> Result<Model> {
        let mut layout = Layout::new();
        let [half, level, small] = [0.5, 1.0 / (N_EMBD as f64).sqrt(), 0.02].map(Init::Normal);
        let wte = Embedding::declare(layout.scope("wte"), vocab_size, N_EMBD, half);
        let wpe = Embedding::declare(layout.scope("wpe"), BLOCK_SIZE, N_EMBD, half);
        // ANCHOR: mask
        let mask = if without == Without::Mask { Mask::None } else { Mask::Causal };
        // ANCHOR_END: mask
        let attn = MultiHeadAttention::declare(
            layout.scope("attn"),
            (N_EMBD, n_head),
            mask,
            Dropout::new(0.0)?,
            false,
            (level, level),
        )?;
        let lm_head = Linear::declare(layout.scope("lm_head"), N_EMBD, vocab_size, false, small);
        let (learning_rate, first_queries) = (LEARNING_RATE, 1.0);
        Ok(Model { layout, wte, wpe, attn, lm_head, n_head, without, learning_rate, first_queries })
    }

    /// The logits of some windows. Shape: (tokens, vocab_size).
    fn logits(&self, params: &Params<f32>, tokens: &[u32], length: usize) -> Array2<f32> {
        self.forward(params, tokens, length).logits
    }

    /// The forward pass, with all that the backward pass needs.
    fn forward(&self, params: &Params<f32>, tokens: &[u32], length: usize) -> Forward {
        let mut x = Array2::zeros((tokens.len(), N_EMBD));
        self.wte.forward(params, tokens.iter().map(|&t| t as usize), x.view_mut());
        self.wpe.forward_add(params, (0..tokens.len()).map(|i| i % length), x.view_mut());
        let mut acts = self.attn.activations(tokens.len() / length, length);
        let mut sum = Array2::zeros(x.dim());
        self.attn.forward(params, x.view(), &mut acts, sum.view_mut(), None);
        sum += &x;
        let mut logits = Array2::zeros((tokens.len(), self.lm_head.weight.cols()));
        self.lm_head.forward(params, sum.view(), logits.view_mut());
        Forward { x, sum, logits, acts }
    }

    /// The gradient of the mean loss of some windows.
    fn gradient(&self, params: &Params<f32>, tokens: &[u32], targets: &[u32]) -> Params<f32> {
        let Forward { x, sum, mut logits, acts } = self.forward(params, tokens, BLOCK_SIZE);
        let mut grads = Params::zeros(&self.layout);
        cross_entropy_backward(logits.view_mut(), targets, 1.0 / targets.len() as f32);
        let (mut dsum, mut dx) = (Array2::zeros(x.dim()), Array2::zeros(x.dim()));
        self.lm_head.backward(params, sum.view(), logits.view(), dsum.view_mut(), &mut grads);
        let scratch = &mut self.attn.scratch(BATCH_SIZE, BLOCK_SIZE);
        let (x, dy) = (x.view(), dsum.view());
        let pass = Backward { params, grads: &mut grads, scratch };
        self.attn.backward(x, &acts, dy, dx.view_mut(), pass);
        dx += &dsum;
        self.wpe.backward((0..tokens.len()).map(|i| i % BLOCK_SIZE), dx.view(), &mut grads);
        self.wte.backward(tokens.iter().map(|&t| t as usize), dx.view(), &mut grads);
        grads
    }

    /// Makes all queries larger by a factor. Scores grow by as much.
    fn multiply_queries(&self, params: &mut Params<f32>, factor: f32) {
        let mut c_attn = params.matrix_mut(self.attn.c_attn.weight);
        c_attn.slice_mut(s![.., ..N_EMBD]).mapv_inplace(|w| w * factor);
    }

    /// Trains, and measures after every hundred steps.
    fn train(&self, train: &Dataset, val_set: &Dataset) -> Run {
        let mut params =
            Params::initialise(&self.layout, &mut generator(1337, Purpose::Initialisation, 0));
        let mut velocity = Params::<f32>::zeros(&self.layout);
        let (mut tokens, mut targets) = (vec![], vec![]);
        let (mut losses, mut largest) = (vec![], vec![]);
        let root = ((N_EMBD / self.n_head) as f32).sqrt();
        self.multiply_queries(&mut params, self.first_queries);
        // ANCHOR: places
        if self.without == Without::Places {
            params.matrix_mut(self.wpe.weight).fill(0.0);
        }
        // ANCHOR_END: places
        for step in 0..=STEPS {
            // ANCHOR: division
            // Attention divides scores by the root. Queries that are larger by as much undo it.
            if self.without == Without::Division {
                self.multiply_queries(&mut params, root);
            }
            // ANCHOR_END: division
            if step % 100 == 0 {
                losses.push((step as f64, self.mean_loss(&params, val_set)[0]));
                largest.push(self.largest_weight(&params, val_set));
            }
            let rng = &mut generator(1337, Purpose::Batch, step as u64);
            train.sample_batch(BATCH_SIZE, BLOCK_SIZE, rng, &mut tokens, &mut targets);
            let mut grads = self.gradient(&params, &tokens, &targets);
            match self.without {
                Without::Places => grads.matrix_mut(self.wpe.weight).fill(0.0),
                Without::Division => {
                    self.multiply_queries(&mut params, 1.0 / root);
                    self.multiply_queries(&mut grads, root);
                }
                Without::Nothing | Without::Mask => {}
            }
            let rate = self.learning_rate * (1.0 - step as f32 / STEPS as f32);
            for i in 0..params.values.len() {
                velocity.values[i] = 0.9 * velocity.values[i] + grads.values[i];
                params.values[i] -= rate * velocity.values[i];
            }
        }
        if self.without == Without::Division {
            self.multiply_queries(&mut params, root);
        }
        Run { params, losses, largest }
    }

    // ANCHOR: honest
    /// The mean loss over all places of some windows, and over their last places alone.
    fn mean_loss(&self, params: &Params<f32>, data: &Dataset) -> [f64; 2] {
        let (mut all, mut last, mut windows) = (0.0, 0.0, 0.0);
        for (tokens, targets) in data.windows(BLOCK_SIZE).step_by(10) {
            if tokens.len() < BLOCK_SIZE {
                break; // the rest of the text
            }
            let logits = self.logits(params, tokens, BLOCK_SIZE);
            all += cross_entropy(logits.view(), targets) / BLOCK_SIZE as f64;
            let row = logits.slice(s![BLOCK_SIZE - 1.., ..]);
            last += cross_entropy(row, &targets[BLOCK_SIZE - 1..]);
            windows += 1.0;
        }
        [all / windows, last / windows]
    }
    // ANCHOR_END: honest

    /// The largest attention weight of a query of the first head, on average: over the queries of
    /// some windows that see more than 16 tokens.
    fn largest_weight(&self, params: &Params<f32>, data: &Dataset) -> f32 {
        let (mut sum, mut queries) = (0.0, 0.0);
        for (tokens, _) in data.windows(BLOCK_SIZE).step_by(500) {
            if tokens.len() < BLOCK_SIZE {
                break; // the rest of the text
            }
            let acts = self.forward(params, tokens, BLOCK_SIZE).acts;
            let att = self.attn.attention_weights(&acts, 0, 0);
            for row in att.rows().into_iter().skip(16) {
                sum += row.iter().fold(0.0, |most: f32, &weight| most.max(weight));
                queries += 1.0;
            }
        }
        sum / queries
    }

    /// Generates, token by token.
    fn generate(&self, params: &Params<f32>, prompt: Vec<u32>, count: usize) -> Result<Vec<u32>> {
        let (mut text, mut sampler) = (prompt, Sampler::default());
        let mut rng = generator(1337, Purpose::Sampling, 0);
        for _ in 0..count {
            let seen = &text[text.len().saturating_sub(BLOCK_SIZE)..];
            let logits = self.logits(params, seen, seen.len());
            let row = logits.row(seen.len() - 1);
            text.push(sampler.sample(row.as_slice().expect("rows are contiguous"), &mut rng));
        }
        Ok(text)
    }
}

/// The model with its position embedding, and without.
pub fn positions(plot: Option<&Path>) -> Result<()> {
    compare(Without::Places, "without places", 4, plot)
}

/// The model with the division of the scores by the root of the head size, and without: with one
/// head of 64 numbers, where it matters most.
pub fn division(plot: Option<&Path>) -> Result<()> {
    compare(Without::Division, "without division", 1, plot)?;
    start_or_step()
}

/// Which of the two does harm without the division: a saturated start, or long steps?
fn start_or_step() -> Result<()> {
    let data = CharData::king_james(BLOCK_SIZE)?;
    println!("\nA SATURATED START, OR LONG STEPS? validation loss after 1,000 steps");
    for (name, without, first_queries, learning_rate) in [
        ("with division, first queries 8 times as large", Without::Nothing, 8.0, LEARNING_RATE),
        ("without division, first queries 1/8 as large", Without::Division, 0.125, LEARNING_RATE),
        ("without division, learning rate 0.1", Without::Division, 1.0, 0.1),
        ("with division, learning rate 0.1", Without::Nothing, 1.0, 0.1),
    ] {
        let model = Model::new(data.vocab_size(), 1, without)?;
        let model = Model { first_queries, learning_rate, ..model };
        let run = model.train(&data.train, &data.validation);
        println!("  {name:<48}{:>8.4}", run.losses[run.losses.len() - 1].1);
    }
    Ok(())
}

/// The model with its causal mask, and without.
pub fn mask(plot: Option<&Path>) -> Result<()> {
    compare(Without::Mask, "without a mask", 4, plot)
}

/// Trains the model as it is and without a part, and prints the loss and some text of both.
fn compare(without: Without, name: &str, n_head: usize, plot: Option<&Path>) -> Result<()> {
    let CharData { tokenizer, train: train_set, validation: val_set } =
        CharData::king_james(BLOCK_SIZE)?;
    let bigram = CountedBigram::count(train_set.tokens(), tokenizer.vocab_size(), 0.01)?;
    let floor = bigram.mean_loss(val_set.tokens())?;

    let mut curves = vec![];
    let mut ends = vec![];
    let mut weights = vec![];
    for (without, name) in [(Without::Nothing, "as it is"), (without, name)] {
        let model = Model::new(tokenizer.vocab_size(), n_head, without)?;
        let Run { params, losses, largest } = model.train(&train_set, &val_set);
        let written = model.generate(&params, tokenizer.encode("And God said")?, 150)?;
        ends.push((name, model.mean_loss(&params, &val_set), tokenizer.decode(&written)?));
        curves.push(Series { name: name.into(), points: losses });
        weights.push(largest);
    }

    println!("VALIDATION LOSS, nats per character; the counted bigram has {floor:.4}");
    println!("{:>8}{:>12}{:>20}", "step", ends[0].0, ends[1].0);
    for (full, less) in curves[0].points.iter().zip(&curves[1].points) {
        println!("{:>8}{:>12.4}{:>20.4}", full.0, full.1, less.1);
    }
    println!("\nAT THE LAST PLACE OF A WINDOW ALONE, with nothing after it");
    println!("{:>8}{:>12.4}{:>20.4}", "", ends[0].1[1], ends[1].1[1]);
    if without == Without::Division {
        println!("\nTHE LARGEST ATTENTION WEIGHT OF A QUERY, on average");
        println!("{:>8}{:>12}{:>20}", "step", ends[0].0, ends[1].0);
        for i in [0, 1, 5, 10] {
            println!("{:>8}{:>12.2}{:>20.2}", 100 * i, weights[0][i], weights[1][i]);
        }
    }
    for (name, _, text) in &ends {
        println!("\nIT GOES ON FROM `And God said`, {name}:");
        println!("{}", wrap(text.trim(), 74, "  "));
    }
    if let Some(file) = plot {
        let chart = LineChart {
            title: format!("The model as it is, and {name}"),
            x_label: "step".into(),
            y_label: "validation loss (nats per character)".into(),
            series: curves,
            references: vec![(format!("counted bigram: {floor:.2}"), floor)],
        };
        chart.save(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use stage02_attention::attention::scaled_dot_product;

    const TEXT: [u32; 4] = [2, 0, 1, 3];

    /// The logits of TEXT with the same random weights for all models.
    fn logits(
        without: Without,
        change: impl Fn(&Model, &mut Params<f32>),
        text: &[u32],
    ) -> Array2<f32> {
        let model = Model::new(5, 4, without).unwrap();
        let mut rng = generator(1, Purpose::Initialisation, 0);
        let mut params = Params::initialise(&model.layout, &mut rng);
        change(&model, &mut params);
        model.logits(&params, text, text.len())
    }

    #[test]
    fn without_places_the_order_of_what_came_before_is_lost() {
        let no_places = |model: &Model, params: &mut Params<f32>| {
            params.matrix_mut(model.wpe.weight).fill(0.0);
        };
        let swapped = [1, 0, 2, 3];
        let last = |a: Array2<f32>| a.row(3).to_owned();
        let far = |text: &[u32], change: &dyn Fn(&Model, &mut Params<f32>)| {
            let difference = last(logits(Without::Nothing, change, &TEXT))
                - last(logits(Without::Nothing, change, text));
            difference.iter().fold(0.0f32, |far, x| far.max(x.abs()))
        };
        assert!(far(&swapped, &no_places) < 1e-6);
        assert!(far(&swapped, &|_, _| {}) > 1e-4);
    }

    #[test]
    fn the_example_for_paper() {
        // A query of zero makes all scores equal: each token takes the mean of what it sees.
        let means = |mask, last| {
            let (zero, v) = (Array2::zeros((3, 1)), array![[3.0], [6.0], [last]]);
            let (mut att, mut y) = (Array2::zeros((3, 3)), Array2::zeros((3, 1)));
            let qkv = (zero.view(), zero.view(), v.view());
            scaled_dot_product::forward(qkv, mask, att.view_mut(), y.view_mut());
            y.iter().map(|y: &f64| (y * 1e9).round() / 1e9).collect::<Vec<_>>()
        };
        assert_eq!(means(Mask::None, 9.0), [6.0, 6.0, 6.0]);
        assert_eq!(means(Mask::None, 30.0), [13.0, 13.0, 13.0]);
        assert_eq!(means(Mask::Causal, 9.0), [3.0, 4.5, 6.0]);
        assert_eq!(means(Mask::Causal, 30.0), [3.0, 4.5, 13.0]);
    }

    #[test]
    fn without_a_mask_the_future_is_seen() {
        let first = |without, text: &[u32]| logits(without, |_, _| {}, text).row(0).to_owned();
        let other = [2, 0, 1, 4];
        assert_eq!(first(Without::Nothing, &TEXT), first(Without::Nothing, &other));
        assert_ne!(first(Without::Mask, &TEXT), first(Without::Mask, &other));
    }
}
