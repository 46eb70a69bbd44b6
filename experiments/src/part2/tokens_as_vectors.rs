//! Tokens as vectors: three words on paper, where their gradient goes, and a trained embedding.

use ndarray::{Array2, ArrayView2, array};
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::embedding::Embedding;
use stage02_attention::model::{AttentionModel, Config};
use stage02_attention::params::{Init, Layout, Params};
use stage02_attention::training::{Settings, train};

use crate::setup::CharData;

/// The vocabulary of the paper example. The tokens are 0, 1, 2.
const WORDS: [&str; 3] = ["bites", "dog", "man"];
const DOG_BITES_MAN: [usize; 3] = [1, 0, 2];
const MAN_BITES_DOG: [usize; 3] = [2, 0, 1];

/// Two embeddings of width 2: one row for each word, and one for each place.
fn embeddings() -> (Embedding, Embedding, Params<f64>) {
    let mut layout = Layout::new();
    // ANCHOR: declare
    let wte = Embedding::declare(layout.scope("wte"), 3, 2, Init::Zeros);
    let wpe = Embedding::declare(layout.scope("wpe"), 3, 2, Init::Zeros);
    // ANCHOR_END: declare
    let mut params = Params::zeros(&layout);
    params.matrix_mut(wte.weight).assign(&array![[0.0, 2.0], [1.0, 0.0], [2.0, 1.0]]);
    params.matrix_mut(wpe.weight).assign(&array![[10.0, 0.0], [0.0, 10.0], [10.0, 10.0]]);
    (wte, wpe, params)
}

/// The rows of some words, with their places or without.
fn embed(words: &[usize], places: bool) -> Array2<f64> {
    let (wte, wpe, params) = embeddings();
    let mut x = Array2::zeros((words.len(), 2));
    // ANCHOR: embed
    wte.forward(&params, words.iter().copied(), x.view_mut());
    if places {
        wpe.forward_add(&params, 0..words.len(), x.view_mut());
    }
    // ANCHOR_END: embed
    x
}

// ANCHOR: mixture
/// Half of the dog, a quarter of each other word: a mixture that depends on the words, not on their places.
fn mixture(words: &[usize], x: &Array2<f64>) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for (i, &word) in words.iter().enumerate() {
        let weight = if WORDS[word] == "dog" { 0.5 } else { 0.25 };
        sum[0] += weight * x[[i, 0]];
        sum[1] += weight * x[[i, 1]];
    }
    sum
}
// ANCHOR_END: mixture

// ANCHOR: one_hot
/// A row for each word: 1 at its token, 0 everywhere else.
fn one_hot(words: &[usize]) -> Array2<f64> {
    Array2::from_shape_fn((words.len(), WORDS.len()), |(i, j)| f64::from(words[i] == j))
}
// ANCHOR_END: one_hot

/// The gradient of the embedding matrix from those of the rows that were looked up.
fn gradient(words: &[usize], dx: ArrayView2<f64>) -> Array2<f64> {
    let (wte, _, mut grads) = embeddings();
    grads.values.fill(0.0);
    wte.backward(words.iter().copied(), dx, &mut grads);
    grads.matrix(wte.weight).to_owned()
}

fn show(words: &[usize], x: &Array2<f64>) {
    for (&word, row) in words.iter().zip(x.rows()) {
        println!("  {:<6}{:>6}{:>6}", WORDS[word], row[0], row[1]);
    }
}

fn on_paper() {
    for (places, name) in [(false, "THE ROWS OF THE WORDS"), (true, "WORD PLUS PLACE")] {
        println!("{name}");
        for words in [DOG_BITES_MAN, MAN_BITES_DOG] {
            let x = embed(&words, places);
            show(&words, &x);
            let [a, b] = mixture(&words, &x);
            println!("  half dog, a quarter of each other: ({a}, {b})\n");
        }
    }
    println!("ONE-HOT TIMES THE EMBEDDING MATRIX");
    let (wte, _, params) = embeddings();
    println!("{}", one_hot(&DOG_BITES_MAN));
    println!("times the embedding matrix of the words:");
    println!("{}\n", one_hot(&DOG_BITES_MAN).dot(&params.matrix(wte.weight)));

    println!("THE GRADIENT OF THE EMBEDDING MATRIX, for the text `dog bites dog`");
    let dx = array![[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]];
    show(&[0, 1, 2], &gradient(&[1, 0, 1], dx.view()));
}

/// Trains the model of this stage for a while and looks at its token embedding.
fn a_trained_embedding() -> Result<()> {
    let CharData { tokenizer, train: train_set, validation: val_set } = CharData::king_james(64)?;

    println!("\nA BATCH OF THE KING JAMES TEXT");
    let (mut tokens, mut targets) = (vec![], vec![]);
    let rng = &mut generator(1, Purpose::Batch, 0);
    train_set.sample_batch(16, 64, rng, &mut tokens, &mut targets);
    let places = tokens.len();
    tokens.sort_unstable();
    tokens.dedup();
    println!(
        "{places} places read {} of the {} rows of the embedding matrix",
        tokens.len(),
        tokenizer.vocab_size()
    );

    let vocab_size = tokenizer.vocab_size();
    let model = AttentionModel::new(Config { vocab_size, block_size: 64, n_embd: 64, n_head: 4 })?;
    println!("\nNEIGHBOURS: the rows of the embedding matrix with the largest cosine similarity");
    println!(
        "  {:<8}{:<18}{:<20}what 1,500 steps added",
        "", "before training", "after 1,500 steps"
    );
    let matrices: Vec<Array2<f32>> = [0, 1500]
        .into_iter()
        .map(|max_iters| -> Result<Array2<f32>> {
            let settings = Settings { max_iters, eval_interval: 1500, ..Settings::default() };
            let (params, _) = train(&model, (&train_set, &val_set), settings, |_| {
                Ok::<_, stage01_bigram::Error>(())
            })?;
            let wte = &model.layout().tensors()[0];
            Ok(Array2::from_shape_vec((vocab_size, 64), params.values[wte.range()].to_vec())
                .expect("the token embedding"))
        })
        .collect::<Result<_>>()?;
    for letter in ["a", "e", "b", "t", "B", ".", "3"] {
        let token = tokenizer.encode(letter)?[0] as usize;
        let names = |wte: &Array2<f32>| -> Result<String> {
            let near = neighbours(wte, token, 4);
            near.iter().map(|&t| Ok(tokenizer.token_text(t as u32)? + " ")).collect()
        };
        let [before, after] = &matrices[..] else { unreachable!("two matrices") };
        let added = names(&(after - before))?;
        println!("  {letter:<8}{:<18}{:<20}{}", names(before)?, names(after)?, added.trim_end());
    }
    Ok(())
}

// ANCHOR: neighbours
/// The tokens whose rows have the largest cosine similarity to this token's row.
fn neighbours(wte: &Array2<f32>, token: usize, count: usize) -> Vec<usize> {
    let length = |t: usize| wte.row(t).dot(&wte.row(t)).sqrt();
    let cosine = |t: usize| wte.row(token).dot(&wte.row(t)) / (length(token) * length(t));
    let mut others: Vec<usize> = (0..wte.nrows()).filter(|&t| t != token).collect();
    others.sort_by(|&a, &b| cosine(b).total_cmp(&cosine(a)));
    others.truncate(count);
    others
}
// ANCHOR_END: neighbours

/// Runs the experiment.
pub fn run() -> Result<()> {
    on_paper();
    a_trained_embedding()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let x = embed(&DOG_BITES_MAN, true);
        assert_eq!(x, array![[11.0, 0.0], [0.0, 12.0], [12.0, 11.0]]);
        assert_eq!(mixture(&DOG_BITES_MAN, &x), [8.5, 5.75]);
        let x = embed(&MAN_BITES_DOG, true);
        assert_eq!(mixture(&MAN_BITES_DOG, &x), [8.5, 8.25]);
        // Without places the order makes no difference.
        for words in [DOG_BITES_MAN, MAN_BITES_DOG] {
            assert_eq!(mixture(&words, &embed(&words, false)), [1.0, 0.75]);
        }
    }

    #[test]
    fn looking_up_is_one_hot_times_the_matrix() {
        let (wte, _, params) = embeddings();
        let product = one_hot(&MAN_BITES_DOG).dot(&params.matrix(wte.weight));
        assert_eq!(product, embed(&MAN_BITES_DOG, false));
    }

    #[test]
    fn the_gradient_reaches_the_rows_that_were_read() {
        let dx = array![[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]];
        let words = [1, 0, 1];
        let gradient = gradient(&words, dx.view());
        assert_eq!(gradient, array![[0.0, 1.0], [3.0, 2.0], [0.0, 0.0]]);
        assert_eq!(gradient, one_hot(&words).t().dot(&dx));
    }
}
