//! What the program shows: one function for each part of the tour.

use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use stage01_bigram::Error;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::screen::Stop;
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};
use stage02_attention::attention::Mask;
use stage02_attention::attention::cross::CrossAttention;
use stage02_attention::attention::multi_head::MultiHeadAttention;
use stage02_attention::dropout::Dropout;
use stage02_attention::heatmap::{HeatMap, Ink, Panel};
use stage02_attention::model::{AttentionModel, Config};
use stage02_attention::params::{Init, Layout, Params, fill_normal};
use stage02_attention::scaling::{self, KEYS, Row, Scores};
use stage02_attention::training::{Point, Settings, mean_loss, train};

use crate::TrainOptions;

/// No heat map is wider than this on the screen.
const WIDTH: usize = 60;
/// Number of characters in the heat map without `--prompt`.
const PROMPT: usize = 24;
/// The default prompt, for any text that has these characters.
const VERSE: &str = "And God said unto Moses,";

type Shown<T = ()> = std::result::Result<T, Stop>;

/// A trained model, with its loss curve and the text for its heat map.
pub(crate) struct Trained {
    tokenizer: Tokenizer,
    model: AttentionModel,
    params: Params<f32>,
    curve: Vec<Point>,
    floor: f64,
    /// The tokens of the text to draw.
    prompt: Vec<u32>,
}

/// Trains the model beside the loss of the counted bigram.
pub(crate) fn training(
    options: &TrainOptions,
    prompt: Option<&str>,
    out: &mut impl Write,
) -> Shown<Trained> {
    let &TrainOptions { n_embd, n_head, block_size, .. } = options;
    let settings = Settings {
        batch_size: options.batch_size,
        max_iters: options.max_iters,
        learning_rate: options.learning_rate,
        eval_interval: options.eval_interval,
        seed: options.seed,
    };
    let corpus = Corpus::open(&options.text)?;
    let tokenizer = Tokenizer::Char(CharTokenizer::train(&corpus.text)?);
    for note in corpus.notes(&tokenizer) {
        writeln!(out, "{note}")?;
    }
    let vocab_size = tokenizer.vocab_size();
    let model = AttentionModel::new(Config { vocab_size, block_size, n_embd, n_head })?;
    settings.check(&model)?;
    let (training, held_out) = split(&corpus.text, 0.9)?;
    let training = Dataset::new(tokenizer.encode(training)?, block_size)?;
    let held_out = Dataset::new(tokenizer.encode(held_out)?, block_size)?;
    let prompt = match prompt {
        Some(text) => chosen_prompt(text, &tokenizer, block_size)?,
        None => default_prompt(&tokenizer, held_out.tokens(), block_size),
    };

    let bigram = CountedBigram::count(training.tokens(), vocab_size, 0.01)?;
    let floor = bigram.mean_loss(held_out.tokens())?;
    writeln!(out, "THE TEXT")?;
    writeln!(out, "{}: {} characters,", corpus.origin, thousands(training.len() + held_out.len()))?;
    writeln!(out, "{vocab_size} different ones. The last tenth is held out for validation.\n")?;
    let heads = if n_head == 1 { "1 head".into() } else { format!("{n_head} heads") };
    writeln!(out, "ATTENTION LEARNS")?;
    writeln!(out, "One layer of attention, {heads}, embedding width {n_embd},")?;
    writeln!(
        out,
        "{} weights in all. It sees up to {block_size} characters.\n",
        thousands(model.layout().len())
    )?;
    writeln!(
        out,
        "  {:>8}{:>12}{:>14}{:>26}",
        "step", "train", "validation", "validation below bigram"
    )?;
    let (params, curve) = train(&model, (&training, &held_out), settings, |point| -> Shown {
        let Point { iter, train_loss, val_loss } = point;
        writeln!(out, "  {iter:>8}{train_loss:>12.4}{val_loss:>14.4}{:>26.4}", floor - val_loss)?;
        Ok(out.flush()?)
    })?;

    let loss = mean_loss(&model, &params, &held_out, usize::MAX);
    writeln!(out, "\n  On the whole held-out text, in nats per character:\n")?;
    writeln!(out, "  uniform baseline{:>24.4}", (vocab_size as f64).ln())?;
    writeln!(out, "  counted bigram, sees one{:>16.4}", floor)?;
    writeln!(out, "  attention, sees up to {block_size:<4}{loss:>14.4}")?;
    Ok(Trained { tokenizer, model, params, curve, floor, prompt })
}

/// The tokens of the user's prompt.
fn chosen_prompt(
    text: &str,
    tokenizer: &Tokenizer,
    block_size: usize,
) -> stage01_bigram::Result<Vec<u32>> {
    let length = text.chars().count();
    if length == 0 || length > block_size {
        let expected = format!(
            "its length is {length}; expected 1 to {block_size} characters, as many as --block-size"
        );
        return Err(Error::setting("--prompt", format!("{text:?}"), expected));
    }
    tokenizer.encode(text)
}

/// [`VERSE`], or the first tokens of the held-out text where that cannot be encoded.
fn default_prompt(tokenizer: &Tokenizer, held_out: &[u32], block_size: usize) -> Vec<u32> {
    let mut prompt =
        tokenizer.encode(VERSE).unwrap_or_else(|_| held_out[..PROMPT.min(held_out.len())].to_vec());
    prompt.truncate(block_size);
    prompt
}

impl Trained {
    /// Prints text that the model generates.
    pub(crate) fn sample(&self, count: usize, seed: u64, out: &mut impl Write) -> Shown {
        let first = self.tokenizer.encode("\n").unwrap_or_else(|_| vec![0]);
        let mut rng = generator(seed, Purpose::Sampling, 0);
        let text =
            self.model.generate(&self.params, &first, count, &mut Sampler::default(), &mut rng)?;
        writeln!(out, "\nWHAT IT WRITES")?;
        writeln!(out, "Each character is drawn by its probability after all that it sees.\n")?;
        writeln!(out, "{}", wrap(&self.tokenizer.decode(&text)?, 74, "  "))?;
        Ok(())
    }

    fn heads(&self) -> Vec<Panel> {
        let mut acts = self.model.activations(1, self.prompt.len());
        self.model.forward(&self.params, &self.prompt, &mut acts);
        let labels: Vec<String> = self
            .prompt
            .iter()
            .map(|&token| self.tokenizer.token_text(token).unwrap_or_default())
            .collect();
        (0..self.model.config().n_head)
            .map(|h| {
                Panel::new(
                    format!("head {h}"),
                    self.model.attention_weights(&acts, h).view(),
                    &labels,
                    &labels,
                )
            })
            .collect()
    }

    /// Where every head attends, and the heat map of the head with the largest weights on
    /// characters further back than the one before.
    pub(crate) fn heat_map(&self, out: &mut impl Write) -> Shown {
        let heads = self.heads();
        writeln!(out, "\nATTENTION WEIGHTS")?;
        writeln!(out, "Where the attention of each head goes, in the text of the map below:\n")?;
        writeln!(
            out,
            "  {:>8}{:>12}{:>20}{:>16}",
            "head", "to itself", "to the one before", "further back"
        )?;
        for (h, panel) in heads.iter().enumerate() {
            let [itself, before, further] =
                distances(panel.attention_weights()).map(|weight| 100.0 * weight);
            writeln!(out, "  {h:>8}{itself:>11.0}%{before:>19.0}%{further:>15.0}%")?;
        }
        let clearest = |panel: &&Panel| far_sight(panel.attention_weights());
        let head = heads.iter().max_by(|a, b| clearest(a).total_cmp(&clearest(b)));
        let head = head.expect("there is a head").clone();
        writeln!(
            out,
            "\nThe head with the largest weights on characters further back. Each row is"
        )?;
        writeln!(out, "a query character; its attention weights add up to 100%.\n")?;
        show_map(&HeatMap { title: String::new(), panels: vec![head] }, out)
    }

    /// Draws all heads.
    pub(crate) fn draw_heads(&self, path: &Path, out: &mut impl Write) -> Shown {
        let title = "Attention weights of a trained layer".into();
        HeatMap { title, panels: self.heads() }.save(path)?;
        Ok(writeln!(out, "\n  Drawn in {}", path.display())?)
    }

    /// Draws the loss curve.
    pub(crate) fn draw_curve(&self, path: &Path, out: &mut impl Write) -> Shown {
        let series = |name: &str, loss: fn(&Point) -> f64| Series {
            name: name.into(),
            points: self.curve.iter().map(|point| (point.iter as f64, loss(point))).collect(),
        };
        let chart = LineChart {
            title: "One layer of attention passes the bigram".into(),
            x_label: "step".into(),
            y_label: "loss (nats per character)".into(),
            series: vec![
                series("train", |point| point.train_loss),
                series("validation", |point| point.val_loss),
            ],
            references: vec![(format!("counted bigram: {:.2}", self.floor), self.floor)],
        };
        chart.save(path)?;
        Ok(writeln!(out, "\n  Drawn in {}", path.display())?)
    }
}

/// The attention weight on the token itself, on the one before, and further back: the mean over all
/// rows that have such positions.
fn distances(att: ArrayView2<f32>) -> [f32; 3] {
    let mut sums = [0.0; 3];
    // Where the text is too short for three positions, all its rows count.
    let first = 2.min(att.nrows() - 1);
    for i in first..att.nrows() {
        for j in 0..=i {
            sums[(i - j).min(2)] += att[[i, j]];
        }
    }
    sums.map(|sum| sum / (att.nrows() - first) as f32)
}

/// The largest weight further back than the token before, summed over all rows.
fn far_sight(att: ArrayView2<f32>) -> f32 {
    let largest = |i: usize| (0..i.saturating_sub(1)).map(|j| att[[i, j]]).fold(0.0, f32::max);
    (0..att.nrows()).map(largest).sum()
}

/// Prints a heat map, indented.
fn show_map(map: &HeatMap, out: &mut impl Write) -> Shown {
    for line in map.to_text(Ink::detect(), WIDTH).lines() {
        writeln!(out, "{}", format!("  {line}").trim_end())?;
    }
    Ok(())
}

/// Shows the three kinds of attention.
pub(crate) fn masks(seed: u64, out: &mut impl Write) -> Shown {
    writeln!(out, "THREE KINDS OF ATTENTION")?;
    writeln!(out, "An untrained translator: random word vectors, random weights.")?;
    writeln!(out, "What a word may attend to is fixed by the mask.\n")?;
    show_map(&masks_map(seed), out)?;
    writeln!(out, "\n  encoder  reads: every word sees the whole sentence")?;
    writeln!(out, "  decoder  writes: a word sees itself and what stands before it")?;
    writeln!(out, "  cross    every word that is written sees all that is read")?;
    Ok(())
}

/// Draws the three kinds of attention.
pub(crate) fn draw_masks(seed: u64, path: &Path, out: &mut impl Write) -> Shown {
    masks_map(seed).save(path)?;
    Ok(writeln!(out, "  Drawn in {}", path.display())?)
}

/// The three kinds of attention in an untrained translator: its words are random vectors, its
/// layers have random weights.
fn masks_map(seed: u64) -> HeatMap {
    const SIZE: usize = 16;
    let french = ["le", "chat", "est", "assis", "là"].map(String::from);
    let english = ["the", "cat", "sits", "there"].map(String::from);
    let mut rng = generator(seed, Purpose::Other, 0);
    let mut vectors = |words: usize| {
        let mut matrix = Array2::<f32>::zeros((words, SIZE));
        fill_normal(matrix.as_slice_mut().expect("a new matrix is contiguous"), 1.0, &mut rng);
        matrix
    };
    let (read, written) = (vectors(french.len()), vectors(english.len()));
    let init = Init::Normal(1.0 / (SIZE as f64).sqrt());
    let none = Dropout::new(0.0).expect("0 is a probability");

    let mut layout = Layout::new();
    let mut layer = |name: &str, mask| {
        MultiHeadAttention::declare(layout.scope(name), (SIZE, 1), mask, none, false, (init, init))
            .expect("one head fits any size")
    };
    let (encoder, decoder) = (layer("encoder", Mask::None), layer("decoder", Mask::Causal));
    let cross = CrossAttention::declare(layout.scope("cross"), SIZE, 1, false, init)
        .expect("one head fits any size");
    let params = Params::initialise(&layout, &mut generator(seed, Purpose::Initialisation, 0));

    let att = |layer: MultiHeadAttention, x: &Array2<f32>| {
        let mut acts = layer.activations(1, x.nrows());
        let mut out = Array2::zeros(x.raw_dim());
        layer.forward(&params, x.view(), &mut acts, out.view_mut(), None);
        layer.attention_weights(&acts, 0, 0)
    };
    let mut acts = cross.activations(1, english.len(), french.len());
    let mut mixed = Array2::zeros(written.raw_dim());
    cross.forward(&params, written.view(), read.view(), &mut acts, mixed.view_mut());
    let panels = vec![
        Panel::new("encoder", att(encoder, &read).view(), &french, &french),
        Panel::new("decoder", att(decoder, &written).view(), &english, &english),
        Panel::new("cross", acts.att.view(), &english, &french),
    ];
    HeatMap { title: "Three kinds of attention".into(), panels }
}

/// Shows the effect of dividing by sqrt(d).
pub(crate) fn scaling(seed: u64, out: &mut impl Write) -> Shown {
    let rows = scaling::measure(&[4, 16, 64, 256, 1024], seed);
    writeln!(out, "WHY SCORES ARE DIVIDED BY sqrt(d)")?;
    writeln!(out, "Random queries and keys of length d. Each query divides its attention among")?;
    writeln!(
        out,
        "{KEYS} keys; with equal weights the entropy is ln {KEYS} = {:.2}.\n",
        (KEYS as f64).ln()
    )?;
    writeln!(
        out,
        "  {:>8}{:>12}{:>12}{:>16}{:>12}",
        "d", "variance", "entropy", "largest weight", "gradient"
    )?;
    for (name, divided) in [("scores as they are", false), ("divided by sqrt(d)", true)] {
        writeln!(out, "  {name}")?;
        for Row { d, plain, divided: scaled } in &rows {
            let scores = if divided { scaled } else { plain };
            let Scores { variance, entropy, largest_weight, gradient } = scores;
            let weight = 100.0 * largest_weight;
            writeln!(
                out,
                "  {d:>8}{variance:>12.2}{entropy:>12.2}{weight:>15.0}%{gradient:>12.2}"
            )?;
        }
    }
    writeln!(
        out,
        "\nWithout the division the softmax saturates: one key gets nearly all\n\
         the weight, and the gradient vanishes."
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn distances_of_attention() {
        let att = array![
            [1.0, 0.0, 0.0, 0.0],
            [0.5, 0.5, 0.0, 0.0],
            [0.5, 0.25, 0.25, 0.0],
            [0.125, 0.25, 0.5, 0.125]
        ];
        // Rows 2 and 3 have all three positions.
        assert_eq!(distances(att.view()), [0.1875, 0.375, 0.4375]);
        assert_eq!(far_sight(att.view()), 0.5 + 0.25);
        assert_eq!(distances(array![[1.0]].view()), [1.0, 0.0, 0.0]);
    }
}
